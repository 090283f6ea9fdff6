"""Facts about kintone that nobody has confirmed: the simulator takes a side on each, and can take the other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsure:
    """The answers that the simulator gives where kintone's are not known. The default is the likelier one.

    Attributes:
        other_apps_token_status: HTTP status of `GAIA_AP15`, a valid token of another app.
        missing_app_by_token: the code for a token and an app that does not exist; never `GAIA_AP01`, which password
            authentication gets.
        needs_manage_status: HTTP status of `GAIA_BF02`, creator or times written without "manage app".
        empty_add_checks_permission: whether `POST records.json` with no record at all needs "add records".
        settings_permission: the permission that `app/settings.json` needs.
        tokens_follow_browser: whether `Accept-Language` counts for tokens where the domain follows the browser. A
            token acts as Administrator, whose own language setting may be fixed.
        bracket_paths_in_batches: whether unreadable numbers and dates of a batch have the path
            `records[0][code].value`, as those of a single call have `record[code].value`; otherwise
            `records[0].code.value`.
        equal_in_batch: which of two equal unique values of one request is named, or that neither is.
        null_table: rows of a table that is sent as null: `one_row` with its defaults, or `no_row`.
        least_length_of_empty: whether a least length is asked of texts that are empty or left out.
        bracket_paths_of_times: whether unreadable times and date-times have the path that is known of dates.
        full_width_numbers: whether full-width digits are `read` as numbers.
        line_breaks_in_text: what becomes of line breaks in a single-line text.
        rich_text_rewritten: whether rich text that holds nothing unsafe is written anew too, so that it reads back in
            another form.
        choices_in_form_order: whether check boxes and multi-selects read back in the order of the form, not of the
            request.
        computed_writes: what is sent for a calculated field, an automatic text or the record number.
        unknown_group: what becomes of the code of a group that does not exist. Where it is refused, kintone's code is
            not known: here it is that of organizations, `GAIA_IL28`.
        times_checked: whether a creation or update in the future, or an update before the creation, is refused.
        same_new_key: a second item of an upsert with the same new key is `refused` as not unique, or `updates` the
            first.
        keys_fold: whether the `updateKey` of a text finds records regardless of case and width.
        insert_with_revision: what a revision means for an item that an upsert inserts.
        insert_like_add: whether the insert of an upsert fills in defaults, as adding does.
        key_in_inserted_record: whether an upsert's insert may name the key field in its record too.
        file_key_twice: whether a `fileKey` can be attached a second time.
        unset_date: what a DATE or TIME without a value reads as.
        order_without_word: the direction of an `order by` that says neither `asc` nor `desc`.
        json_get_without_body: a GET with `Content-Type: application/json` and no body: `refused` with `CB_IL02`.
        deploy_by_token: whether a token that may manage the app may also press "Update app" through the API.
        bulk_counts: how often a `bulkRequest` counts on the day's figure: `once` for its first app, or for `each`
            inner request.
        over_daily_limit: requests beyond the day's figure of an app are `served`, or `refused` with 429, as a few
            partners' pages hold possible.
        ip_restriction_status: HTTP status of the page that an address outside the allowed ones gets.
        largest_body: bytes of the largest JSON body that is read, 0 without a limit; no source names one.
    """

    other_apps_token_status: Literal[403, 400] = 403
    missing_app_by_token: Literal["GAIA_IA02", "GAIA_AP15"] = "GAIA_IA02"
    needs_manage_status: Literal[403, 400] = 403
    empty_add_checks_permission: bool = True
    settings_permission: Literal["view", "view_or_add", "manage"] = "view"
    tokens_follow_browser: bool = True
    bracket_paths_in_batches: bool = True
    equal_in_batch: Literal["later", "first", "both", "allowed"] = "later"
    null_table: Literal["one_row", "no_row"] = "one_row"
    least_length_of_empty: bool = True
    bracket_paths_of_times: bool = True
    full_width_numbers: Literal["refused", "read"] = "refused"
    line_breaks_in_text: Literal["kept", "dropped"] = "kept"
    rich_text_rewritten: bool = False
    choices_in_form_order: bool = True
    computed_writes: Literal["ignored", "refused"] = "ignored"
    unknown_group: Literal["refused", "taken"] = "refused"
    times_checked: bool = True
    same_new_key: Literal["refused", "updates"] = "refused"
    keys_fold: bool = False
    insert_with_revision: Literal["ignored", "refused"] = "ignored"
    insert_like_add: bool = True
    key_in_inserted_record: Literal["accepted", "refused"] = "accepted"
    file_key_twice: Literal["refused", "accepted"] = "refused"
    unset_date: Literal["null", "empty"] = "null"
    order_without_word: Literal["asc", "desc"] = "asc"
    json_get_without_body: Literal["refused", "accepted"] = "refused"
    deploy_by_token: bool = True
    bulk_counts: Literal["once", "each"] = "once"
    over_daily_limit: Literal["served", "refused"] = "served"
    ip_restriction_status: Literal[403, 401] = 403
    largest_body: int = 0

    def changed(self, answers: Mapping[str, Any]) -> Unsure:
        """The same with other *answers*, by name; texts are read as JSON where they can be.

        Raises:
            ValueError: there is no such fact, or no such answer; the sentence lists those that there are.
        """
        return replace(self, **{name: _answer(name, value) for name, value in answers.items()})


def from_texts(texts: list[str]) -> Unsure:
    """The answers of a command line: each text is `name=value`, or the path of a JSON file of answers.

    Raises:
        OSError: a file cannot be read.
        ValueError: there is no such fact or answer.
    """
    unsure = Unsure()
    for text in texts:
        name, equals, value = text.partition("=")
        answers = {name: value} if equals else json.loads(Path(text).read_text(encoding="utf-8"))
        unsure = unsure.changed(answers)
    return unsure


def _answer(name: str, value: Any) -> Any:
    kinds = get_type_hints(Unsure)
    if name not in kinds:
        raise ValueError(f"there is no unsure fact {name!r}; there are {', '.join(kinds)}")
    read = _read(value)
    kind = kinds[name]
    allowed = _choices(kind)
    if allowed and (read not in allowed or isinstance(read, bool) is not (kind is bool)):
        raise ValueError(f"the unsure fact {name!r} is one of {', '.join(json.dumps(each) for each in allowed)}")
    if not allowed and (not isinstance(read, int) or isinstance(read, bool) or read < 0):
        raise ValueError(f"the unsure fact {name!r} is a whole number, 0 or more")
    return read


def _choices(kind: Any) -> tuple[Any, ...]:
    """The answers of a closed choice; none for a figure."""
    if kind is bool:
        return (True, False)
    return get_args(kind) if get_origin(kind) is Literal else ()


def _read(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        read = json.loads(value)
    except ValueError:
        return value
    return value if read is None else read  # "null" is the name of an answer


def alternatives() -> list[tuple[str, Any]]:
    """Every other answer to every fact of a closed choice, for tests that run both ways."""
    kinds = get_type_hints(Unsure)
    found: list[tuple[str, Any]] = []
    for item in fields(Unsure):
        found += [(item.name, each) for each in _choices(kinds[item.name]) if each != item.default]
    return found
