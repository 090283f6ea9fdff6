"""How a function becomes a command: global options before or after its name, one door for every failure."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args

import typer

from renkei.cli.exits import Exit
from renkei.cli.failures import report
from renkei.cli.scope import LEVELS, Scope, language_of, logging_at, login_name

Level = Literal["debug", "info", "warning", "error"]
Function = Callable[..., None]
_PANEL = "Global options (also before the command)"

assert get_args(Level) == LEVELS


def _option(help: str, *names: str) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=_PANEL, show_default=False)


SHARED: dict[str, Any] = {
    "database": Annotated[
        str | None,
        _option("Path or URL of the database. [RENKEI_DATABASE; default: renkei.db]", "--database"),
    ],
    "tenant": Annotated[str | None, _option("The tenant. [RENKEI_TENANT; default: default]", "--tenant")],
    "actor": Annotated[str | None, _option("The user who asks. [RENKEI_ACTOR; default: login name]", "--as")],
    "host": Annotated[
        str | None, _option("The app that embeds renkei, module:object. [default: shipped helpdesk]", "--host")
    ],
    "lang": Annotated[
        Literal["ja", "en"] | None, _option("Language of what you read. [RENKEI_LANG; default: the locale's]", "--lang")
    ],
    "as_json": Annotated[bool, _option("Print one JSON document.", "--json")],
    "log_level": Annotated[Level | None, _option("Least level to log. [default: warning]", "--log-level")],
}


def remember(context: typer.Context, given: dict[str, Any]) -> None:
    """Keep the global options that stood before the command."""
    context.obj = {name: value for name, value in given.items() if value not in (None, False)}


def command(app: typer.Typer, name: str) -> Callable[[Function], Function]:
    """Register a function of a `Scope` and its own options as command *name* of *app*."""

    def register(function: Function) -> Function:
        app.command(name)(_runner(function))
        return function

    return register


def _runner(function: Function) -> Callable[..., None]:
    signature = inspect.signature(function, eval_str=True)
    own = [parameter for parameter in signature.parameters.values() if parameter.annotation is not Scope]

    def run(context: typer.Context, **given: Any) -> None:
        late = {name: given.pop(name) for name in SHARED}
        early = context.obj if isinstance(context.obj, dict) else {}
        chosen = {name: early.get(name) if late[name] in (None, False) else late[name] for name in SHARED}
        _run(lambda scope: function(scope, **given), _scope(chosen))

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context),
        *(parameter.replace(kind=keyword) for parameter in own),
        *(
            inspect.Parameter(name, keyword, annotation=annotation, default=False if name == "as_json" else None)
            for name, annotation in SHARED.items()
        ),
    ]
    # typer reads the signature; functools.wraps would lead it to the function inside.
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # read by inspect
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters} | {"return": None}
    run.__doc__ = function.__doc__
    run.__name__ = function.__name__
    return run


def _run(work: Callable[[Scope], None], scope: Scope) -> None:
    with logging_at(scope.log_level):
        try:
            try:
                work(scope)
            finally:
                scope.close()
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            raise typer.Exit(report(scope, error)) from None


def _scope(chosen: dict[str, Any]) -> Scope:
    def of(name: str, variable: str, default: Callable[[], str]) -> str:
        # What is typed counts even if it is empty: the engine refuses it, rather than another being guessed.
        typed: str | None = chosen[name]
        return typed if typed is not None else os.environ.get(variable) or default()

    return Scope(
        database=of("database", "RENKEI_DATABASE", lambda: "renkei.db"),
        tenant=of("tenant", "RENKEI_TENANT", lambda: "default"),
        actor=of("actor", "RENKEI_ACTOR", login_name),
        host_name=chosen["host"] or "",
        language=chosen["lang"] or language_of(os.environ),
        json=chosen["as_json"] or False,
        log_level=chosen["log_level"] or "warning",
    )


def done(code: Exit) -> None:
    """End the command with *code*.

    Raises:
        typer.Exit: always, unless *code* is 0.
    """
    if code is not Exit.OK:
        raise typer.Exit(code)
