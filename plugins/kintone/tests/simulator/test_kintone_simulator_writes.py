"""Adding, updating, upserting, deleting and files (6), row by row."""

from __future__ import annotations

from raw_api import REQUIRED, TAKEN, Api, Row, added, bulk, check_names, count, keyed, rows, shown, wired

from renkei_kintone.simulator import Token

WRITING = rows(
    (
        "6.1 empty record",
        "doc",
        "a record of nothing is one of defaults",
        lambda api: (api.field("SINGLE_LINE_TEXT", defaultValue="既定")("POST", "record", record={}), api.stored()),
        ({"id": "1", "revision": "1"}, "既定"),
    ),
    (
        "6.1 ids are not used again",
        "doc",
        "the id of a deleted record stays unused",
        lambda api: (
            api.add({"件名": "a"}),
            api("DELETE", "records", ids=["1"]),
            api.add({"件名": "b"})["ids"],
        )[1:],
        ({}, ["2"]),
    ),
    (
        "6.1 revision",
        "observed",
        "one more with every update",
        lambda api: (api.add({"件名": "a"}), api.put(件名="b"), api.put(件名="c"))[1:],
        ({"revision": "2"}, {"revision": "3"}),
    ),
    (
        "6.1 revision of an action",
        "observed",
        "two more with an action of process management",
        lambda api: (api.with_process().add({}), api("PUT", "record/status", id=1, action="始める"))[1],
        {"revision": "3"},
    ),
    (
        "6.2 answer without upsert",
        "doc, spec",
        "id and revision of each, as strings, in order",
        lambda api: (
            api.add({"件名": "a", "キー": "k"}, {"件名": "b"}),
            api("PUT", "records", records=[{"id": 2, "record": {}}, keyed("k")]),
        )[1],
        {"records": [{"id": "2", "revision": "2"}, {"id": "1", "revision": "2"}]},
    ),
    (
        "6.2 updateKey of one record",
        "doc, spec",
        "finds it as in a batch; the answer is its revision alone",
        lambda api: (
            api.add({"件名": "a", "キー": "k"}),
            api("PUT", "record", updateKey={"field": "キー", "value": "k"}, record=wired({"件名": "b"})),
            api.stored(code="件名"),
        )[1:],
        ({"revision": "2"}, "b"),
    ),
    (
        "6.2 answer with upsert",
        "doc, spec",
        "and with upsert what was done",
        lambda api: (api.add({"件名": "a", "キー": "k"}), api.upsert(keyed("k", 件名="b"), keyed("l", 件名="c")))[1],
        {
            "records": [
                {"id": "1", "revision": "2", "operation": "UPDATE"},
                {"id": "2", "revision": "1", "operation": "INSERT"},
            ]
        },
    ),
    (
        "6.2 upsert by id",
        "doc, spec",
        "an id that is not there is discarded for a new one",
        lambda api: api.upsert({"id": 77, "record": wired({"件名": "a"})}),
        {"records": [{"id": "1", "revision": "1", "operation": "INSERT"}]},
    ),
    (
        "6.2 key filled in",
        "doc",
        "an insert fills the key field from the updateKey",
        lambda api: (api.upsert(keyed("k", 件名="a")), api.stored(code="キー"))[1],
        "k",
    ),
    *(
        (
            f"6.2 no key: {native}",
            "doc, observed",
            "text and number alone can be keys, others not though they may be unique",
            lambda api, native=native: api.field(native, unique=True).upsert(keyed("1", field="f")),
            (400, "GAIA_IQ27"),
        )
        for native in ("DATE", "DATETIME", "LINK", "RECORD_NUMBER")
    ),
    (
        "6.2 no key: lookup",
        "observed",
        "a lookup cannot be unique, so it is no key",
        lambda api: api.upsert(keyed("C1", field="顧客コード")),
        (400, "GAIA_IQ27"),
    ),
    (
        "6.2 key of 65 characters",
        "spec",
        "a key holds 64",
        lambda api: api.upsert(keyed("k" * 65)),
        {"records[0].updateKey.value": ["65文字より短くなければなりません。"]},
    ),
    (
        "6.2 number keys",
        "doc",
        "are the same by what they are worth",
        lambda api: (
            api.field("NUMBER", unique=True).add({"f": "10"}),
            api.upsert(keyed("1e1", field="f"))["records"][0]["operation"],
        )[1],
        "UPDATE",
    ),
    (
        "6.2 atomic",
        "doc",
        "one refused item refuses all",
        lambda api: (api.upsert(keyed("k", 件名="a"), keyed("l")), count(api)),
        ({"records[1].件名.value": [REQUIRED]}, 0),
    ),
    *(
        (
            f"6.2 permission of upsert: {has}",
            "doc",
            "needs edit and add, both",
            lambda api, has=has: (
                api.kintone.tokens.update(limited=Token("limited", "1", frozenset(has.split()))),
                api.upsert(keyed("k", 件名="a"), token="limited"),
            )[1],
            gives,
        )
        for has, gives in (
            ("edit", (403, "GAIA_NO01")),
            ("add", (403, "GAIA_NO01")),
            ("edit add", {"records": [{"id": "1", "revision": "1", "operation": "INSERT"}]}),
        )
    ),
    (
        "6.2 permission of PUT and DELETE",
        "doc",
        "add alone does neither",
        lambda api: [
            api(method, "records", "simulated-add-only-token", **body)
            for method, body in (("PUT", {"records": []}), ("DELETE", {"ids": [1]}))
        ],
        [(403, "GAIA_NO01"), (403, "GAIA_NO01")],
    ),
    *(
        (
            f"6.2 revision {revision}",
            "doc",
            "absent or -1 means unchecked",
            lambda api, more=more: (api.add({"件名": "a"}), api("PUT", "record", id=1, record={}, **more))[1],
            {"revision": "2"},
        )
        for revision, more in (("absent", {}), ("-1", {"revision": -1}), ("equal", {"revision": "1"}))
    ),
    (
        "6.2 without a record",
        "spec",
        "an update that sends no record updates nothing, and the revision stays",
        lambda api: (api.add({"件名": "a"}), api("PUT", "record", id=1), api("PUT", "records", records=[{"id": 1}]))[
            1:
        ],
        ({"revision": "1"}, {"records": [{"id": "1", "revision": "1"}]}),
    ),
    (
        "6.2 revisions of DELETE",
        "spec",
        "each stands for the id in the same place; one that differs deletes nothing",
        lambda api: (
            api.add({"件名": "a"}, {"件名": "b"}),
            api("DELETE", "records", ids=[1, 2], revisions=[-1, 2]),
            count(api),
            api("DELETE", "records", ids=[1, 2], revisions=[1, None]),
            count(api),
        )[1:],
        ((409, "GAIA_CO02"), 2, {}, 0),
    ),
    (
        "6.2 inside bulkRequest",
        "doc",
        "adding, updating, upserting and deleting go into one transaction",
        lambda api: bulk(
            api,
            added({"件名": "a", "キー": "k"}),
            ("PUT", "records", {"upsert": True, "records": [keyed("k", 件名="b")]}),
            ("PUT", "record", {"id": 1, "record": {}}),
            ("DELETE", "records", {"ids": [1]}),
        ),
        [
            {"ids": ["1"], "revisions": ["1"]},
            {"records": [{"id": "1", "revision": "2", "operation": "UPDATE"}]},
            {"revision": "3"},
            {},
        ],
    ),
    (
        "6.3 repeat",
        "doc",
        "a repeated request makes the same records again where no unique field forbids it",
        lambda api: (api.add({"件名": "a"}), api.add({"件名": "a"}), count(api))[2],
        2,
    ),
    (
        "6.3 repeat with a unique field",
        "observed",
        "names every record of the batch, which proves that all were saved",
        lambda api: [api.add({"件名": "a", "キー": "k1"}, {"件名": "b", "キー": "k2"}) for _ in range(2)][1],
        {"records[0].キー.value": [TAKEN], "records[1].キー.value": [TAKEN]},
    ),
    (
        "6.3 upsert is repeatable",
        "doc",
        "an upsert by a unique field leaves one record",
        lambda api: (api.upsert(keyed("k", 件名="a")), api.upsert(keyed("k", 件名="a")), count(api))[2],
        1,
    ),
    (
        "6.4 upload",
        "doc",
        "answers with a key, and keeps a name of any language",
        lambda api: api.stored({"件名": "a", "添付": [{"fileKey": api.upload("見積書.pdf")}]}, "添付")[0]["name"],
        "見積書.pdf",
    ),
)

NOT_SIMULATED = {
    "6.4 life of a key": "about three days, from a weak source; keys here live as long as the simulator",
    "6.4 one file of 1 GB": "files are held in memory, so their bound is lower and says so",
    "6.3 after a lost answer": "tells what a client does; the faults lose answers",
}
"""Rows about writing that the simulator does not show, and why."""


@shown(WRITING)
def test_a_row_of_the_facts_holds(api: Api, row: Row) -> None:
    assert row.run(api) == row.gives, row.says


def test_every_row_has_a_name_of_its_own_and_a_known_source() -> None:
    check_names([*WRITING], NOT_SIMULATED)


def test_an_update_key_of_a_number_field_that_is_no_number_is_refused(api: Api) -> None:
    api.field("NUMBER", unique=True)

    assert api.upsert(keyed("x", field="f")) == {"records[0].updateKey.value": ["数字でなければなりません。"]}


def test_a_unique_value_is_free_again_when_its_record_gives_it_up(api: Api) -> None:
    api.add({"件名": "a", "キー": "k"}, {"件名": "b", "キー": "l"})

    assert api.put("1", キー="m") == {"revision": "2"}
    assert api("DELETE", "records", ids=[2]) == {}

    assert api.add({"件名": "c", "キー": "k"}, {"件名": "d", "キー": "l"}) == {
        "ids": ["3", "4"],
        "revisions": ["1", "1"],
    }
    assert list(api.add({"件名": "e", "キー": "m"})) == ["records[0].キー.value"]


def test_status_and_assignee_are_no_part_of_a_record_while_the_process_is_off(api: Api) -> None:
    api.add({"件名": "a"})

    assert not {"ステータス", "作業者", "カテゴリー"} & set(api("GET", "record", id=1)["record"])
