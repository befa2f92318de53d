"""A request of the web server as WSGI has it (PEP 3333)."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from asgiref.typing import HTTPScope

# Headers that WSGI knows by other names than the rest.
_NAMES: Final = {b"content-length": "CONTENT_LENGTH", b"content-type": "CONTENT_TYPE"}


def environ_of(scope: HTTPScope, body: IO[bytes]) -> dict[str, Any]:
    """Return the request with its body, without headers that WSGI would take for others.

    `X_Forwarded_For` would pass for `X-Forwarded-For`, which only proxies may say.
    """
    server, client = scope.get("server") or ("localhost", 80), scope.get("client")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or 0),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if client is not None:
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = client[0], str(client[1])
    for raw, said in scope["headers"]:
        if b"_" in raw:
            continue
        name, value = _name(raw), said.decode("latin-1")
        environ[name] = f"{environ[name]},{value}" if name in environ else value
    return environ


def _name(raw: bytes) -> str:
    known = _NAMES.get(raw)
    return known or "HTTP_" + raw.decode("latin-1").upper().replace("-", "_")
