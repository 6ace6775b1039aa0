"""One store: the wiring of database, writer and readers to the interfaces.

Without a reactor everything happens before a method returns, for the command line and unit tests; with one, in the
store's own threads. This module knows no table.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from twisted.internet.defer import Deferred
from ulid import ULID

from ..interfaces.history import Depth
from ..mail.envelope import DAY
from .answers import Answers
from .blocking import Blocking
from .bodies import Bodies, Spool, sweep
from .books import Books
from .changes import Changes
from .claim import void
from .damage import look_through
from .directory import Directory, MergedOptions
from .engagement import Engagements
from .engine import Database, sqlite_module
from .erasure import Erasures, Pseudonym, hidden
from .events import Events
from .files import Files
from .history import History
from .jobs import CALL, LOOK_UP, Job
from .ledger import Ledger, undo
from .measured import Writes
from .migrate import bring_up_to_date
from .nodes import BeatNodes, FileNodes
from .once import sweep_keys
from .orders import Orders, Prices
from .people import People
from .plans import Plans
from .reader import Reader
from .registry import Registry
from .report import Reports
from .retention import forget_bodies, forget_history, forget_refusals
from .routes import StoredRoutes
from .statistics import Statistics
from .sts_policies import StoredPolicies
from .suppressions import sweep_suppressions
from .templates import Templates
from .tls_reports import TlsReports
from .tokens import Tokens
from .verdicts import Verdicts
from .waiting import depth
from .webhooks import Webhooks
from .work import BULK, Work
from .writer import Reactor, Writer

#: Seconds after which a submission that could not be written is answered.
PATIENCE = 10.0
_VOIDED = "taken back: the client got no reply, because the outcome of the commit was unknown"


def new_id() -> str:
    """A fresh ULID."""
    return str(ULID())


class Store:
    """Everything durable; attributes are the interfaces."""

    def __init__(
        self,
        where: str | Path,
        *,
        node: str,
        now: Callable[[], int],
        reactor: Reactor | None,
        patience: float,
        names: Callable[[], str],
        monotonic: Callable[[], float],
        reports: Reports | None,
        options: MergedOptions,
        pseudonym: Pseudonym,
        provider_of: Callable[[str], str],
    ) -> None:
        database = Database(where, busy=min(1.0, patience), provider_of=provider_of)
        bring_up_to_date(database, patience)
        self._engine = f"sqlite {sqlite_module().sqlite_version}" if database.sqlite else "postgresql"

        def take_back(work: Work, jobs: Sequence[Job]) -> None:
            void(work, undo(jobs), _VOIDED, now())

        incarnation, numbers = names(), itertools.count()

        def new_name() -> str:
            return f"{incarnation}-{next(numbers)}"

        self._writer = Writer(database, node, reactor=reactor, patience=patience, new_name=new_name, void=take_back)
        self._reader = Reader(database, reactor=reactor)
        self._onlooker = Reader(database, reactor=reactor, together=False)
        folder = database.place.folder
        self.nodes: FileNodes | BeatNodes = (
            BeatNodes(self._writer, node, monotonic, reactor)
            if folder is None
            else FileNodes(self._writer, node, folder)
        )
        self.ledger = Ledger(self._writer, self._reader, node, reports)
        self.bodies = Bodies(self._reader)
        self.files = Files(self._writer, self._reader, now)
        self.spool = Spool(self._writer, self._reader, now)
        self.directory = Directory(self._reader, now, options, partial(hidden, pseudonym))
        self.erasure = Erasures(self._writer, self._reader, pseudonym, names)
        self.registry = Registry(self._writer, self._reader, names)
        self.blocking = Blocking(self._writer, self._reader, options)
        self.routes = StoredRoutes(self._writer, self._reader)
        self.templates = Templates(self._writer, self._reader)
        self.history = History(self._writer, self._onlooker, self.nodes.census)
        self.engagement = Engagements(self._writer, self._reader)
        self.statistics = Statistics(self._onlooker)
        self.events = Events(self._writer, self._reader)
        self.webhooks = Webhooks(self._writer, self._reader)
        self.tls_reports = TlsReports(self._writer, self._reader)
        self.changes = Changes(self._writer, self._onlooker)
        self.plans = Plans(self._writer, self._reader, names)
        self.prices = Prices(self._writer, self._reader)
        self.orders = Orders(self._writer, self._reader, names)
        self.books = Books(self._onlooker)
        self.people = People(self._writer, self._reader)
        self.tokens = Tokens(self._writer, self._reader)
        self.answers = Answers(self._writer)
        self.sts_policies = StoredPolicies(self._writer, self._reader)
        self.verdicts = Verdicts(self._writer, names, now)

    @property
    def engine(self) -> str:
        """The database's name and version."""
        return self._engine

    @property
    def writes(self) -> Writes:
        """What the writer has done since it began."""
        return self._writer.writes

    def depth(self) -> Deferred[Depth]:
        """How much waits."""
        return self._reader.ask(LOOK_UP, depth)

    def expire(self, now: int) -> Deferred[int]:
        """A chore: end what waits past its deadline; fires with how many recipients."""
        return self.ledger.expire(now)

    def sweep(self, now: int) -> Deferred[int]:
        """A chore: delete what no message refers to any more, and forget old idempotency keys and suppressions that
        have ended; fires with how many sources."""
        return Deferred.fromCoroutine(self._sweep(now))

    async def _sweep(self, now: int) -> int:
        while await self._writer.ask(CALL, lambda work: sweep_keys(work, now)) == BULK:
            pass
        while await self._writer.ask(CALL, lambda work: sweep_suppressions(work, now)) == BULK:
            pass
        swept: int = await self._writer.ask(CALL, lambda work: sweep(work, now))
        return swept

    def forget(self, now: int, *, bodies: int = 0, history: int = 0, refusals: int = 0) -> Deferred[int]:
        """A chore: delete what is finished and older than so many days, 0 keeps it for ever; fires with how much."""
        return Deferred.fromCoroutine(
            self._forget(now, ((forget_bodies, bodies), (forget_history, history), (forget_refusals, refusals)))
        )

    async def _forget(self, now: int, kept: Sequence[tuple[Callable[..., int], int]]) -> int:
        total = 0
        for forget, days in kept:
            forgotten = BULK if days else 0
            while forgotten == BULK:
                forgotten = await self._writer.ask(CALL, partial(forget, before=now - days * DAY))
                total += forgotten
        return total

    def set_aside(self, now: int) -> Deferred[int]:
        """A chore: hold the recipients whose rows make no sense; fires with how many."""
        return look_through(self._reader, self._writer, now)

    def close(self) -> Deferred[None]:
        """Write what was asked, answer everything, and let go of the database."""
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        await self._writer.close()
        await self._onlooker.close()
        await self._reader.close()


def open_store(
    where: str | Path,
    *,
    node: str,
    now: Callable[[], int],
    reactor: Reactor | None = None,
    inline: bool = False,
    patience: float = PATIENCE,
    names: Callable[[], str] = new_id,
    monotonic: Callable[[], float] = time.monotonic,
    reports: Reports | None = None,
    options: MergedOptions = lambda dialect, own: own,
    pseudonym: Pseudonym = lambda key: key,
    provider_of: Callable[[str], str] = lambda host: host,
) -> Store:
    """Open (and create or upgrade) the state at a folder, a ``*.sqlite3`` file or a ``postgresql://`` URL.

    `node` names this incarnation; `now` reads the wall clock in microseconds. Give either the `reactor` whose thread
    the Deferreds fire in, or `inline=True` for Deferreds that have fired on return. `patience`: seconds after which a
    submission that cannot be written is turned down; `reports` queues a DSN about what could not be delivered, None
    sends none; `options` merges those of a connection with its dialect's; `pseudonym` makes the keyed hash under which
    an address is known that was erased, `provider_of` names whose a mail host is (a test may do without both). Fails
    with `Unfit`.
    """
    if inline is (reactor is not None):
        raise ValueError("either a reactor or inline")
    return Store(
        where,
        node=node,
        now=now,
        reactor=reactor,
        patience=patience,
        names=names,
        monotonic=monotonic,
        reports=reports,
        options=options,
        pseudonym=pseudonym,
        provider_of=provider_of,
    )
