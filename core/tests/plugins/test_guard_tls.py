"""Pinning leaves TLS as it is: the name in the URL is the one that is asked for and checked."""

from __future__ import annotations

import datetime
import socket
import ssl

import pytest
import vcr
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from renkei import spec
from renkei.plugins import Registry

NAMES = ("a.corp.example", "b.corp.example")


async def serve(server, head, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    await writer.drain()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for two names, as a file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "corp.example")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in NAMES]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    file.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def secure(serving, certificate, monkeypatch):
    """A TLS server on this machine that every name leads to; notes which names were asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    asked = []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    server = serving(serve, context)
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, port, *_, **__: [(socket.AF_INET, 1, 6, "", ("127.0.0.1", port))]
    )
    server.asked = asked
    return server


def backend(toolbox, registries, server, host, context=None):
    async def authenticate(ctx, request):
        for name in host:
            await ctx.http.get(f"https://{name}:{server.port}/me")
        return spec.Account(id="1", label="x")

    described = toolbox.manifest(self_hosted=True, hosts=())
    allowed = {"acme": [f"*.corp.example:{server.port}", "127.0.0.0/8"]}
    modules = {"acme": toolbox.module(described, authenticate=authenticate)}
    registries.append(Registry(modules=modules, scan=False, self_hosted=allowed, ssl_context=context))
    return registries[-1].backend("acme")


def test_two_names_on_one_address_have_each_their_own_connection_and_name(toolbox, registries, secure, certificate):
    context = ssl.create_default_context(cafile=certificate)

    backend(toolbox, registries, secure, NAMES, context).authenticate(toolbox.call(), spec.AuthenticateRequest())

    assert secure.asked == list(NAMES)
    hosts = [head.lower().split(b"host: ")[1].split(b"\r\n")[0] for head in secure.heads]
    assert hosts == [f"{name}:{secure.port}".encode() for name in NAMES]


@pytest.mark.parametrize(("name", "trusted"), [("a.corp.example", False), ("c.corp.example", True)])
def test_a_certificate_that_is_not_accepted_means_that_nothing_was_sent(
    toolbox, registries, secure, certificate, name, trusted
):
    context = ssl.create_default_context(cafile=certificate) if trusted else None
    call = toolbox.call()

    with pytest.raises(spec.Unavailable, match="certificate is not accepted"):
        backend(toolbox, registries, secure, [name], context).authenticate(call, spec.AuthenticateRequest())
    assert call.wire.requests == 0
    assert secure.heads == []


def test_a_recorder_sees_the_transport_and_a_replay_asks_neither_server_nor_resolver(
    toolbox, registries, secure, certificate, tmp_path, monkeypatch
):
    context = ssl.create_default_context(cafile=certificate)
    cassette = tmp_path / "cassette.yaml"
    asked = backend(toolbox, registries, secure, NAMES[:1], context)

    with vcr.use_cassette(str(cassette), record_mode="once"):
        asked.authenticate(toolbox.call(), spec.AuthenticateRequest())
    secure.close()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("a name was resolved"))
    with vcr.use_cassette(str(cassette), record_mode="none"):
        asked.authenticate(toolbox.call(fresh_connection=True), spec.AuthenticateRequest())

    assert len(secure.heads) == 1
    assert f"https://a.corp.example:{secure.port}/me" in cassette.read_text()
    assert "127.0.0.1" not in cassette.read_text()
