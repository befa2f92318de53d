"""What all commands share: Django when needed, the account, errors, and how results are printed."""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar
from zoneinfo import ZoneInfo

import click
import orjson

from autodialer.domain.errors import AutodialerError, InvalidInputError, NotFoundError
from autodialer.ops.env import SettingError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from autodialer.apps.accounts.models import Account

_F = TypeVar("_F", bound=Callable[..., Any])

FAILED: Final = 1
WRONG_USAGE: Final = 2
WIDTH_IN_PIPES: Final = 200


class Commands(click.Group):
    """A group whose commands fail with one sentence on stderr, never with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; expected errors become exit codes."""
        try:
            return super().invoke(ctx)
        except AutodialerError as error:
            raise _failure(str(error), _exit_code(error)) from error
        except BrokenPipeError:
            raise  # `... | head` has seen enough: click ends the program without a word
        except OSError as error:
            raise _failure(f"{error.filename or 'The system'}: {error.strerror}.") from error


def _exit_code(error: AutodialerError) -> int:
    unusable_file = getattr(error, "field", "") == "file"
    usage = (NotFoundError, InvalidInputError, SettingError)
    if isinstance(error, usage) and not unusable_file:
        return WRONG_USAGE
    return FAILED


class _UnusableError(click.ClickException):
    """Wrong usage that is not the fault of one option."""

    exit_code = WRONG_USAGE


def _failure(sentence: str, exit_code: int = FAILED) -> click.ClickException:
    kind = _UnusableError if exit_code == WRONG_USAGE else click.ClickException
    return kind(sentence)


def now() -> datetime:
    """The clock of the command line."""
    return datetime.now(UTC)


def needs_database(command: _F) -> _F:
    """Set Django up before the command, and say what to do when PostgreSQL cannot be used."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        _keep_log_from_results()
        set_up_django()
        from django.db.utils import OperationalError, ProgrammingError

        try:
            return command(*args, **kwargs)
        except InvalidInputError as error:
            option = _option_of(error.field)
            if option is None:
                raise
            raise _failure(f"{option}: {_continued(str(error))}", WRONG_USAGE) from error
        except OperationalError as error:
            raise _failure(
                "The database is not reachable: start it with `autodialer up`, or correct "
                "AUTODIALER_DATABASE_URL."
            ) from error
        except ProgrammingError as error:
            raise _failure(
                "The database is of another version: run `autodialer db migrate`."
            ) from error

    return run  # type: ignore[return-value]  # the same signature


def _option_of(field: str) -> str | None:
    """Return how the option of a field is spelled in the command that runs, if it has one."""
    options = (p for p in click.get_current_context().command.params if isinstance(p, click.Option))
    return next((option.opts[0] for option in options if option.name == field), None)


def _continued(sentence: str) -> str:
    """Return a sentence as it stands behind a colon."""
    return sentence[:1].lower() + sentence[1:]


def _keep_log_from_results() -> None:
    """Write a command's warnings on stderr: stdout is what another program reads.

    What it has done a command says itself.
    """
    import structlog

    if not structlog.is_configured():
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
            logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        )


def set_up_django() -> None:
    """Load settings and models; repeatable. A setting that cannot be used is wrong usage."""
    import django
    from django.apps import apps

    if apps.ready:
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autodialer.config.settings")
    django.setup()


def with_account(command: _F) -> _F:
    """Give the command the account of `--account`, or the only one there is."""

    @click.option(
        "--account", "account_name", envvar="AUTODIALER_ACCOUNT", help="Account (name or id)."
    )
    @needs_database
    @functools.wraps(command)
    def run(*args: Any, account_name: str | None, **kwargs: Any) -> Any:
        return command(_account(account_name), *args, **kwargs)

    return run  # type: ignore[return-value]  # with one option more


def _account(name: str | None) -> Account:
    from autodialer.apps.accounts import queries

    if name is not None:
        return queries.account_by_name(name)
    found = queries.accounts()
    if not found:
        raise NotFoundError("There is no account yet: make one with `autodialer account create`.")
    if len(found) > 1:
        names = ", ".join(account.name for account in found[:5])
        raise click.UsageError(f"There are several accounts ({names}): choose by --account.")
    return found[0]


def json_option(command: _F) -> _F:
    """Add `--json`, given to the command as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def pick(what: str, candidates: Iterable[tuple[int, str]], wanted: str) -> int:
    """Return the id of the candidate (id, name) that `wanted` names by id or by name.

    Raises NotFoundError when there is none and UsageError when the name is not unique.
    """
    known = list(candidates)
    if any(wanted == str(number) for number, _ in known):
        return int(wanted)
    matching = {number for number, name in known if name == wanted}
    if not matching:
        matching = {number for number, name in known if name.casefold() == wanted.casefold()}
    if len(matching) > 1:
        ids = ", ".join(map(str, sorted(matching)))
        raise click.UsageError(f"There are several {what}s called {wanted!r}: use an id ({ids}).")
    if not matching:
        raise NotFoundError(f"There is no {what} {wanted!r}: see `autodialer {what} list`.")
    return matching.pop()


def print_json(value: object) -> None:
    """Print a result for programs: times are RFC 3339, ids of sessions and calls are text."""
    click.echo(to_json(value, orjson.OPT_INDENT_2))


def to_json(value: object, option: int = 0) -> str:
    """Return dataclasses, times, enums and mappings as JSON text."""
    options = option | orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
    return orjson.dumps(value, default=_plain, option=options).decode()


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)


def tell(result: object, sentence: str, *, as_json: bool) -> None:
    """Say what was done: a sentence on stderr for people, or the result as JSON."""
    if as_json:
        print_json(result)
        return
    click.echo(sentence, err=True)


def print_rows(
    rows: Sequence[DataclassInstance],
    columns: Sequence[str],
    zone: str = "UTC",
    *,
    as_json: bool,
    empty: str,
) -> None:
    """Print rows as a table of these columns, or all their fields as JSON.

    `empty` is what to say, on stderr, when there are none.
    """
    if as_json:
        print_json(list(rows))
        return
    if not rows:
        click.echo(empty, err=True)
        return
    print_table(columns, [[shown(getattr(row, c), zone) for c in columns] for row in rows])


def print_one(row: DataclassInstance, zone: str = "UTC", *, as_json: bool) -> None:
    """Print one result: a line for each field, or JSON."""
    if as_json:
        print_json(row)
        return
    names = [field.name for field in fields(row)]
    print_table(("", ""), [[name, shown(getattr(row, name), zone)] for name in names])


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on stdout; what stands in it is never taken for markup."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_IN_PIPES
    has_header = any(columns)
    table = Table(
        box=box.SIMPLE_HEAD if has_header else None, show_header=has_header, pad_edge=False
    )
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def counted(number: int, thing: str) -> str:
    """Return a number with what it counts: `1 row`, `1,000 rows`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def shown(value: object, zone: str = "UTC") -> str:
    """Return a value as people read it; times in `zone`, with its name."""
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S %Z")
        case bool():
            return "yes" if value else "no"
        case tuple() | list():
            return ", ".join(map(str, value))
        case _:
            return str(value)
