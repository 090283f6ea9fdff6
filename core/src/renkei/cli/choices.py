"""What an admin chooses for an integration on the command line: a mapping file, channels and kinds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renkei.cli.failures import CommandError
from renkei.cli.scope import Scope, listed

if TYPE_CHECKING:
    from renkei.mapping import Mapping, Triggers


def read_mapping(path: Path) -> Mapping:
    """The mapping in a JSON file: `{"rules": […], "time_zone": …}`, or what `integrations show --json` printed.

    Raises:
        CommandError: the file cannot be read or is not JSON.
        SettingsError: it is no mapping; each problem names its place.
    """
    from renkei.mapping import Mapping

    try:
        data: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise CommandError(
            ja=f"{path}: 読み込めません（{error.strerror}）。", en=f"{path}: cannot be read ({error.strerror})."
        ) from None
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        where = f" ({error.msg}, line {line})" if isinstance(error, json.JSONDecodeError) else ""
        raise CommandError(ja=f"{path}: JSON ではありません{where}。", en=f"{path}: this is not JSON{where}.") from None
    if not isinstance(data, dict):
        raise CommandError(
            ja=f"{path}: マッピングは、rules を持つ JSON オブジェクトで指定してください。",
            en=f"{path}: a mapping must be a JSON object that holds rules.",
        )
    if isinstance(data.get("rules"), dict):
        data = data["rules"]
    return Mapping.parse(data)


def choose_triggers(
    scope: Scope, inbox: str, channels: str | None, kinds: str | None, automatic: bool | None, before: Triggers
) -> Triggers | None:
    """The triggers asked for, beginning with *before*; None where nothing was asked.

    Raises:
        CommandError: a channel or kind that the host does not know.
    """
    from renkei.mapping import CHANNELS, KINDS, Triggers

    if channels is None and kinds is None and automatic is None:
        return None
    source = scope.host.source_fields(scope.tenant, inbox)
    chosen = {
        "channels": _known(channels, "--channels", {*CHANNELS, *_choices(source, "action.channel")}),
        "kinds": _known(kinds, "--kinds", {*KINDS, *_choices(source, "action.kind")}),
        "include_automatic": automatic,
    }
    return Triggers(**{**before.model_dump(), **{name: value for name, value in chosen.items() if value is not None}})


def _choices(source: Any, key: str) -> Iterable[str]:
    field = source.field(key)
    return field.label_of if field else ()


def _known(text: str | None, option: str, allowed: set[str]) -> frozenset[str] | None:
    if text is None:
        return None
    names = listed(text)
    unknown = [name for name in names if name not in allowed]
    if unknown or not names:
        what, known = ", ".join(map(repr, unknown)), ", ".join(sorted(allowed))
        raise CommandError(
            ja=f"{option}: {what or '値がありません'}。選べるのは {known} です。",
            en=f"{option}: {what or 'nothing given'}. Choose from {known}.",
        )
    return frozenset(names)
