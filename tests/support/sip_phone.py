"""A desk phone on loopback: registers with a secret, answers what comes, and can try to dial."""

from __future__ import annotations

import hashlib
import re
import secrets
import socket
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

_DEADLINE_S: Final = 5.0
_CHALLENGE: Final = re.compile(r'(\w+)="?([^",]+)"?')


@dataclass(frozen=True)
class Message:
    """One SIP message: its first line, its headers by lower-case name, and its body."""

    first: str
    headers: dict[str, str]
    body: str

    @classmethod
    def parse(cls, data: bytes) -> Message:
        head, _, body = data.decode().partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers.setdefault(name.strip().lower(), value.strip())
        return cls(first, headers, body)

    @property
    def status(self) -> int:
        """The code of a reply; 0 for a request."""
        return int(self.first.split()[1]) if self.first.startswith("SIP/2.0") else 0


@dataclass
class SipPhone:
    """Open it as a context manager. `heard` counts the packets of audio that came."""

    server: tuple[str, int]
    user: str
    secret: str
    realm: str = "autodialer"
    heard: int = 0
    invites: list[Message] = field(default_factory=list)
    byes: int = 0

    def __enter__(self) -> Self:
        self._closing = threading.Event()
        self._replies: dict[str, list[Message]] = {}
        self._arrived = threading.Condition()
        self._sip, self._audio = _socket(), _socket()
        self._threads = [
            threading.Thread(target=self._serve, daemon=True),
            threading.Thread(target=self._listen, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        for thread in self._threads:
            thread.join()
        self._sip.close()
        self._audio.close()

    def register(self, secret: str | None = None, expires: int = 120) -> int:
        """Register (or with `expires` 0 leave); return the final status."""
        return self._ask("REGISTER", self._host, secret, f"Expires: {expires}\r\n").status

    def dial(self, number: str) -> int:
        """Try to call somebody; return the final status."""
        sdp = self._sdp()
        return self._ask("INVITE", f"{number}@{self._host}", None, "", sdp).status

    def send(self, method: str, to: str, more: str = "", body: str = "") -> int:
        """Send any other request; return the final status."""
        return self._ask(method, f"{to}@{self._host}", None, more, body).status

    # The wire --------------------------------------------------------------------------------

    @property
    def _host(self) -> str:
        return f"{self.server[0]}:{self.server[1]}"

    @property
    def _contact(self) -> str:
        host, port = self._sip.getsockname()
        return f"Contact: <sip:{self.user}@{host}:{port}>\r\n"

    def _ask(self, method: str, to: str, secret: str | None, more: str, body: str = "") -> Message:
        """Send a request, with credentials once they are asked for; return the final answer."""
        call_id = secrets.token_hex(8)
        answer = self._exchange(method, to, call_id, 1, more, body)
        if answer.status in {401, 407}:
            given = self._credentials(method, f"sip:{to}", answer, secret or self.secret)
            answer = self._exchange(method, to, call_id, 2, given + more, body)
        return answer

    def _exchange(  # noqa: PLR0917  the parts of one message
        self, method: str, to: str, call_id: str, number: int, more: str, body: str
    ) -> Message:
        host, port = self._sip.getsockname()
        kind = "Content-Type: application/sdp\r\n" if method == "INVITE" else ""
        branch = f"z9hG4bK{secrets.token_hex(6)}"
        whom = f"{self.user}@{to}" if method == "REGISTER" else to
        text = (
            f"{method} sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch={branch};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{self.user}@{self._host}>;tag={call_id[:6]}\r\n"
            f"To: <sip:{whom}>\r\nCall-ID: {call_id}\r\nCSeq: {number} {method}\r\n{self._contact}"
            f"{more}{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )
        self._sip.sendto(text.encode(), self.server)
        key = f"{call_id} {number} {method}"
        with self._arrived:
            came = self._arrived.wait_for(lambda: self._final(key) is not None, _DEADLINE_S)
        answer = self._final(key)
        assert came, f"no answer to {method}"
        assert answer is not None
        if method == "INVITE":
            self._acknowledge(text, answer)
        return answer

    def _final(self, key: str) -> Message | None:
        return next((m for m in self._replies.get(key, []) if m.status >= 200), None)

    def _acknowledge(self, invite: str, answer: Message) -> None:
        sent = Message.parse(invite.encode())
        target = sent.first.split()[1]
        number = sent.headers["cseq"].split()[0]
        text = (
            f"ACK {target} SIP/2.0\r\nVia: {sent.headers['via']}\r\nMax-Forwards: 70\r\n"
            f"From: {sent.headers['from']}\r\nTo: {answer.headers['to']}\r\n"
            f"Call-ID: {sent.headers['call-id']}\r\nCSeq: {number} ACK\r\nContent-Length: 0\r\n\r\n"
        )
        self._sip.sendto(text.encode(), self.server)

    def _credentials(self, method: str, uri: str, challenge: Message, secret: str) -> str:
        name = "www-authenticate" if challenge.status == 401 else "proxy-authenticate"
        asked = dict(_CHALLENGE.findall(challenge.headers[name]))
        mine = _md5(f"{self.user}:{asked['realm']}:{secret}")
        cnonce, theirs = secrets.token_hex(4), _md5(f"{method}:{uri}")
        response = _md5(f"{mine}:{asked['nonce']}:00000001:{cnonce}:auth:{theirs}")
        header = "Authorization" if challenge.status == 401 else "Proxy-Authorization"
        return (
            f'{header}: Digest username="{self.user}", realm="{asked["realm"]}", '
            f'nonce="{asked["nonce"]}", uri="{uri}", response="{response}", algorithm=MD5, '
            f'cnonce="{cnonce}", qop=auth, nc=00000001, opaque="{asked.get("opaque", "")}"\r\n'
        )

    # What comes ------------------------------------------------------------------------------

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                data, source = self._sip.recvfrom(65_535)
            except TimeoutError:
                continue
            if not data.strip():
                continue  # kept alive
            message = Message.parse(data)
            if message.status:
                self._keep(message)
            else:
                self._answer(message, source)

    def _keep(self, reply: Message) -> None:
        key = f"{reply.headers['call-id']} {reply.headers['cseq']}"
        with self._arrived:
            self._replies.setdefault(key, []).append(reply)
            self._arrived.notify_all()

    def _answer(self, request: Message, source: tuple[str, int]) -> None:
        match request.first.split()[0]:
            case "ACK":
                return
            case "INVITE":
                self.invites.append(request)
                self._reply(request, source, self._sdp())
                self._speak(request)
            case "BYE":
                self.byes += 1
                self._reply(request, source)
            case _:
                self._reply(request, source)

    def _reply(self, request: Message, source: tuple[str, int], body: str = "") -> None:
        copied = "".join(
            f"{name.title()}: {request.headers[name]}\r\n"
            for name in ("via", "from", "call-id", "cseq")
        )
        kind = "Content-Type: application/sdp\r\n" if body else ""
        to = request.headers["to"]
        tag = "" if "tag=" in to else ";tag=phone"
        text = (
            f"SIP/2.0 200 OK\r\n{copied}To: {to}{tag}\r\n{self._contact}{kind}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
        self._sip.sendto(text.encode(), source)

    def _sdp(self) -> str:
        host, port = self._audio.getsockname()
        return (
            f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
        )

    def _speak(self, invite: Message) -> None:
        """Send one packet, so that the other side knows where our audio comes from."""
        port = re.search(r"^m=audio (\d+)", invite.body, re.MULTILINE)
        host = re.search(r"^c=IN IP4 (\S+)", invite.body, re.MULTILINE)
        assert port, invite.body
        assert host, invite.body
        packet = bytes([0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]) + b"\xff" * 160
        self._audio.sendto(packet, (host[1], int(port[1])))

    def _listen(self) -> None:
        while not self._closing.is_set():
            try:
                self._audio.recv(2048)
            except TimeoutError:
                continue
            self.heard += 1


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.settimeout(0.1)
    return made


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
