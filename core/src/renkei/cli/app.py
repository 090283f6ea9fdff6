"""The command line put together."""

from __future__ import annotations

import inspect
from typing import Any

import typer

from renkei.cli import (
    actions,
    backends,
    connections,
    deliveries,
    demo,
    doubts,
    integrations,
    new_plugin,
    operation,
    verify,
)
from renkei.cli.commands import SHARED, remember
from renkei.cli.exits import EXPLAINED

_ABOUT = f"""One inbox, one sync integration, any CRM.

Set up: `connections add`, `fields`, `integrations add`. Feed and deliver: `record`, `work`.
Look: `ledger`, `log`, `why`, `health`, `doubtful`. Mend: `settle`, `replay`, `cancel`, `restored`. Try it all: `demo`.
Write a plugin: `new-plugin`, `verify`.

{EXPLAINED}
"""


def _before(context: typer.Context, **given: Any) -> None:
    remember(context, given)


def _root() -> typer.Typer:
    parameters = [
        inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context),
        *(
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=False if name == "as_json" else None
            )
            for name, kind in SHARED.items()
        ),
    ]
    _before.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect
    _before.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    made = typer.Typer(help=_ABOUT, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    made.callback()(_before)
    return made


app = _root()
demo.register(app)
backends.register(app)
connections.register(app)
integrations.register(app)
actions.register(app)
deliveries.register(app)
doubts.register(app)
operation.register(app)
new_plugin.register(app)
verify.register(app)
