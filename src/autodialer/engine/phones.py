"""Agents' own phones: the switch knows those of the store, and the store who is registered."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Final

import structlog

from autodialer.ports.store import StoreUnavailableError
from autodialer.ports.telephony import SwitchUnavailableError

if TYPE_CHECKING:
    from autodialer.engine.config import EngineConfig
    from autodialer.engine.runner import Tools
    from autodialer.ports.phones import Phone, PhoneReport, Phones

log = structlog.get_logger()

_LOOK_AGAIN_S: Final = 3.0
_COMPARE_EVERY_S: Final = 30.0


class PhoneNews:
    """Gathers which phones may have changed until the book looks. Begins with: all of them."""

    def __init__(self) -> None:
        self.some = asyncio.Event()
        self._any = True
        self._names: set[str] = set()

    def changed(self, name: str | None) -> None:
        """Note a phone; None: perhaps several."""
        if name is None:
            self._any = True
        else:
            self._names.add(name)
        self.some.set()

    def take(self) -> frozenset[str] | None:
        """Return what has gathered, and begin anew; None: look at all."""
        names = None if self._any else frozenset(self._names)
        self._any = False
        self._names.clear()
        self.some.clear()
        return names


class PhoneBook:
    """Brings store and switch into agreement: at each hint, each report, and by polling."""

    def __init__(self, config: EngineConfig, tools: Tools, phones: Phones) -> None:
        self._config, self._tools, self._phones = config, tools, phones
        # What the store wants the switch to know, and when to read all of it again.
        self._wanted: dict[str, Phone] = {}
        self._read_all_at = -inf
        # What the switch has; None where we do not know the secret's digest that it has.
        self._given: dict[str, Phone | None] = {}
        self._registered: set[str] = set()
        self._noted: frozenset[str] | None = None
        self._compare_at = -inf

    def look_again(self) -> None:
        """Compare with the switch before anything else: it may have forgotten everything."""
        self._given.clear()
        self._noted = None
        self._compare_at = -inf
        self._tools.phone_news.changed(None)

    def note(self, report: PhoneReport) -> None:
        """Take in that a phone has come or gone."""
        change = self._registered.add if report.is_registered else self._registered.discard
        change(report.name)
        # The store is told; nothing has to be read.
        self._tools.phone_news.some.set()

    async def keep(self) -> None:
        """Agree, for ever."""
        while True:
            try:
                await self._agree()
            except (StoreUnavailableError, SwitchUnavailableError) as error:
                # A request may have been carried out although its answer was lost.
                self._read_all_at = self._compare_at = -inf
                log.info("phones_not_compared", error=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN_S):
                    await self._tools.phone_news.some.wait()

    async def _read(self) -> None:
        """Read what has changed, and now and then everything: a hint may be lost."""
        names, now = self._tools.phone_news.take(), asyncio.get_running_loop().time()
        store = self._tools.store
        if names is None or now >= self._read_all_at:
            self._wanted = {phone.name: phone for phone in await store.phones()}
            self._read_all_at = now + self._config.phone_poll.total_seconds()
        elif names:
            found = {phone.name: phone for phone in await store.phones(names)}
            kept = {name: phone for name, phone in self._wanted.items() if name not in names}
            self._wanted = kept | found

    async def _agree(self) -> None:
        await self._read()
        wanted = self._wanted
        if asyncio.get_running_loop().time() >= self._compare_at:
            await self._compare()
        for name in self._given.keys() - wanted.keys():
            await self._phones.remove_phone(name)
            del self._given[name]
            self._registered.discard(name)
        for name, phone in wanted.items():
            # One after the other: a call's request never waits behind a thousand phones.
            if self._given.get(name) != phone:
                await self._phones.put_phone(phone)
                self._given[name] = phone
                # After a restart of the switch it may be registered still, and no report tells.
                self._compare_at = -inf
        await self._tell_store()

    async def _compare(self) -> None:
        """Find what no report told."""
        present = await self._phones.phones()
        self._given = {name: self._given.get(name) for name in present}
        self._registered = {name for name, registered in present.items() if registered}
        if frozenset(self._registered) == self._noted:
            # Said again now and then: one that has left another node may be known as nowhere.
            self._noted = None
        self._compare_at = asyncio.get_running_loop().time() + _COMPARE_EVERY_S

    async def _tell_store(self) -> None:
        registered = frozenset(self._registered)
        if registered == self._noted:
            return
        tools = self._tools
        # What was there before we looked may be registered at another node by now.
        arrived = () if self._noted is None else sorted(registered - self._noted)
        await tools.store.note_phones(tools.lease, sorted(registered), tools.clock(), arrived)
        self._noted = registered
