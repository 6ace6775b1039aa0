"""The send history by the page: every filter, in any combination, on both engines."""

from __future__ import annotations

import itertools
from dataclasses import replace
from unittest.mock import patch

import sqlalchemy as sa
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.history import Passage, Selection
from mailrelay.mail.envelope import SECOND, Instructions, Settlement, State, ulid
from mailrelay.store import pages
from mailrelay.store.schema import recipients

from .worlds import START, DatabaseWorld, postgres_world, result, sqlite_world, submission

#: What each recipient is made of, in turn: domains, tags, references, states, seconds.
DOMAINS, TAGS, REFERENCES = ("b.test", "c.test", "d.test"), ("", "news", "offer", "bill"), ("", "r1", "r2", "", "r3")
STATES = (State.DELIVERED, State.BOUNCED, State.QUEUED, State.DEFERRED, State.FAILED, State.DELIVERED, State.DELIVERED)
MADE = 90
_chance = itertools.count()


class PageLaws:
    """What holds on every engine."""

    world: DatabaseWorld

    def make(self) -> DatabaseWorld:
        raise NotImplementedError

    def setUp(self) -> None:
        self.world = self.make()
        process = self.world.start()
        assert process.store is not None
        self.store, self.ledger = process.store, process.ledger
        self.accounts = [self.world.account(1000) for _ in range(2)]
        self.connections = [self.world.connection(account) for account in (*self.accounts, self.accounts[0])]
        for number in range(MADE):
            self.send(number)

    def tearDown(self) -> None:
        self.world.close()

    def send(self, number: int) -> None:
        """One message of one recipient, a second after the last."""
        self.world.now = START + number * SECOND
        place = number % 3
        made = submission(
            self.accounts[place % 2],
            self.connections[place],
            [f"u{number % 11}@{DOMAINS[number % len(DOMAINS)]}"],
            self.world.now,
            instructions=Instructions(tag=TAGS[number % len(TAGS)], client_ref=REFERENCES[number % len(REFERENCES)]),
        )
        id = ulid(self.world.now, next(_chance).to_bytes(10, "big"))
        made = replace(made, recipients=(replace(made.recipients[0], id=id),))
        result(self.ledger.accept(made, True))
        state = STATES[number % len(STATES)]
        if state is not State.QUEUED:
            result(self.ledger.settle(Settlement(id, state, due_at=self.world.now, at=self.world.now)))

    def every(self) -> list[Passage]:
        """All of them, by no filter but whose they are."""
        found: list[Passage] = []
        for account in self.accounts:
            found += result(self.store.history.passages(Selection(account=account), 1000))
        return sorted(found, key=lambda each: each.recipient, reverse=True)

    def walk(self, selection: Selection, limit: int) -> list[str]:
        """The ids on all pages, each of at most `limit`."""
        found: list[str] = []
        while True:
            page = result(self.store.history.page(selection, limit))
            assert len(page.passages) <= limit
            found += [each.recipient for each in page.passages]
            if not page.before:
                return found
            assert not selection.before or page.before < selection.before
            selection = replace(selection, before=page.before)

    def test_any_combination(self) -> None:
        """Pages hold exactly what fits all filters, each once, the newest first, whichever filter leads; a page that
        ends because enough was looked at is followed by the others."""
        filters: list[dict[str, object]] = [
            {"account": self.accounts[0]},
            {"connection": self.connections[2]},
            {"to": "u3@b.test"},
            {"destination": "c.test"},
            {"tag": "news"},
            {"client_ref": "r1"},
            {"states": (State.BOUNCED, State.FAILED)},
            {"states": (State.QUEUED, State.DEFERRED)},
            {"states": (State.DELIVERED,)},
            {"since": START + 20 * SECOND, "until": START + 70 * SECOND},
        ]
        every = self.every()
        self.assertEqual(len(every), MADE)
        ours = [sa.or_(*(recipients.c.account == each for each in self.accounts))]
        conditions = pages.waiting.conditions
        with (
            patch.object(pages.waiting, "conditions", lambda selection: [*conditions(selection), *ours]),
            patch.object(pages, "CHUNK", 20),
        ):
            for number, few in ((2, 2000), (1, 3), (3, 3)):
                for chosen in itertools.combinations(filters, number):
                    merged = {name: value for each in chosen for name, value in each.items()}
                    selection = Selection(**merged)  # type: ignore[arg-type]
                    wanted = [each.recipient for each in every if _fits(each, selection)]
                    with patch.object(pages, "FEW", few), patch.object(pages, "LOOKED_AT", 25):
                        self.assertEqual(self.walk(selection, 7), wanted, merged)

    def test_no_page_looks_at_all(self) -> None:
        """Where nothing fits, a page ends after so many rows all the same, empty, and says where to go on."""
        selection = Selection(account=self.accounts[0], tag="news", states=(State.EXPIRED, State.DELIVERED), to="x")
        with patch.object(pages, "FEW", 1), patch.object(pages.find, "__defaults__", (10,)):
            page = result(self.store.history.page(selection, 5))
        self.assertEqual(page.passages, [])
        self.assertTrue(page.before)


def _fits(passage: Passage, asked: Selection) -> bool:
    """The law, in plain words."""
    return (
        asked.account in ("", passage.account)
        and asked.connection in ("", passage.connection)
        and asked.to in ("", passage.rcpt)
        and asked.destination in ("", passage.destination)
        and asked.tag in ("", passage.tag)
        and asked.client_ref in ("", passage.client_ref)
        and (not asked.states or passage.state in asked.states)
        and passage.accepted_at >= asked.since
        and (not asked.until or passage.accepted_at < asked.until)
    )


class SqlitePageTests(PageLaws, SynchronousTestCase):
    """On SQLite."""

    def make(self) -> DatabaseWorld:
        return sqlite_world("pages")


class PostgresPageTests(PageLaws, SynchronousTestCase):
    """On PostgreSQL."""

    def make(self) -> DatabaseWorld:
        return postgres_world("pages")
