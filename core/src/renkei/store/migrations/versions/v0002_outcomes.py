"""What an integration makes of an unknown outcome, and since when its past may hold what is not on record."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "integrations",
        sa.Column(
            "unknown_outcome",
            sa.Text(),
            server_default="doubtful",
            nullable=False,
            comment="what an unknown outcome without a unique key becomes: doubtful, resend",
        ),
    )
    op.add_column(
        "integrations",
        sa.Column(
            "restored_at",
            sa.BigInteger(),
            nullable=True,
            comment="the database was put back from a backup then; null: it never was",
        ),
    )


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was taken before the upgrade")
