"""Defects that only a backend like kintone can show (unique fields, rich text, full requests), in its plugin."""

from __future__ import annotations

from typing import Final

from renkei.testing.contract.saboteurs import Saboteur, module_saboteur
from saboteurs.rewriting import Change, with_changes

_OTHERS: Final = (
    "    if key_field is None or any(item.field != key_field for item in complaints):\n        return False\n"
)
_ANY: Final = (
    "    if key_field is None:\n        return False\n    return any(item.field == key_field for item in complaints)\n"
)
_ANY_VALUE: Final = 'return only.parsed and only.ending == ".value" and len(set(only.messages)) <= 1'
_RULES: Final = f"{_ANY_VALUE} and key_fits(field, value)"
_JAPANESE: Final = f'return any("重複" in one for one in only.messages) and {_RULES.removeprefix("return ")}'
_WRITTEN: Final = '    text = format(number, "f")\n'
_USERS: Final = "for code in _several(field, value)"
_SENTENCE: Final = "    message = sentence(complaints"
_NAMED: Final = "    if not named:\n"
_PLACED: Final = "        if match is None or int(match[1]) >= count:\n            continue\n"


def _kintone(number: int, name: str, does: str, killed_by: str, module: str, old: str, new: str) -> Saboteur:
    damage = with_changes(Change(module, old, new), of="renkei_kintone")
    return module_saboteur(number, name, does, (killed_by,), damage)


KINTONE: Final[tuple[Saboteur, ...]] = (
    _kintone(
        430, "AnyKeyError", "Calls any complaint about the key field a duplicate.", "P06", "verdicts", _OTHERS, _ANY
    ),
    _kintone(
        431, "LongKeyTaken", "Does not ask whether the key breaks another rule.", "P06", "verdicts", _RULES, _ANY_VALUE
    ),
    _kintone(
        432,
        "UniqueOrNot",
        "Calls a complaint about a field that is not unique a duplicate.",
        "P06",
        "verdicts",
        "if field is None or not field.unique or len(complaints) != 1:",
        "if field is None or len(complaints) != 1:",
    ),
    _kintone(433, "JapaneseReader", "Knows a duplicate by a Japanese word.", "P06", "verdicts", _RULES, _JAPANESE),
    _kintone(
        434,
        "RawHtml",
        "Passes a mail's HTML on as it came.",
        "Z03",
        "writing",
        "cleaned = _CLEANER.clean(_sendable(field, value))",
        "cleaned = _sendable(field, value)",
    ),
    _kintone(
        458,
        "SignLoser",
        "Loses the sign of numbers between -1 and 0.",
        "G02",
        "writing",
        _WRITTEN,
        f"{_WRITTEN}    text = f\"{{int(number)}}.{{text.split('.')[1]}}\" if '.' in text else text\n",
    ),
    _kintone(
        459,
        "FifteenDigits",
        "Rounds the sixteenth digit.",
        "G02",
        "writing",
        _WRITTEN,
        '    text = format(__import__("decimal").Context(prec=15).create_decimal(number), "f")\n',
    ),
    _kintone(
        462,
        "ManyCondemner",
        "Where many records are refused, refuses all.",
        "E01",
        "verdicts",
        _NAMED,
        "    if len(named) > 3:\n"
        '        return Outcome(verdicts=[Rejected(key=record.key, code="CB_VA01") for record in records])\n' + _NAMED,
    ),
    _kintone(
        463,
        "CrowdOfDuplicates",
        "Where one key of many is taken, calls all of them taken.",
        "P06",
        "verdicts",
        _NAMED,
        "    if len(records) > 60 and any(\n"
        "        _is_taken(schema, errand.request.key_field, records[at], one) for at, one in named.items()\n"
        "    ):\n"
        "        return Outcome(verdicts=[Duplicate(key=record.key) for record in records])\n" + _NAMED,
    ),
    _kintone(
        464,
        "FirstDigit",
        "Reads the first digit of a record's place.",
        "E01",
        "validation",
        _PLACED,
        f"{_PLACED}        match = re.match(r'records\\[(\\d)\\d*\\](.*)', path, re.DOTALL) or match\n",
    ),
    _kintone(
        465,
        "FirstFifty",
        "Knows the first fifty places of a request.",
        "E01",
        "validation",
        "int(match[1]) >= count:",
        "int(match[1]) >= min(count, 50):",
    ),
    _kintone(
        467,
        "LookupOfferer",
        "Offers fields that a lookup fills.",
        "C07",
        "fields",
        "return FILLED_BY_LOOKUP if code in filled else None",
        "return None",
    ),
    _kintone(
        466,
        "Quoter",
        "Quotes the first eight characters of the value that is refused.",
        "E20",
        "verdicts",
        _SENTENCE,
        '    value = record.fields.get(first.field or "", {})\n'
        '    message = "It begins with " + str(value.get("value"))[:8]\n'
        "    _unused = sentence(complaints",
    ),
    _kintone(460, "FirstTwenty", "Sends twenty users at most.", "P09", "writing", _USERS, f"{_USERS}[:20]"),
    _kintone(
        461,
        "UserFolder",
        "Writes users' codes in lower case.",
        "P09",
        "writing",
        '{"code": _sendable(field, code)}',
        '{"code": _sendable(field, code).lower()}',
    ),
)
"""Not in `SABOTEURS`: those of other modules are put into the template."""
