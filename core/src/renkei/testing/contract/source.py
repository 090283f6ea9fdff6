"""What a plugin's source reaches for, found by reading it: nothing is run."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Final

_PROGRAMS: Final = "programs are nothing that a plugin starts"
_CLIENT: Final = "requests go through ctx.http, which is guarded"
_CODE: Final = "data must never become code"
_ENVIRONMENT: Final = "what a plugin needs is in its settings"
_UNPICKLING: Final = "reading such data can run code"
_UNVERIFIED: Final = "certificates are always checked"

_HANDS_OFF: Final = "a plugin keeps its hands off the interpreter"
_CORE: Final = "a plugin knows renkei.spec and nothing else of renkei"


def _all(names: str, why: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), why)


# A name counts with all that is below it.
FORBIDDEN: Final[Mapping[str, str]] = {
    **_all("builtins.eval builtins.exec builtins.compile builtins.__import__ code codeop runpy imp", _CODE),
    **_all("importlib.import_module importlib.__import__ importlib.reload importlib.util importlib.machinery", _CODE),
    **_all("pkgutil.resolve_name", _CODE),
    **_all("pickle _pickle cPickle cloudpickle dill marshal shelve jsonpickle joblib", _UNPICKLING),
    **_all("yaml.load yaml.load_all yaml.full_load yaml.unsafe_load yaml.Loader yaml.UnsafeLoader", _UNPICKLING),
    **_all("subprocess _posixsubprocess multiprocessing pty posix.system os.system os.popen os.fork", _PROGRAMS),
    **_all("os.forkpty os.startfile os.posix_spawn os.posix_spawnp", _PROGRAMS),
    **_all("os.execl os.execle os.execlp os.execlpe os.execv os.execve os.execvp os.execvpe", _PROGRAMS),
    **_all("os.spawnl os.spawnle os.spawnlp os.spawnlpe os.spawnv os.spawnve os.spawnvp os.spawnvpe", _PROGRAMS),
    **_all("asyncio.create_subprocess_exec asyncio.create_subprocess_shell asyncio.subprocess", _PROGRAMS),
    **_all("concurrent.futures.ProcessPoolExecutor", _PROGRAMS),
    **_all("os.environ os.environb os.getenv os.getenvb os.putenv os.unsetenv posix.environ", _ENVIRONMENT),
    **_all("dotenv decouple environs pydantic_settings", _ENVIRONMENT),
    **_all("ctypes _ctypes cffi mmap gc.get_objects gc.get_referrers sys._getframe sys.settrace", _HANDS_OFF),
    **_all("sys.setprofile sys.addaudithook inspect.currentframe inspect.stack", _HANDS_OFF),
    **_all("httpx.Client httpx.AsyncClient httpx.HTTPTransport httpx.AsyncHTTPTransport httpx.request", _CLIENT),
    **_all("httpx.get httpx.post httpx.put httpx.patch httpx.delete httpx.head httpx.options httpx.stream", _CLIENT),
    **_all("httpcore requests urllib.request urllib3 http.client http.server aiohttp httplib2 niquests", _CLIENT),
    **_all("treq curl_cffi pycurl grpc boto3 botocore websockets websocket paramiko xmlrpc", _CLIENT),
    **_all("ftplib smtplib imaplib poplib telnetlib nntplib socket _socket socketserver ssl", _CLIENT),
    **_all("asyncio.open_connection asyncio.open_unix_connection asyncio.start_server", _CLIENT),
    **_all("anyio.connect_tcp trio.open_tcp_stream", _CLIENT),
    **_all("ssl._create_unverified_context ssl.CERT_NONE", _UNVERIFIED),
    **_all("renkei.plugins renkei.mapping renkei.store renkei.delivery renkei.engine renkei.cli", _CORE),
}

_BUILTINS: Final = frozenset(dir(builtins))
_OF_LOOPS: Final = frozenset(
    {
        "create_connection",
        "create_server",
        "subprocess_exec",
        "subprocess_shell",
        "sock_connect",
        "create_datagram_endpoint",
    }
)
_DANGEROUS_WORDS: Final = frozenset({"eval", "exec", "compile", "__import__", "system", "popen", "environ", "getenv"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One place in the source that reaches for something it must not."""

    file: str
    line: int
    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} reaches for {self.name} ({self.why})"


def findings_in(text: str, file: str) -> list[Finding]:
    """What *text*, the source of one module, reaches for, in order.

    Raises:
        SyntaxError: it is no Python.
    """
    reader = _Reader(file)
    tree = ast.parse(text, filename=file)
    reader.learn(tree)
    reader.visit(tree)
    return sorted(set(reader.found), key=lambda one: (one.line, one.name))


@dataclass(slots=True)
class _Reader(ast.NodeVisitor):
    file: str
    found: list[Finding] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    annotations: set[int] = field(default_factory=set)

    def learn(self, tree: ast.AST) -> None:
        """Which name stands for what: imports, also inside functions, and plain assignments of those."""
        for node in ast.walk(tree):
            for said in (getattr(node, "annotation", None), getattr(node, "returns", None)):
                if isinstance(said, ast.AST):
                    self.annotations |= {id(one) for one in ast.walk(said)}
            if isinstance(node, ast.Import):
                for alias in node.names:
                    bound = alias.asname or alias.name.partition(".")[0]
                    self.names[bound] = alias.name if alias.asname else bound
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    self.names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        for _ in range(3):  # an alias of an alias of an alias
            for node in ast.walk(tree):
                if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                    meant = self._meant(node.value)
                    if meant and node.targets[0].id not in self.names:
                        self.names[node.targets[0].id] = meant

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._judge(alias.name, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module and not node.level:
            for alias in node.names:
                if node.module != "httpx":  # for annotations; what is made of it is found where it is made
                    self._judge(node.module if alias.name == "*" else f"{node.module}.{alias.name}", node)
                if alias.name == "*" and node.module in ("os", "builtins", "httpx"):
                    self._note(f"{node.module}.*", "nobody can see what is used of it", node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._judge(self._meant(node), node)
        if node.attr in ("__globals__", "__builtins__", "__subclasses__", "__code__", "__loader__"):
            self._note(node.attr, "that is a way round everything", node)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id == "__builtins__":
            self._note(node.id, _CODE, node)
        self._judge(self._meant(node), node)

    def visit_Call(self, node: ast.Call) -> None:
        for keyword in node.keywords:
            off = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            if keyword.arg in ("verify", "verify_ssl", "check_hostname") and off:
                self._note(f"{keyword.arg}=False", _UNVERIFIED, node)
        self._reached(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr in _OF_LOOPS:
            self._note(f".{node.func.attr}", _CLIENT, node)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        off = isinstance(node.value, ast.Constant) and node.value.value is False
        for target in node.targets:
            if isinstance(target, ast.Attribute) and target.attr in ("verify", "check_hostname") and off:
                self._note(f"{target.attr} = False", _UNVERIFIED, node)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        # vars(os)["system"], sys.modules["os"], __builtins__["eval"]
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            held = self._meant(node.value)
            if isinstance(node.value, ast.Call) and node.value.args:
                held = held or self._meant(node.value.args[0])
            if node.slice.value in _DANGEROUS_WORDS and isinstance(node.value, (ast.Call, ast.Attribute)):
                self._note(f"[{node.slice.value!r}]", _CODE, node)
            if held == "sys.modules":
                self._note(f"sys.modules[{node.slice.value!r}]", _CODE, node)
            if held:
                self._judge(f"{held}.{node.slice.value}", node)
        self.generic_visit(node)

    def _reached(self, node: ast.Call) -> None:
        """`getattr(os, "environ")`, and `getattr` with a name that nobody can read on a module."""
        if self._meant(node.func) != "builtins.getattr" or len(node.args) < 2:
            return
        held, name = self._meant(node.args[0]), node.args[1]
        text = _text(name)
        if text is not None:
            self._judge(f"{held}.{text}" if held else "", node)
            if text in ("__globals__", "__builtins__", "__subclasses__", "__code__", "__import__"):
                self._note(f"getattr(…, {text!r})", "that is a way round everything", node)
        elif held.partition(".")[0] in ("builtins", "os", "sys", "importlib", "httpx", "ssl"):
            self._note(f"getattr({held}, …)", "nobody can see what is used of it", node)

    def _meant(self, node: ast.AST) -> str:
        """The dotted name that *node* stands for; empty where it is none."""
        match node:
            case ast.Name(id=name):
                if name in self.names:
                    return self.names[name]
                return f"builtins.{name}" if name in _BUILTINS else ""
            case ast.Attribute(value=value, attr=attribute):
                held = self._meant(value)
                return f"{held}.{attribute}" if held else ""
            case ast.Call(func=function, args=[ast.Constant(value=str() as name), *_]):
                # importlib.import_module("os").environ: found as an import, and followed as well
                called = self._meant(function)
                return name if called in ("builtins.__import__", "importlib.import_module") else ""
            case ast.Call(func=function, args=[held, name, *_]) if self._meant(function) == "builtins.getattr":
                text = _text(name)
                return f"{self._meant(held)}.{text}" if text and self._meant(held) else ""
            case _:
                return ""

    def _judge(self, name: str, node: ast.AST) -> None:
        if name.startswith("builtins.builtins."):
            name = name.removeprefix("builtins.")
        found = next((one for one in _prefixes(name) if one in FORBIDDEN), None)
        if found is not None and id(node) not in self.annotations:
            self._note(name.removeprefix("builtins."), FORBIDDEN[found], node)

    def _note(self, name: str, why: str, node: ast.AST) -> None:
        self.found.append(Finding(file=self.file, line=getattr(node, "lineno", 0), name=name, why=why))


def _text(node: ast.AST) -> str | None:
    """The text of a constant, also where it is put together from constants."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            one, other = _text(left), _text(right)
            return None if one is None or other is None else one + other
        case _:
            return None


def _prefixes(name: str) -> Iterator[str]:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        yield ".".join(parts[:length])


def sources_of(module: ModuleType, extra: Iterable[Path], test_only: Iterable[str]) -> list[tuple[str, Path]]:
    """Name and file of every module beside *module* in its package, and of the *extra* files of its distribution.

    Left out are those in *test_only*, with all below them.
    """
    file = getattr(module, "__file__", None)
    found: dict[Path, str] = {}
    if file is not None:
        path = Path(file).resolve()
        depth = module.__name__.count(".") + (path.name == "__init__.py")
        root = path.parents[depth - 1] if depth else path
        # A package is read whole; a plugin that is one module stands among others' files.
        for one in sorted(root.rglob("*.py")) if root.is_dir() else [path]:
            found[one] = _module_name(one, root)
    for one in extra:
        if one.suffix == ".py" and one.is_file():
            found.setdefault(one.resolve(), _module_name(one, one.parent))
    out = tuple(test_only)
    return [
        (name, path)
        for path, name in sorted(found.items())
        if not any(name == one or name.startswith(f"{one}.") for one in out)
    ]


def _module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root.parent if root.is_dir() else path.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
