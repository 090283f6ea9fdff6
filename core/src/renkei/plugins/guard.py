"""The guarded client: what a plugin may send, where to, how long and how large, and what is known of it afterwards.

The layers, outermost first:

    GuardedClient → Guard (hosts, deadline, cap, wire log, routes) → fault injector or recorder of a test
    → PinnedTransport → httpcore's pool → PinnedNetwork (resolve, judge, connect)

It is a guard, not a sandbox: Python code that wants to can open a socket of its own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, NoReturn

import httpx

from renkei.plugins.bodies import DEFAULT_CAP, BadBody, read_body
from renkei.plugins.deadline import Deadline
from renkei.plugins.faults import NotSent
from renkei.plugins.hosts import AllowedHosts, Refused
from renkei.plugins.pinning import AddressRefused
from renkei.plugins.routes import Routes
from renkei.plugins.wire import Entry, Outcome, WireLog
from renkei.spec import BackendError, Manifest, OutcomeUnknown, Refusal, Unavailable

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_FORBIDDEN = frozenset({"CONNECT", "TRACE"})
_OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override")
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

_CONNECT_SECONDS = 10.0

# A look at the lease is good for this long; a connection that took longer to open has it looked at again.
_FRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardRules:
    """What the guard of one backend enforces."""

    hosts: AllowedHosts
    routes: Routes
    refusals: tuple[Refusal, ...]
    cap: int = DEFAULT_CAP

    @classmethod
    def of(cls, manifest: Manifest, hosts: AllowedHosts, routes: Routes) -> GuardRules:
        """The rules of *manifest*."""
        return cls(hosts=hosts, routes=routes, refusals=manifest.refusals)


@dataclass(slots=True, kw_only=True)
class Gate:
    """One call's permission to send. Shut when the call is over, from whatever thread: nothing leaves after it.

    Attributes:
        writing: whether this call's requests are writes unless they are GET, HEAD or OPTIONS (`crm_push`).
        held_back: the `NotSent` that stopped it.
        entries: this call's requests.
    """

    wire: WireLog
    deadline: Deadline
    writing: bool
    before_send: Callable[[], None] | None = None
    held_back: NotSent | None = None
    entries: list[Entry] = field(default_factory=list)
    _open: bool = True
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, entry: Entry) -> None:
        """Look before one request leaves, and note it.

        Raises:
            NotSent: the lease or the budget is gone. All later requests of the call are held back as well.
            Refused: the call is over.
        """
        self.look()
        with self._lock:
            self._require_time()
            self.entries.append(entry)
            self.wire.entries.append(entry)

    def look(self) -> None:
        """Ask `before_send`, and remember a refusal."""
        if self.held_back is None and self.before_send is not None:
            try:
                self.before_send()
            except NotSent as error:
                self.held_back = error
            except Exception as error:  # without a look at the lease nothing may leave
                self.held_back = NotSent(f"looking before a request failed with {type(error).__name__}")
        if self.held_back is not None:
            raise self.held_back

    def shut(self) -> None:
        """Let nothing leave any more."""
        with self._lock:
            self._open = False

    def sent(self) -> bool:
        """Whether a write has begun."""
        return any(entry.kind == "write" and entry.outcome is not Outcome.UNSENT for entry in self.entries)

    def _require_time(self) -> None:
        if not self._open:
            raise Refused("the call is over")
        if self.deadline.remaining() <= 0:
            raise Refused("the call's time is over")


class Guard(httpx.AsyncBaseTransport):
    """One call's transport: checks each request, reads its answer whole, and says what is known of it.

    Raises our errors alone: `Unavailable` where nothing was sent or a read failed, `OutcomeUnknown` where a write
    may have been applied, `NotSent` where core held it back. Each is raised without a cause, because httpx's
    exceptions carry the request.
    """

    def __init__(self, rules: GuardRules, gate: Gate, transport: httpx.AsyncBaseTransport) -> None:
        self._rules = rules
        self._gate = gate
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request* where it is allowed, and return its complete answer, whatever the status."""
        write = self._gate.writing and not _reads(request)
        request.extensions["renkei.write"] = write  # what `spec.json_answer` reads
        try:
            inner = self._prepare(request)
            entry = _note(request, write)
            self._gate.begin(entry)
        except Refused as refused:
            problem = Unavailable("refused", f"Not sent: {refused}.")
        else:
            return await self._exchange(request, inner, entry)
        raise problem

    def _prepare(self, request: httpx.Request) -> httpx.Request:
        """The request as it leaves: routed, with our own Host and encoding, and none of httpx's side doors.

        httpcore's `extensions` could change the target, the name in the certificate check, or see the headers.
        """
        host = self._rules.hosts.admit(request.url)
        if request.method in _FORBIDDEN:
            raise Refused(f"the method {request.method} is not allowed")
        route = self._rules.routes.get(host)
        headers = request.headers.copy()
        headers["host"] = request.url.netloc.decode("ascii")
        headers["accept-encoding"] = "identity"
        return httpx.Request(
            request.method,
            route.lead(request.url) if route else request.url,
            headers=headers,
            stream=request.stream,
        )

    async def _exchange(self, request: httpx.Request, inner: httpx.Request, entry: Entry) -> httpx.Response:
        clock = asyncio.get_running_loop().time
        left_at = clock()
        inner.extensions = {"timeout": self._timeouts(request), "trace": self._trace(left_at)}
        problem: BackendError
        try:
            async with asyncio.timeout(self._gate.deadline.remaining()):
                answer = await self._transport.handle_async_request(inner)
                try:
                    entry.status = answer.status_code
                    body = await read_body(answer, head=inner.method == "HEAD", cap=self._rules.cap)
                finally:
                    await answer.aclose()
            entry.outcome = self._judge(answer.status_code, body)
        except _UNSENT as error:
            entry.outcome = Outcome.UNSENT
            problem = Unavailable("not_connected", f"No connection to {entry.host!r}: {_why(error)}.")
        except NotSent:
            entry.outcome = Outcome.UNSENT
            raise
        except TimeoutError:
            problem = _lost(entry, "the answer did not come in time")
        except BadBody as error:
            problem = _lost(entry, str(error))
        except BackendError as error:  # a file that could not be read while it was being sent
            problem = _lost(entry, error.message)
        except httpx.HTTPError as error:
            problem = _lost(entry, f"the connection failed ({type(error).__name__})")
        except Exception as error:
            problem = _lost(entry, f"sending failed ({type(error).__name__})")
        else:
            if 300 <= answer.status_code < 400:
                _redirected(entry, answer.status_code)
            return _plain(answer, body)
        finally:
            entry.ms = (clock() - left_at) * 1000
        raise problem

    def _judge(self, status: int, body: bytes) -> Outcome:
        if 200 <= status < 300:
            return Outcome.ANSWERED
        if 400 <= status < 500 or any(refusal.describes(status, body) for refusal in self._rules.refusals):
            return Outcome.REFUSED
        return Outcome.UNKNOWN

    def _timeouts(self, request: httpx.Request) -> dict[str, float]:
        remaining = self._gate.deadline.remaining()
        asked: dict[str, float | None] = request.extensions.get("timeout") or {}

        def least(phase: str, most: float) -> float:
            own = asked.get(phase)
            return most if own is None else min(own, most)

        # Connecting ends before the deadline does, so that it is seen for what it is: nothing was sent.
        return {
            "connect": least("connect", min(_CONNECT_SECONDS, remaining * 0.8)),
            "pool": least("pool", remaining * 0.9),
            "read": least("read", remaining),
            "write": least("write", remaining),
        }

    def _trace(self, looked_at: float) -> Callable[[str, dict[str, Any]], Any]:
        clock = asyncio.get_running_loop().time

        async def look_again(event: str, _info: dict[str, Any]) -> None:
            if event.endswith("send_request_headers.started") and clock() - looked_at > _FRESH_SECONDS:
                self._gate.look()

        return look_again


class GuardedClient(httpx.AsyncClient):
    """The client in `ctx.http`: an `httpx.AsyncClient` without redirects, cookies, proxies, or other ways out.

    Made for one call: what a plugin sets on it is gone with the call.
    """

    def __init__(self, guard: Guard) -> None:
        super().__init__(
            transport=guard,
            trust_env=False,
            follow_redirects=False,
            timeout=None,  # the guard sets each phase from the call's deadline
            headers={"user-agent": "renkei", "accept-encoding": "identity"},
            # An object that keeps nothing: a jar would carry what one answer set into the next request.
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        )

    def build_request(self, method: str, url: httpx.URL | str, **options: Any) -> httpx.Request:
        """Make a request; what is no URL, such as one with a host in octal, is refused like one that is not allowed."""
        try:
            return super().build_request(method, url, **options)
        except httpx.InvalidURL:
            pass  # its text repeats the URL
        raise Unavailable("refused", f"Not sent: the URL of a {method} cannot be read.")

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send *request*; `follow_redirects=True` is not honoured."""
        return await super().send(request, **{**options, "follow_redirects": False})


def _reads(request: httpx.Request) -> bool:
    # An override header turns a GET into whatever it says.
    return request.method in _READS and not any(name in request.headers for name in _OVERRIDES)


def _note(request: httpx.Request, write: bool) -> Entry:
    return Entry(
        kind="write" if write else "read",
        method=request.method,
        host=request.url.host,
        path=request.url.raw_path.split(b"?", 1)[0].decode("ascii", "replace"),
        carried=_carried(request.extensions.get("renkei.carrying")),
    )


def _carried(told: object) -> frozenset[str] | None:
    """The keys, or None for all of them where what the plugin told is no set of keys."""
    if isinstance(told, (frozenset, set)) and all(isinstance(key, str) for key in told):
        return frozenset(told)
    return None


def _why(error: httpx.HTTPError) -> str:
    # Our own refusals name the host alone; what a library says may be anything.
    if isinstance(error.__cause__, AddressRefused):
        return str(error.__cause__)
    return {"ConnectTimeout": "it did not answer in time", "PoolTimeout": "all connections are in use"}.get(
        type(error).__name__, "it cannot be reached, or its certificate is not accepted"
    )


def _lost(entry: Entry, what: str) -> BackendError:
    if entry.kind == "write":
        return OutcomeUnknown("no_answer", f"{entry.method} to {entry.host!r} may have been applied: {what}.")
    return Unavailable("no_answer", f"{entry.method} to {entry.host!r} failed: {what}.")


def _redirected(entry: Entry, status: int) -> NoReturn:
    what = f"{entry.host!r} answered {entry.method} with a redirect ({status}), and redirects are not followed."
    if entry.kind == "write":
        raise OutcomeUnknown("redirected", what)
    raise Unavailable("redirected", what)


def _plain(answer: httpx.Response, body: bytes) -> httpx.Response:
    """The answer with its body in memory, and without the raw socket that httpcore passes along."""
    gone = (b"content-encoding", b"content-length", b"transfer-encoding")
    return httpx.Response(
        answer.status_code,
        headers=[(name, value) for name, value in answer.headers.raw if name.lower() not in gone],
        content=body,
        extensions={
            name: answer.extensions[name] for name in ("http_version", "reason_phrase") if name in answer.extensions
        },
    )
