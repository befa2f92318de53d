"""Take pictures of the pages for docs/images, of a real stack with the lab's customers.

Each page as it looks on a desk (light and dark) and on a telephone. Runs some two minutes.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from autodialer.ops.cli.shell import set_up_django
from autodialer.ops.dialer import DialerProcess
from autodialer.ops.node import make_asterisk, make_lab
from autodialer.ops.paths import Paths
from autodialer.ops.postgres import EmbeddedPostgres
from autodialer.ops.process import free_port, wait_until
from autodialer.ops.web import WebProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playwright.sync_api import Browser, BrowserContext, Page

    from autodialer.ops.demo.office import Office
    from autodialer.ops.supervisor import Service

IMAGES: Final = Path(__file__).parents[1] / "docs" / "images"
CALLS_SHOWN: Final = 12
ENOUGH_S: Final = 120.0
FLAGS: Final = (
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--hide-scrollbars",
)


@dataclass(frozen=True, slots=True)
class Look:
    """A window: its name in the file, its size, its colours."""

    name: str
    width: int
    height: int
    scheme: Literal["light", "dark"]


LOOKS: Final = (
    Look("light", 1366, 850, "light"),
    Look("dark", 1366, 850, "dark"),
    Look("narrow", 360, 740, "light"),
)


def main() -> None:
    """Start a stack, let it work, take the pictures, end it."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        prefix = Paths.from_environment().asterisk_prefix
        paths = Paths.below(Path(folder), asterisk_prefix=prefix)
        office, url = _start(paths, running)
        wait_until(_calls_were_made, ENOUGH_S, "The lab's agents have made calls")
        IMAGES.mkdir(exist_ok=True)
        _take_pictures(office, url)


def _start(paths: Paths, running: ExitStack) -> tuple[Office, str]:
    os.environ["AUTODIALER_VAR"] = str(paths.var)
    # Playwright's loop runs in the thread in which Django is asked: they take turns.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    database = EmbeddedPostgres(paths)
    _run(database, running)
    os.environ["AUTODIALER_DATABASE_URL"] = database.url
    set_up_django()
    from django.core.management import call_command

    from autodialer.ops.demo.office import open_office

    call_command("migrate", verbosity=0, interactive=False)
    lab = make_lab(paths)
    node = make_asterisk(paths, ("127.0.0.1", lab.asterisk.instance.sip_port))
    web = WebProcess(paths, database.url, host="127.0.0.1", port=free_port())
    for service in (lab, node):
        _run(service, running)
    _run(DialerProcess(paths, database.url, node.ari), running)
    _run(web, running)
    now = datetime.now(UTC)  # noqa: TID251  the shell of a tool
    office = open_office(now)
    _fill(office, now)
    return office, f"http://{web.host}:{web.port}"


def _fill(office: Office, now: datetime) -> None:
    """Make what the demo leaves empty: numbers that must not be called, a key, an endpoint."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.contacts.services import add_dnd_numbers
    from autodialer.apps.keys.services import create_key
    from autodialer.apps.webhooks.services import add_endpoint

    numbers = ["+919820010101", "+919820010202"]
    add_dnd_numbers(
        account=office.account,
        actor=OPERATOR,
        numbers=numbers,
        reason="asked on the phone",
        now=now,
    )
    create_key(
        account=office.account,
        actor=OPERATOR,
        name="Our CRM",
        scopes=["campaigns:read", "reports:read"],
        now=now,
    )
    # Told of nothing that happens meanwhile: nobody listens there.
    add_endpoint(
        account=office.account,
        actor=OPERATOR,
        url="https://crm.example.com/dialer",
        kinds=["campaign.completed"],
        description="Our CRM",
        now=now,
    )


def _run(service: Service, running: ExitStack) -> None:
    service.start()
    running.callback(service.stop)


def _calls_were_made() -> bool:
    from autodialer.apps.calls.models import Attempt

    return Attempt.objects.filter(status="completed").count() >= CALLS_SHOWN


def _take_pictures(office: Office, url: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        for look in LOOKS:
            _take_all(browser, office, url, look)
        browser.close()


def _take_all(browser: Browser, office: Office, url: str, look: Look) -> None:
    admin, _, agent = (sign_in.email for sign_in in office.sign_ins)
    window = _sign_in(browser, url, admin, look)
    for name, path in _of_an_admin(office).items():
        page = window.new_page()
        page.goto(f"{url}{path}")
        _take(page, name, look)
        page.close()
    window.close()
    window = _sign_in(browser, url, agent, look)
    _take_work(window.new_page(), f"{url}/campaigns/{office.own_campaign}/agent/", look)
    window.close()


def _of_an_admin(office: Office) -> Mapping[str, str]:
    """Return the pages that an admin sees, which are all but one: file name and address."""
    from autodialer.apps.accounts.models import User
    from autodialer.apps.contacts.models import ContactList
    from autodialer.apps.imports.models import ListImport

    account = office.account
    first_list = ContactList.objects.filter(account=account).earliest("pk").pk
    first_import = ListImport.objects.filter(account=account).earliest("pk").pk
    agent = User.objects.get(email=office.sign_ins[-1].email).pk
    return {
        "campaigns": "/",
        "campaign": f"/campaigns/{office.busy_campaign}/",
        "create": "/campaigns/new/",
        "report": f"/campaigns/{office.busy_campaign}/report/",
        "lists": "/lists/",
        "list": f"/lists/{first_list}/",
        "contacts": "/lists/contacts/",
        "imports": "/lists/imports/",
        "import-new": "/lists/imports/new/",
        "import": f"/lists/imports/{first_import}/",
        "people": "/people/",
        "person": f"/people/{agent}/",
        "dnd": "/dnd/",
        "caller-ids": "/caller-ids/",
        "balance": "/balance/",
        "audit": "/audit/",
        "webhooks": "/webhooks/",
        "webhook-new": "/webhooks/new/",
        "keys": "/keys/",
        "settings": "/settings/",
        "two-factor": "/accounts/2fa/",
        "sessions": "/accounts/sessions/",
    }


def _sign_in(browser: Browser, url: str, email: str, look: Look) -> BrowserContext:
    from autodialer.ops.demo.office import PASSWORD

    size = {"width": look.width, "height": look.height}
    window = browser.new_context(viewport=size, color_scheme=look.scheme)  # type: ignore[arg-type]
    page = window.new_page()
    page.goto(f"{url}/accounts/login/")
    _take(page, "sign-in", look)
    page.fill("#id_login", email)
    page.fill("#id_password", PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{url}/")
    return window


def _take_work(page: Page, address: str, look: Look) -> None:
    """Press Start as the agent, and take the picture while a customer talks."""
    page.goto(address)
    page.locator("#phone[data-state=ready]").wait_for(timeout=30_000)
    page.get_by_role("button", name="Start").click()
    page.get_by_text("Talking with").wait_for(timeout=60_000)
    _take(page, "work", look)
    page.get_by_role("button", name="Hang up and stop").click()
    page.get_by_text("Not connected").wait_for(timeout=60_000)


def _take(page: Page, name: str, look: Look) -> None:
    # Figures that a page asks for once it is open.
    page.locator("[hx-trigger=load]").first.wait_for(state="detached")
    page.screenshot(path=IMAGES / f"{name}-{look.name}.png")


if __name__ == "__main__":
    main()
