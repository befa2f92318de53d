"""Write the reference pages that are drawn from the code: states, errors, roles and metrics.

`python -m tools.reference` writes them; a test fails when a page and the code disagree.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import django

import autodialer
from autodialer.domain import campaign, session, step, target
from autodialer.domain.errors import AutodialerError
from autodialer.domain.people import Role
from tools.sources import ROOT

if TYPE_CHECKING:
    from autodialer.apps.accounts.permissions import Rule

REFERENCE: Final = Path("docs/reference")
S = TypeVar("S", bound=StrEnum)
GENERATED: Final = "<!-- Drawn from the code by `make docs`; do not edit. -->"


def pages() -> dict[Path, str]:
    """Return the text of each generated page by its path in the repository."""
    return {
        REFERENCE / "states.md": states_page(),
        REFERENCE / "errors.md": errors_page(),
        REFERENCE / "roles.md": roles_page(),
        REFERENCE / "metrics.md": metrics_page(),
    }


def states_page() -> str:
    """Return the page with the diagram of each status and the table of the session."""
    return "\n".join(
        [
            "# States",
            "",
            GENERATED,
            "",
            "## Campaign",
            "",
            *diagram(campaign.TRANSITIONS),
            "",
            "## Target",
            "",
            *diagram(target.TRANSITIONS),
            "",
            "## Session",
            "",
            "What a session does with each event, by phase. The names are the rules in",
            "`domain/step.py`. Empty: the event changes nothing there. *refused*: only a fault",
            "of the program can produce it.",
            "",
            *session_table(),
            "",
        ]
    )


def diagram(moves: Mapping[S, frozenset[S]]) -> Iterator[str]:
    """Yield a Mermaid state diagram of a transition table, in the order of the table."""
    yield "```mermaid"
    yield "stateDiagram-v2"
    for state in moves:
        yield f'    state "{state.value}" as {state.name}'
    yield f"    [*] --> {next(iter(moves)).name}"
    for state, successors in moves.items():
        for successor in sorted(successors):
            yield f"    {state.name} --> {successor.name}"
        if not successors:
            yield f"    {state.name} --> [*]"
    yield "```"


def session_table() -> Iterator[str]:
    """Yield a Markdown table: one row an event, one column a phase."""
    phases = [phase for phase in session.Phase if phase is not session.Phase.ENDED]
    events = list(dict.fromkeys(event for _, event in (*step.RULES, *sorted_refused())))
    yield "| event | " + " | ".join(phases) + " |"
    yield "| --- |" + " --- |" * len(phases)
    for event in events:
        cells = (session_cell(phase, event) for phase in phases)
        yield f"| `{event.__name__}` | " + " | ".join(cells) + " |"


def sorted_refused() -> list[tuple[session.Phase, type]]:
    """Return the refused pairs in an order that does not change from run to run."""
    return sorted(step.REFUSED, key=lambda pair: (pair[0], pair[1].__name__))


def session_cell(phase: session.Phase, event: type) -> str:
    """Return the name of the rule for this pair, "refused" or nothing."""
    if (phase, event) in step.REFUSED:
        return "*refused*"
    rule = step.RULES.get((phase, event))
    return rule.__name__.strip("_").replace("_", " ") if rule else ""


def errors_page() -> str:
    """Return the page with every code, what it means, and where it comes from."""
    rows = [
        f"| {shown_code(error)} | `{error.__name__}` | {meaning(error)} |"
        for error in sorted(error_classes(), key=lambda error: (error.code, error.__name__))
    ]
    return "\n".join(
        [
            "# Errors",
            "",
            GENERATED,
            "",
            "Every expected failure has a code that does not change; its sentence may.",
            "",
            "| code | class | meaning |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


ROLES_PAGE: Final = f"""# Roles

{GENERATED}

Every user belongs to one account and has one role: admin, supervisor or agent. The command line
acts as **the operator**, who may do everything in every account: whoever can run commands on the
machine can read the database anyway. What others may do is one table
(`apps/accounts/permissions.py`) that every service asks; a refusal is the error `not_allowed`,
and its sentence says who may.

**all**: of the whole account. **own**: made or imported by oneself, or oneself. **member**: of
campaigns in which one is an agent at this moment, in their group or picked for them. What lies
beyond that is *not found*, like everything of another account. A permission that is given to no
role is the operator's, and so is making accounts. **confirmed**: in the pages, who has not proved
within ten minutes who they are, by signing in or since, is asked for the password or the second
factor before it is done; what was filled in is kept.

{{table}}

* **The last admin** who is enabled can be neither disabled nor made anything else.
* **What an agent imports** changes no contact of somebody else.
* **Being called** needs no role: whoever is an agent of the campaign, and enabled, can start.
  Nobody starts somebody else; a supervisor or an admin can stop them.
* **When** a campaign can be paused, edited and so on is in
  [campaigns](campaigns.md#what-may-be-done); `autodialer campaign actions NAME` gives the reason
  why not.

## Scopes of API keys

An admin makes [API keys](api.md#keys) for programs. A key may what its scopes give, in the whole
account, whoever made it; it works as long as its maker is an admin who is enabled. What no scope
gives, no key may do.

{{scopes}}
"""


def roles_page() -> str:
    """Return the page with the table of permissions."""
    _set_up_django()
    from autodialer.apps.accounts.permissions import RULES

    rows = [
        f"| `{permission}` | {rule.to_do} | {' | '.join(role_cell(rule, role) for role in Role)} |"
        for permission, rule in RULES.items()
    ]
    head = ["| Permission | To | Admin | Supervisor | Agent |", "| --- | --- | --- | --- | --- |"]
    return ROLES_PAGE.format(table="\n".join([*head, *rows]), scopes="\n".join(scope_rows()))


def scope_rows() -> Iterator[str]:
    """Yield the table of what each scope of an API key is for and which permissions it gives."""
    from autodialer.apps.accounts.scopes import GRANTS

    yield "| Scope | To | Permissions |"
    yield "| --- | --- | --- |"
    for scope, grant in GRANTS.items():
        given = ", ".join(f"`{permission}`" for permission in sorted(grant.permissions))
        yield f"| `{scope}` | {grant.purpose} | {given} |"


def role_cell(rule: Rule, role: Role) -> str:
    """Return how far a permission reaches for a role, as the table shows it."""
    scope = rule.scope(role)
    return f"{scope}, confirmed" if scope and role in rule.confirmed else scope or ""


METRICS_PAGE: Final = f"""# Metrics

{GENERATED}

What `/metrics` of each process tells [whoever may watch it](../howto/watch-it.md), for Prometheus.
Times are in seconds, sizes in bytes; what ends in `_total` only grows while the process lives.
Nothing names an account, a campaign, a number or a person, so that the number of series does not
grow with them. Every process also tells `process_...`: its memory, CPU time and open files.

{{tables}}
`phase` is one of the [session](states.md#session), `status` and `reason` of calls are
[outcomes](outcomes.md); final answers of the network without a name of their own are `sip_other`.
`route` is the pattern of an address, such as `campaigns/<int:campaign_id>/`, and `none` where there
is no such address. A histogram `x` is read as `x_bucket`, `x_sum` and `x_count`.
"""


def metrics_page() -> str:
    """Return the page with every metric of each process."""
    _set_up_django()
    from tools import metrics

    return METRICS_PAGE.format(tables="\n".join(metrics.rows()))


def own_code(error: type[AutodialerError]) -> str | None:
    """Return the code that the class itself states; None when it is given to each error."""
    return vars(error).get("code")


def shown_code(error: type[AutodialerError]) -> str:
    """Return the code as the table shows it."""
    code = own_code(error)
    return f"`{code}`" if code else "one a cause"


def meaning(error: type[AutodialerError]) -> str:
    """Return the first paragraph of the class's docstring, in one line."""
    paragraph = (inspect.getdoc(error) or "").split("\n\n", maxsplit=1)[0]
    return " ".join(paragraph.split()).replace("|", "\\|")


def error_classes() -> frozenset[type[AutodialerError]]:
    """Return every public class of expected errors in the package, wherever it is written."""
    _set_up_django()
    for module in pkgutil.walk_packages(autodialer.__path__, "autodialer."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    family = _family(AutodialerError)
    ours = (error for error in family if error.__module__.startswith("autodialer."))
    return frozenset(error for error in ours if not error.__name__.startswith("_"))


def _set_up_django() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autodialer.config.settings")
    django.setup()


def _family(error: type[AutodialerError]) -> Iterator[type[AutodialerError]]:
    yield error
    for child in error.__subclasses__():
        yield from _family(child)


def main() -> None:
    """Write each page that has changed and say so."""
    for path, text in pages().items():
        file = ROOT / path
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            print(f"written: {path}")


if __name__ == "__main__":
    main()
