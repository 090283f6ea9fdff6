"""The guard on a real wire: loopback servers that misbehave byte by byte."""

from __future__ import annotations

import asyncio
import logging
import time
import zlib
from datetime import timedelta

import httpx
import pytest

from renkei import spec
from renkei.plugins import Registry
from renkei.plugins.bodies import DEFAULT_CAP
from renkei.plugins.wire import Outcome

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def saying(*parts, close=False):
    async def serve(server, head, writer):
        for part in parts:
            writer.write(part)
            await writer.drain()
        if close:
            writer.close()

    return serve


def dripping(head, drop):
    """Say *head*, then *drop* after *drop*, for ever."""

    async def serve(server, _head, writer):
        writer.write(head)
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.01)

    return serve


@pytest.fixture
def at(toolbox, registries):
    """A backend whose host is answered by *server*."""

    def make(server, prefix="", **hooks):
        routes = {toolbox.HOST: server.url + prefix}
        registries.append(Registry(modules={"acme": toolbox.module(**hooks)}, scan=False, routes=routes))
        return registries[-1].backend("acme")

    return make


def asking(toolbox, seen, path="/me", **options):
    async def authenticate(ctx, request):
        seen.append(await ctx.http.get(f"https://{toolbox.HOST}{path}", **options))
        return spec.Account(id="1", label="x")

    return authenticate


def posting(toolbox, path="/r", **options):
    async def push(ctx, request):
        await ctx.http.post(f"https://{toolbox.HOST}{path}", **options)
        verdicts = tuple(spec.Created(key=record.key, id=record.key) for record in request.records)
        return spec.PushReport(verdicts=verdicts)

    return push


LOST = {
    "html error": saying(b"HTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\n<p>"),
    "redirect": saying(b"HTTP/1.1 307 Go\r\nLocation: /landed\r\nContent-Length: 0\r\n\r\n"),
    "cut body": saying(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", close=True),
    "no answer": saying(close=True),
    "not http": saying(b"SMTP ready\r\n\r\n"),
    "brotli": saying(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx"),
    "bad gzip": saying(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"),
    "half gzip": saying(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: 5\r\n\r\n" + zlib.compress(b"{}" * 99)[:5]
    ),
    "two packings": saying(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: 1\r\n\r\nx"),
    "endless header": saying(b"HTTP/1.1 200 OK\r\nX-Long: ", *[b"x" * 65536] * 4),
}


@pytest.mark.parametrize("what", LOST)
def test_a_write_that_was_not_answered_properly_is_unknown_and_a_read_unavailable(at, toolbox, serving, what):
    seen = []
    backend = at(serving(LOST[what]), push=posting(toolbox), authenticate=asking(toolbox, seen))
    call = toolbox.call(deadline=timedelta(seconds=30))

    outcome = backend.push(call, toolbox.push_of(2))

    assert {item.verdict for item in outcome.verdicts.values()} == {"unknown"}
    assert call.wire.unknown_writes == 1
    if what == "html error":  # any status is the plugin's to read, and this one called it a success
        assert "without a 2xx answer" in str(outcome.fault)
        return
    assert isinstance(outcome.stopped_by, spec.OutcomeUnknown)
    assert outcome.fault is None
    with pytest.raises(spec.Unavailable) as caught:
        backend.authenticate(toolbox.call(), spec.AuthenticateRequest())
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
    ids=["body", "chunks", "hints"],
)
def test_a_server_that_never_comes_to_an_end_is_left_at_the_deadline(at, toolbox, serving, head, drop):
    """Each drop is within the read time-out, and there is always another: without the deadline this does not return."""
    backend = at(serving(dripping(head, drop)), authenticate=asking(toolbox, []))

    with pytest.raises(spec.Unavailable, match="did not come in time"):
        backend.authenticate(toolbox.call(deadline=timedelta(seconds=3)), spec.AuthenticateRequest())


def test_a_connection_that_is_refused_is_unavailable_and_nothing_was_sent(at, toolbox, serving):
    server = serving(saying())
    server.close()
    call = toolbox.call()

    outcome = at(server, push=posting(toolbox)).push(call, toolbox.push_of(2))

    assert {item.verdict for item in outcome.verdicts.values()} == {"not_stored"}
    assert isinstance(outcome.stopped_by, spec.Unavailable)
    assert (outcome.requests, call.wire.writes) == (0, 0)
    assert [entry.outcome for entry in call.wire.entries] == [Outcome.UNSENT]


def test_an_answer_over_the_cap_is_refused(at, toolbox, serving):
    chunk = b"x" * (1 << 20)
    count = DEFAULT_CAP // len(chunk) + 1
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (count * len(chunk))
    backend = at(serving(saying(head, *[chunk] * count)), authenticate=asking(toolbox, []))

    with pytest.raises(spec.Unavailable, match=f"larger than {DEFAULT_CAP} bytes"):
        backend.authenticate(toolbox.call(), spec.AuthenticateRequest())


def test_a_decompression_bomb_is_never_unpacked_past_the_cap(at, toolbox, serving):
    bomb = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    packed = b"".join(bomb.compress(b"\0" * (1 << 20)) for _ in range(64)) + bomb.flush()
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    server = serving(saying(head + packed))

    with pytest.raises(spec.Unavailable, match="larger than"):
        at(server, authenticate=asking(toolbox, [])).authenticate(toolbox.call(), spec.AuthenticateRequest())
    assert b"accept-encoding: identity\r\n" in server.heads[0].lower()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "x-gzip"])
def test_a_server_that_packs_its_answer_all_the_same_is_understood(at, toolbox, serving, encoding):
    window = zlib.MAX_WBITS | (16 if "gzip" in encoding else 0)
    packer = zlib.compressobj(wbits=window)
    packed = packer.compress('{"名": 1}'.encode()) + packer.flush()
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding.encode(), len(packed))
    seen = []

    at(serving(saying(head + packed)), authenticate=asking(toolbox, seen)).authenticate(
        toolbox.call(), spec.AuthenticateRequest()
    )

    assert seen[0].json() == {"名": 1}
    assert "content-encoding" not in seen[0].headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location",
    [
        "/landed",
        "https://api.acme.example/landed",
        "https://files.acme.example/landed",
        "//files.acme.example/landed",
        "http://files.acme.example/landed",
        "https://evil.example/",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
    ],
)
def test_redirects_are_not_followed_whatever_the_plugin_says(toolbox, registries, serving, status, location):
    """Not to the same host, not to another that the backend may reach, and not to one that it may not."""
    first = serving(
        saying(b"HTTP/1.1 %d Go\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, location.encode()))
    )
    second = serving(saying(OK))
    described = toolbox.manifest(hosts=(toolbox.HOST, "files.acme.example"))
    hooks = {
        "authenticate": asking(toolbox, [], follow_redirects=True),
        "push": posting(toolbox, follow_redirects=True),
    }
    routes = {toolbox.HOST: first.url, "files.acme.example": second.url}
    modules = {"acme": toolbox.module(described, **hooks)}
    registries.append(Registry(modules=modules, scan=False, routes=routes))
    backend = registries[0].backend("acme")

    with pytest.raises(spec.Unavailable, match=rf"redirect \({status}\), and redirects are not followed"):
        backend.authenticate(toolbox.call(), spec.AuthenticateRequest())
    outcome = backend.push(toolbox.call(), toolbox.push_of(1))

    assert isinstance(outcome.stopped_by, spec.OutcomeUnknown)
    assert (len(first.heads), second.connections) == (2, 0)


def test_cookies_are_not_kept_within_a_call_nor_between_calls(at, toolbox, serving):
    server = serving(saying(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: sid=canary; Path=/\r\n\r\n")))

    async def twice(ctx, request):
        await ctx.http.get(f"https://{toolbox.HOST}/a")
        await ctx.http.get(f"https://{toolbox.HOST}/b")
        return spec.Account(id="1", label="x")

    backend = at(server, authenticate=twice)
    backend.authenticate(toolbox.call(), spec.AuthenticateRequest())
    backend.authenticate(toolbox.call(), spec.AuthenticateRequest())

    assert len(server.heads) == 4
    assert not any(b"cookie" in head.lower() for head in server.heads)


def test_a_route_keeps_the_path_byte_for_byte_behind_its_prefix_and_the_plugin_does_not_notice(at, toolbox, serving):
    server = serving(saying(OK))
    seen = []
    path = "/k/v1/%2F..%3F/x?q=%22a%22&r=/../"

    at(server, prefix="/sim/t1/", authenticate=asking(toolbox, seen, path)).authenticate(
        toolbox.call(), spec.AuthenticateRequest()
    )

    assert server.heads[0].startswith(b"GET /sim/t1" + path.encode() + b" HTTP/1.1\r\n")
    assert b"\r\nhost: api.acme.example\r\n" in server.heads[0].lower()
    assert seen[0].request.url.scheme == "https"
    assert seen[0].url.host == toolbox.HOST


@pytest.mark.parametrize("path", ["/%2e%2e/secret", "/a/%2E%2E%2f%2e%2e/secret", "/a/..%5c../secret", "/./x/%2e/"])
def test_dot_segments_do_not_leave_a_routes_prefix(at, toolbox, serving, path):
    server = serving(saying(OK))

    with pytest.raises(spec.Unavailable, match="segments is not routed"):
        at(server, "/sim", authenticate=asking(toolbox, [], path)).authenticate(
            toolbox.call(), spec.AuthenticateRequest()
        )
    assert server.heads == []


def test_plain_dot_segments_are_resolved_before_the_prefix_is_put(at, toolbox, serving):
    server = serving(saying(OK))

    at(server, "/sim", authenticate=asking(toolbox, [], "/a/../../../secret")).authenticate(
        toolbox.call(), spec.AuthenticateRequest()
    )

    assert server.heads[0].startswith(b"GET /sim/secret HTTP/1.1\r\n")


def test_httpcores_side_doors_are_shut(at, toolbox, serving):
    server = serving(saying(OK))
    seen, traced = [], []

    async def trace(event, info):
        traced.append(event)

    doors = {"target": b"/../elsewhere", "sni_hostname": "evil.com", "trace": trace}
    headers = {"Host": "evil.com", "Accept-Encoding": "br"}
    at(server, "/sim", authenticate=asking(toolbox, seen, extensions=doors, headers=headers)).authenticate(
        toolbox.call(), spec.AuthenticateRequest()
    )

    assert server.heads[0].startswith(b"GET /sim/me HTTP/1.1\r\n")
    assert b"evil.com" not in server.heads[0]
    assert traced == []
    assert "network_stream" not in seen[0].extensions


def test_proxies_and_netrc_of_the_environment_are_not_used(at, toolbox, serving, monkeypatch, tmp_path):
    server = serving(saying(OK))
    netrc = tmp_path / "netrc"
    netrc.write_text("default login a password canary\n")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NETRC", str(netrc))

    at(server, authenticate=asking(toolbox, [])).authenticate(toolbox.call(), spec.AuthenticateRequest())

    assert b"authorization" not in server.heads[0].lower()


def test_connections_are_kept_for_one_connection_alone(at, toolbox, serving):
    server = serving(saying(OK))
    backend = at(server, authenticate=asking(toolbox, []))

    def ask(**changes):
        backend.authenticate(toolbox.call(**changes), spec.AuthenticateRequest())
        return server.connections

    assert [ask(), ask(), ask()] == [1, 1, 1]
    assert ask(connection="c2") == 2
    assert ask(fresh_connection=True) == 3
    assert ask() == 3
    assert [ask(connection=""), ask(connection="")] == [4, 5]  # settings that are not stored yet


def test_an_idle_connection_that_the_server_closed_is_opened_again(at, toolbox, serving):
    async def once(server, head, writer):
        writer.write(OK)
        await writer.drain()
        writer.close()

    server = serving(once)
    backend = at(server, authenticate=asking(toolbox, []))

    for _ in range(3):
        backend.authenticate(toolbox.call(), spec.AuthenticateRequest())
        time.sleep(0.02)
    assert server.connections == 3


def test_the_wire_log_and_all_logs_hold_no_query_header_or_body(at, toolbox, serving, caplog):
    server = serving(saying(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: sid=canary-answer\r\n\r\n")))
    options = {
        "path": "/me?token=canary-query",
        "headers": {"X-Token": "canary-header"},
        "json": {"name": "canary-body"},
    }
    call = toolbox.call()

    with caplog.at_level(logging.DEBUG):
        at(server, push=posting(toolbox, **options)).push(call, toolbox.push_of(1))

    entry = call.wire.entries[0]
    assert (entry.kind, entry.method, entry.host, entry.path) == ("write", "POST", toolbox.HOST, "/me")
    assert (entry.status, entry.outcome) == (200, Outcome.ANSWERED)
    assert entry.ms > 0
    assert "canary" not in caplog.text + repr(call) + repr(call.wire)


def test_other_users_of_httpx_keep_their_log_lines(at, toolbox, serving, caplog):
    server = serving(saying(OK))
    at(server, authenticate=asking(toolbox, [])).authenticate(toolbox.call(), spec.AuthenticateRequest())

    with caplog.at_level(logging.INFO, "httpx"), httpx.Client(trust_env=False) as client:
        client.get(server.url)

    assert "HTTP Request: GET" in caplog.text


ADDRESSES = {
    "dotted": "127.0.0.1",
    "decimal": "2130706433",
    "hexadecimal": "0x7f000001",
    "hexadecimal parts": "0x7f.0x0.0x0.0x1",
    "octal": "017700000001",
    "octal parts": "0177.0.0.01",
    "two parts": "127.1",
    "three parts": "127.0.1",
    "mixed": "0x7f.1",
    "unspecified": "0",
    "trailing dot": "127.0.0.1.",
    "public all the same": "8.8.8.8",
    "private": "10.0.0.1",
    "carrier": "100.64.0.1",
    "multicast": "224.0.0.1",
    "metadata": "169.254.169.254",
    "metadata in hexadecimal": "0xa9fea9fe",
    "metadata in decimal": "2852039166",
    "metadata in octal": "0251.0376.0251.0376",
    "loopback 6": "[::1]",
    "unspecified 6": "[::]",
    "mapped": "[::ffff:127.0.0.1]",
    "mapped in hexadecimal": "[::ffff:7f00:1]",
    "compatible": "[::127.0.0.1]",
    "NAT64": "[64:ff9b::7f00:1]",
    "local NAT64": "[64:ff9b:1::7f00:1]",
    "6to4": "[2002:7f00:1::]",
    "Teredo": "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
    "multicast 6": "[ff02::1]",
    "unique local": "[fd00:ec2::254]",
    "link local": "[fe80::1]",
    "zone": "[fe80::1%25eth0]",
    "site local": "[fec0::1]",
    "public 6 all the same": "[2606:4700:4700::1111]",
}

FOREIGN = [
    "http://api.acme.example/",
    "HTTP://API.ACME.EXAMPLE/",
    "http://api.acme.example:443/",
    "ftp://api.acme.example/",
    "ws://api.acme.example/",
    "wss://api.acme.example/",
    "file:///etc/passwd",
    "https://evil.example/",
    "https://localhost/",
    "https://api.acme.example:8443/",
    "https://api.acme.example:80/",
    "https://api.acme.example:22/",
    "https://api.acme.example:0/",
    "https://user:canary@api.acme.example/",
    "https://canary@api.acme.example/",
    "https://:canary@api.acme.example/",
    "https://api.acme.example@evil.example/",
    "https://api.acme.example./",
    "https://.api.acme.example/",
    "https://sub.api.acme.example/",
    "https://api.acme.example.evil.example/",
    "https://api.acme.example%2eevil.example/",
    "https://api.acme.example%00.evil.example/",
    "https://api.acme.example\\.evil.example/",
    "https://api.acme.example,evil.example/",
    "https://%31%32%37.0.0.1/",
    "https://１２７.0.0.1/",
    "https://①②⑦.0.0.1/",
    "https://ａｐｉ.acme.example/",
    "https://api.acme.example\t.evil.example/",
    "https://api.acme.example:99999/",
    "https://[api.acme.example]/",
    "api.acme.example/",
    "/relative",
    "",
]


@pytest.mark.parametrize("url", [*FOREIGN, *(f"https://{address}/" for address in ADDRESSES.values())])
def test_what_is_not_allowed_is_not_sent(acme, toolbox, wire, url):
    async def strays(ctx, request):
        await ctx.http.post(url)

    async def looks_around(ctx, request):
        await ctx.http.get(url)

    call = toolbox.call()
    backend = acme(push=strays, authenticate=looks_around)
    outcome = backend.push(call, toolbox.push_of(1))
    with pytest.raises(spec.Unavailable, match="Not sent: ") as refused:
        backend.authenticate(call, spec.AuthenticateRequest())

    assert type(outcome.stopped_by) is spec.Unavailable
    assert outcome.verdicts["k0"].verdict == "not_stored"
    assert "canary" not in f"{outcome.stopped_by} {refused.value}"
    assert (wire.requests, call.wire.entries) == ([], [])


@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
def test_methods_that_no_api_needs_are_refused(acme, toolbox, wire, method):
    async def strays(ctx, request):
        await ctx.http.request(method, f"https://{toolbox.HOST}/")

    assert "not allowed" in str(acme(push=strays).push(toolbox.call(), toolbox.push_of(1)).stopped_by)
    assert wire.requests == []


@pytest.mark.parametrize(
    ("error", "unsent"),
    [
        (httpx.ConnectError("x"), True),
        (httpx.ConnectTimeout("x"), True),
        (httpx.PoolTimeout("x"), True),
        (httpx.ReadTimeout("x"), False),
        (httpx.WriteTimeout("x"), False),
        (httpx.WriteError("x"), False),
        (httpx.ReadError("x"), False),
        (httpx.RemoteProtocolError("Server disconnected without sending a response"), False),
        (httpx.LocalProtocolError("canary"), False),
        (httpx.ProxyError("x"), False),
        (OSError("canary"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_a_failed_connection_proves_that_nothing_was_sent(acme, toolbox, wire, error, unsent):
    def fails(request):
        raise error

    wire.answer = fails
    backend = acme(push=posting(toolbox))

    outcome = backend.push(toolbox.call(), toolbox.push_of(1))
    with pytest.raises(spec.Unavailable) as caught:
        backend.authenticate(toolbox.call(), spec.AuthenticateRequest())

    assert outcome.verdicts["k0"].verdict == ("not_stored" if unsent else "unknown")
    assert type(outcome.stopped_by) is (spec.Unavailable if unsent else spec.OutcomeUnknown)
    assert "canary" not in str(outcome.stopped_by) + str(caught.value)


def test_json_answers_that_are_none_are_unknown_after_a_write_and_unavailable_after_a_read(acme, toolbox, wire):
    wire.answer = lambda request: httpx.Response(200, html="<p>login</p>")

    async def reads(ctx, request):
        spec.json_answer(await ctx.http.post(f"https://{toolbox.HOST}/search"))

    backend = acme(authenticate=reads)

    outcome = backend.push(toolbox.call(), toolbox.push_of(1))
    assert isinstance(outcome.stopped_by, spec.OutcomeUnknown)
    assert outcome.verdicts["k0"].verdict == "unknown"
    with pytest.raises(spec.Unavailable, match="not JSON"):
        backend.authenticate(toolbox.call(), spec.AuthenticateRequest())


def test_an_injected_answer_that_was_cut_is_seen(acme, toolbox, wire):
    wire.answer = lambda request: httpx.Response(
        200, headers={"content-length": "99"}, stream=httpx.ByteStream(b'{"ids": [1]}')
    )

    outcome = acme().push(toolbox.call(), toolbox.push_of(1))

    assert "cut off after 12 of 99 bytes" in str(outcome.stopped_by)
    assert outcome.verdicts["k0"].verdict == "unknown"


def test_the_lease_is_looked_at_again_when_connecting_took_long(at, toolbox, serving, monkeypatch):
    from renkei.plugins import NotSent, guard

    server = serving(saying(OK))
    looks = []

    def before_send():
        looks.append(1)
        if len(looks) == 2:
            raise NotSent("lost while connecting")

    monkeypatch.setattr(guard, "_FRESH_SECONDS", -1.0)
    outcome = at(server, push=posting(toolbox)).push(toolbox.call(before_send=before_send), toolbox.push_of(1))

    assert str(outcome.not_sent) == "lost while connecting"
    assert outcome.verdicts["k0"].verdict == "not_stored"
    assert server.heads == []


def test_uploads_are_streamed(at, toolbox, serving):
    server = serving(saying(OK))

    async def parts():
        for _ in range(3):
            yield b"x" * 10

    async def push(ctx, request):
        headers = {"content-length": "30"}
        await ctx.http.post(f"https://{toolbox.HOST}/f", content=parts(), headers=headers, extensions=spec.carrying([]))
        return spec.PushReport(verdicts=(spec.NotStored(key="k0"),))

    outcome = at(server, push=push).push(toolbox.call(), toolbox.push_of(1))

    assert (outcome.fault, outcome.requests) == (None, 1)
    assert outcome.verdicts["k0"].verdict == "not_stored"
