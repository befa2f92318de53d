"""Rules of the house that no ready-made linter knows. Each is shown to see what it forbids."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from inspect import signature
from pathlib import Path
from typing import Final

import pytest
from tools import reference, sizes, tree
from tools.sources import ROOT, Source, python_sources, tracked

from autodialer.domain.errors import AutodialerError

SRC: Final = "src/autodialer"
Finder = Callable[[ast.AST], Iterator[int]]

# Where a status may be written, and where the clock may be read.
STATUS_WRITERS: Final = re.compile(
    rf"{SRC}/(apps/\w+/services|adapters/memory/(tables|purses))\.py"
)
SQL_FOLDER: Final = re.compile(rf"{SRC}/apps/\w+/sql/\w+\.sql")
CLOCK_READERS: Final = re.compile(rf"{SRC}/(ops/.*|bootstrap|web/middleware|web/sessions)\.py")
# Asks our own Asterisk whether it is up; all else goes through adapters.safehttp.
HTTP_CLIENTS: Final = re.compile(rf"{SRC}/ops/asterisk/run\.py")
# Talks to Asterisk, hands a browser's phone through to it, and sees whether our own ports listen.
CONNECTORS: Final = re.compile(
    rf"{SRC}/(adapters/(ari/client|safehttp/\w+)|web/sip_bridge|ops/(process|web))\.py"
)
DOCUMENTED: Final = (f"{SRC}/domain", f"{SRC}/ports", f"{SRC}/engine")
DOCUMENTED_IN_APPS: Final = {"services.py", "queries.py"}

WRITES_STATUS: Final = re.compile(
    r"\bUPDATE\b.*\bSET\b[^;]*\bstatus\s*=", re.IGNORECASE | re.DOTALL
)
SQL_CLOCK: Final = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp)\s*\(|\bcurrent_(timestamp|date)\b", re.IGNORECASE
)
CLOCKS: Final = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("timezone", "now"),
    ("time", "time"),
}
CONNECTS: Final = {
    "create_connection",
    "open_connection",
    "open_unix_connection",
    "sock_connect",
    "socket",
}
RUNS_SQL: Final = {"execute", "executemany", "raw", "copy", "stream"}


def status_assignments(module: ast.AST) -> Iterator[int]:
    """Yield the lines with `x.status = ...`, `setattr(x, "status", ...)`, `.update(status=...)`."""
    for node in ast.walk(module):
        match node:
            case ast.Assign(targets=targets):
                written = any(_is_status(target) for target in targets)
            case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
                written = _is_status(target)
            case ast.Call(func=ast.Attribute(attr="update"), keywords=keywords):
                written = any(keyword.arg == "status" for keyword in keywords)
            case ast.Call(func=ast.Name(id="setattr"), args=[_, ast.Constant("status"), *_]):
                written = True
            case _:
                continue
        if written:
            yield node.lineno


def _is_status(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "status"


def status_statements(module: ast.AST) -> Iterator[int]:
    """Yield the lines of string constants that are SQL and write a status."""
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and WRITES_STATUS.search(str(node.value)):
            yield node.lineno


def clock_reads(module: ast.AST) -> Iterator[int]:
    """Yield the lines that ask the machine for the time of day."""
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and (_last_name(node.value), node.attr) in CLOCKS:
            yield node.lineno
        if isinstance(node, ast.ImportFrom) and node.module in {"time", "django.utils.timezone"}:
            yield from (node.lineno for name in node.names if name.name in {"time", "now"})


def _last_name(node: ast.AST) -> str:
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def http_clients(module: ast.AST) -> Iterator[int]:
    """Yield the lines that bring in an HTTP client of the standard library."""
    for node in ast.walk(module):
        match node:
            case ast.Import(names=names):
                wanted = {name.name for name in names}
            case ast.ImportFrom(module=str(parent), names=names):
                wanted = {parent, *(f"{parent}.{name.name}" for name in names)}
            case _:
                continue
        if wanted & {"http.client", "urllib.request"}:
            yield node.lineno


def connections(module: ast.AST) -> Iterator[int]:
    """Yield the lines that open a connection by themselves: a socket, a stream, a WebSocket."""
    for node in ast.walk(module):
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if name in CONNECTS:
                yield node.lineno
            case ast.ImportFrom(module="websockets" | "websockets.asyncio.client", names=names):
                yield from (node.lineno for name in names if name.name == "connect")
            case ast.ImportFrom(module="asyncio" | "socket", names=names):
                yield from (node.lineno for name in names if name.name in CONNECTS)
            case _:
                continue


def built_statements(module: ast.AST) -> Iterator[int]:
    """Yield the lines that run SQL put together from text: f-string, `%`, `+` or `.format`."""
    for node in ast.walk(module):
        match node:
            case ast.Call(func=ast.Attribute(attr=name), args=[query, *_]) if name in RUNS_SQL:
                if _is_built(query):
                    yield node.lineno


def _is_built(query: ast.AST) -> bool:
    match query:
        case ast.JoinedStr() | ast.BinOp(op=ast.Mod() | ast.Add()):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Constant(), attr="format" | "join")):
            return True
        case _:
            return False


def undocumented(module: ast.AST) -> Iterator[int]:
    """Yield the lines of the module and of public classes and functions without docstring."""
    for node in ast.iter_child_nodes(module):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("_"):
                continue
            if not ast.get_docstring(node):
                yield node.lineno
            if isinstance(node, ast.ClassDef):
                yield from undocumented(node)


def places(finder: Finder, sources: Iterator[Source], allowed: re.Pattern[str]) -> list[str]:
    return [
        f"{source.path}:{line}"
        for source in sources
        if not allowed.fullmatch(str(source.path))
        for line in finder(source.tree)
    ]


NOWHERE: Final = re.compile(r"(?!)")


def test_a_status_is_written_in_services_and_sql_files_only() -> None:
    assert places(status_assignments, python_sources(SRC), STATUS_WRITERS) == []
    assert places(status_statements, python_sources(SRC), NOWHERE) == []


def test_the_clock_is_read_at_the_edges_only() -> None:
    assert places(clock_reads, python_sources(SRC), CLOCK_READERS) == []


def test_the_standard_librarys_http_clients_are_not_used() -> None:
    assert places(http_clients, python_sources(SRC), HTTP_CLIENTS) == []


def test_connections_are_opened_where_they_are_checked_or_lead_to_our_own_parts() -> None:
    assert places(connections, python_sources(SRC), CONNECTORS) == []


def test_statements_that_run_are_not_put_together_from_text() -> None:
    assert places(built_statements, python_sources(SRC), NOWHERE) == []


def test_public_things_of_the_core_say_what_they_promise() -> None:
    core = (*python_sources(*DOCUMENTED),)
    apps = (s for s in python_sources(f"{SRC}/apps") if s.path.name in DOCUMENTED_IN_APPS)
    assert places(undocumented, iter((*core, *apps)), NOWHERE) == []


SQL_SOURCES: Final = [source for source in tracked() if source.path.suffix == ".sql"]


@pytest.mark.parametrize("source", SQL_SOURCES, ids=lambda source: source.path.stem)
class TestStatements:
    def test_it_lies_in_the_sql_folder_of_an_app(self, source: Source) -> None:
        assert SQL_FOLDER.fullmatch(str(source.path))

    def test_it_opens_with_its_purpose(self, source: Source) -> None:
        assert re.match(r"-- [A-Z].{20,}", source.text)

    def test_it_is_used(self, source: Source) -> None:
        name = re.compile(rf"""["']{source.path.stem}["']""")
        assert any(name.search(module.text) for module in python_sources(SRC, "tests", "bench"))

    def test_its_time_is_a_parameter(self, source: Source) -> None:
        code = "\n".join(line.partition("--")[0] for line in source.text.splitlines())
        assert not SQL_CLOCK.search(code)


def test_no_two_errors_have_one_code() -> None:
    codes = Counter(filter(None, map(reference.own_code, reference.error_classes())))
    assert [code for code, count in codes.items() if count > 1] == []


def test_an_error_without_code_gets_one_when_it_is_raised() -> None:
    without = [e for e in reference.error_classes() if reference.own_code(e) is None]
    assert [e.__name__ for e in without if not takes_code(e)] == []


def takes_code(error: type[AutodialerError]) -> bool:
    family = [parent for parent in error.__mro__ if issubclass(parent, AutodialerError)]
    return any("code" in signature(parent.__init__).parameters for parent in family)


def test_every_error_says_what_it_means() -> None:
    assert [e.__name__ for e in reference.error_classes() if "__doc__" not in vars(e)] == []


@pytest.mark.parametrize("path", reference.pages(), ids=str)
def test_the_generated_page_agrees_with_the_code(path: Path) -> None:
    written = (ROOT / path).read_text(encoding="utf-8")
    assert written == reference.pages()[path], "run `make docs`"


# The rules themselves: each must see what it forbids, and only that. ------------------------------

FORBIDDEN: Final = {
    status_assignments: [
        "campaign.status = 'paused'",
        "a = campaign.status = 'paused'",
        "campaign.status: str = 'paused'",
        "setattr(campaign, 'status', 'paused')",
        "Campaign.objects.filter(pk=1).update(status='paused')",
    ],
    status_statements: ["sql = 'UPDATE calls_target AS t SET due_at = NULL, status = %s'"],
    clock_reads: [
        "datetime.now(UTC)",
        "datetime.datetime.utcnow()",
        "time.time()",
        "timezone.now()",
        "date.today()",
        "from time import time",
        "field(default_factory=datetime.now)",
    ],
    http_clients: [
        "import http.client",
        "from http import client",
        "from http.client import HTTPConnection",
        "import urllib.request as r",
        "from urllib import request",
    ],
    connections: [
        "asyncio.open_connection(host, port)",
        "loop.create_connection(Protocol, host, port)",
        "socket.create_connection((host, port))",
        "socket.socket()",
        "from asyncio import open_connection",
        "from websockets.asyncio.client import connect",
    ],
    built_statements: [
        "cursor.execute(f'SELECT {name}')",
        "cursor.execute('SELECT %s' % name)",
        "cursor.execute('SELECT ' + name)",
        "cursor.execute('SELECT {}'.format(name))",
        "Target.objects.raw(f'SELECT {name}')",
    ],
    undocumented: [
        "def f(): ...",
        "async def f(): ...",
        "class C: ...",
        "class C:\n 'D.'\n def f(self): ...",
    ],
}
ALLOWED: Final = {
    status_assignments: [
        "status = 'paused'",
        "if campaign.status == 'paused': pass",
        "d.update(x=1)",
    ],
    status_statements: ["'SELECT status FROM calls_target'", "'UPDATE t SET due_at = %s'"],
    clock_reads: ["def f(now): return now.time()", "time.monotonic()", "loop.time()", "self.now()"],
    http_clients: ["from http import HTTPStatus", "from urllib.parse import quote", "import http"],
    connections: ["import socket", "socket.getaddrinfo(host, None)", "signal.connect(f)"],
    built_statements: [
        "cursor.execute('SELECT %s', [name])",
        "cursor.execute(sql.SQL('x').format(n))",
    ],
    undocumented: ["def _f(): ...", "def f():\n 'Promise.'", "class C:\n 'D.'\n def _f(self): ..."],
}


@pytest.mark.parametrize(
    ("finder", "text"), [(finder, text) for finder, texts in FORBIDDEN.items() for text in texts]
)
def test_the_rule_sees_what_it_forbids(finder: Finder, text: str) -> None:
    assert list(finder(ast.parse(text)))


@pytest.mark.parametrize(
    ("finder", "text"), [(finder, text) for finder, texts in ALLOWED.items() for text in texts]
)
def test_the_rule_lets_the_rest_pass(finder: Finder, text: str) -> None:
    assert not list(finder(ast.parse(text)))


def planted(folder: Path, text: str) -> Source:
    file = folder / "planted.py"
    file.write_text(text)
    return Source(file)


def test_a_function_of_61_lines_is_too_long(tmp_path: Path) -> None:
    source = planted(tmp_path, "def f():\n" + "    pass\n" * 60)
    assert [size.is_over for size in sizes.function_sizes(source)] == [True]


def test_a_module_of_501_lines_is_too_long(tmp_path: Path) -> None:
    assert sizes.module_size(planted(tmp_path, "pass\n" * 501)).is_over
    assert not sizes.module_size(planted(tmp_path, "pass\n" * 500)).is_over


@pytest.mark.parametrize(
    "text",
    ["see /home" + "/somebody/x", "index: pypi" + ".org/simple", "from packages.example now"],
)
def test_machine_paths_and_package_servers_are_seen(tmp_path: Path, text: str) -> None:
    assert list(tree.foreign_text(planted(tmp_path, text), frozenset({"packages.example"})))


def test_a_decision_that_nobody_links_is_seen() -> None:
    assert list(tree.unlinked_decisions((Source(Path("docs/adr/9999-forgotten.md")),)))
