"""The box of received mail: what is kept is found again, newest first, whole, and after a restart."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.sandbox import IInbox
from mailrelay.run.inbox import SqliteInbox

from ..examples import at_most

SECOND = 1_000_000


def at_once(call: Callable[[], None]) -> None:
    call()


class InboxTests(SynchronousTestCase):
    def open(self, path: str = "") -> SqliteInbox:
        path = path or os.path.join(self._folder(), "sandbox.sqlite3")
        inbox = SqliteInbox(path, at_once, at_once)
        self.addCleanup(inbox.close)
        return inbox

    def _folder(self) -> str:
        folder = self.mktemp()
        os.makedirs(folder)
        return folder

    def keep(self, inbox: SqliteInbox, to: str = "bob@example.com", at: int = SECOND, source: bytes = b"x") -> str:
        return self.successResultOf(inbox.keep("ann@example.com", [to], source, at, "Hi"))

    def ids(self, inbox: SqliteInbox, limit: int = 100, **which: object) -> list[str]:
        return [kept.id for kept in self.successResultOf(inbox.messages(limit, **which))]  # type: ignore[arg-type]

    def test_interface(self) -> None:
        """It offers what the sink and the pages need."""
        verifyObject(IInbox, self.open())

    def test_round_trip(self) -> None:
        """What was kept is told as it was, with all recipients as one text and its size in octets."""
        inbox = self.open()
        source = b"Subject: =?x?=\r\n\r\n.\r\n\x00\xff"
        id = self.successResultOf(inbox.keep("", ["a@example.com", "b@example.com"], source, 7, "Grüße"))
        (kept,) = self.successResultOf(inbox.messages(10))
        self.assertEqual(kept, self.successResultOf(inbox.message(id)))
        self.assertEqual(
            (kept.id, kept.received_at, kept.mail_from, kept.rcpt_to, kept.subject, kept.size),
            (id, 7, "", "a@example.com, b@example.com", "Grüße", len(source)),
        )
        self.assertEqual(self.successResultOf(inbox.source(id)), source)

    def test_newest_first_by_arrival(self) -> None:
        """The order is that of arrival, even when the clock stands still or goes back."""
        inbox = self.open()
        ids = [self.keep(inbox, at=at) for at in (5 * SECOND, 5 * SECOND, 3 * SECOND)]
        self.assertEqual(self.ids(inbox), ids[::-1])
        self.assertEqual(self.ids(inbox, 2), ids[:0:-1])

    def test_to(self) -> None:
        """`to` means one whole address of the transaction, in any case."""
        inbox = self.open()
        both = self.successResultOf(inbox.keep("", ["ann@example.com", "Bob+x%_@Example.com"], b"", 1, ""))
        other = self.keep(inbox, "notbob+x%_@example.com")
        self.assertEqual(self.ids(inbox, to="bob+X%_@example.com"), [both])
        self.assertEqual(self.ids(inbox, to="notbob+x%_@example.com"), [other])
        for miss in ("bob", "example.com", "%", "b@example.com", "ann@example.com, bob+x%_@example.com"):
            self.assertEqual(self.ids(inbox, to=miss), [], miss)

    def test_since_and_after(self) -> None:
        """`since` includes its instant; `after` is everything that arrived behind one message."""
        inbox = self.open()
        ids = [self.keep(inbox, at=at) for at in (1, 2, 3)]
        self.assertEqual(self.ids(inbox, since=2), ids[:0:-1])
        self.assertEqual(self.ids(inbox, after=ids[1]), [ids[2]])
        self.assertEqual(self.ids(inbox, after=ids[2]), [])
        self.failureResultOf(inbox.messages(1, after="nobody"), KeyError)

    def test_unknown(self) -> None:
        """An id that was never given is a KeyError, and harms nobody else."""
        inbox = self.open()
        self.failureResultOf(inbox.source("nobody"), KeyError)
        self.failureResultOf(inbox.message("nobody"), KeyError)
        self.keep(inbox)
        self.assertEqual(len(self.ids(inbox)), 1)

    def test_clear(self) -> None:
        """Clearing forgets all, sources too, and tells how many there were."""
        inbox = self.open()
        gone = [self.keep(inbox) for _ in range(3)]
        self.assertEqual(self.successResultOf(inbox.clear()), 3)
        self.assertEqual(self.successResultOf(inbox.clear()), 0)
        self.failureResultOf(inbox.source(gone[0]), KeyError)
        self.keep(inbox)
        self.assertEqual(len(self.ids(inbox)), 1)

    def test_survives_a_restart(self) -> None:
        """Mail is there again when the file is opened again, and the file is its owner's alone."""
        path = os.path.join(self._folder(), "sandbox.sqlite3")
        first = self.open(path)
        id = self.keep(first, source=b"kept")
        self.successResultOf(first.close())
        second = self.open(path)
        self.assertEqual(self.successResultOf(second.source(id)), b"kept")
        newer = self.keep(second)
        self.assertEqual(self.ids(second), [newer, id])
        for name in os.listdir(os.path.dirname(path)):
            mode = stat.S_IMODE(os.stat(os.path.join(os.path.dirname(path), name)).st_mode)
            self.assertEqual(mode, 0o600, name)

    @at_most(30)
    @given(st.lists(st.integers(0, 3), max_size=12), st.data())
    def test_batches(self, amounts: list[int], data: st.DataObject) -> None:
        """However calls fall into batches, each is answered once, in order, as if alone."""
        queued: list[Callable[[], None]] = []
        inbox = SqliteInbox(os.path.join(self._folder(), "box"), queued.append, at_once)
        asked = []
        kept = 0
        for number, amount in enumerate(amounts):
            for _ in range(amount):
                asked.append(inbox.keep("", [f"{number}@example.com"], b"", 0, ""))
            kept += amount
            listing = inbox.messages(100)
            asked_wrong = inbox.source("nobody")
            if data.draw(st.booleans()):
                while queued:
                    queued.pop(0)()
                self.assertEqual(len(self.successResultOf(listing)), kept)
            else:
                asked.append(listing)  # type: ignore[arg-type]
            asked_wrong.addErrback(lambda failure: failure.trap(KeyError))
            asked.append(asked_wrong)  # type: ignore[arg-type]
        closed = inbox.close()
        while queued:
            queued.pop(0)()
        self.successResultOf(closed)
        for each in asked:
            self.successResultOf(each)

    def test_one_failure_alone(self) -> None:
        """A call that fails inside a batch is undone alone; its neighbours are kept."""
        queued: list[Callable[[], None]] = []
        same = iter([b"a" * 10, b"a" * 10, b"b" * 10])
        inbox = SqliteInbox(os.path.join(self._folder(), "box"), queued.append, at_once, lambda length: next(same))
        first, twin, other = (inbox.keep("", ["a@example.com"], b"", 0, "") for _ in range(3))
        queued.pop(0)()
        self.successResultOf(first)
        self.failureResultOf(twin)
        self.successResultOf(other)
        listing = inbox.messages(10)
        queued.pop(0)()
        self.assertEqual(len(self.successResultOf(listing)), 2)
        closed = inbox.close()
        queued.pop(0)()
        self.successResultOf(closed)
