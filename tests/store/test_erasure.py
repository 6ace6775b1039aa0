"""Forgetting one person: nothing of the address is left, and everything else is as it was."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.engagement import Engagement
from mailrelay.interfaces.erasure import Receipt
from mailrelay.interfaces.history import Selection
from mailrelay.mail.envelope import Bounced, Instructions, Settlement, State
from mailrelay.mail.event import Event
from mailrelay.mail.reply import Reply
from mailrelay.store import Store, open_store
from mailrelay.store.schema import metadata

from .worlds import DatabaseWorld, new_id, postgres_world, result, sqlite_world, submission

ANN, KEY = "Ann.Personal@b.test", "ann.personal@b.test"
NO = Reply(550, "5.1.1", f"no such user <{ANN}>")


def backwards(key: str) -> str:
    """A pseudonym in which nobody finds the address again."""
    return key.encode()[::-1].hex()


class ErasureTests:
    """What holds on every engine."""

    def make(self) -> DatabaseWorld:
        raise NotImplementedError

    def setUp(self) -> None:
        self.world = self.make()
        self.process = self.world.start()
        self.account = self.world.account(100)
        self.connection = self.world.connection(self.account)
        self.hiding = open_store(
            self.world._where, node=new_id(), now=lambda: self.world.now, inline=True, names=new_id, pseudonym=backwards
        )

    def tearDown(self) -> None:
        result(self.hiding.close())
        self.assertEqual(self.world.audit(), [])
        self.world.close()

    @property
    def store(self) -> Store:
        assert self.process.store is not None
        return self.process.store

    def send(self, *addresses: str, lease: bool = True, **more: Any) -> list[str]:
        """Accept a message that tells of its recipients everywhere; gives their ids."""
        made = submission(
            self.account,
            self.connection,
            addresses,
            self.world.now,
            source=f"To: {addresses[0]}\r\nSubject: x\r\n\r\nx\r\n".encode(),
            verdicts=({"rule": "suppression", "facts": {"address": addresses[0]}},),
            instructions=Instructions(client_ref=addresses[0], metadata={"of": addresses[0]}, idempotency_key=new_id()),
            **more,
        )
        result(self.process.ledger.accept_once(made, lease))
        return [recipient.id for recipient in made.recipients]

    def bounce(self, id: str) -> None:
        outcome = Bounced(NO, "mx.b.test", self.world.now, transcript=f"C: RCPT TO:<{ANN}>")
        settlement = Settlement(id, State.BOUNCED, reply=NO, at=self.world.now, outcome=outcome, facts={"of": ANN})
        assert result(self.process.ledger.settle(settlement))

    def erase(self) -> Receipt:
        found: Receipt = result(self.hiding.erasure.erase(self.account, KEY, ANN, self.world.now))
        return found

    def leaks(self) -> list[str]:
        """Tables in which the person is still found, in whatever case of letters."""
        found = []
        with self.store._writer._database.open_reader() as connection:
            for table in metadata.sorted_tables:
                for row in connection.execute(sa.select(table)):
                    texts = [each.decode("latin-1") if isinstance(each, bytes) else str(each) for each in row]
                    if any("ann.personal" in text.lower() for text in texts):
                        found.append(table.name)
        return sorted(set(found))

    def test_nothing_is_left(self) -> None:
        """No table tells of the address: history, attempts, decisions, acts, bodies, keys, suppressions, refusals."""
        first, _ = self.send(ANN, "bob@b.test")
        self.bounce(first)
        (other,) = self.send(ANN)
        self.bounce(other)
        act = Engagement(new_id(), first, Event.CLICKED, self.world.now, "", f"https://x.test/?{KEY}", "192.0.2.1", KEY)
        result(self.store.engagement.record((act,)))
        self.world.suppress(self.account, KEY)
        self.store.verdicts.keep(self.connection, self.account, "192.0.2.1", "rcpt", ({"facts": {"address": ANN}},))
        (bob,) = [id for id, seen in self.world.rows(self.account).items() if seen.state is State.QUEUED]
        result(self.process.ledger.settle(Settlement(bob, State.DELIVERED, at=self.world.now)))
        self.assertGreater(len(self.leaks()), 5)
        receipt = self.erase()
        self.assertEqual(self.leaks(), [])
        told = {name: number for name, number in receipt.counts.items() if number}
        expected = {"recipients": 2, "attempts": 2, "acts": 1, "messages": 2, "bodies": 2, "refusals": 1}
        self.assertEqual(told, {**expected, "suppressions": 1})
        self.assertEqual(list(result(self.hiding.erasure.receipts(self.account))), [receipt])

    def test_nothing_comes_anew(self) -> None:
        """What the person does afterwards leaves no trace, by whatever link; but who wants no more mail gets none."""
        (first,) = self.send(ANN)
        result(self.process.ledger.settle(Settlement(first, State.DELIVERED, at=self.world.now)))
        self.erase()
        acts = [
            Engagement(new_id(), first, act, self.world.now, "", f"https://x.test/?{KEY}", "192.0.2.1", KEY)
            for act in (Event.OPENED, Event.CLICKED)
        ]
        result(self.store.engagement.record(acts))
        complaint = Engagement(new_id(), first, Event.COMPLAINED, self.world.now, agent=KEY)
        self.assertFalse(result(self.store.engagement.complain(complaint)))
        leave = Engagement(new_id(), first, Event.UNSUBSCRIBED, self.world.now, address="192.0.2.1", agent=KEY)
        self.assertTrue(result(self.store.engagement.unsubscribe(self.account, KEY, leave)))
        self.assertFalse(result(self.store.engagement.unsubscribe(self.account, KEY, leave)))
        self.assertEqual(self.leaks(), [])
        self.assertEqual(result(self.store.history.acts(first)), [])
        facts = result(self.hiding.directory.recipient(self.account, KEY))
        self.assertEqual(facts.suppression, "unsubscribe")

    def test_others_stay(self) -> None:
        """Who else got the message is still told, with the subject; money and counts are as they were."""
        first, bob = self.send(ANN, "bob@b.test")
        self.bounce(first)
        result(self.process.ledger.settle(Settlement(bob, State.DELIVERED, at=self.world.now)))
        money = self.world.money(self.account)
        self.erase()
        passages = {each.recipient: each for each in result(self.store.history.passages(Selection(recipient=bob), 9))}
        self.assertEqual((passages[bob].rcpt, passages[bob].subject), ("bob@b.test", "x"))
        self.assertEqual(self.world.money(self.account), money)

    def test_still_suppressed(self) -> None:
        """Who was suppressed is so after the erasure, although nobody knows any more who that was."""
        self.world.suppress(self.account, KEY)
        self.erase()
        facts = result(self.hiding.directory.recipient(self.account, KEY))
        self.assertEqual(facts.suppression, "manual")
        self.assertEqual(result(self.hiding.directory.recipient(self.account, "bob@b.test")).suppression, "")

    def test_waiting_mail_ends(self) -> None:
        """What waits for the person fails; what is in hand, and a body for which others wait, are told."""
        self.send(ANN, "bob@b.test", lease=False)
        self.send(ANN)
        receipt = self.erase()
        counts = receipt.counts
        self.assertEqual((counts["ended"], counts["in_flight"], counts["bodies_waiting"]), (1, 1, 1))
        states = sorted(seen.state for seen in self.world.rows(self.account).values())
        self.assertEqual(states, [State.FAILED, State.QUEUED, State.QUEUED])

    def test_unknown_account(self) -> None:
        """An account that is not there forgets nobody."""
        with self.assertRaises(KeyError):
            result(self.hiding.erasure.erase("nobody", KEY, ANN, self.world.now))


class SqliteErasureTests(ErasureTests, SynchronousTestCase):
    """On SQLite."""

    def make(self) -> DatabaseWorld:
        return sqlite_world()


class PostgresErasureTests(ErasureTests, SynchronousTestCase):
    """On PostgreSQL."""

    def make(self) -> DatabaseWorld:
        return postgres_world()
