"""Fetch Asterisk 22 with its libraries into a private folder, without root.

Debian's own packages are downloaded and verified by apt under a private state and unpacked; no
maintainer script runs and nothing of the machine changes (docs/adr/0003-private-asterisk.md).
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from autodialer.ops.errors import AsteriskUnavailableError

SUITE: Final = "sid"  # the only suite of Debian that carries Asterisk
SEEDS: Final = ("asterisk", "asterisk-core-sounds-en-gsm", "libopus0", "libsrtp2-1")
# What the configured modules map into memory; the solver's full list is several times as large.
PACKAGES: Final = (
    *("asterisk", "asterisk-modules", "asterisk-config", "asterisk-core-sounds-en-gsm"),
    *("libc6", "libgcc-s1", "libstdc++6", "libcap2", "libcrypt1", "libedit2", "libbsd0", "libmd0"),
    *("libtinfo6", "libjansson4", "libsqlite3-0", "libssl3t64", "libsystemd0", "liburiparser1"),
    *("libuuid1", "libxml2-16", "libxslt1.1", "libzstd1", "zlib1g", "libgsm1", "libopus0"),
    *("libsrtp2-1", "libnss3", "libnspr4"),
)
KEYRING: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
LIBRARIES: Final = "usr/lib/x86_64-linux-gnu"
NOT_UNPACKED: Final = (
    *("./etc/*", "./var/*", "./lib/systemd*", "./usr/lib/systemd*", "./usr/share/doc*"),
    *("./usr/share/man*", "./usr/share/locale*", "./usr/share/lintian*", "./usr/share/bug*"),
)
APT_DEADLINE_S: Final = 600.0
WITHOUT_ASTERISK: Final = "Without Asterisk the simulated switch can be used."


def is_installed(prefix: Path) -> bool:
    """True when `install` has completed there: the folder appears only as a whole."""
    return (prefix / "usr/sbin/asterisk").exists()


def install(prefix: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Make Asterisk available in `prefix`; at once and offline when it already is.

    Uses the Debian mirror of this machine's apt, or AUTODIALER_DEBIAN_MIRROR. An interrupted
    install leaves nothing behind that a later one would use. Raises AsteriskUnavailableError
    with what to do.
    """
    if is_installed(prefix):
        return
    _require_suitable_machine()
    prefix.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f"{prefix.name}.new-", dir=prefix.parent))
    try:
        apt = _PrivateApt(draft / "apt", _mirror(environ))
        packages = apt.download()
        for package in packages:
            _unpack(package, draft)
        shutil.rmtree(draft / "apt")
        _run(asterisk_argv(draft, "-V"))
        draft.chmod(0o755)
        draft.rename(prefix)
    except OSError:
        if not is_installed(prefix):  # else somebody else installed it while we did
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def asterisk_argv(prefix: Path, *arguments: str) -> list[str]:
    """The command that runs the installed Asterisk on its own loader and libraries."""
    libraries = prefix / LIBRARIES
    return [
        str(libraries / "ld-linux-x86-64.so.2"),
        *("--argv0", "asterisk", "--library-path", str(libraries)),
        str(prefix / "usr/sbin/asterisk"),
        *arguments,
    ]


class _PrivateApt:
    """apt with its own sources, state and cache; only proxies are taken from the machine."""

    def __init__(self, folder: Path, mirror: str) -> None:
        self._debs = folder / "debs"
        for name in ("lists/partial", "cache/archives/partial", "etc", "dpkg", "debs"):
            (folder / name).mkdir(parents=True)
        (folder / "dpkg/status").touch()
        # The suite's signature is checked, but not its age: machines with a wrong clock exist.
        options = f"arch=amd64 signed-by={KEYRING} check-valid-until=no"
        (folder / "etc/sources.list").write_text(f"deb [{options}] {mirror} {SUITE} main\n")
        config = folder / "apt.conf"
        config.write_text(_machine_proxies() + _private_settings(folder))
        self._environ = {"APT_CONFIG": str(config), "LC_ALL": "C"}

    def download(self) -> list[Path]:
        """Fetch the packages. Library packages that were renamed are found by apt's solver."""
        self._apt("update", "--error-on=any")
        try:
            self._apt("download", *PACKAGES)
        except AsteriskUnavailableError:
            solved = self._apt("install", "--print-uris", "--no-install-recommends", *SEEDS)
            names = {line.split()[1].split("_")[0] for line in solved.splitlines() if "_" in line}
            self._apt("download", *sorted(names))
        return sorted(self._debs.glob("*.deb"))

    def _apt(self, *arguments: str) -> str:
        return _run(["apt-get", "-qq", *arguments], environ=self._environ, cwd=self._debs)


def _private_settings(folder: Path) -> str:
    settings = {
        "Dir": folder,
        "Dir::State": folder,
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": folder / "dpkg/status",
        "Dir::Cache": folder / "cache",
        "Dir::Etc": folder / "etc",
        "Dir::Etc::sourceparts": "-",
        "Dir::Etc::parts": "-",
        "Dir::Etc::preferencesparts": "-",
        # Mirrors may need a name and password that this machine's apt already has.
        "Dir::Etc::netrc": "/etc/apt/auth.conf",
        "Dir::Etc::netrcparts": "/etc/apt/auth.conf.d",
        "APT::Architecture": "amd64",
        "APT::Architectures": "amd64",
        "APT::Sandbox::User": "",  # apt's own user could not write to our folder
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "Debug::NoLocking": "true",
    }
    return "".join(f'{name} "{value}";\n' for name, value in settings.items())


def _machine_proxies() -> str:
    dumped = _run(["apt-config", "dump", "--no-empty", "Acquire"])
    wanted = ("Acquire::http::", "Acquire::https::")
    return "".join(f"{line}\n" for line in dumped.splitlines() if line.startswith(wanted))


def _mirror(environ: Mapping[str, str]) -> str:
    """The address of a Debian archive: our setting, else what this machine's apt uses."""
    if chosen := environ.get("AUTODIALER_DEBIAN_MIRROR"):
        return chosen
    listing = _run(
        [
            *("apt-get", "indextargets", "--format", "$(ORIGIN)/$(LABEL) $(REPO_URI)"),
            "Created-By: Packages",
        ]
    )
    for line in listing.splitlines():
        origin, _, address = line.partition(" ")
        if origin == "Debian/Debian":  # Debian's security archive is labelled otherwise
            return address
    raise AsteriskUnavailableError(
        "This machine's apt knows no Debian archive (Ubuntu's does not have Asterisk 22). Set "
        "AUTODIALER_DEBIAN_MIRROR to the address of one, or run `apt-get update` if this is "
        f"Debian. {WITHOUT_ASTERISK}"
    )


def _require_suitable_machine() -> None:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise AsteriskUnavailableError(
            f"Asterisk is fetched for Linux on amd64 only, this is {sys.platform} on "
            f"{platform.machine()}. Point AUTODIALER_ASTERISK_PREFIX to a copy of your own. "
            f"{WITHOUT_ASTERISK}"
        )
    missing = [tool for tool in ("apt-get", "apt-config", "dpkg-deb", "tar") if not _found(tool)]
    if missing or not KEYRING.exists():
        raise AsteriskUnavailableError(
            f"Fetching Asterisk needs Debian's tools and keys; missing: {', '.join(missing)} "
            f"{'' if KEYRING.exists() else KEYRING}. On Debian and Ubuntu: `apt-get install apt "
            f"dpkg tar debian-archive-keyring`. {WITHOUT_ASTERISK}"
        )


def _found(tool: str) -> bool:
    return shutil.which(tool) is not None


def _unpack(package: Path, into: Path) -> None:
    """Unpack the files of one package that a program needs, owned by this user."""
    archive = package.with_suffix(".tar")
    excluded = [f"--exclude={pattern}" for pattern in NOT_UNPACKED]
    with archive.open("wb") as output:
        subprocess.run(["dpkg-deb", "--fsys-tarfile", package], stdout=output, check=True)  # noqa: S603, S607 - found on PATH, no shell
    _run(
        [
            *("tar", "--extract", f"--file={archive}", f"--directory={into}"),
            *("--no-same-owner", "--keep-directory-symlink", *excluded),
        ]
    )
    archive.unlink()


def _run(
    argv: Sequence[str], *, environ: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Run one tool and return what it printed; its complaint becomes our error."""
    try:
        done = subprocess.run(  # noqa: S603 - our own words, no shell
            argv,
            env={**os.environ, **(environ or {})},
            cwd=cwd,
            capture_output=True,
            text=True,
            check=True,
            timeout=APT_DEADLINE_S,
        )
    except subprocess.CalledProcessError as error:
        raise AsteriskUnavailableError(
            f"`{argv[0]}` failed: {error.stderr.strip()[-600:]}. Check the network and "
            f"AUTODIALER_DEBIAN_MIRROR, then try again. {WITHOUT_ASTERISK}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise AsteriskUnavailableError(
            f"`{argv[0]}` took over {APT_DEADLINE_S:.0f} s. Try again. {WITHOUT_ASTERISK}"
        ) from error
    return done.stdout
