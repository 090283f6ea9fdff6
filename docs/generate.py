"""Writes the pages that are made from code: `python docs/generate.py` (`make docs`). A test compares them.

plugin-reference.md   hooks, models, errors, manifest, kit and checks, as they are in `renkei.spec` and the suite
"""

from __future__ import annotations

import enum
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from renkei import spec
from renkei.spec import hooks
from renkei.testing import BackendAnswer, BadSettings, Kit, LiveSite, ManualClock, SeenRecord
from renkei.testing.contract.verify import explained, is_required, known_ids

HERE = Path(__file__).parent

HEAD = f"""\
# Plugin reference

<!-- Made by docs/generate.py from the code; edit the docstrings there, then run `make docs`. -->

Spec {spec.SPEC_VERSION}. Everything here is imported from `renkei.spec`; for a plugin nothing else of renkei exists.
The kit and the suite are in `renkei.testing` (extra `renkei[testing]`). A guided way through all of it is the
[tutorial](plugin-tutorial.md); how versions fit each other is in [versioning](versioning.md), and words such as *lane*
are in the [glossary](glossary.md).

[Hooks](#hooks) · [Context](#context) · [Requests](#requests) · [Answers](#answers) · [Verdicts](#verdicts) ·
[Fields and values](#fields-and-values) · [Errors](#errors) · [Manifest](#manifest) · [Settings](#settings) ·
[Helpers](#helpers) · [Kit](#kit) · [Checks](#checks)
"""

REQUESTS = (
    "AuthenticateRequest ListTargetsRequest DiscoverRequest MapRequest PushRequest VerifyRequest RefreshRequest "
    "UpgradeRequest WireRecord"
)
ANSWERS = (
    "Account Target Permission PermissionState Credentials TargetList TargetSchema MapResult Problem PushReport "
    "VerifyReport Present Absent CannotTell Upgraded Text"
)
VERDICTS = "Created Updated Duplicate Rejected Suspect NotStored Unknown"
FIELDS = "Field FieldType LengthUnit Choice Reference FileRef"
HELPERS = (
    spec.problems,
    spec.misfit,
    spec.digits_of,
    spec.chunks,
    spec.carrying,
    spec.json_answer,
    spec.retry_after,
    spec.fingerprint_of,
)
CONSTANTS = "SPEC_VERSION ENTRY_POINT_GROUP PROJECT REQUIRED_HOOKS OPTIONAL_HOOKS ASYNC_HOOKS CAPABILITIES LANGUAGES"
MANIFEST = "Manifest Limits Window DailyBudget Scope Refusal Capability CapabilityState"


def reference() -> str:
    """The page."""
    parts = [
        HEAD,
        "## Hooks\n\n" + _ENTRY,
        *map(_hook, (*spec.REQUIRED_HOOKS, *spec.OPTIONAL_HOOKS)),
        "## Context\n",
        _model("Context"),
        _model("Clock"),
        "## Requests\n",
        *map(_model, REQUESTS.split()),
        "## Answers\n",
        *map(_model, ANSWERS.split()),
        "## Verdicts\n\n`Verdict` is one of these; a `PushReport` has exactly one for each record.\n",
        *map(_model, VERDICTS.split()),
        "## Fields and values\n",
        *map(_model, FIELDS.split()),
        "## Errors\n\n" + _tree(),
        *map(_error, _errors()),
        "## Manifest\n",
        *map(_model, MANIFEST.split()),
        f"Every manifest states a capability for each of: {_codes(spec.CAPABILITIES)}.\n",
        "## Settings\n",
        _class(spec.Settings, methods=("parse", "public", "secret_fields")),
        _class(spec.NoOptions),
        _class(spec.SettingProblem),
        _function(spec.setting),
        "## Helpers\n",
        *map(_function, HELPERS),
        _class(spec.FrozenDict),
        _function(spec.freeze),
        "### Constants\n",
        _constants(),
        "## Kit\n",
        _kit(),
        *map(_class, (SeenRecord, BadSettings, BackendAnswer, LiveSite)),
        _situations(),
        _class(ManualClock),
        "## Checks\n\n" + _CHECKS,
        _table_of_checks(),
        *map(_check, known_ids()),
    ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(part.rstrip() + "\n" for part in parts))


_ENTRY = f"""\
A plugin is a module of decorated functions, named by an entry point:

```toml
[project.entry-points."{spec.ENTRY_POINT_GROUP}"]
acme = "renkei_acme.backend"
```

Each function bears its hook's name and has exactly its parameters: plain, positional, without defaults. The
decorators are typed: mypy sees a wrong parameter, return type or colour at their line, and the loader refuses what
mypy did not see.
"""

_CHECKS = """\
`renkei verify BACKEND` runs them all; `--only ID` one of them; `--explain ID` prints what stands here. A plugin that
fails a *required* one fails the suite. An *advisory* one is reported and fails nothing.
"""


def _hook(name: str) -> str:
    function = getattr(hooks.BackendHooks, name)
    colour = "async def" if name in spec.ASYNC_HOOKS else "def"
    needed = "required" if name in spec.REQUIRED_HOOKS else f"optional; capability `{name.removeprefix('crm_')}`"
    return (
        f"### `{name}`\n\n```python\n@spec.{name.removeprefix('crm_')}\n{colour} {name}{signature(name)}: ...\n```\n\n"
        f"*{needed}.* {_prose(function)}\n"
    )


def signature(name: str) -> str:
    """Parameters and answer of a hook as an author writes them."""
    function = getattr(hooks.BackendHooks, name)
    found = inspect.signature(function)
    parameters = ", ".join(f"{item.name}: {_type(item.annotation)}" for item in list(found.parameters.values())[1:])
    answer = re.sub(r"^Async\[(.*)\]$", r"\1", str(found.return_annotation))
    return f"({parameters}) -> {_type(answer)}"


def _type(annotation: Any) -> str:
    text = str(annotation).replace("Context[Any]", "spec.Context[MySettings]")
    return re.sub(r"(?<![\w.])([A-Z]\w+)", lambda found: _qualified(found[1]), text)


def _qualified(name: str) -> str:
    return f"spec.{name}" if name in spec.__all__ else name


def _model(name: str) -> str:
    return _class(getattr(spec, name))


def _class(cls: type, methods: tuple[str, ...] = ()) -> str:
    lines = [f"### `{cls.__name__}`\n\n{_prose(cls)}\n"]
    if issubclass(cls, enum.Enum):
        lines.append(_members(cls))
    else:
        lines.append(_fields(cls))
    lines += [_function(getattr(cls, method), of=cls.__name__) for method in methods]
    return "\n".join(line for line in lines if line)


def _fields(cls: type) -> str:
    rows = [f"| `{name}` | `{kind}` | {default} |" for name, kind, default in _own_fields(cls)]
    return "\n".join(["| Field | Type | Default |", "|---|---|---|", *rows]) + "\n" if rows else ""


def _own_fields(cls: type) -> Iterator[tuple[str, str, str]]:
    for name, kind in getattr(cls, "__annotations__", {}).items():
        if name.startswith("_") or name == "model_config" or "ClassVar" in str(kind):
            continue
        plain = " ".join(str(kind).replace('PydanticField(discriminator="verdict")', "").split())
        yield name, plain.replace("|", "\\|"), _default(cls, name)


def _default(cls: type, name: str) -> str:
    fields = getattr(cls, "model_fields", None) or getattr(cls, "__dataclass_fields__", {})
    found = fields.get(name)
    if found is None:
        return ""
    value = found.default
    if "Undefined" in repr(value) or "MISSING" in repr(value):
        factory = getattr(found, "default_factory", None)
        return "empty" if callable(factory) else "required"
    if inspect.isfunction(value):
        return "does nothing"
    if isinstance(value, type):
        return f"`{value.__name__}`"
    return f"`{value!s}`" if isinstance(value, enum.Enum) else f"`{value!r}`"


def _members(cls: type[enum.Enum]) -> str:
    remarks = dict(re.findall(r"^\s+(\w+) = \"\w+\"(?:\s+#\s*(.*))?$", inspect.getsource(cls), re.MULTILINE))
    rows = [f"| `{member.name}` | `{member.value}` | {remarks.get(member.name, '')} |" for member in cls]
    return "\n".join(["| Name | Value | |", "|---|---|---|", *rows]) + "\n"


def _function(function: Any, of: str = "") -> str:
    name = f"{of}.{function.__name__}" if of else function.__name__
    found = inspect.signature(function)
    own = [item for item in found.parameters.values() if item.name != "self"]
    text = str(found.replace(parameters=own, return_annotation=found.empty))
    shown = _unquoted(re.sub(r"<.*?>|PydanticUndefined", "…", text))
    return f"### `{name}{shown}`\n\n{_prose(function)}\n"


def _constants() -> str:
    """Values, and the names that only type annotations need."""
    rows = []
    for name in CONSTANTS.split():
        value = getattr(spec, name)
        shown = ", ".join(f"`{item}`" for item in sorted(value)) if isinstance(value, frozenset) else f"`{value!r}`"
        rows.append(f"| `{name}` | {shown} |")
    bases = (
        "`Model`, `Answer`: bases of requests and of answers. `BackendHooks`: the hook specifications. `FrozenMap`, "
    )
    types = "`Value`, `Verdict`, `Language`: types for annotations. "
    return "\n".join(
        [
            "| Name | Value |",
            "|---|---|",
            *rows,
            "",
            bases + types + "`RenkeiDeprecationWarning`: " + _prose(spec.RenkeiDeprecationWarning),
        ]
    )


def _errors() -> list[type[BaseException]]:
    return [spec.RenkeiError, spec.SettingsError, spec.BackendError, *spec.BackendError.__subclasses__()]


def _error(cls: type[BaseException]) -> str:
    found = inspect.signature(cls.__init__) if cls is not spec.RenkeiError else inspect.Signature()
    own = found.replace(parameters=list(found.parameters.values())[1:], return_annotation=found.empty)
    return f"### `{cls.__name__}{_unquoted(str(own))}`\n\n{_prose(cls)}\n"


def _unquoted(signature: str) -> str:
    """A signature whose annotations are not shown as the strings that they are kept as."""
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", signature)


def _tree() -> str:
    text = inspect.getdoc(sys.modules["renkei.spec.errors"]) or ""
    inner = text.split("\n\n", 1)[1].rsplit("\n\n", 1)
    return f"```\n{inspect.cleandoc(inner[0])}\n```\n\n{inner[1]}\n"


def _kit() -> str:
    lines = [f"### `Kit`\n\n{_prose(Kit)}\n", "| Member | | |", "|---|---|---|"]
    for name, kind in Kit.__annotations__.items():
        needed = "" if hasattr(Kit, name) else "required"
        plain = _cell(re.sub(r"^ClassVar.(.*).$", r"\1", str(kind)))
        lines.append(f"| `{name}` | `{plain}` | {needed} |")
    for name, function in vars(Kit).items():
        if not name.startswith("_") and inspect.isfunction(function):
            found = _unquoted(str(inspect.signature(function))).replace("(self, ", "(").replace("(self)", "()")
            needed = "required" if name in Kit.__abstractmethods__ else "optional"
            lines.append(f"\n**`{name}{found}`** *{needed}.* {_prose(function)}")
    return "\n".join(lines) + "\n"


def _situations() -> str:
    source = inspect.getsource(sys.modules["renkei.testing.kit"])
    rows = re.findall(r'^    "(\w+)",  # (.*)$', source, re.MULTILINE)
    lines = ["### `Situation`\n", "Keys of `Kit.answers`.\n", "| Situation | When |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {when} |" for name, when in rows)]) + "\n"


def _table_of_checks() -> str:
    rows = [
        f"| [{id}](#{id.lower()}) | {'required' if is_required(id) else 'advisory'} | "
        f"{_cell(explained(id).requirement)} | {', '.join(sorted(getattr(explained(id), 'sources', ('whole run',))))} |"
        for id in known_ids()
    ]
    return "\n".join(["| Check | | Requirement | Runs from |", "|---|---|---|---|", *rows]) + "\n"


def _check(id: str) -> str:
    check = explained(id)
    slow = " Runs with `--prove` only." if check.prove else ""
    return f"### {id}\n\n{check.requirement}{slow}\n\n*Why:* {check.why}\n\n*How to mend it:* {check.mend}\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _codes(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _prose(thing: Any) -> str:
    """A docstring as Markdown: sections become lists."""
    text = inspect.getdoc(thing) or ""
    out: list[str] = []
    section = False
    for line in text.splitlines():
        if re.fullmatch(r"(Attributes|Args|Raises|Returns):", line):
            out += ["", f"*{line[:-1]}*", ""]
            section = True
        elif section and (found := re.match(r"    (\*?\w[\w, .*]*): (.*)", line)):
            out.append(f"- `{found[1]}`: {found[2]}")
        elif section and line.startswith("        "):
            out.append("  " + line.strip())
        elif section and line.startswith("    "):
            out.append("- " + line.strip())
        else:
            section = section and not line
            out.append(line)
    return "\n".join(out).strip()


PAGES = {"plugin-reference.md": reference}

if __name__ == "__main__":
    for name, make in PAGES.items():
        (HERE / name).write_text(make(), encoding="utf-8")
