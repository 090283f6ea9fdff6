"""SQLAlchemy tables, queries by noun, Alembic migrations; the vault of sealed secrets."""
