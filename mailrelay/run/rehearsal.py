"""A post office for rehearsals alone, over a store that is opened for one command, beside a daemon or without one.

It takes nothing: there is nobody who would send it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock

from ..config import Config
from ..interfaces.renderer import IRenderer
from ..mail.address import verp
from ..mail.envelope import Delivery, Submission
from ..mail.message import Message
from ..mail.trace import received
from ..manage.settings import PAUSED
from ..manage.signing import unlock
from ..policy.dialect import Dialects
from ..policy.link_keys import SETTING as LINK_KEYS
from ..relay.compose import compose
from ..relay.intake import Intake
from ..relay.personal import Site
from ..relay.posting import PostOffice
from ..relay.signing import Signing
from ..store import Store
from ..store.counters import MemoryCounters
from ..vault import Vault
from .public import Keyring
from .spared import free_space
from .wiring import bounded


@dataclass(frozen=True, slots=True)
class Nobody:
    """A scheduler that sends nothing."""

    def has_room(self, submission: Submission) -> bool:
        return False

    def take(self, deliveries: Sequence[Delivery], message: Message | None) -> None:
        """Nothing leaves."""


async def rehearsing(
    config: Config,
    store: Store,
    vault: Vault,
    dialects: Dialects,
    *,
    renderer: IRenderer,
    state: Path,
    hostname: str,
    public_url: str,
    now: Callable[[], int],
) -> PostOffice:
    """The office; every Deferred of it has fired when it is given, as the store's have."""
    dialects = bounded(dialects, config)
    settings = await store.directory.settings()
    keyring = Keyring(vault)
    keyring.read(settings.get(LINK_KEYS, ""))
    site = Site(public_url, lambda number: os.urandom(32)) if public_url else None
    bounces, key = config.delivery.bounce_domain or f"bounces.{hostname}", vault.subkey("verp")

    def reverse_path(delivery: Delivery) -> str:
        return verp(delivery.recipient, bounces, key) if delivery.sender else ""

    intake = Intake(
        directory=store.directory,
        ledger=store.ledger,
        spool=store.spool,
        counters=MemoryCounters(Clock()),
        verdicts=store.verdicts,
        scheduler=Nobody(),
        trace=lambda id, at, peer: received(hostname, id, peer.via, at),
        paused=lambda: bool(settings.get(PAUSED)),
        free_space=free_space(state, now),
        now=now,
        random=os.urandom,
        lifetime=config.delivery.expiry,
        mailbox_full=config.limits.mailbox_full_hours * 3600,
        free_space_floor=config.limits.free_megabytes * 1_000_000,
        renderer=renderer,
        files=store.files,
        routes=frozenset(route.name for route in config.routes),
        link_key=lambda: keyring.current if site else 0,
    )
    defer = cast("Callable[..., Deferred[Any]]", execute)
    if config.delivery.sign:
        made = Signing(store.directory, partial(unlock, vault), defer, now, hostname, site).compose
        return PostOffice(intake, dialects, made, reverse_path)
    return PostOffice(intake, dialects, lambda *given: defer(compose, *given, hostname, site), reverse_path)
