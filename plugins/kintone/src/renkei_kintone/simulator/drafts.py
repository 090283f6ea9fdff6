"""What a request would make of its records: each drawn up by the rules of its fields, all checked together."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from renkei_kintone.simulator import words
from renkei_kintone.simulator.access import Access
from renkei_kintone.simulator.domain import JAPAN, Kintone
from renkei_kintone.simulator.form import ENTITY_TYPES, Record, unique_keys, unset
from renkei_kintone.simulator.lookups import Fields, filled
from renkei_kintone.simulator.shapes import IGNORED, MANAGED, PROCESS
from renkei_kintone.simulator.values import Fault, Rules, taken_apart

_CHOICES = frozenset({"CHECK_BOX", "MULTI_SELECT", "RADIO_BUTTON", "DROP_DOWN"})


@dataclass(slots=True)
class Draft:
    """One record as it would be stored.

    Attributes:
        path: where errors are reported, `record` or `records[3]`.
        sent: what requests say of it, by field code.
        values: what would be stored.
        base: the stored record that it changes, None for a new one.
        steps: how many items of the request say something of it.
    """

    path: str
    sent: dict[str, Any]
    values: dict[str, Any]
    base: Record | None = None
    steps: int = 1
    details: dict[str, Any] = field(default_factory=dict)


class Drafting:
    """The records that one request writes into one app."""

    def __init__(self, kintone: Kintone, access: Access) -> None:
        app = access.app
        self.errors: words.Errors = {}
        self._kintone = kintone
        self._app = app
        self._user = access.caller.user
        self._rules = Rules(app.digits, app.decimals, app.rounding, unsure=kintone.unsure)
        self._in_rows = Rules(app.digits, app.decimals, app.rounding, in_table=True, unsure=kintone.unsure)
        self._written = _written(app.fields)
        # Of the fields that a record leaves out, most stay as they are without a rule that minds.
        self._filled_in = {code for code, item in self._written.items() if _minds_absence(item)}
        self._ruled = self._filled_in | {code for code, item in self._written.items() if _has_rules(item)}
        self._columns = {
            code: _written(item["fields"]) for code, item in self._written.items() if item["type"] == "SUBTABLE"
        }

    def new(self, sent: Mapping[str, Any], path: str, *, defaults: bool = True) -> Draft:
        """A record that is added; unknown codes are ignored, as kintone ignores them."""
        draft = Draft(path, dict(sent), {})
        for code, item in self._written.items():
            if code in sent:
                self._take(draft, code, item, sent[code].get("value"), path)
            elif code in self._filled_in:
                self._take(draft, code, item, self._default(item) if defaults else None, path)
        return draft

    def change(self, draft: Draft, sent: Mapping[str, Any], path: str) -> None:
        """Change *draft* by what is *sent*; what it leaves out is held against the rules again."""
        draft.sent = {**draft.sent, **sent}
        for code, item in self._written.items():
            if code in sent:
                self._take(draft, code, item, sent[code].get("value"), path)
            elif code in self._ruled:
                self.note(path, code, self._still_wrong(item, draft.values.get(code), self._rules))

    def _take(self, draft: Draft, code: str, item: Mapping[str, Any], raw: Any, path: str) -> None:
        if item["type"] == "SUBTABLE":
            stored: Any = self._rows(code, raw, f"{path}.{code}", draft.values.get(code, ()))
        else:
            stored, faults = taken_apart(item, raw, self._rules)
            self.note(path, code, faults)
        if stored is None or stored == []:
            draft.values.pop(code, None)
        else:
            draft.values[code] = stored

    def _rows(self, code: str, raw: Any, path: str, before: Collection[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The rows that replace the table; those that name a row of *before* keep what they leave out."""
        if raw is None:
            raw = [{"value": {}}] if self._kintone.unsure.null_table == "one_row" else []
        known = {row["id"]: row["value"] for row in before}
        rows = []
        for at, row in enumerate(raw):
            if "value" in row and row["value"] is None:
                continue
            id = str(row.get("id") or "")
            kept = known.get(id)
            cells = self._cells(code, row.get("value") or {}, f"{path}.value[{at}].value", kept)
            rows.append({"id": self._app.row_id() if kept is None else id, "value": cells})
        return rows

    def _cells(
        self, table: str, sent: Mapping[str, Any], path: str, kept: Mapping[str, Any] | None
    ) -> dict[str, dict[str, Any]]:
        cells = {}
        for code, column in self._app.fields[table]["fields"].items():
            old = kept[code]["value"] if kept is not None and code in kept else None
            stored = old
            if code in self._columns[table]:
                if code in sent or kept is None:
                    raw = sent[code].get("value") if code in sent else self._default(column)
                    stored, faults = taken_apart(column, raw, self._in_rows)
                else:
                    faults = self._still_wrong(column, old, self._in_rows)
                self.note(path, code, faults)
            cells[code] = {"type": column["type"], "value": unset(column["type"]) if stored is None else stored}
        return cells

    def _still_wrong(self, item: Mapping[str, Any], value: Any, rules: Rules) -> list[Fault]:
        """Rules that a stored value breaks; an option that the form no longer has may stay."""
        faults = taken_apart(item, value, rules)[1]
        return [fault for fault in faults if item["type"] not in _CHOICES or fault.words is words.REQUIRED]

    def note(self, path: str, code: str, faults: list[Fault]) -> None:
        """Keep what is wrong with one value, for the answer that lists everything."""
        for fault in faults:
            bracket = fault.bracket and (
                path.startswith("record.") or path == "record" or self._kintone.unsure.bracket_paths_in_batches
            )
            key = f"{path}[{code}]{fault.suffix}" if bracket else f"{path}.{code}{fault.suffix}"
            self.errors.setdefault(key, []).append(fault.words)

    def _default(self, item: Mapping[str, Any]) -> Any:
        """Only for a field that the request does not name at all."""
        native = item["type"]
        if item.get("defaultNowValue"):
            local = self._kintone.now().astimezone(JAPAN).isoformat()
            return {"DATE": local[:10], "TIME": local[11:16], "DATETIME": self._kintone.instant()}[native]
        default = item.get("defaultValue")
        return self._people(native, default or ()) if native in ENTITY_TYPES else default

    def _people(self, native: str, default: Collection[Mapping[str, Any]]) -> list[dict[str, str]]:
        """Users and groups of a default; the acting user, and no organization, stands for a function."""
        functions = [self._user] if native == "USER_SELECT" else []
        codes: list[str] = []
        for one in default:
            codes += functions if one.get("type") == "FUNCTION" else [one["code"]]
        return [{"code": code} for code in codes]

    def check_unique(self, drafts: Collection[Draft]) -> None:
        """Against what is stored, and within the request."""
        seen: dict[tuple[str, str], Draft] = {}
        for draft in drafts:
            own = draft.base.id if draft.base is not None else None
            for pair in unique_keys(self._app, draft.values):
                holder = self._app.taken.get(pair[0], {}).get(pair[1])
                if holder is not None and holder != own:
                    self._repeated(draft, pair[0])
                elif pair in seen:
                    self._repeated_here(seen[pair], draft, pair[0])
                seen[pair] = draft

    def _repeated_here(self, first: Draft, later: Draft, code: str) -> None:
        named = self._kintone.unsure.equal_in_batch
        if named in ("first", "both"):
            self._repeated(first, code)
        if named in ("later", "both"):
            self._repeated(later, code)

    def _repeated(self, draft: Draft, code: str) -> None:
        self.errors.setdefault(f"{draft.path}.{code}.value", []).append(words.TAKEN)


def _written(fields: Fields) -> dict[str, Mapping[str, Any]]:
    """The fields that take what a request sends; for the others it has no effect, or is refused later."""
    looked_up = filled(fields)
    never = IGNORED | PROCESS | MANAGED
    return {
        code: item
        for code, item in fields.items()
        if item["type"] not in never and code not in looked_up and not item.get("expression")
    }


def _minds_absence(item: Mapping[str, Any]) -> bool:
    """Whether a field that an added record leaves out gets a default, or breaks a rule."""
    return any(item.get(name) for name in ("defaultValue", "defaultNowValue", "required", "minLength"))


def _has_rules(item: Mapping[str, Any]) -> bool:
    """Whether a stored value may break a rule that was made later."""
    return any(item.get(name) for name in ("maxLength", "minValue", "maxValue"))
