"""The values that travel: frozen, final where they say so, with ids that sort by time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from ulid import ULID

from mailrelay.mail.envelope import Bounced, Deferred, Delivered, Hop, Personal, State, personal_of, personal_text, ulid
from mailrelay.mail.event import Event
from mailrelay.mail.reply import Reply

from .bounded import bounded

INSTANTS = st.integers(0, (1 << 48) * 1000 - 1)
RANDOM = st.binary(min_size=10, max_size=10)


class UlidTests(SynchronousTestCase):
    """An id is a ULID."""

    @given(INSTANTS, RANDOM)
    @bounded
    def test_others_read_it(self, now: int, random: bytes) -> None:
        """Another library finds the instant and the random octets in it."""
        other = ULID.from_str(ulid(now, random))
        self.assertEqual((other.milliseconds, other.bytes[6:]), (now // 1000, random))
        self.assertEqual(str(other), ulid(now, random))

    @given(INSTANTS, RANDOM, INSTANTS, RANDOM)
    @bounded
    def test_sorts(self, now: int, random: bytes, then: int, other: bytes) -> None:
        """Ids sort as their instants do, and within a millisecond as their random octets."""
        self.assertEqual(ulid(now, random) < ulid(then, other), (now // 1000, random) < (then // 1000, other))

    def test_refused(self) -> None:
        """No id is made from too few random octets, nor beyond the range of instants."""
        for now, random in ((0, b"x" * 9), (0, b"x" * 11), (-1, b"x" * 10), ((1 << 48) * 1000, b"x" * 10)):
            self.assertRaises(ValueError, ulid, now, random)


class ValueTests(SynchronousTestCase):
    def test_final(self) -> None:
        """Law 3: only queued and deferred may still change."""
        self.assertEqual({state for state in State if not state.final}, {State.QUEUED, State.DEFERRED})
        self.assertEqual(len(State), 7)

    def test_outcomes_are_told_apart(self) -> None:
        """Three outcomes with the same facts are three outcomes."""
        reply = Reply(250, None, "ok")
        outcomes = [kind(reply, "host", 1) for kind in (Delivered, Deferred, Bounced)]
        self.assertEqual(len(set(outcomes)), 3)
        self.assertEqual(outcomes[0], Delivered(reply, "host", 1))

    @given(st.builds(Personal, st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.text()))
    @bounded
    def test_what_is_personal_is_kept_as_text(self, personal: Personal) -> None:
        """What is made personal can be kept as text; nothing personal is no text, and unknown words are passed over."""
        self.assertEqual(personal_of(personal_text(personal)), personal)
        self.assertEqual((personal_text(None), personal_of("")), ("", None))
        self.assertEqual(personal_of('{"clicks":true,"later":1}'), Personal(clicks=True))

    def test_no_secret_in_repr(self) -> None:
        """A13: the password of a hop does not appear where the hop is printed."""
        self.assertNotIn("hunter2", repr(Hop("h", 25, username="u", password="hunter2")))


class EventTests(SynchronousTestCase):
    def test_vocabulary(self) -> None:
        """Every event explains itself in a sentence, is its name, and is found by it; every final state has one."""
        for event in Event:
            self.assertRegex(event.meaning, r"^[A-Z].*\.$")
            self.assertIs(Event(event.value), event)
            self.assertEqual(str(event), event.name.lower())
        self.assertLessEqual({state.value for state in State if state.final}, {event.value for event in Event})
