"""A backend's settings form on the command line: `--set`, `--secret`, the environment, or questions at a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from renkei.cli.failures import CommandError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from renkei.cli.scope import Scope
    from renkei.spec import Settings, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The settings model of one backend, to be filled in.

    Attributes:
        backend: its id; part of the names of environment variables.
    """

    backend: str
    model: type[Settings]
    scope: Scope

    def fill(self, given: Iterable[str], secrets: Iterable[str], *, all_fields: bool = True) -> dict[str, Any]:
        """The settings to hand to the engine, which checks them.

        Args:
            given: `name=value`, never of a secret.
            secrets: `name=env:VARIABLE` or `name=-` for a line of standard input.
            all_fields: also look for what is not given: at a terminal by asking, else in the environment.

        Raises:
            CommandError: a secret stands in an argument, or cannot be found.
        """
        secret_names = self.model.secret_fields()
        values: dict[str, Any] = {}
        for name, value in (pair(text, "--set") for text in given):
            if name in secret_names and value:  # nothing at all is no secret: it takes an optional one away
                raise self._secret_in_argument(name)
            values[name] = value
        for name, origin in (pair(text, "--secret") for text in secrets):
            values[name] = read_secret(name, origin)
        if all_fields:
            self._look_for_the_rest(values, secret_names)
        return values

    def ask_for_secrets(self) -> dict[str, Any]:
        """The secrets of the form, from the environment or a person; only those that it cannot do without are asked."""
        values: dict[str, Any] = {}
        for name, info in self.model.model_fields.items():
            if name in self.model.secret_fields():
                self._look_for(name, values, secret=True, needed=info.is_required())
        return values

    def variable(self, name: str) -> str:
        """The environment variable that may hold setting *name*."""
        return f"RENKEI_{self.backend}_{name}".upper().replace("-", "_")

    def label(self, name: str) -> str:
        """What the field is called in the chosen language."""
        return self.labels()[name].in_(self.scope.language)

    def labels(self) -> dict[str, Text]:
        """Field → its label."""
        return {name: label_of(name, info) for name, info in self.model.model_fields.items()}

    def _look_for_the_rest(self, values: dict[str, Any], secret_names: frozenset[str]) -> None:
        for name, info in self.model.model_fields.items():
            if name in values:
                continue
            if name in secret_names:
                self._look_for(name, values, secret=True, needed=info.is_required())
            elif info.is_required() and sys.stdin.isatty():
                values[name] = typer.prompt(self.label(name), err=True)

    def _look_for(self, name: str, values: dict[str, Any], *, secret: bool, needed: bool = True) -> None:
        found = os.environ.get(self.variable(name))
        if found:
            values[name] = found
        elif needed and sys.stdin.isatty():
            values[name] = typer.prompt(self.label(name), hide_input=secret, err=True)
        elif needed:
            raise CommandError(
                ja=f"{name}（{self.label(name)}）がありません。--secret {name}=env:変数名、--secret {name}=-"
                f"（標準入力の1行）、または環境変数 {self.variable(name)} で渡してください。",
                en=f"{name} ({self.label(name)}) is missing. Give it with --secret {name}=env:VARIABLE, with "
                f"--secret {name}=- (one line of standard input), or in the variable {self.variable(name)}.",
            )

    def _secret_in_argument(self, name: str) -> CommandError:
        return CommandError(
            ja=f"{name} は秘密の値なので、引数では受け取りません（他の利用者や履歴に見えます）。"
            f"--secret {name}=env:変数名 か --secret {name}=- を使い、今の値は無効にしてください。",
            en=f"{name} is a secret and is not taken from an argument, where other users and the shell's history see "
            f"it. Use --secret {name}=env:VARIABLE or --secret {name}=-, and revoke the value that was just typed.",
        )


def label_of(name: str, info: FieldInfo) -> Text:
    """A setting's label in both languages; its name where the plugin gave none."""
    from renkei.spec import Text

    extra = info.json_schema_extra
    given: Any = extra.get("label") if isinstance(extra, Mapping) else None
    if isinstance(given, Mapping) and given.get("ja") and given.get("en"):
        return Text(ja=str(given["ja"]), en=str(given["en"]))
    return Text(ja=name, en=name)


def pair(text: str, option: str) -> tuple[str, str]:
    """The two sides of `name=value`.

    Raises:
        CommandError: there is no `=`; the text, which may be a secret, is not repeated.
    """
    name, equals, value = text.partition("=")
    if not (equals and name.strip()):
        raise CommandError(
            ja=f"{option} は「名前=値」の形で指定してください。",
            en=f"{option} takes name=value.",
        )
    return name.strip(), value


def pairs(texts: Iterable[str], option: str) -> dict[str, str] | None:
    """Name → value; None where nothing was given."""
    found = dict(pair(text, option) for text in texts)
    return found or None


def read_secret(name: str, origin: str) -> str:
    """The secret that *origin* points to.

    Raises:
        CommandError: it points nowhere, or is the secret itself, which is not repeated.
    """
    kind, _, where = origin.partition(":")
    if origin == "-":
        value = sys.stdin.readline().rstrip("\r\n")
    elif kind == "env" and where:
        value = os.environ.get(where, "")
    else:
        raise CommandError(
            ja=f"--secret {name} には値そのものではなく、env:変数名 か -（標準入力の1行）を指定してください。"
            "今の値は無効にしてください。",
            en=f"--secret {name} takes env:VARIABLE or - (one line of standard input), never the value itself; "
            "revoke the value that was just typed.",
        )
    if not value:
        place = "standard input" if origin == "-" else f"the variable {where}"
        ort = "標準入力" if origin == "-" else f"環境変数 {where} "
        raise CommandError(ja=f"{name}: {ort}が空です。", en=f"{name}: {place} is empty.")
    return value
