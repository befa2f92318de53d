"""The commands of docs/howto/use-the-api.md do what it says, one after the other."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from autodialer.apps.imports.services import run_import
from tests.api.client import caller, now
from tests.api.files import send_file
from tests.support.book import make_book

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.client import Caller

pytestmark = pytest.mark.django_db

PAGE: Final = Path(__file__).parents[2] / "docs" / "howto" / "use-the-api.md"
LEADS: Final = b"number,first_name\n9876543212,Chandra\n12,Short\n"
# What the page calls the id of something that was made at this address.
NAMES: Final = {"lists": "LIST", "imports": "IMPORT", "webhooks": "WEBHOOK"}


def commands() -> Iterator[str]:
    """Yield the curl commands of the page."""
    for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        yield from re.findall(r"^curl .*?(?=^curl |\Z)", block, re.DOTALL | re.MULTILINE)


@dataclass
class Shell:
    """Knows as much of curl as the page uses, and the variables that the page speaks of."""

    crm: Caller
    variables: dict[str, str] = field(default_factory=lambda: {"API": "/api/v1", "KEY": "key"})

    def run(self, command: str) -> Any:
        """Send what the command sends."""
        for name, value in self.variables.items():
            command = command.replace(f"${name}", value)
        _, *words = shlex.split(command)
        method, url, body, form, headers = "", "", None, {}, {}
        while words:
            match words.pop(0):
                case "-H":
                    name, _, value = words.pop(0).partition(": ")
                    headers[name.replace("-", "_")] = value
                case "-X":
                    method = words.pop(0)
                case "--json":
                    body = words.pop(0)
                case "-F":
                    name, _, value = words.pop(0).partition("=")
                    form[name] = value
                case "-i":
                    pass
                case address:
                    url = address
        del headers["key"]
        return self._send(method, url, body, form, headers)

    def _send(
        self, method: str, url: str, body: str | None, form: dict[str, str], headers: dict[str, str]
    ) -> Any:
        if form:
            assert form.pop("file") == "@leads.csv"
            answer = send_file(self.crm, url.removeprefix("/api/v1"), LEADS, **form)
        else:
            sent = None if body is None else json.loads(body)
            verb = method or ("GET" if body is None else "POST")
            answer = self.crm.ask(verb, url, sent, **headers)
        self._remember(url, answer)
        return answer

    def _remember(self, url: str, answer: Any) -> None:
        made = NAMES.get(url.rpartition("/")[2])
        if made and answer.has_header("Location"):
            self.variables[made] = answer["Location"].rpartition("/")[2]
        if answer.has_header("ETag"):
            self.variables["ETAG"] = answer["ETag"].replace('"', '\\"')
        if url.endswith("/batch"):
            self.variables["CONTACT"] = answer.json()["contacts"][0]["id"]
        if "/imports" in url and answer.status_code == 202:  # what a worker would do
            run_import(import_id=int(self.variables["IMPORT"]), clock=now)


def test_every_command_of_the_page_does_what_it_says() -> None:
    shell = Shell(caller(make_book().account))
    answers = [(command, shell.run(command)) for command in commands()]
    assert len(answers) == 15
    for command, answer in answers:
        assert answer.status_code in {200, 201, 202}, (command, answer.content)
    rejected = answers[9][1].content.decode("utf-8-sig")
    assert "number_wrong_length" in rejected
    exported = b"".join(answers[12][1].streaming_content).decode("utf-8-sig")
    assert "+919876543210,Asha" in exported
