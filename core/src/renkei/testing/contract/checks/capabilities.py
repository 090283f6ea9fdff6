"""Checks V: what the manifest claims is there, and what is there tells the truth."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from renkei.spec import (
    Field,
    FieldType,
    FileRef,
    FrozenDict,
    MapResult,
    Reference,
    SettingsError,
    TargetSchema,
    UpgradeRequest,
    Value,
)
from renkei.testing.contract.broken import broken, require
from renkei.testing.contract.catalogue import check
from renkei.testing.contract.checks import verifying
from renkei.testing.contract.checks.calling import answered
from renkei.testing.contract.checks.holdings import core_refuses, prepared
from renkei.testing.contract.checks.listing import every_target
from renkei.testing.contract.connection import Connection, key
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.values import differences, sample

_MOST_KEYS = 60
_EVERY_REQUEST = 1_000_000
_LONG_AGO = "0.0.1"


class CapabilityChecks:
    """Checks V."""

    @check("V01", traffic=True)
    def test_v01_every_target_is_listed(self, stage: Stage) -> None:
        """All targets are listed, on however many pages and however deep, and each one that can be chosen is there.

        Where `list_targets` is not declared: the account names the target that its settings are for.
        Why: what is not listed cannot be chosen, and what is listed and not there ends in a set-up that fails.
        Mend: follow pages, list below `parent`, mark mere folders as not selectable.
        """
        good = prepared(stage)
        if not stage.supports("list_targets"):
            core_refuses(stage, "list_targets", good.targets)
            account = good.account
            ids = [target.id for target in account.targets] if account is not None else []
            require(stage.site.target in ids, "targets cannot be listed, and the account does not name its own")
            return
        found = every_target(stage, good)
        require(stage.site.target in found, f"target {stage.site.target!r} is not listed")
        second = every_target(stage, answered("crm_authenticate", lambda: stage.second))
        require(stage.kit.second_target in second, f"target {stage.kit.second_target!r} is not listed")
        chosen = [target for target in found.values() if target.selectable]
        require(found[stage.site.target].selectable, f"target {stage.site.target!r} is listed as not selectable")
        for target in chosen[:20]:
            schema = answered(f"crm_discover of the listed target {target.id!r}", partial(good.discover, target.id))
            require(schema.target == target.id, f"the listed target {target.id!r} is described as another one")

    @check("V02", traffic=True)
    def test_v02_verify_tells_what_is_there(self, stage: Stage) -> None:
        """`present` for exactly the key that was asked for, `absent` only where it is not there, else `cannot_tell`.

        Where `verify` is not declared: nothing is asked.
        Why: core asks when a write may have been applied. A false `present` loses the record for good, a false
        `absent` stores it twice.
        Mend: search the key field for equality, compare what was found with the key once more in the plugin, follow
        pages, remember nothing, and answer `cannot_tell` for whatever is not a clear answer of the backend.
        """
        if not stage.supports("verify"):
            good = prepared(stage)
            core_refuses(stage, "verify", lambda: good.verify(key(1)))
            return
        verifying.require_truth(stage, prepared(stage))

    @check("V03")
    def test_v03_an_upgrade_keeps_what_is_current(self, stage: Stage) -> None:
        """Stored settings and options of this version come through an upgrade unchanged; twice is as good as once.

        Where `upgrade` is not declared: nothing is asked.
        Why: core upgrades whatever an older version stored, and may do so again: a setting that is lost or changed
        each time breaks every connection of every customer on the day of the update.
        Mend: change only what older versions wrote otherwise, by looking at the data; keep everything else.
        """
        good = prepared(stage)
        if not stage.supports("upgrade"):
            core_refuses(stage, "upgrade", lambda: _upgraded(stage, "settings", good.settings.public(), _LONG_AGO))
            return
        with stage.wire.since_now() as asked:
            for kind, data in (
                ("settings", good.settings.public()),
                ("options", good.options.public()),
                ("mapping", {}),
            ):
                for version in (stage.manifest.version, _LONG_AGO):
                    _require_kept(stage, kind, data, version)
        require(not asked, "crm_upgrade sent a request")
        upgraded = _upgraded(stage, "settings", good.settings.public(), _LONG_AGO)
        secrets = {name: good.settings.revealed()[name] for name in stage.manifest.settings.secret_fields()}
        try:
            parsed = stage.backend.parse_settings({**upgraded, **secrets})
        except SettingsError:
            broken("settings that went through crm_upgrade are no longer accepted")
        require(parsed == good.settings, "settings that went through crm_upgrade are other settings")

    @check("V04", traffic=True)
    def test_v04_files_tables_and_references_are_as_declared(self, stage: Stage) -> None:
        """Files, tables and references that are declared can be written; those that are not are refused by crm_map.

        Why: an admin reads the list of capabilities and promises it to their people. What is claimed and not done
        loses attachments and rows; what is done and not claimed was never thought through.
        Mend: declare in `capabilities` what the plugin does, `not_implemented` with a reason for the rest, and let
        fields of those types be not writable until then.
        """
        good = prepared(stage)
        for capability, kind in (("files", FieldType.FILES), ("tables", FieldType.TABLE)):
            writable = [field for field in good.schema.fields if field.type is kind and field.writable]
            if stage.supports(capability):
                require(writable, f"{capability!r} is declared, and no field of target {good.target!r} shows it")
                for field in writable:
                    _require_written(stage, good, field)
            else:
                codes = [field.code for field in writable]
                require(not codes, f"{capability!r} is not declared, and fields {codes} are told as writable")
                _require_map_refuses(stage, good, kind)
        _require_references_as_declared(stage, good)


def _upgraded(stage: Stage, kind: str, data: Mapping[str, object], version: str) -> dict[str, object]:
    request = UpgradeRequest.model_validate({"kind": kind, "from_version": version, "data": FrozenDict(data)})
    return dict(stage.backend.upgrade(request).data)


def _require_kept(stage: Stage, kind: str, data: Mapping[str, object], version: str) -> None:
    what = f"crm_upgrade of {kind} of version {version}"
    once = answered(what, lambda: _upgraded(stage, kind, data, version))
    require(once == _upgraded(stage, kind, data, version), f"{what} gives something else each time")
    again = answered(what, lambda: _upgraded(stage, kind, once, stage.manifest.version))
    require(again == once, f"{what} changes again what it changed before")
    if version == stage.manifest.version:
        lost = sorted({name for name in {*data, *once} if data.get(name) != once.get(name)})
        require(once == data, f"{what}, which is this one, changes {lost}")


def _require_written(stage: Stage, good: Connection, field: Field) -> None:
    value = _files(stage) if field.type is FieldType.FILES else _rows(good, field)
    what = f"a value for field {field.code!r}, whose capability is declared,"
    result = good.map({**good.values(801), field.code: value}, key=key(801))
    if result.record is None:
        broken(f"crm_map refuses {what} with {sorted({problem.code for problem in result.problems})}")
    before = {record.id for record in stage.read()}
    good.push([result.record], deadline=timedelta(seconds=10))
    new = [record for record in stage.read() if record.id not in before]
    require(len(new) == 1, f"a record with {what} was not stored")
    read = new[0].values.get(field.code)
    wanted = ((_FILE_NAME, _FILE),) if field.type is FieldType.FILES else value
    require(read and _same_rows(field, wanted, read), f"{what} was not kept")
    good.stage.kit.reset()
    good.authenticate()


_FILE_NAME = "見積書 1.txt"
_FILE = "件名,金額\n".encode() * 3_000


def _files(stage: Stage) -> tuple[FileRef, ...]:
    return (stage.files.add("file-of-the-suite", _FILE_NAME, _FILE),)


def _rows(good: Connection, table: Field) -> tuple[Mapping[str, Value], ...]:
    columns = TargetSchema(target=good.target, label="columns", fields=table.fields)
    made = [
        column for column in columns.fields if column.writable and column.type not in (FieldType.FILES, FieldType.TABLE)
    ]
    plain = [column for column in made if column.type is not FieldType.OPAQUE and column.references is None]
    return tuple(FrozenDict({column.code: sample(column, {}, number) for column in plain}) for number in (1, 2))


def _same_rows(field: Field, wanted: object, read: object) -> bool:
    if field.type is FieldType.FILES or not isinstance(read, tuple) or not isinstance(wanted, tuple):
        return bool(read == wanted)
    columns = TargetSchema(target="columns", label="columns", fields=field.fields)
    pairs = zip(wanted, read, strict=False)
    return len(read) == len(wanted) and not any(differences(columns, sent, seen) for sent, seen in pairs)


def _require_map_refuses(stage: Stage, good: Connection, kind: FieldType) -> None:
    """Of a field as it is told, and of one that claims to be writable."""
    value: Value = _files(stage) if kind is FieldType.FILES else (FrozenDict({"column": "cell"}),)
    made = Field(
        code="suite_field",
        label="suite",
        type=kind,
        native_type=kind.value,
        fields=(Field(code="column", label="column", type=FieldType.TEXT, native_type="text"),)
        if kind is FieldType.TABLE
        else (),
    )
    schema = good.schema.model_copy(update={"fields": (*good.schema.fields, made)})
    told = [field.code for field in good.schema.fields if field.type is kind]
    for code in (*told, made.code):
        result: MapResult = answered(
            "crm_map", partial(good.map, {**good.values(1), code: value}, key=key(1), schema=schema)
        )
        named = {problem.field for problem in result.problems}
        require(
            named == {code}, f"crm_map has nothing against a value for field {code!r} of type {kind.value}, undeclared"
        )


def _require_references_as_declared(stage: Stage, good: Connection) -> None:
    told = [field for field in good.schema.fields if field.references is not None]
    writable = [field.code for field in told if field.writable]
    if stage.supports("references"):
        require(writable, f"'references' is declared, and no field of target {good.target!r} shows it")
        for field in told:
            assert isinstance(field.references, Reference)
            seen = field.references.target is not None or not field.references.visible
            require(seen, f"field {field.code!r} refers to a target that is visible, and does not say to which")
    else:
        require(not writable, f"'references' is not declared, and fields {writable} are told as writable")
