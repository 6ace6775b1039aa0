"""What transactions reach for, handed to them in one value by the roof."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import Deferred, execute

from ..interfaces.bodies import ISpool
from ..interfaces.counters import ICounters
from ..interfaces.directory import IDirectory
from ..interfaces.files import IFiles
from ..interfaces.ledger import ILedger
from ..interfaces.renderer import IRenderer
from ..interfaces.scanner import IScanner
from ..interfaces.submission import Peer
from ..interfaces.verdicts import IVerdicts
from ..mail.envelope import Delivery, Submission, ulid
from ..mail.message import Message


class Scheduler(Protocol):
    """What a submission needs of `relay.outbound`."""

    def has_room(self, submission: Submission) -> bool: ...

    def take(self, deliveries: Sequence[Delivery], message: Message | None) -> None: ...


@dataclass(frozen=True, slots=True)
class Intake:
    """Everything that a transaction reaches for.

    `trace(id, at, peer)` gives the Received field; `paused()` tells whether mail is taken at all; `free_space()` gives
    the octets that the disk has room for, below `free_space_floor` of which no mail is taken; `lifetime` and
    `mailbox_full` are in seconds; `random(n)` gives octets; `routes` are the names of the installation's own routes.
    `link_key()` gives the number of the key by which links in mail are signed now, 0 where there are no public pages;
    `aside` calls a function in a thread. `scanner`, where there is one, looks into each message.
    """

    directory: IDirectory
    ledger: ILedger
    spool: ISpool
    counters: ICounters
    verdicts: IVerdicts
    scheduler: Scheduler
    trace: Callable[[str, int, Peer], bytes]
    paused: Callable[[], bool]
    free_space: Callable[[], int]
    now: Callable[[], int]
    random: Callable[[int], bytes]
    lifetime: int
    mailbox_full: int
    free_space_floor: int
    renderer: IRenderer
    files: IFiles
    routes: frozenset[str] = frozenset()
    link_key: Callable[[], int] = lambda: 0
    aside: Callable[..., Deferred[Any]] = execute
    scanner: IScanner | None = None

    def new_id(self) -> str:
        """A fresh id."""
        return ulid(self.now(), self.random(10))
