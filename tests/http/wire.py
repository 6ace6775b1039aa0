"""A browser in memory: octets into the site's own channel, and what comes out, taken apart. Also a site to ask."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Site
from zope.interface import implementer

from mailrelay.http.app import make_site
from mailrelay.interfaces.erasure import IErasure
from mailrelay.interfaces.history import IHistory, Page, Passage, Selection
from mailrelay.interfaces.registry import Account, Connection, Imported, NewCredential, Searched, Suppression
from mailrelay.interfaces.statistics import Counted, Counting, IStatistics
from mailrelay.mail.envelope import State
from mailrelay.manage.installation import Installation
from mailrelay.policy.dialect import Dialects
from mailrelay.policy.duration import bucket
from mailrelay.run.inbox import SqliteInbox
from mailrelay.store.memory import (
    MemoryBodies,
    MemoryDirectory,
    MemoryLedger,
    MemoryRoutes,
    MemoryState,
    MemoryTemplates,
)
from mailrelay.store.memory.answers import MemoryAnswers
from mailrelay.store.memory.changes import MemoryChanges
from mailrelay.store.memory.events import MemoryEvents
from mailrelay.store.memory.files import MemoryFiles
from mailrelay.store.memory.orders import MemoryBooks, MemoryOrders, MemoryPrices
from mailrelay.store.memory.people import MemoryPeople
from mailrelay.store.memory.plans import MemoryPlans
from mailrelay.store.memory.tls_reports import MemoryTlsReports
from mailrelay.store.memory.tokens import MemoryTokens
from mailrelay.store.memory.webhooks import MemoryWebhooks
from mailrelay.vault import Vault
from tests.rendering import RenderHere

from .documented import check

TOKEN = "t0ken-of-the-api"
#: The key of a connection.
AGENT_KEY = "the key of an agent, long enough"
#: What became of five mails.
COUNTED = {"accepted": 5, "delivered": 3, "bounced": 1, "billed": 5, "opened": 2}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True)
class Answer:
    """One response: its status, its headers by lower-case name, its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")


class Wire:
    """One connection to a site."""

    def __init__(self, site: Site) -> None:
        self.transport = StringTransport()
        self.channel = site.buildProtocol(None)
        self.channel.makeConnection(self.transport)
        self._sent = b""

    def send(self, octets: bytes) -> None:
        self._sent += octets
        self.channel.dataReceived(octets)

    def read_slowly(self) -> None:
        """From now on each write fills what the other end has room for, until the channel's `resumeProducing`."""
        write, channel = self.transport.write, self.channel._channel

        def slow(octets: bytes) -> None:
            write(octets)
            if channel._requestProducer is not None:
                channel.pauseProducing()

        self.transport.write = slow  # type: ignore[method-assign]
        self.transport.writeSequence = lambda parts: slow(b"".join(parts))  # type: ignore[method-assign]

    def answer(self, method: str = "GET") -> Answer:
        """The response that stands on the wire."""
        head, _, body = self.transport.value().partition(b"\r\n\r\n")
        self.transport.clear()
        lines = head.decode("ascii").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        if headers.get("transfer-encoding") == "chunked" and method != "HEAD":
            body = _unchunked(body)
        found = Answer(int(lines[0].split(" ")[1]), headers, body)
        asked, self._sent = self._sent.partition(b"\r\n")[0].decode("latin-1").split(" "), b""
        if len(asked) == 3 and method != "HEAD":
            check(asked[0], asked[1], found.status, found.headers.get("content-type", ""), found.body)
        return found


def _unchunked(body: bytes) -> bytes:
    parts = []
    while body:
        size, _, body = body.partition(b"\r\n")
        parts.append(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]
    return b"".join(parts)


def ask(
    site: Site,
    path: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
) -> Answer:
    """One request on a connection of its own."""
    body = urlencode(form).encode() if form is not None else b""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *(f"{k}: {v}" for k, v in (headers or {}).items())]
    if form is not None:
        lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
    wire = Wire(site)
    wire.send("\r\n".join([*lines, "", ""]).encode("utf-8") + body)
    return wire.answer(method)


def passage(id: str, rcpt: str = "bob@example.org", state: State = State.DEFERRED) -> Passage:
    """What became of one recipient."""
    return Passage(
        id=id,
        recipient=f"{id}-1",
        account="A1",
        connection="C1",
        connection_name="news",
        dialect="emailmassivo",
        sender="ann@example.com",
        rcpt=rcpt,
        destination="example.org",
        subject="Hi",
        state=state,
        held=False,
        leased=False,
        attempts=2,
        billed=1,
        tag="t",
        client_ref="r",
        template="",
        metadata={},
        name="",
        size=10,
        accepted_at=1_000_000,
        due_at=2_000_000,
        expires_at=3_000_000,
        last_reply="450 4.2.0 Busy",
        last_host="mx.example.org",
        last_at=1_500_000,
    )


@implementer(IHistory)
class History:
    """Remembers what was asked; knows the passages it is given."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.known = passages
        self.asked: list[tuple[Selection, int]] = []

    def passages(self, selection: Selection, limit: int) -> Deferred[Sequence[Passage]]:
        self.asked.append((selection, limit))
        found = [p for p in self.known if selection.message in ("", p.id) and selection.to in ("", p.rcpt)]
        return succeed([p for p in found if not selection.recipient or p.recipient == selection.recipient][:limit])

    def page(self, selection: Selection, limit: int) -> Deferred[Page]:
        """Ids of recipients end with -1, and are told as cursors."""
        before = selection.before
        fitting = [p for p in _given(self.passages(selection, 1000)) if not before or p.recipient < before]
        return succeed(Page(fitting[:limit], fitting[limit - 1].recipient if len(fitting) > limit else ""))


def _given(deferred: Deferred[Sequence[Passage]]) -> Sequence[Passage]:
    found: list[Passage] = []
    deferred.addCallback(found.extend)
    return found


class Registry:
    """One account with one connection, and another that a key opens from this host."""

    only = ""

    def holders(self, digest: str) -> Deferred[Sequence[Connection]]:
        key = NewCredential("K2", "", "api_key", digest, "")
        agent = Connection("C2", "A1", "agent", "zeptomail", "a@example.com", "active", "", (), 0, 60, 1, 1, (key,))
        return succeed([agent] if digest == Vault(b"k" * 32).digest(AGENT_KEY) else [])

    def __init__(self) -> None:
        self.suppressed: list[Suppression] = []

    def suppressions(self, account: str = "") -> Deferred[Sequence[Suppression]]:
        return succeed(self.suppressed)

    def put_suppressions(self, suppressions: Sequence[Suppression]) -> Deferred[None]:
        return succeed(self.suppressed.extend(suppressions))

    def search_suppressions(self, wanted: Searched, limit: int) -> Deferred[Sequence[Suppression]]:
        fit = [each for each in self.suppressed if wanted.text in each.address and wanted.origin in ("", each.origin)]
        return succeed([each for each in fit if wanted.reason in ("", each.reason)][:limit])

    def add_suppressions(self, suppressions: Sequence[Suppression], now: int) -> Deferred[Sequence[str]]:
        known = {each.key for each in self.suppressed}
        fresh = [each for each in suppressions if each.key not in known]
        self.suppressed += fresh
        return succeed([each.key for each in fresh])

    def suppression_imports(self, account: str, limit: int) -> Deferred[Sequence[Imported]]:
        origins = {each.origin for each in self.suppressed if each.origin.startswith("import")}
        return succeed([Imported("A1", each, 1, 1) for each in sorted(origins)])

    def remove_suppression(self, account: str, key: str) -> Deferred[None]:
        self.suppressed = [each for each in self.suppressed if each.key != key]
        return succeed(None)

    def undo_suppressions(self, account: str, reason: str, origin: str, since: int, until: int) -> Deferred[int]:
        kept = [each for each in self.suppressed if each.origin != origin]
        undone, self.suppressed = len(self.suppressed) - len(kept), kept
        return succeed(undone)

    def accounts(self) -> Deferred[Sequence[Account]]:
        return succeed([Account("A1", "acme", 10, 0, 1)])

    def connections(self, account: str = "") -> Deferred[Sequence[Connection]]:
        return succeed(
            [Connection("C1", "A1", "news", "emailmassivo", "ann@example.com", "active", "", (), 0, 60, 1, 1)]
        )


@implementer(IErasure)
class Nobody:
    """Erases nobody: there is no way to ask for it by HTTP."""


@implementer(IStatistics)
class Counters:
    """Five mails of one connection, a day apart; who asks for parts gets them all in one."""

    def totals(self, counting: Counting) -> Deferred[Counted]:
        return succeed(COUNTED)

    def by_time(self, counting: Counting, step: int) -> Deferred[Mapping[int, Counted]]:
        return succeed({counting.stretches[0].since // step: COUNTED})

    def by_tag(self, counting: Counting) -> Deferred[Mapping[str, Counted]]:
        return succeed({"news": COUNTED})

    def by_domain(self, counting: Counting) -> Deferred[Mapping[str, Counted]]:
        return succeed({"example.net": COUNTED})

    def by_provider(self, counting: Counting) -> Deferred[Mapping[str, Counted]]:
        return succeed({"big": {"delivered": 3, "bounced": 1, "deferrals": 7}})

    def durations(self, counting: Counting) -> Deferred[Mapping[str, Mapping[int, int]]]:
        return succeed({"total": {bucket(5_000_000): 3}, "remote": {bucket(5_000_000): 3}})

    def by_connection(self, counting: Counting) -> Deferred[Mapping[str, Counted]]:
        return succeed(dict.fromkeys(counting.connections, COUNTED))


def furnished(history: IHistory, state: MemoryState, webhooks: MemoryWebhooks) -> Installation:
    """An installation in memory, of which one account is known."""
    return Installation(
        registry=Registry(),
        history=history,
        statistics=Counters(),
        erasure=Nobody(),
        files=MemoryFiles(),
        templates=MemoryTemplates(MemoryState(balance={"A1": 10})),
        routes=MemoryRoutes(MemoryState()),
        events=MemoryEvents(state),
        webhooks=webhooks,
        tls_reports=MemoryTlsReports(),
        people=MemoryPeople(),
        tokens=MemoryTokens({}),
        plans=MemoryPlans(state, lambda: "E1"),
        prices=MemoryPrices(state),
        orders=MemoryOrders(state, lambda: "E1"),
        books=MemoryBooks(state),
        answers=MemoryAnswers(),
        changes=MemoryChanges(),
        ledger=MemoryLedger(state, "N"),
        directory=MemoryDirectory(state),
        bodies=MemoryBodies(state),
        renderer=RenderHere(),
        vault=Vault(b"k" * 32),
        dialects=Dialects.shipped(),
        now=lambda: 1,
        random=os.urandom,
    )


class SiteTestCase(SynchronousTestCase):
    """A site over an inbox in a file and a history in memory."""

    passages: Sequence[Passage] = ()
    first_mail = ""

    def setUp(self) -> None:
        folder = self.mktemp()
        os.makedirs(folder)
        self.inbox = SqliteInbox(os.path.join(folder, "box"), lambda call: call(), lambda call: call())
        self.addCleanup(self.inbox.close)
        self.history = History(self.passages)
        self.clock = Clock()
        self.state = MemoryState(balance={"A1": 10})
        self.webhooks = MemoryWebhooks()
        self.installation = furnished(self.history, self.state, self.webhooks)
        self.site = make_site(
            api_token=TOKEN,
            installation=self.installation,
            clock=self.clock,
            inbox=self.inbox,
            first_mail=self.first_mail,
        )

    def keep(
        self,
        to: str = "bob@example.com",
        subject: str = "Hi",
        source: bytes = b"Subject: Hi\r\n\r\nHello\r\n",
        at: int = 1,
    ) -> str:
        return self.successResultOf(self.inbox.keep("ann@example.com", to.split(", "), source, at, subject))

    def get(self, path: str, **headers: str) -> Answer:
        return ask(self.site, path, headers=BEARER | headers)

    def assert_problem(self, answer: Answer, status: int) -> dict[str, object]:
        """The answer is a problem as RFC 9457 has it, and tells nothing about the inside."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["content-type"], "application/problem+json")
        self.assertNotIn(b"Traceback", answer.body)
        found: dict[str, object] = answer.json()
        self.assertEqual(found["status"], status)
        self.assertTrue(found["title"])
        return found
