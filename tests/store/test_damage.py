"""Rows that make no sense: set aside one by one, seen by people, and in nobody's way (D8)."""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import patch

from twisted.logger import LogEvent, LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.history import Passage, Selection
from mailrelay.interfaces.ledger import Lane
from mailrelay.mail.envelope import Delivery, Settlement, State
from mailrelay.store import damage
from mailrelay.store.accept import CHUNK
from tests.fresh import fresh_database, fresh_folder

from .worlds import START, DatabaseWorld, Process, result, submission

YEAR_9999 = 253_400_000_000 * 1_000_000


class DamageLaws:
    """What holds on both engines."""

    def world(self) -> DatabaseWorld:
        raise NotImplementedError

    def setUp(self) -> None:
        self.here = self.world()
        self.addCleanup(self.here.close)  # type: ignore[attr-defined]
        self.process: Process = self.here.start()
        self.account = self.here.account(100)
        self.connection = self.here.connection(self.account)
        self.said: list[LogEvent] = []
        globalLogPublisher.addObserver(self.said.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.said.append)  # type: ignore[attr-defined]

    def accept(self, to: str, source: bytes = b"Subject: x\r\n\r\nx\r\n") -> str:
        made = submission(self.account, self.connection, [to], START, source=source)
        result(self.process.ledger.accept(made, False))
        return made.recipients[0].id

    def spoil(self, statement: str, *values: object) -> None:
        """Change a row behind everybody's back."""
        assert self.process.store is not None
        with self.process.store._writer._database.open_writer() as connection, connection.begin():
            driver = connection.connection.driver_connection
            assert driver is not None
            mark = "?" if self.process.store._writer._database.sqlite else "%s"
            driver.cursor().execute(statement.replace("?", mark), values)

    def claim(self) -> Sequence[Delivery]:
        found: Sequence[Delivery] = result(self.process.ledger.claim(Lane(self.account, "b.test", 0), 100, START))
        return found

    def look_through(self) -> int:
        assert self.process.store is not None
        return int(result(self.process.store.set_aside(START)))

    def passages(self) -> dict[str, Passage]:
        assert self.process.store is not None
        found = result(self.process.store.history.passages(Selection(account=self.account), 100))
        return {each.rcpt: each for each in found}

    def errors(self) -> list[str]:
        return [str(event["fault"]) for event in self.said if event["log_level"] is LogLevel.error]

    def test_what_a_claim_meets(self) -> None:
        """D8, S24: negative attempts, an instant of the year 9999, an address that would be a command, a message that
        is gone or not whole: each is held with the reason, logged once, and the mail around it is claimed."""
        whole = self.accept("whole@b.test")
        faults = {
            "UPDATE recipients SET attempts = -1 WHERE id = ?": "a number",
            f"UPDATE recipients SET expires_at = {YEAR_9999} WHERE id = ?": "an instant",
            "UPDATE recipients SET address = 'x' || chr(10) || 'DATA' WHERE id = ?": "an address",
            "DELETE FROM messages WHERE id = (SELECT message FROM recipients WHERE id = ?)": "gone",
            "UPDATE messages SET source = NULL WHERE id = (SELECT message FROM recipients WHERE id = ?)": "0 octets",
            "UPDATE messages SET sender = chr(9) WHERE id = (SELECT message FROM recipients WHERE id = ?)": "address",
        }
        spoilt = []
        for number, statement in enumerate(faults):
            id = self.accept(f"spoilt{number}@b.test")
            spoilt.append(id)
            if self.process.store and self.process.store._writer._database.sqlite:
                statement = statement.replace("chr(", "char(")
            self.spoil(statement, id)
        large = self.accept("large@b.test", b"x" * (2 * CHUNK + 5))
        self.spoil(
            "DELETE FROM chunks WHERE number = 1 AND message = (SELECT message FROM recipients WHERE id = ?)", large
        )
        self.assertEqual([delivery.recipient for delivery in self.claim()], [whole])
        self.assertEqual(self.claim(), [])
        rows = self.here.rows(self.account)
        held = {id for id, seen in rows.items() if seen.held}
        self.assertEqual(held, {*spoilt, large})
        self.assertEqual(len(self.errors()), len(held))
        for fault in faults.values():
            self.assertTrue(any(fault in said for said in self.errors()), (fault, self.errors()))
        self.assertIn(f"{CHUNK + 5} octets are there of a message of {2 * CHUNK + 5}", self.errors())
        self.assertIn("set aside: ", self.passages()["spoilt0@b.test"].last_reply)
        self.assertEqual(result(self.process.ledger.settle(Settlement(whole, State.DELIVERED, at=START))), True)

    def test_what_no_claim_meets(self) -> None:
        """D8: an unknown state, or an instant that will never come, is found by looking through all rows, page by page;
        it is held once and stays in the queue, where it can be seen and dropped."""
        ids = [self.accept(f"u{number}@b.test") for number in range(10)]
        self.spoil("UPDATE recipients SET state = 'quantum' WHERE id = ?", ids[3])
        self.spoil("UPDATE recipients SET state = 'quantum', lease = 'gone' WHERE id = ?", ids[5])
        self.spoil("UPDATE recipients SET due_at = ? WHERE id = ?", YEAR_9999, ids[9])
        with patch.object(damage, "PAGE", 2), patch.object(damage, "_page", damage._page.limit(2)):
            self.assertEqual(self.look_through(), 3)
        self.assertEqual(self.look_through(), 0)
        rows = self.here.rows(self.account)
        self.assertEqual({id for id, seen in rows.items() if seen.held}, {ids[3], ids[5], ids[9]})
        self.assertEqual(rows[ids[3]].state, State.QUEUED)
        self.assertEqual(self.passages()["u3@b.test"].last_reply, "set aside: its state is unknown: quantum")
        self.assertEqual(len(self.errors()), 3)
        self.assertEqual(len(self.claim()), 7)
        for id in (ids[3], ids[5], ids[9]):
            self.assertEqual(self.here.drop(id), 1)
        self.assertEqual([fault for fault in self.here.audit() if "dead" not in fault], [])

    def test_released_too_early(self) -> None:
        """A recipient that is released without having been repaired is set aside again, and not sent."""
        id = self.accept("u@b.test")
        self.spoil("UPDATE recipients SET attempts = -1 WHERE id = ?", id)
        for times in (1, 2):
            self.assertEqual(self.claim(), [])
            self.assertEqual(len(self.errors()), times)
            self.assertEqual(self.here.hold(id, False), 1)
        self.spoil("UPDATE recipients SET attempts = 0 WHERE id = ?", id)
        self.assertEqual([delivery.recipient for delivery in self.claim()], [id])

    def test_what_is_in_hand(self) -> None:
        """A recipient that this process is sending is left to it, whatever its row says by now."""
        id = self.accept("u@b.test")
        self.assertEqual(len(self.claim()), 1)
        self.spoil("UPDATE recipients SET state = 'quantum' WHERE id = ?", id)
        self.assertEqual(self.look_through(), 0)
        self.assertIs(result(self.process.ledger.settle(Settlement(id, State.DELIVERED, at=START))), True)


class SqliteDamageTests(DamageLaws, SynchronousTestCase):
    """SQLite."""

    def world(self) -> DatabaseWorld:
        return DatabaseWorld(fresh_folder(self.mktemp()))

    def test_octets_that_are_no_text(self) -> None:
        """D8: an address that is no UTF-8 any more spoils its own row only; an instant that is a text no lane."""
        whole, spoilt, odd = (self.accept(f"{name}@b.test") for name in ("whole", "spoilt", "odd"))
        self.spoil("UPDATE recipients SET address = CAST(x'61ff40622e74657374' AS TEXT) WHERE id = ?", spoilt)
        self.spoil("UPDATE recipients SET due_at = 'soon', destination = 'c.test' WHERE id = ?", odd)
        lanes = result(self.process.ledger.lanes({}, 100))
        self.assertEqual([lane.destination for lane in lanes if lane.account == self.account], ["b.test"])
        self.assertEqual([delivery.recipient for delivery in self.claim()], [whole])
        self.assertEqual(self.look_through(), 1)
        self.assertEqual({id for id, seen in self.here.rows(self.account).items() if seen.held}, {spoilt, odd})


class PostgresDamageTests(DamageLaws, SynchronousTestCase):
    """PostgreSQL."""

    def world(self) -> DatabaseWorld:
        return DatabaseWorld(fresh_database())
