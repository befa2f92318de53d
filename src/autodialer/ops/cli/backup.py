"""`autodialer backup` and `autodialer restore`: everything that is stored, in one signed file."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autodialer.ops import env
from autodialer.ops.cli.shell import counted, json_option, needs_database, now, shown, tell
from autodialer.ops.paths import Paths, alone
from autodialer.ops.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodialer.ops.backup.archive import Seal
    from autodialer.ops.backup.load import Restored
    from autodialer.ops.backup.save import Saved

_FILE = click.Path(dir_okay=False, path_type=Path)
_SURE = "This deletes everything in this database and puts the backup in its place. Go on?"


@click.command()
@click.argument("file", type=_FILE)
@click.option("--with-recordings", is_flag=True, help="Put the recordings into it, too.")
@json_option
def backup(*, file: Path, with_recordings: bool, as_json: bool) -> None:
    """Save everything that is stored into FILE, also while calls are made."""
    with _database():
        saved = _save(file, with_recordings=with_recordings)
    tell(saved, _saved(saved), as_json=as_json)


@needs_database
def _save(file: Path, *, with_recordings: bool) -> Saved:
    from django.conf import settings

    from autodialer.ops.backup.save import save

    return save(file, _seal(), settings.RECORDINGS if with_recordings else None, now())


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Also when the database is not empty.")
@click.option("--yes", is_flag=True, help="Do not ask whether --replace is meant.")
@json_option
def restore(*, file: Path, replace: bool, yes: bool, as_json: bool) -> None:
    """Bring back what a backup holds, all or nothing; every campaign is paused afterwards."""
    if replace and not yes:
        click.confirm(_SURE, abort=True, err=True)
    with _database(whole=True):
        done = _restore(file, replace=replace)
    tell(done, _restored(done), as_json=as_json)


@needs_database
def _restore(file: Path, *, replace: bool) -> Restored:
    from django.conf import settings
    from django.core.management import call_command

    from autodialer.ops.backup.archive import verified
    from autodialer.ops.backup.load import restore as load

    with verified(file, _seal()) as found:
        call_command("migrate", verbosity=0, interactive=False)
        return load(found, settings.RECORDINGS, now(), replace=replace)


@contextmanager
def _database(*, whole: bool = False) -> Iterator[None]:
    """Have a database: ours is started when it does not run; `whole`: nobody else works in it."""
    if env.secret("AUTODIALER_DATABASE_URL", ""):
        yield
        return
    paths = Paths.from_environment()
    server = EmbeddedPostgres(paths)
    if whole:
        with alone(paths), _running(server):
            yield
    else:
        with _running(server):
            yield


@contextmanager
def _running(server: EmbeddedPostgres) -> Iterator[None]:
    server.start()
    os.environ["AUTODIALER_DATABASE_URL"] = server.url  # for our own Django, before it is set up
    try:
        yield
    finally:
        from django.db import connections

        connections.close_all()
        server.stop()


def _seal() -> Seal:
    from django.conf import settings

    from autodialer.ops.backup.archive import Seal

    return Seal(settings.SECRET_KEY.encode())


def _saved(saved: Saved) -> str:
    recordings = ""
    if saved.recordings or saved.missing_recordings:
        recordings = f" and {counted(saved.recordings, 'recording')}"
    missing = ""
    if saved.missing_recordings:
        missing = f"\n{counted(saved.missing_recordings, 'recording')} had no file."
    return (
        f"{saved.file}: {counted(saved.rows, 'row')}{recordings}, {saved.bytes:,} bytes.{missing}\n"
        "It can be restored with the present secret key only (AUTODIALER_SECRET_KEY, or the folder "
        "`secret` of AUTODIALER_VAR): keep that beside it."
    )


def _restored(done: Restored) -> str:
    return (
        f"Restored as of {shown(done.made_at)}: {counted(done.rows, 'row')} and "
        f"{counted(done.recordings, 'recording')}. "
        f"{counted(done.campaigns_paused, 'campaign')} paused, "
        f"{counted(done.sessions_ended, 'session')} and {counted(done.calls_ended, 'call')} "
        "ended.\n"
        "Calls that were made since are not known here: see which numbers they were before you "
        "resume a campaign.\n"
        "Check it: `autodialer doctor --check-invariants`."
    )
