"""A web server that misbehaves in one way for each path, on a free port of 127.0.0.1."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET, socket
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
Manner = Callable[[Reader, Writer], Awaitable[None]]

DRIP_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Heard:
    """One request as it came: the target with its query, byte for byte."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Manner:
    """Return the manner of answering properly; underscores in names of headers are hyphens."""

    async def well(_: Reader, writer: Writer) -> None:
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        head = "\r\n".join((f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", *lines))
        writer.write(head.encode() + b"\r\n\r\n" + body)

    return well


def raw(data: bytes) -> Manner:
    """Return the manner of sending exactly this and closing."""

    async def send(_: Reader, writer: Writer) -> None:
        writer.write(data)
        await writer.drain()
        writer.close()

    return send


async def hang(reader: Reader, writer: Writer) -> None:
    """Say nothing until the client goes."""
    await reader.read()


async def drip(_: Reader, writer: Writer) -> None:
    """Send one byte at a time, for ever, so that no single read takes long."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(DRIP_S)  # the manner itself, nobody waits for it


async def reset(_: Reader, writer: Writer) -> None:
    """Break the connection off with RST."""
    peer: socket = writer.get_extra_info("socket")
    peer.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def endless(_: Reader, writer: Writer) -> None:
    """Send chunks without end."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
        await writer.drain()


def many_headers(count: int) -> bytes:
    lines = "".join(f"X-Header-{number}: {number}\r\n" for number in range(count))
    return f"HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n".encode()


MANNERS: Final[Mapping[str, Manner]] = {
    "/hang": hang,
    "/drip": drip,
    "/reset": reset,
    "/endless": endless,
    "/500": answer(500, b"Traceback"),
    "/410": answer(410),
    "/429": answer(429, Retry_After="3600"),
    "/301": answer(301, Location="http://127.0.0.1/"),
    "/304": answer(304),
    "/101": raw(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
    "/closes": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
    "/silent": raw(b""),
    "/10-gigabytes": raw(
        b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n" + b"x" * 200_000
    ),
    "/gzip": answer(200, gzip.compress(b"\0" * 10_000_000), Content_Encoding="gzip"),
    "/17-kilobytes-of-headers": raw(many_headers(1_000)),
    "/10000-headers": raw(many_headers(10_000)),
    "/no-http": raw(b"220 mail.example ESMTP\r\n"),
    "/invalid-utf-8": answer(200, b"\xff\xfe\xc3"),
    "/html": answer(200, b"<!doctype html><title>Sign in</title>", Content_Type="text/html"),
}


@dataclass(slots=True)
class BadServer:
    """`manners` may be added to; a path that has none is answered with 200 and "ok"."""

    port: int = 0
    heard: list[Heard] = field(default_factory=list)
    manners: dict[str, Manner] = field(default_factory=lambda: dict(MANNERS))
    connections: int = 0
    under_way: int = 0
    most_under_way: int = 0

    def url(self, path: str, *, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    @asynccontextmanager
    async def serve(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[BadServer]:
        """Listen; at the end all that is still being answered is dropped."""
        tasks: set[asyncio.Task[None]] = set()

        async def accept(reader: Reader, writer: Writer) -> None:
            task = asyncio.current_task()
            if task is not None:
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._answer_all(reader, writer)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in (*tasks,):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer_all(self, reader: Reader, writer: Writer) -> None:
        self.connections += 1
        try:
            while not writer.is_closing():
                heard = await _hear(reader)
                self.heard.append(heard)
                self.under_way += 1
                self.most_under_way = max(self.most_under_way, self.under_way)
                manner = self.manners.get(heard.target.partition("?")[0], answer(200, b"ok"))
                try:
                    await manner(reader, writer)
                    await writer.drain()
                finally:
                    self.under_way -= 1
        finally:
            writer.close()


async def _hear(reader: Reader) -> Heard:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *rest = head.strip().split("\r\n")
    method, target, _ = line.split(" ")
    headers = {name.lower(): value for name, _, value in (row.partition(": ") for row in rest)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Heard(method, target, headers, body)


# Certificates ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority of one test."""

    folder: Path
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def trusted(self) -> ssl.SSLContext:
        """Return what a client needs that trusts this authority and no other."""
        file = self.folder / "authority.pem"
        file.write_bytes(self._certificate("Test authority", self.key, is_authority=True))
        return ssl.create_default_context(cafile=str(file))

    def server(
        self, host: str, *, expired: bool = False, self_signed: bool = False
    ) -> ssl.SSLContext:
        """Return what a server needs that calls itself `host`."""
        key = ec.generate_private_key(ec.SECP256R1())
        signer = key if self_signed else self.key
        file = self.folder / f"{host}-{expired}-{self_signed}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + self._certificate(host, key, signer, expired=expired)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _certificate(
        self,
        host: str,
        key: ec.EllipticCurvePrivateKey,
        signer: ec.EllipticCurvePrivateKey | None = None,
        *,
        is_authority: bool = False,
        expired: bool = False,
    ) -> bytes:
        ends = datetime.now(UTC) + timedelta(days=-1 if expired else 1)  # noqa: TID251
        issuer = "Test authority" if signer in {None, self.key} else host
        names: list[x509.GeneralName] = (
            [x509.IPAddress(ip_address(host))]
            if host[0].isdigit()
            else [x509.DNSName(host.replace(" ", "-"))]
        )
        made = (
            x509.CertificateBuilder()
            .subject_name(_named(host))
            .issuer_name(_named(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(ends - timedelta(days=3))
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(signer or self.key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
