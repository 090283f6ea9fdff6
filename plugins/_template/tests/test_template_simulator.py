from __future__ import annotations

import asyncio

import httpx
import pytest

from renkei_template.simulator import SAMPLE_SETTINGS, Atelier, Fault, serve


@pytest.fixture(scope="module")
def served():
    atelier = Atelier()
    with serve(atelier) as url:
        yield atelier, url


@pytest.fixture
def atelier(served):
    served[0].reset()
    return served[0]


@pytest.fixture
def http(atelier, served):
    with httpx.Client(base_url=served[1], trust_env=False) as client:
        form = SAMPLE_SETTINGS | {"grant_type": "client_credentials"}
        token = client.post("/oauth/token", data=form).json()["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        yield client


def store(http, **values):
    return http.post("/v2/tables/inquiries/records", json={"values": {"subject": "x"} | values})


def test_it_serves_on_loopback_on_a_port_of_its_own(atelier, http):
    assert http.base_url.host == "127.0.0.1"
    assert store(http).status_code == 201
    assert len(atelier.records("inquiries")) == 1


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"nowhere": 1}, "unknown_field"),
        ({"serial": 1}, "read_only_field"),
        ({"subject": "a" * 201}, "too_long"),
        ({"subject": None}, "wrong_type"),
        ({"replies": True}, "wrong_type"),
        ({"replies": 10_000}, "out_of_range"),
        ({"amount": 1.5}, "wrong_type"),
        ({"amount": "1.23456"}, "too_precise"),
        ({"due": "2023-02-29"}, "bad_time"),
        ({"happened_at": "2024-01-01 00:00"}, "bad_time"),
        ({"channel": "fax"}, "unknown_choice"),
        ({"labels": "vip"}, "wrong_type"),
        ({"sender": "x"}, "bad_mail"),
        ({"page": "x"}, "bad_link"),
    ],
)
def test_it_refuses_what_a_field_cannot_hold_by_code_and_field(atelier, http, values, code):
    answer = store(http, **values)

    assert answer.status_code == 422
    assert (answer.json()["error"]["code"], answer.json()["error"]["field"]) == (code, next(iter(values)))
    assert atelier.records("inquiries") == []


def test_it_refuses_a_missing_required_field_an_unknown_table_and_an_oversize_body(http):
    missing = http.post("/v2/tables/inquiries/records", json={"values": {}})
    unknown = http.post("/v2/tables/nowhere/records", json={"values": {}})
    oversize = store(http, body="x" * 70_000)

    assert (missing.status_code, missing.json()["error"]["code"]) == (422, "required")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_table")
    assert oversize.status_code == 413


def test_it_refuses_bad_and_expired_credentials(atelier, http):
    form = SAMPLE_SETTINGS | {"grant_type": "client_credentials", "client_secret": "not-this-one"}

    assert http.post("/oauth/token", data=form).status_code == 401
    assert http.get("/v2/rooms", headers={"authorization": "Bearer nobody"}).status_code == 401
    atelier.expire_tokens()
    assert http.get("/v2/rooms").json()["error"]["code"] == "token_expired"


def test_faults_come_over_http_as_well_and_reset_takes_them_away(atelier, http):
    fault = {"kind": "too_many_requests", "after": 1, "times": 2, "retry_after": "3"}

    assert http.post("/_simulator/faults", json=fault).json() == {"ok": True}
    answers = [store(http) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [201, 429, 429, 201]
    assert answers[1].headers["retry-after"] == "3"
    assert len(http.get("/_simulator/records/inquiries").json()) == 2
    http.post("/_simulator/reset")
    assert atelier.records("inquiries") == []


@pytest.mark.parametrize("fault", [{"kind": "flood"}, {"kind": "reset", "on": "sunday"}, {"when": "now"}, 7])
def test_a_fault_that_does_not_exist_is_refused(http, fault):
    assert http.post("/_simulator/faults", json=fault).status_code == 400


@pytest.mark.parametrize("applied", [True, False])
def test_a_reset_cuts_a_real_connection(atelier, http, applied):
    atelier.fail(Fault(kind="reset", applied=applied))

    with pytest.raises(httpx.RemoteProtocolError):
        store(http)

    assert len(atelier.records("inquiries")) == applied


def test_the_back_door_takes_fields_and_tokens_away(http):
    assert http.delete("/_simulator/fields/inquiries/body").json() == {"ok": True}
    assert store(http, body="x").json()["error"]["code"] == "unknown_field"
    http.post("/_simulator/revoke")
    assert http.get("/v2/rooms").json()["error"]["code"] == "invalid_token"
    assert http.post("/_simulator/nothing").status_code == 404


def test_two_simulators_do_not_see_each_other(http):
    with serve(Atelier()) as url:
        answer = httpx.get(f"{url}/v2/rooms", headers=http.headers, trust_env=False)

    assert answer.status_code == 401


def test_the_plugin_works_against_the_real_server(world, served, atelier, records):
    world.wire.inner = _Routed(served[1])

    report = world.push(records(2))

    assert [verdict.verdict for verdict in report.verdicts] == ["created", "created"]
    assert len(atelier.records("inquiries")) == 2


class _Routed(httpx.AsyncBaseTransport):
    """Sends what is meant for the public host to loopback, as core's routes do."""

    def __init__(self, url: str) -> None:
        self.url = httpx.URL(url)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        target = self.url.copy_with(raw_path=request.url.raw_path)
        async with httpx.AsyncHTTPTransport() as transport:
            body = await request.aread()
            headers = [(key, value) for key, value in request.headers.raw if key.lower() != b"host"]
            sent = httpx.Request(request.method, target, headers=headers, content=body)
            response = await transport.handle_async_request(sent)
            return httpx.Response(response.status_code, headers=response.headers, content=await response.aread())


def test_it_serves_a_program_that_has_an_event_loop_of_its_own():
    async def inside():
        with serve(Atelier()) as url:
            async with httpx.AsyncClient(trust_env=False) as client:
                return (await client.get(f"{url}/v2/rooms")).status_code

    assert asyncio.run(inside()) == 401
