"""Attachments: streamed from the host, one upload for each place, and never a reason to stop the others."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import httpx
import pytest

from renkei import spec
from renkei_kintone import uploads

CHUNKS = ["見積".encode() * 1_000, b"", b"\r\n--not-a-boundary\r\n", b"\0\xff" * 3]
CONTENT = b"".join(CHUNKS)


def verdicts(report: spec.PushReport) -> dict[str, str]:
    return {verdict.key: verdict.verdict for verdict in report.verdicts}


def file(world: Any, id: str = "f1", *, name: str = "見積書.pdf", size: int | None = len(CONTENT)) -> spec.FileRef:
    world.files[id] = list(CHUNKS)
    return spec.FileRef(id=id, name=name, size=size, media_type="application/pdf")


def stored(world: Any, code: str = "添付") -> list[tuple[str, bytes, str]]:
    """Name, content and media type of the only record's files."""
    (values,) = world.kintone.values()
    held = [world.kintone.files.attached[one["fileKey"]].file for one in values[code]]
    return [(one.name, one.data, one.content_type) for one in held]


def uploads_seen(world: Any) -> list[httpx.Request]:
    return [request for request in world.seen if request.url.path.endswith("/file.json")]


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_a_file_arrives_whole_under_its_name(world: Any, size: int | None) -> None:
    record = world.record("k1", 添付=(file(world, size=size),))
    assert world.opened == []

    report = world.push(record)

    assert verdicts(report) == {"k1": "created"}
    assert world.opened == ["f1"]
    assert stored(world) == [("見積書.pdf", CONTENT, "application/pdf")]


def test_an_upload_carries_no_record_and_says_its_length_where_it_is_known(world: Any) -> None:
    world.push(world.record("k1", 添付=(file(world), file(world, "f2", size=None))))

    known, unknown = uploads_seen(world)
    assert known.extensions["renkei.carrying"] == frozenset() == unknown.extensions["renkei.carrying"]
    assert int(known.headers["content-length"]) > len(CONTENT)
    assert unknown.headers["transfer-encoding"] == "chunked"
    assert known.headers["x-cybozu-api-token"] == "simulated-add-only-token"


@pytest.mark.parametrize(
    "name", ["a.txt", "引用\"符'.txt", "改\r\n行.txt", "髙﨑 𠮷野家 👩‍🎨.pdf", "%22;x=1.txt", "..", "C:\\a\\b.txt"]
)
def test_no_name_ends_its_header(world: Any, name: str) -> None:
    world.push(world.record("k1", 添付=(file(world, name=name),)))

    ((kept, content, _kind),) = stored(world)
    assert content == CONTENT
    assert "\r" not in kept
    if not set(name) & set('"\r\\%'):
        assert kept == name


@pytest.mark.parametrize("media_type", ["text/plain\r\nX-Evil: 1", "nonsense", "", "テキスト/プレーン"])
def test_a_media_type_that_is_none_is_not_passed_on(world: Any, media_type: str) -> None:
    ref = file(world).model_copy(update={"media_type": media_type})

    world.push(world.record("k1", 添付=(ref,)))

    assert stored(world) == [("見積書.pdf", CONTENT, "application/octet-stream")]


def test_a_file_in_a_row_of_a_table_is_uploaded_too(world: Any) -> None:
    world.kintone.apps["1"].fields["経過"]["fields"]["経過資料"] = {
        "type": "FILE",
        "code": "経過資料",
        "label": "経過資料",
        "required": False,
    }
    rows = tuple(spec.FrozenDict({"経過内容": f"{at}", "経過資料": (file(world, f"f{at}"),)}) for at in (1, 2))

    report = world.push(world.record("k1", 経過=rows))

    assert verdicts(report) == {"k1": "created"}
    assert world.opened == ["f1", "f2"]
    (values,) = world.kintone.values()
    assert [row["value"]["経過資料"]["value"][0]["name"] for row in values["経過"]] == ["見積書.pdf"] * 2


def test_one_file_in_two_records_is_uploaded_for_each_because_a_record_uses_its_key_up(world: Any) -> None:
    ref = file(world)

    report = world.push(world.record("k1", 添付=(ref,)), world.record("k2", 添付=(ref,)))

    assert verdicts(report) == {"k1": "created", "k2": "created"}
    assert len(uploads_seen(world)) == 2


def test_a_file_that_the_host_cannot_open_rejects_its_record_alone(world: Any) -> None:
    gone = spec.FileRef(id="gone", name="a.pdf")

    report = world.push(world.record("k1", 添付=(gone,)), world.record("k2", 添付=(file(world),)), world.record("k3"))

    assert verdicts(report) == {"k1": "rejected", "k2": "created", "k3": "created"}
    assert (report.verdicts[0].code, report.verdicts[0].field) == ("file_unreadable", "添付")
    assert len(uploads_seen(world)) == 1
    assert report.stopped_by is None


@pytest.mark.parametrize(
    ("chunks", "size", "code"),
    [
        ([b"abc", spec.Unavailable("file_unreadable", "the disk failed")], 6, "file_unreadable"),
        ([b"abc", spec.Unavailable("file_unreadable", "the disk failed")], None, "file_unreadable"),
        ([b"abc", b"def"], 5, "file_changed"),
        ([b"abc", b"def"], 7, "file_changed"),
    ],
)
def test_a_file_that_fails_on_its_way_rejects_its_record_alone(
    world: Any, chunks: list[Any], size: int | None, code: str
) -> None:
    bad = file(world, "bad", size=size)
    world.files["bad"] = chunks

    report = world.push(world.record("k1", 添付=(bad,)), world.record("k2", 添付=(file(world),)))

    assert verdicts(report) == {"k1": "rejected", "k2": "created"}
    assert report.verdicts[0].code == code
    assert len(world.kintone.values()) == 1


def test_a_file_that_turns_out_too_large_is_not_sent_to_its_end(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LARGEST_FILE", 4_000)

    report = world.push(world.record("k1", 添付=(file(world, size=None),)))

    assert (report.verdicts[0].verdict, report.verdicts[0].code) == ("rejected", "file_too_large")


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (413, "<html>Request Entity Too Large</html>", "file_too_large"),
        (400, '{"code":"CB_VA01","id":"x","message":"y","errors":{"file":{"messages":["z"]}}}', "file_refused"),
        (400, '{"code":"GAIA_ZZ99","id":"x","message":"y"}', "file_refused"),
    ],
)
def test_a_file_that_kintone_refuses_rejects_its_record_alone(world: Any, status: int, body: str, code: str) -> None:
    kind = "application/json" if body.startswith("{") else "text/html"
    world.kintone.order("answer", status=status, body=body, content_type=kind, path="/file.json")

    report = world.push(world.record("k1", 添付=(file(world),)), world.record("k2", 添付=(file(world, "f2"),)))

    assert verdicts(report) == {"k1": "rejected", "k2": "created"}
    assert report.verdicts[0].code == code


@pytest.mark.parametrize("kind", ["cut", "applied_then_cut", "before_apply_503", "html_200", "broken_json"])
def test_a_lost_upload_leaves_its_record_not_stored_and_stops_nobody(world: Any, kind: str) -> None:
    world.kintone.order(kind, path="/file.json")

    report = world.push(world.record("k1", 添付=(file(world),)), world.record("k2", 添付=(file(world, "f2"),)))

    assert verdicts(report) == {"k1": "not_stored", "k2": "created"}
    assert isinstance(report.stopped_by, spec.Unavailable)


def test_two_lost_uploads_in_a_row_are_kintones_trouble(world: Any) -> None:
    world.kintone.order("cut", path="/file.json", times=9)
    records = [world.record(f"k{at}", 添付=(file(world, f"f{at}"),)) for at in range(5)]

    report = world.push(*records, world.record("plain"))

    assert verdicts(report) == {f"k{at}": "not_stored" for at in range(5)} | {"plain": "created"}
    assert len(uploads_seen(world)) == 2
    assert isinstance(report.stopped_by, spec.Unavailable)


def test_a_token_that_is_gone_stops_the_push_at_the_first_upload(world: Any) -> None:
    record = world.record("k1", 添付=(file(world),))
    world.kintone.tokens.clear()

    report = world.push(record, world.record("k2", 添付=(file(world, "f2"),)))

    assert verdicts(report) == {"k1": "not_stored", "k2": "not_stored"}
    assert isinstance(report.stopped_by, spec.AuthenticationFailed)
    assert len(world.seen) == 1


def test_an_upload_that_takes_half_of_the_time_leaves_the_rest_to_the_next_push(world: Any) -> None:
    left = itertools.chain([60, 60, 60, 60], itertools.repeat(29))
    world.remaining = lambda: timedelta(seconds=next(left))
    records = [world.record(f"k{at}", 添付=(file(world, f"f{at}"),)) for at in range(3)]

    report = world.push(*records)

    words = list(verdicts(report).values())
    assert words == sorted(words)  # the first of them were stored, the others wait
    assert set(words) == {"created", "not_stored"}
    assert report.stopped_by is None


def test_a_file_that_no_push_has_the_time_for_is_rejected(world: Any) -> None:
    """Its upload began at once, kintone was still taking it, and the time was over."""
    record = world.record("k1", 添付=(file(world, size=None),))
    seconds = [60.0]
    world.remaining = lambda: timedelta(seconds=seconds[0])

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            taken = 0
            async for chunk in request.stream:
                taken += len(chunk)
                if taken > 6_000:
                    break
            seconds[0] = 1.0
            raise httpx.WriteTimeout("the time is over")

    world.transport = Slow

    (verdict,) = world.push(record).verdicts

    assert (verdict.verdict, verdict.code) == ("rejected", "file_too_slow")


def taking(world: Any, *seconds: float) -> list[float]:
    """Let each upload take its *seconds*, and each other request one; what is left of the push's minute, as it goes."""
    left = [60.0]
    each = iter(seconds)

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            left[0] -= next(each) if request.url.path.endswith("/file.json") else 1
            if left[0] < 1:
                raise httpx.ReadTimeout("the time is over")
            return await httpx.ASGITransport(app=world.kintone.asgi()).handle_async_request(request)

    world.transport = Slow
    world.remaining = lambda: timedelta(seconds=left[0])
    return left


@pytest.mark.parametrize("seconds", [(20, 20, 21), (20, 20, 18.5), (58.5,)])
def test_a_record_whose_files_fill_a_push_of_their_own_is_rejected_and_holds_up_nobody(
    world: Any, seconds: tuple[float, ...]
) -> None:
    many = tuple(file(world, f"f{at}") for at in range(len(seconds)))
    records = [world.record("k1", 添付=many), world.record("k2", 添付=(file(world, "last"),)), world.record("k3")]

    taking(world, *seconds)
    report = world.push(*records[:2])
    taking(world, 1)
    later = world.push(*records[1:])

    assert verdicts(report) == {"k1": "rejected", "k2": "not_stored"}
    assert (report.verdicts[0].code, report.verdicts[0].field) == ("file_too_slow", "添付")
    assert report.stopped_by is None
    assert verdicts(later) == {"k2": "created", "k3": "created"}


def test_what_was_uploaded_is_sent_before_a_slow_file_can_take_its_time(world: Any) -> None:
    """And no record leaves in the last two seconds: its answer would not come in time."""
    records = [world.record(f"k{at}", 添付=(file(world, f"f{at}"),)) for at in range(2)]
    left = taking(world, 20, 37.5)

    report = world.push(*records)

    assert left == [1.5]
    assert verdicts(report) == {"k0": "created", "k1": "not_stored"}
    assert report.stopped_by is None
    assert [request.url.path for request in world.seen].count("/k/v1/records.json") == 1


def test_a_file_of_many_megabytes_is_never_in_memory_as_a_whole(world: Any) -> None:
    """One chunk is asked for when the one before has left."""
    alive: list[int] = []
    world.files["big"] = []
    record = world.record("k1", 添付=(spec.FileRef(id="big", name="big.bin", size=64 * 65_536),))
    left = [0]

    class Chunks(list[bytes]):
        def __iter__(self) -> Any:
            for at in range(64):
                alive.append(at - left[0])
                yield b"x" * 65_536

    world.files["big"] = Chunks()

    class Counting(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/file.json"):
                async for chunk in request.stream:
                    left[0] += len(chunk) == 65_536
                return httpx.Response(200, json={"fileKey": "simulated-file-key"}, request=request)
            return httpx.Response(200, json={"ids": ["1"], "revisions": ["1"]}, request=request)

    world.transport = Counting

    assert verdicts(world.push(record)) == {"k1": "created"}
    assert len(alive) == 64
    assert max(alive) <= 1
