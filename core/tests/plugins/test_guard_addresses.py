from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl

import httpcore
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renkei import spec
from renkei.plugins.addresses import is_literal, is_public
from renkei.plugins.hosts import AllowedHosts, HostPattern, Refused, read_self_hosted
from renkei.plugins.pinning import AddressRefused, PinnedNetwork, PinnedTransport

INWARDS = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.0.9", "192.0.0.170", "192.0.2.1", "192.88.99.1",
    "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::1",
    "::", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::a00:1", "64:ff9b:1::1",
    "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1",
    "2001:db8::1", "2002:a00:1::", "2002:808:808::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1",
    "fe80::1%eth0", "fec0::1", "feff::1", "fd20:ce::254", "ff02::1", "ff0e::1", "4000::1",
    "100.100.100.200", "168.63.129.16", "192.0.0.192", "100.127.255.255", "not-an-address",
]  # fmt: skip

PUBLIC = ["8.8.8.8", "1.1.1.1", "103.79.14.1", "2606:4700:4700::1111", "2001:4860:4860::8888", "2400:cb00::1"]


@pytest.mark.parametrize("address", INWARDS)
def test_an_address_that_leads_inwards_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_ordinary_address_is_public(address):
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_is_public_in_an_ipv6_disguise(address):
    number = int(address)
    disguises = [number, 0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80]

    assert not any(is_public(str(ipaddress.IPv6Address(disguise))) for disguise in disguises)


@given(st.ip_addresses())
def test_what_is_public_is_global_unicast(address):
    if is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast


NUMBERS = [
    "127.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "::1", "a.0x7F", "1.2.3.4.", "a.1",
    "0", "0x", "017700000001", "127.0.1", "0xa9fea9fe", "::ffff:7f00:1", "[::1]", "1.2.3.4.5",
]  # fmt: skip


@pytest.mark.parametrize("host", NUMBERS)
def test_a_number_in_any_notation_is_an_address(host):
    assert is_literal(host)


@pytest.mark.parametrize("host", ["a.example", "1a.example", "0x7f.example", "xn--wgv71a.example"])
def test_a_name_is_not_an_address(host):
    assert not is_literal(host)


ALLOWED = AllowedHosts(named=(HostPattern("*.crm.example"), HostPattern("api.acme.example")))


@pytest.mark.parametrize(
    "url", ["https://a.crm.example/", "https://a.b.crm.example:443/x", "https://API.acme.example/"]
)
def test_hosts_of_the_manifest_are_admitted(url):
    assert ALLOWED.admit(httpx.URL(url))


@pytest.mark.parametrize(
    "url",
    [
        "http://a.crm.example/",
        "https://crm.example/",
        "https://a.crm.example.evil.com/",
        "https://acrm.example/",
        "https://evil.com/",
        "https://sub.api.acme.example/",
        "https://a.crm.example:8443/",
        "https://a.crm.example:80/",
        "https://a.crm.example:0/",
        "https://a.crm.example:65535/",
        "https://user:word@a.crm.example/",
        "https://user@a.crm.example/",
        "https://a.crm.example./",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::1]/",
        "https://a.crm.example@evil.com/",
        "https://evil.com#.crm.example",
        "https://evil.com/.crm.example",
        "https://evil.com\\.crm.example/",
        "wss://a.crm.example/",
        "/relative",
    ],
)
def test_everything_else_is_refused(url):
    with pytest.raises(Refused):
        ALLOWED.admit(httpx.URL(url))


def test_an_operator_opens_hosts_ports_and_networks_for_a_self_hosted_backend_alone(toolbox):
    opened = ("crm.corp.example:8443", "10.1.0.0/16")
    plain = AllowedHosts.of(toolbox.manifest(), opened)
    own = AllowedHosts.of(toolbox.manifest(self_hosted=True, hosts=()), opened)

    with pytest.raises(Refused):
        plain.admit(httpx.URL("https://crm.corp.example:8443/"))
    assert own.admit(httpx.URL("https://crm.corp.example:8443/")) == "crm.corp.example"
    with pytest.raises(Refused):
        own.admit(httpx.URL("https://crm.corp.example/"))
    assert own.tolerates("crm.corp.example", 8443, "10.1.2.3")
    assert not own.tolerates("crm.corp.example", 8443, "10.2.0.1")
    assert not own.tolerates("crm.corp.example", 8443, "::1")
    assert not own.tolerates("crm.corp.example", 443, "10.1.2.3")
    assert read_self_hosted(["*.corp.example"])[0] == (HostPattern("*.corp.example"),)


def connect(network, host, port=443):
    async def run():
        stream = await network.connect_tcp(host, port, timeout=2)
        address = stream.get_extra_info("server_addr")[0]
        await stream.aclose()
        return address

    return asyncio.run(run())


def resolving(*addresses):
    async def resolver(host, port):
        return list(addresses)

    return resolver


@pytest.mark.parametrize(
    "addresses",
    [["10.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["2606:4700:4700::1111", "::ffff:10.0.0.1"], ["169.254.169.254"]],
)
def test_a_name_with_one_address_that_is_not_public_is_not_connected(addresses):
    with pytest.raises(AddressRefused, match=r"'a\.crm\.example' leads to an address that is not public"):
        connect(PinnedNetwork(ALLOWED, resolver=resolving(*addresses)), "a.crm.example")


@pytest.mark.parametrize("address", [address for address in INWARDS if address != "not-an-address"])
def test_a_name_that_leads_inwards_is_not_connected_wherever_it_leads(address):
    network = PinnedNetwork(ALLOWED, resolver=resolving(address))

    with pytest.raises(AddressRefused) as refused:
        connect(network, "a.crm.example")
    assert address not in str(refused.value)  # what the inside looks like is nobody's business


def test_a_name_that_comes_to_lead_elsewhere_is_judged_anew_for_each_connection(serving):
    async def serve(server, head, writer): ...

    server = serving(serve)
    answers = iter([["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1", "10.0.0.1"], ["127.0.0.1"]])

    async def rebinds(host, port):
        return next(answers)

    patterns, networks = read_self_hosted([f"a.crm.example:{server.port}", "127.0.0.1/32"])
    network = PinnedNetwork(AllowedHosts(named=(), operators=patterns, networks=networks), resolver=rebinds)

    assert connect(network, "a.crm.example", server.port) == "127.0.0.1"
    for _ in range(2):
        with pytest.raises(AddressRefused):
            connect(network, "a.crm.example", server.port)
    assert connect(network, "a.crm.example", server.port) == "127.0.0.1"


def test_the_judged_address_is_connected_and_the_name_is_not_asked_again(serving):
    async def serve(server, head, writer): ...

    server = serving(serve)
    asked = []

    async def rebinds(host, port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["8.8.8.8"]

    patterns, networks = read_self_hosted([f"a.crm.example:{server.port}", "127.0.0.0/8"])
    allowed = AllowedHosts(named=(), operators=patterns, networks=networks)
    address = connect(PinnedNetwork(allowed, resolver=rebinds), "a.crm.example", server.port)

    assert (asked, address) == (["a.crm.example"], "127.0.0.1")


def test_an_address_that_does_not_answer_is_passed_over(serving):
    async def serve(server, head, writer): ...

    server = serving(serve)
    patterns, networks = read_self_hosted([f"a.crm.example:{server.port}", "127.0.0.0/8"])
    allowed = AllowedHosts(named=(), operators=patterns, networks=networks)

    network = PinnedNetwork(allowed, resolver=resolving("127.0.0.9", "127.0.0.1"))

    assert connect(network, "a.crm.example", server.port) == "127.0.0.1"


def test_a_name_that_cannot_be_resolved_is_not_connected():
    async def fails(host, port):
        raise socket.gaierror(-2, "unknown")

    with pytest.raises(httpcore.ConnectError, match="cannot be resolved"):
        connect(PinnedNetwork(ALLOWED, resolver=fails), "a.crm.example")
    with pytest.raises(httpcore.ConnectError, match="no address"):
        connect(PinnedNetwork(ALLOWED, resolver=resolving()), "a.crm.example")


def test_a_resolver_that_hangs_is_a_connect_timeout():
    async def hangs(host, port):
        await asyncio.sleep(30)

    async def run():
        await PinnedNetwork(ALLOWED, resolver=hangs).connect_tcp("a.crm.example", 443, timeout=0.02)

    with pytest.raises(httpcore.ConnectTimeout):
        asyncio.run(run())


def test_a_name_that_resolves_to_this_machine_reaches_the_plugin_as_unavailable(toolbox, registries, monkeypatch):
    from renkei.plugins import Registry

    def getaddrinfo(host, port, *args, **kwargs):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    registries.append(Registry(modules={"acme": toolbox.module()}, scan=False))
    call = toolbox.call()

    with pytest.raises(spec.Unavailable, match="leads to an address that is not public"):
        registries[0].backend("acme").authenticate(call, spec.AuthenticateRequest())
    assert (call.wire.requests, len(call.wire.entries)) == (0, 1)


def test_the_pool_of_httpx_is_ours():
    """`httpx` has no public argument for it; this holds the private place that `PinnedTransport` fills."""
    plain = httpx.AsyncHTTPTransport()
    ours = PinnedTransport(PinnedNetwork(ALLOWED), ssl_context=ssl.create_default_context(), connections=3)

    assert vars(plain).keys() == vars(ours).keys() == {"_pool"}
    assert isinstance(ours._pool._network_backend, PinnedNetwork)
    assert (ours._pool._max_connections, ours._pool._retries, ours._pool._proxy) == (3, 0, None)
