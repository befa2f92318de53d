"""The web process: its settings from the environment, and as a supervised child."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from autodialer.bootstrap import WebSettings, run_web
from autodialer.ops import env
from autodialer.ops.cli.shell import set_up_django
from autodialer.ops.errors import ProcessError
from autodialer.ops.monitor import monitor_settings
from autodialer.ops.paths import Paths
from autodialer.ops.postgres import EmbeddedPostgres
from autodialer.ops.process import Child

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8000
READY_DEADLINE_S: Final = 30.0
# Longer than requests in hand are finished; streams end at once.
STOP_DEADLINE_S: Final = 8.0
HIGHEST_PORT: Final = 65_535


class WebProcess(Child):
    """A web process as a child process; its log holds one JSON object a line."""

    def __init__(
        self,
        paths: Paths,
        database_url: str,
        *,
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_PORT,
        module: str = "autodialer.ops.web",
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self.host, self.port = host, port
        super().__init__(
            "web",
            [sys.executable, "-m", module],
            log=paths.log / "web.log",
            env={
                "AUTODIALER_VAR": str(paths.var),
                "AUTODIALER_RECORDINGS": str(paths.recordings),
                **env.handed_on("AUTODIALER_DATABASE_URL", database_url),
                "AUTODIALER_WEB_HOST": host,
                "AUTODIALER_WEB_PORT": str(port),
                **(extra or {}),
            },
        )

    def start(self, *, pass_fds: Sequence[int] = ()) -> None:
        """Start it and return once it answers. Raises ProcessError, also for a port in use."""
        self._check_address()
        super().start(pass_fds=pass_fds)
        self.wait_ready(self._answers, READY_DEADLINE_S)

    def stop(self, deadline_s: float = STOP_DEADLINE_S) -> int | None:
        """End it after the requests in its hands; pages connect again by themselves."""
        return super().stop(deadline_s)

    def _check_address(self) -> None:
        """Refuse an address where another program would answer in our place."""
        try:
            with socket.socket() as probe:
                # As the server does: connections of one that ended just now are not in the way.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((self.host, self.port))
        except OSError as error:
            raise ProcessError(
                f"The pages cannot be served on {self.host}:{self.port} ({error.strerror}): end the"
                " program that uses it, or set AUTODIALER_WEB_PORT to another port."
            ) from error

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) == 0


def web_address(environ: Mapping[str, str] = os.environ) -> tuple[str, int]:
    """Return the host and port that pages are served on. Raises SettingError."""
    host = env.text("AUTODIALER_WEB_HOST", DEFAULT_HOST, environ)
    port = env.integer(
        "AUTODIALER_WEB_PORT", DEFAULT_PORT, at_least=1, at_most=HIGHEST_PORT, environ=environ
    )
    return host, port


def web_settings(environ: Mapping[str, str] = os.environ) -> WebSettings:
    """Read the settings of one web process. Raises SettingError, naming the setting."""
    host, port = web_address(environ)
    paths = Paths.from_environment(environ)
    url = env.secret("AUTODIALER_DATABASE_URL", "", environ) or EmbeddedPostgres(paths).url
    return WebSettings(host, port, url, monitor=monitor_settings(environ))


def main() -> int:
    """Run a web process until SIGTERM or SIGINT; return its exit code."""
    set_up_django()
    return run_web(web_settings())


if __name__ == "__main__":
    sys.exit(main())
