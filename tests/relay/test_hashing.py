"""Slow hashes: bounded, shared, remembered only while they hold."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.reply import Refusal
from mailrelay.relay.hashing import SlowHash


class SlowHashTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.running: list[tuple[Deferred[bool], str, str]] = []
        self.slow = SlowHash(lambda digest, secret: digest == f"argon2:{secret}", self.begin, self.digest, "none", 6)

    def begin(self, verify: Any, digest: str, secret: str) -> Deferred[bool]:
        """A thread that takes a job and ends when the test says so."""
        running: Deferred[bool] = Deferred()
        self.running.append((running, digest, secret))
        return running

    def digest(self, secret: str) -> str:
        return f"keyed:{hash(secret)}"

    def end(self, place: int = 0) -> None:
        running, digest, secret = self.running.pop(place)
        running.callback(digest == f"argon2:{secret}")

    def ask(self, username: str, secret: str, right: str = "right", address: str = "192.0.2.1") -> Deferred[bool]:
        return Deferred.fromCoroutine(self.slow.matches(username, f"argon2:{right}", secret, address))

    def let_in(self, username: str) -> None:
        """A user logs in."""
        asked = self.ask(username, "right")
        self.end()
        self.assertTrue(self.successResultOf(asked))

    def guess(self, taken: int, usernames: list[str], everywhere: bool = False) -> None:
        """A guess for each of the names, from one address or one each; the first so many are taken, no more."""
        asked = [
            self.ask(username, f"guess {number}", address="192.0.2.1")
            if not everywhere
            else self.ask(username, f"far guess {number}", address=f"198.18.0.{number}")
            for number, username in enumerate(usernames)
        ]
        for each in asked[:taken]:
            self.assertNoResult(each)
        for each in asked[taken:]:
            self.put_off(each)

    def put_off(self, asked: Deferred[bool]) -> None:
        self.assertEqual(self.failureResultOf(asked, Refusal).value.key, "auth_throttled")

    def test_right_and_wrong(self) -> None:
        """The right secret is found right, a wrong one wrong."""
        right, wrong = self.ask("ann", "right"), self.ask("bob", "wrong")
        self.end()
        self.end()
        self.assertIs(self.successResultOf(right), True)
        self.assertIs(self.successResultOf(wrong), False)

    def test_one_in_flight_per_name(self) -> None:
        """Guesses at one user name, in any case, are hashed one after another; other names do not wait (A6)."""
        first, second = self.ask("ann", "guess 1"), self.ask("ANN", "guess 2")
        other = self.ask("bob", "right")
        self.assertEqual([secret for _, _, secret in self.running], ["guess 1", "right"])
        self.end(1)
        self.assertTrue(self.successResultOf(other))
        self.end()
        self.assertFalse(self.successResultOf(first))
        self.assertEqual([secret for _, _, secret in self.running], ["guess 2"])
        self.end()
        self.assertFalse(self.successResultOf(second))

    def test_bounded(self) -> None:
        """Beyond the bound a login is put off at once, and as soon as one is done the next is taken (A6)."""
        asked = [self.ask(f"user{number}", "guess") for number in range(4)]
        refusal = self.failureResultOf(self.ask("bob", "right"), Refusal).value
        self.assertEqual((refusal.key, refusal.rule, refusal.facts), ("auth_throttled", "hash_queue", {"waiting": 4}))
        self.end()
        self.assertFalse(self.successResultOf(asked[0]))
        self.assertNoResult(self.ask("bob", "right"))
        self.put_off(self.ask("bob", "other"))

    def test_places_for_other_addresses(self) -> None:
        """Whoever guesses from one address keeps nobody out who comes from another (A6)."""
        self.guess(4, [f"user{number}" for number in range(9)])
        good = self.ask("ann", "right", address="198.51.100.7")
        self.assertNoResult(good)
        self.put_off(self.ask("bob", "right", address="198.51.100.7"))
        while self.running:
            self.end()
        self.assertTrue(self.successResultOf(good))
        self.assertEqual((self.slow._lines, self.slow._per_name, self.slow._in_flight), ({}, {}, set()))

    def test_places_for_names_of_late(self) -> None:
        """Guesses from everywhere keep nobody out who logged in of late, whatever its secret is now (A6)."""
        self.let_in("ann")
        self.guess(5, [f"user{number}" for number in range(9)], everywhere=True)
        self.put_off(self.ask("bob", "guess", address="198.51.100.7"))
        changed = self.ask("Ann", "new", right="new", address="198.51.100.7")
        self.assertNoResult(changed)
        while self.running:
            self.end()
        self.assertTrue(self.successResultOf(changed))

    def test_guesses_at_one_name(self) -> None:
        """Guesses at one name take no more than their share, even if it is one that logged in of late; those from one
        address leave some of it to others (A6)."""
        self.slow._waiting = 24
        self.let_in("ann")
        self.guess(4, ["ann"] * 20)
        self.guess(4, ["ann"] * 20, everywhere=True)
        self.assertNoResult(self.ask("bob", "guess"))

    def test_addresses_take_turns(self) -> None:
        """However many one address has waiting, another one is next, also with a secret for the same name (A6)."""
        self.slow._waiting = 24
        self.guess(16, [f"user{number}" for number in range(16)])
        good = self.ask("user9", "right", address="198.51.100.7")
        self.end()
        self.assertEqual([secret for _, _, secret in self.running], ["guess 1", "guess 2"])
        self.end()
        self.assertEqual([secret for _, _, secret in self.running], ["guess 2", "right"])
        self.end(1)
        self.assertTrue(self.successResultOf(good))
        while self.running:
            self.assertLessEqual(len(self.running), 2)
            self.end()

    def test_same_question_is_hashed_once(self) -> None:
        """An application that opens fifty connections at once costs one hash, and none of them is put off."""
        asked = [self.ask("ann", "right") for _ in range(50)]
        self.assertEqual(len(self.running), 1)
        self.end()
        self.assertEqual([self.successResultOf(answer) for answer in asked], [True] * 50)
        self.assertEqual(self.running, [])

    def test_success_is_remembered(self) -> None:
        """A secret once found right is not hashed again; a wrong one is, every time."""
        self.ask("ann", "right")
        self.end()
        self.assertTrue(self.successResultOf(self.ask("Ann", "right")))
        for _ in range(2):
            wrong = self.ask("ann", "wrong")
            self.assertEqual(len(self.running), 1)
            self.end()
            self.assertFalse(self.successResultOf(wrong))

    def test_change_is_not_remembered(self) -> None:
        """After the credential changed the old secret is hashed against the new one, and is wrong."""
        self.ask("ann", "right")
        self.end()
        changed = self.ask("ann", "right", right="new")
        self.end()
        self.assertFalse(self.successResultOf(changed))

    def test_failure_frees_the_name(self) -> None:
        """A hash that fails fails those who asked, and only them: the next is hashed, and nothing stays counted."""
        for _ in range(6):
            asked = [self.ask("ann", "right"), self.ask("ann", "right")]
            self.running.pop()[0].errback(RuntimeError("no memory"))
            for answer in asked:
                self.failureResultOf(answer, RuntimeError)
        again = self.ask("ann", "right")
        self.end()
        self.assertTrue(self.successResultOf(again))

    def test_pool_that_takes_nothing(self) -> None:
        """A pool that raises instead of taking the work leaves the name free, too."""
        begin, self.slow._defer = self.slow._defer, lambda *job: 1 / 0
        self.failureResultOf(self.ask("ann", "right"), ZeroDivisionError)
        self.slow._defer = begin
        again = self.ask("ann", "right")
        self.end()
        self.assertTrue(self.successResultOf(again))

    def test_client_that_went_away(self) -> None:
        """Who stops waiting takes nothing away from the others who asked the same."""
        gone, stays = self.ask("ann", "right"), self.ask("ann", "right")
        gone.addErrback(lambda _: None).cancel()
        self.end()
        self.assertTrue(self.successResultOf(stays))

    def test_nothing(self) -> None:
        """An unknown name costs one hash, against a text that no secret fits, and is never remembered (A7)."""
        for _ in range(2):
            asked = Deferred.fromCoroutine(self.slow.matches_nothing("nobody", "right", "192.0.2.1"))
            ((_, digest, secret),) = self.running
            self.assertEqual((digest, secret), ("none", "right"))
            self.end()
            self.assertIsNone(self.successResultOf(asked))
