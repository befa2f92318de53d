"""One process of the part `import`: `migrate`, `file PATH` or `import PATH N`.

Prints what it measured as JSON in its last line. The file is made by a process of its own, so
that its making does not count as memory of the import.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from autodialer.ops.cli.shell import set_up_django

if TYPE_CHECKING:
    from autodialer.apps.accounts.models import Account

NOW: Final = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)  # Monday, 10:30 in India
CALLER_ID: Final = "08045678901"


def main() -> int:
    """Do what the command line says and print its figures."""
    what, *rest = sys.argv[1:]
    found: dict[str, float] = {}
    if what == "file":
        file = Path(rest[0])
        file.write_bytes(contacts(int(os.environ["BENCH_ROWS"])))
    elif what == "migrate":
        set_up_django()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
    else:
        set_up_django()
        found = _measure(Path(rest[0]), rest[1])
    sys.stdout.write(json.dumps(found))
    return 0


def _measure(file: Path, at: str) -> dict[str, float]:
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.accounts.services import create_account
    from autodialer.apps.imports.models import ListImport
    from autodialer.apps.imports.services import queue_import, run_import

    account = create_account(name=f"Account {at}", now=NOW)
    began = time.perf_counter()
    import_id = queue_import(
        account=account,
        actor=OPERATOR,
        name="List",
        file_name=file.name,
        data=file.read_bytes(),
        now=NOW,
    )
    run_import(import_id=import_id, clock=lambda: NOW)
    took = time.perf_counter() - began
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    made = ListImport.objects.get(pk=import_id)
    if made.status != "done" or made.ready != int(os.environ["BENCH_ROWS"]):
        raise SystemExit(f"the import is {made.status}: {made.error}")
    return {"s": took, "mb": megabytes, "snapshot_s": _snapshot(account, made.contact_list_id or 0)}


def _snapshot(account: Account, list_id: int) -> float:
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.agents.services import create_group
    from autodialer.apps.campaigns.services import add_caller_id, create_campaign

    caller_id = add_caller_id(
        account=account, actor=OPERATOR, number=CALLER_ID, verified=True, now=NOW
    )
    group = create_group(account=account, name="Group", now=NOW)
    began = time.perf_counter()
    create_campaign(
        account=account,
        actor=OPERATOR,
        name="Campaign",
        list_id=list_id,
        group_id=group.pk,
        caller_id=caller_id.pk,
        now=NOW,
    )
    return time.perf_counter() - began


def contacts(rows: int) -> bytes:
    """A CSV file of that many mobiles, each with a name, a company and two more fields."""
    header = ("number", "first name", "company", "city", "order")
    lines = [
        (str(9_000_000_000 + at), f"Person {at}", f"Company {at % 997}", "Pune", f"A-{at}")
        for at in range(rows)
    ]
    return "\n".join(",".join(line) for line in (header, *lines)).encode()


if __name__ == "__main__":
    sys.exit(main())
