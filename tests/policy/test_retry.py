"""When a deferred recipient is tried again, and when it is given up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import SECOND
from mailrelay.mail.reply import Reply
from mailrelay.policy.bounce import mailbox_full
from mailrelay.policy.retry import Schedule, next_attempt, patience

NOW = 1_800_000_000 * SECOND
FAR = NOW + 5 * 86_400 * SECOND

schedules = st.builds(
    Schedule,
    delays=st.lists(st.integers(1, 100_000), min_size=1, max_size=6).map(tuple),
    expiry=st.integers(1, 500_000),
    spread=st.floats(0, 2),
)


class ScheduleTests(SynchronousTestCase):
    """The delays."""

    schedule = Schedule((60, 300, 1800), expiry=3600, spread=0.5)

    def test_delays_in_order(self) -> None:
        """The delays come in their order, and the last repeats."""
        found = [next_attempt(self.schedule, attempts, NOW, FAR, 0.0) for attempts in (1, 2, 3, 4, 99)]
        self.assertEqual(found, [NOW + seconds * SECOND for seconds in (60, 300, 1800, 1800, 1800)])

    def test_chance_only_lengthens(self) -> None:
        """Chance adds at most its share to a delay, and takes nothing away."""
        self.assertEqual(next_attempt(self.schedule, 1, NOW, FAR, 0.5), NOW + 75 * SECOND)
        self.assertEqual(next_attempt(self.schedule, 1, NOW, FAR, 1.0), NOW + 90 * SECOND)

    def test_asked(self) -> None:
        """A hop's wish goes before the schedule, a second later and lengthened by chance; in later attempts only a
        longer one does."""
        self.assertEqual(next_attempt(self.schedule, 1, NOW, FAR, 0.0, wait=10), NOW + 11 * SECOND)
        self.assertEqual(next_attempt(self.schedule, 3, NOW, FAR, 1.0, wait=3599), NOW + 5400 * SECOND)
        self.assertEqual(next_attempt(self.schedule, 6, NOW, FAR, 0.0, wait=10), NOW + 1800 * SECOND)
        self.assertEqual(next_attempt(self.schedule, 6, NOW, FAR, 0.0, wait=1999), NOW + 2000 * SECOND)
        self.assertEqual(next_attempt(self.schedule, 1, NOW, NOW + 1, 0.0, wait=10), NOW + 1)

    def test_deadline(self) -> None:
        """What would fall behind the deadline is moved to it; at the deadline there is no further attempt."""
        self.assertEqual(next_attempt(self.schedule, 1, NOW, NOW + 1, 0.0), NOW + 1)
        self.assertIsNone(next_attempt(self.schedule, 1, NOW, NOW, 0.0))
        self.assertIsNone(next_attempt(self.schedule, 1, NOW, NOW - 1, 0.0))

    def test_expiry(self) -> None:
        """The deadline counts from acceptance."""
        self.assertEqual(self.schedule.expires_at(NOW), NOW + 3600 * SECOND)

    def test_impossible(self) -> None:
        """A schedule needs delays and an expiry of at least a second."""
        for delays, expiry, spread in (((), 1, 0.0), ((60, 0), 1, 0.0), ((1,), 0, 0.0), ((1,), 1, -0.1)):
            self.assertRaises(ValueError, Schedule, delays, expiry, spread)

    @given(schedules, st.integers(1, 50), st.integers(-10, 10**12), st.floats(0, 1), st.sampled_from([1, 4]))
    def test_every_deferral_ends(
        self, schedule: Schedule, attempts: int, left: int, jitter: float, factor: int
    ) -> None:
        """Law 3: the next attempt lies ahead and not behind the deadline; None is said only when that has come."""
        expires_at = NOW + left
        due = next_attempt(schedule, attempts, NOW, expires_at, jitter, factor)
        if due is None:
            self.assertLessEqual(left, 0)
        else:
            self.assertTrue(NOW < due <= expires_at)


class MailboxFullTests(SynchronousTestCase):
    """Which replies tell that a mailbox is full."""

    def test_table(self) -> None:
        """X.2.2 with a refusing code, and nothing else: 452 and 552 alone may speak of the host's own store."""
        for code, status, full in (
            (452, "4.2.2", True),
            (450, "4.2.2", True),
            (552, "5.2.2", True),
            (550, "5.2.2", True),
            (452, None, False),
            (552, None, False),
            (452, "4.3.1", False),
            (552, "5.3.4", False),
            (550, "5.1.1", False),
            (250, "4.2.2", False),
        ):
            self.assertEqual(mailbox_full(Reply(code, status, "x")), full, (code, status))

    def test_patience(self) -> None:
        """A full mailbox is left alone longer than a host that is busy."""
        self.assertEqual(patience(Reply(452, "4.2.2", "full")), 4)
        self.assertEqual(patience(Reply(421, "4.3.2", "busy")), 1)
