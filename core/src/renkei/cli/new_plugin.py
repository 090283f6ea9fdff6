"""`renkei new-plugin`: a third party starts a plugin."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from renkei.cli.commands import command
from renkei.cli.exits import Exit
from renkei.cli.failures import CommandError
from renkei.cli.scope import Scope

if TYPE_CHECKING:
    from renkei.scaffold import Names, Plan


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "new-plugin")(new_plugin)


def new_plugin(
    scope: Scope,
    id: Annotated[str, typer.Argument(help="Id of the backend, such as acme: a-z, 0-9, '-', '_'.")],
    into: Annotated[str, typer.Option("--into", help="The folder that gets the plugin's folder, renkei-ID.")] = ".",
    name: Annotated[
        str | None, typer.Option("--name", help="What people read, such as 'Acme CRM'; the id if left out.")
    ] = None,
) -> None:
    """Start a plugin for a CRM: hooks, simulator, kit, tests, a CI sample and a README, working as it stands.

    It is a plugin for an invented CRM under your names; its README says what to change first.
    """
    from renkei.scaffold import Names, NotPossible, plan, write

    try:
        names = Names.of(id, name)
        _require_free(scope, names)
        made = plan(names, _folder(into))
        write(made)
    except NotPossible as error:
        raise CommandError(ja=error.ja, en=error.en) from None
    except OSError as error:
        raise CommandError(
            ja=f"{into} に書き込めません（{error.strerror}）。何も残していません。",
            en=f"{into} could not be written to ({error.strerror}); nothing was left there.",
            code=Exit.FAILED,
        ) from None
    _tell(scope, made)


def _folder(into: str) -> Path:
    if not into.strip():
        raise CommandError(ja="--into が空です。フォルダーを指定してください。", en="--into is empty; name a folder.")
    return Path(into).expanduser()


def _require_free(scope: Scope, names: Names) -> None:
    """Refuse an id that another distribution has here: renkei would use neither of the two.

    A distribution of the new one's name is what an author has who starts over, so it is only spoken of.
    """
    from renkei.plugins.scan import find_claims

    for claim in find_claims():
        found = f"{claim.distribution} {claim.version}"
        if claim.id != names.id:
            continue
        if claim.distribution.lower().replace("_", "-") != names.distribution:
            raise CommandError(
                ja=f"ID {names.id!r} は、インストール済みの {found} が使っています。別のIDを指定してください。",
                en=f"The id {names.id!r} is that of {found}, which is installed here; choose another.",
            )
        scope.out.note(
            ja=f"注意: {found} がインストール済みです。新しいプラグインをインストールすると置き換えられます。",
            en=f"Note: {found} is installed here; installing the new plugin replaces it.",
        )


def _tell(scope: Scope, made: Plan) -> None:
    steps = _next_steps(made)
    if scope.json:
        scope.out.document(_described(made) | {"next": steps})
        return
    scope.out.say(
        ja=f"{made.folder} に {made.names.label} のプラグインを作成しました（{len(made.files)}ファイル）。",
        en=f"{made.folder} holds a plugin for {made.names.label} now ({len(made.files)} files).",
    )
    scope.out.say(ja="\n次の手順:\n", en="\nNext:\n")
    for step in steps:
        scope.out.line(f"    {step}")
    scope.out.say(
        ja="\n最初に変更する箇所は、README.md にあります。ライセンスは含まれていません。公開の前に選んでください。",
        en="\nREADME.md says what to change first. There is no licence in it: choose one before others use it.",
    )


def _described(made: Plan) -> dict[str, Any]:
    names = made.names
    return {
        "id": names.id,
        "name": names.label,
        "distribution": names.distribution,
        "package": names.package,
        "folder": str(made.folder),
        "files": sorted(made.files),
    }


def _next_steps(made: Plan) -> list[str]:
    return [
        f"cd {shlex.quote(str(made.folder))}",
        "python -m pip install -e '.[testing]'",
        f"renkei verify {made.names.id}",
        "python -m pytest",
    ]
