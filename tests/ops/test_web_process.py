"""The web process as a child: what it needs before it is started."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from autodialer.ops.errors import ProcessError
from autodialer.ops.paths import Paths
from autodialer.ops.web import WebProcess


def test_a_port_of_another_program_is_no_page_of_ours(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        web = WebProcess(Paths.below(tmp_path), "postgresql:///none", port=port)
        with pytest.raises(ProcessError, match="set AUTODIALER_WEB_PORT to another port"):
            web.start()
        assert not web.is_alive()
