"""Check the text of the repository: no foreign host or machine path, every decision linked.

Nor a link: what it points to is on one machine, or here already.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from tools.sources import ROOT, Source, names, tracked

# Folders of one machine: what a file names there exists nowhere else.
MACHINE_PATH: Final = re.compile(
    r"(?<![A-Za-z0-9_.-])/(?:work|root|farm|home)/[A-Za-z.]|/tmp/(?:lab|wt)\b"
)
# Package servers by the shape of their names. Files name packages and hashes; which server
# they come from is the business of the machine that installs them.
PACKAGE_HOST: Final = re.compile(
    r"\b(?:registry|mirrors?|deb|security|archive|pypi|files)\.[a-z0-9-]+\.(?:org|com|net|io|dev)\b"
    r"|\bpypi\.(?:org|io)\b"
)
# Asked of the tools themselves, so that the machine's own mirror is recognised too.
HOST_COMMANDS: Final = (
    ("pip", "config", "get", "global.index-url"),
    ("npm", "config", "get", "registry"),
    ("apt-get", "indextargets", "--format", "$(SITE)"),
)
DECISIONS: Final = "docs/adr/"
INDEX: Final = "docs/index.md"


def configured_hosts() -> frozenset[str]:
    """Return the package servers that this machine is set up to use, as far as it tells."""
    return frozenset(
        host
        for command in HOST_COMMANDS
        for line in _output(command).splitlines()
        if (host := urlsplit(line.strip()).hostname) and "." in host
    )


def _output(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603  fixed commands
    except OSError:
        return ""
    return done.stdout


def foreign_text(source: Source, hosts: frozenset[str]) -> Iterator[str]:
    """Yield a sentence for each line that names a package server or a path of one machine."""
    try:
        lines = source.text.splitlines()
    except UnicodeDecodeError:  # a picture
        return
    for number, line in enumerate(lines, start=1):
        if PACKAGE_HOST.search(line) or any(host in line for host in hosts):
            yield f"{source.path}:{number} names a package server: {line.strip()[:100]}"
        if MACHINE_PATH.search(line):
            yield f"{source.path}:{number} names a path of one machine: {line.strip()[:100]}"


def unlinked_decisions(sources: tuple[Source, ...]) -> Iterator[str]:
    """Yield a sentence for each decision record that the index does not link."""
    index = next((source.text for source in sources if str(source.path) == INDEX), "")
    for source in sources:
        name = str(source.path)
        if name.startswith(DECISIONS) and f"({name.removeprefix('docs/')})" not in index:
            yield f"{name} is not linked from {INDEX}"


def links() -> Iterator[str]:
    """Yield a sentence for each link, such as an environment's that somebody shares."""
    for name in names():
        if (ROOT / name).is_symlink():
            yield f"{name} is a link: commit what it points to, or ignore it"


def main() -> int:
    """Print every finding; return the exit status."""
    sources, hosts = tracked(), configured_hosts()
    found = [text for source in sources for text in foreign_text(source, hosts)]
    found += [*unlinked_decisions(sources), *links()]
    print("\n".join(found), end="\n" if found else "", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
