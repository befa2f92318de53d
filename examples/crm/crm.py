"""A small CRM that is connected to the dialer: who is next, who is on the line, how it went.

Run it: python examples/crm/crm.py --key KEY --secret whsec_... customers.csv
Standard library only; docs/howto/connect-a-crm.md explains each part.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import hmac
import html
import json
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS customer (
    id INTEGER PRIMARY KEY, number TEXT UNIQUE, name TEXT, order_id TEXT, handed_at REAL);
CREATE TABLE IF NOT EXISTS result (
    call TEXT PRIMARY KEY, number TEXT, status TEXT, seconds INTEGER, agent TEXT);
CREATE TABLE IF NOT EXISTS popup (call TEXT, state TEXT, number TEXT, PRIMARY KEY (call, state));
CREATE TABLE IF NOT EXISTS event (id TEXT PRIMARY KEY, type TEXT, body TEXT);
"""
# A signature older than this may be a replay; the clocks of two machines differ by less.
OLDEST_SIGNATURE_S: Final = 300
LONGEST_BODY: Final = 1_000_000
# An answer that was lost on its way is given again; the dialer calls no number twice for it.
GIVEN_AGAIN_AFTER_S: Final = 300


class Crm:
    """What the CRM keeps. Every note may come twice and is kept once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(self._open()) as db, db:
            db.executescript(SCHEMA)

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=10)

    def add(self, number: str, name: str, order_id: str) -> None:
        """Add somebody to call; known numbers are left as they are."""
        with closing(self._open()) as db, db:
            db.execute(
                "INSERT OR IGNORE INTO customer (number, name, order_id) VALUES (?, ?, ?)",
                (number, name, order_id),
            )

    def next_number(self) -> str:
        """Hand out the next number; "" when none is left."""
        now = time.time()
        with closing(self._open()) as db, db:
            row = db.execute(
                "UPDATE customer SET handed_at = ? WHERE id = (SELECT min(id) FROM customer"
                " WHERE handed_at IS NULL OR handed_at < ?"
                "   AND number NOT IN (SELECT number FROM result)) RETURNING number",
                (now, now - GIVEN_AGAIN_AFTER_S),
            ).fetchone()
        return row[0] if row else ""

    def contact(self, number: str) -> dict[str, object] | None:
        """Return what the agent should see of a number."""
        with closing(self._open()) as db:
            row = db.execute(
                "SELECT name, order_id FROM customer WHERE number = ?", (number,)
            ).fetchone()
        if row is None:
            return None
        first, _, last = row[0].partition(" ")
        custom = {"order_id": row[1]}
        return {"number": number, "first_name": first, "last_name": last, "custom": custom}

    def note_popup(self, call: str, state: str, number: str) -> None:
        """Remember how far a call is: Dial, Ringing, Answered, Terminal."""
        self._insert("popup", call, state, number)

    def note_result(self, call: str, number: str, status: str, seconds: int, agent: str) -> None:
        """Remember how an attempt ended."""
        self._insert("result", call, number, status, seconds, agent)

    def note_event(self, event_id: str, kind: str, body: str) -> None:
        """Remember an event: the dialer sends it again until we have said that we have it."""
        self._insert("event", event_id, kind, body)

    def _insert(self, table: str, *values: object) -> None:
        marks = ", ".join("?" * len(values))
        with closing(self._open()) as db, db:
            db.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", values)  # noqa: S608  our own names

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Return the rows of a query of ours."""
        with closing(self._open()) as db:
            return db.execute(query).fetchall()


@dataclass(frozen=True, slots=True)
class Query:
    """The query parameters of a request, each by its first value, "" without."""

    values: dict[str, list[str]]

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, [""])[0]


def is_signed(secrets: list[str], headers: dict[str, str], body: bytes, now: float) -> bool:
    """Return whether a webhook comes from the dialer, and not from long ago.

    https://www.standardwebhooks.com: HMAC-SHA256 over id, timestamp and body. While a secret is
    changed, the dialer signs with both.
    """
    sent_at = headers.get("webhook-timestamp", "")
    if not sent_at.isdigit() or abs(now - int(sent_at)) > OLDEST_SIGNATURE_S:
        return False
    signed = f"{headers.get('webhook-id', '')}.{sent_at}.".encode() + body
    given = [one.partition(",")[2] for one in headers.get("webhook-signature", "").split()]
    return any(
        hmac.compare_digest(_signature(secret, signed), one) for secret in secrets for one in given
    )


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


class CrmServer(ThreadingHTTPServer):
    """The CRM on a port. `key` stands in the query of each address that is given to the dialer."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], crm: Crm, key: str, secrets: list[str]) -> None:
        super().__init__(address, _Handler)
        self.crm, self.key, self.secrets = crm, key, secrets


class _Handler(BaseHTTPRequestHandler):
    server: CrmServer
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_HEAD(self) -> None:
        """Say that the address is right, and hand nothing out."""
        self._answer(HTTPStatus.OK, "", "text/plain")

    def do_GET(self) -> None:
        """Answer one of the four addresses, or show the page."""
        parts = urlsplit(self.path)
        query = Query(parse_qs(parts.query))
        page = {
            "/": self._overview,
            "/next": self._next,
            "/contact": self._contact,
            "/popup": self._popup,
            "/result": self._result,
        }.get(parts.path)
        if not hmac.compare_digest(query["key"].encode(), self.server.key.encode()):
            self._answer(HTTPStatus.UNAUTHORIZED, "The key is missing or wrong.", "text/plain")
        elif page is None:
            self._answer(HTTPStatus.NOT_FOUND, "Nothing is here.", "text/plain")
        else:
            page(query)

    def do_POST(self) -> None:
        """Take a webhook."""
        length = self.headers.get("Content-Length", "")
        body = self.rfile.read(min(int(length), LONGEST_BODY)) if length.isdigit() else b""
        headers = {name.lower(): value for name, value in self.headers.items()}
        if not is_signed(self.server.secrets, headers, body, time.time()):
            self._answer(HTTPStatus.UNAUTHORIZED, "The signature is wrong.", "text/plain")
            return
        self.server.crm.note_event(headers["webhook-id"], json.loads(body)["type"], body.decode())
        self._answer(HTTPStatus.OK, "", "text/plain")

    # Whom to call next -----------------------------------------------------------------------

    def _next(self, _query: Query) -> None:
        self._answer(HTTPStatus.OK, self.server.crm.next_number(), "text/plain")

    def _contact(self, query: Query) -> None:
        found = self.server.crm.contact(query["Number"])
        status = HTTPStatus.OK if found else HTTPStatus.NOT_FOUND
        self._answer(status, json.dumps(found), "application/json")

    # Who is on the line, and how it went -----------------------------------------------------

    def _popup(self, query: Query) -> None:
        """Take the news of a call; the agent's browser opens the same address without news."""
        crm = self.server.crm
        if query["EventType"]:
            crm.note_popup(query["CallSid"], query["EventType"], query["From"])
            self._answer(HTTPStatus.OK, "", "text/plain")
            return
        found = crm.contact(query["From"]) or {"number": query["From"]}
        self._page("On the line", [(name, str(value)) for name, value in found.items()])

    def _result(self, query: Query) -> None:
        self.server.crm.note_result(
            query["CallSid"],
            query["CallTo"],
            query["DialCallStatus"],
            int(query["DialCallDuration"] or 0),
            query["AgentEmail"],
        )
        self._answer(HTTPStatus.OK, "", "text/plain")

    def _overview(self, _query: Query) -> None:
        rows = self.server.crm.rows(
            "SELECT c.number, c.name, coalesce(group_concat(r.status, ', '), 'no result')"
            " FROM customer AS c LEFT JOIN result AS r USING (number) GROUP BY c.id"
        )
        self._page("Customers", rows)

    def _page(self, title: str, rows: list[tuple[object, ...]]) -> None:
        cells = ("".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) for row in rows)
        table = "".join(f"<tr>{row}</tr>" for row in cells)
        text = f"<!doctype html><title>{title}</title><h1>{title}</h1><table>{table}</table>"
        self._answer(HTTPStatus.OK, text, "text/html")

    def _answer(self, status: HTTPStatus, text: str, kind: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the request line holds the key."""


def main() -> None:
    """Read customers from a CSV file with the columns number, name, order_id; then serve."""
    parser = argparse.ArgumentParser(description="A small CRM that is connected to the dialer.")
    parser.add_argument("customers", type=Path, help="CSV: number,name,order_id")
    parser.add_argument("--key", required=True, help="stands in the addresses given to the dialer")
    parser.add_argument("--secret", action="append", default=[], help="of the webhook: whsec_...")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--database", type=Path, default=Path("crm.sqlite3"))
    chosen = parser.parse_args()
    crm = Crm(chosen.database)
    with chosen.customers.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            crm.add(row["number"], row["name"], row["order_id"])
    server = CrmServer(("127.0.0.1", chosen.port), crm, chosen.key, chosen.secret)
    print(f"The CRM listens on http://127.0.0.1:{chosen.port}/?key={chosen.key}")  # noqa: T201
    server.serve_forever()


if __name__ == "__main__":
    main()
