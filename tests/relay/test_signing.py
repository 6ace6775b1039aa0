"""Signing as the last change: which keys, whose domain, and what happens without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, execute
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.directory import SigningKey
from mailrelay.mail.dkim import ALGORITHMS
from mailrelay.mail.envelope import SECOND, Capabilities
from mailrelay.mail.message import Message
from mailrelay.relay.aside import AT_ONCE
from mailrelay.relay.compose import compose
from mailrelay.relay.signing import NoKey, Signing
from mailrelay.smtp.outgoing import is_wire_form
from mailrelay.store.memory import MemoryDirectory, MemoryState
from mailrelay.vault import VaultError

from ..examples import at_most
from ..mail.signatures import letters, private_key, verified
from .fakes import START, delivery

EIGHT_BIT, SEVEN_BIT = Capabilities(eight_bit=True), Capabilities()
KEYS = tuple(SigningKey(f"s{number}", each, f"sealed {each}") for number, each in enumerate(ALGORITHMS))
LETTER = b"From: app@shop.example\r\nSubject: Hi\r\n\r\nHello\r\n"


class SigningTestCase(SynchronousTestCase):
    """The account A owns shop.example, with a key of each algorithm."""

    def setUp(self) -> None:
        self.state = MemoryState(domains={("A", "shop.example"): "verified"})
        self.state.signing_keys["A", "shop.example"] = KEYS
        self.now = START
        self.unlocked: list[str] = []
        self.deferred = 0
        self.signing = self.begin()

    def begin(self) -> Signing:
        """As a process does at its start: nothing is in memory."""
        return Signing(MemoryDirectory(self.state), self.unlock, self.defer, lambda: self.now, "relay.test")

    def unlock(self, account: str, domain: str, key: SigningKey) -> str:
        if (account, domain) != ("A", "shop.example"):
            raise VaultError("the sealed text does not open under this key and context")
        self.unlocked.append(key.selector)
        return private_key(key.algorithm) if key.sealed.startswith("sealed") else key.sealed

    def defer(self, function: Callable[..., bytes], *arguments: Any) -> Deferred[bytes]:
        self.deferred += 1
        return execute(function, *arguments)

    def composed(self, source: bytes = LETTER, capabilities: Capabilities = EIGHT_BIT, **changes: Any) -> bytes:
        return self.successResultOf(
            self.signing.compose(Message.parse(source), delivery("R1", **changes), capabilities)
        )

    def failed(self, kind: type[Exception], source: bytes = LETTER) -> str:
        failure = self.failureResultOf(self.signing.compose(Message.parse(source), delivery("R1"), EIGHT_BIT), kind)
        return str(failure.value)


class Signed(SigningTestCase):
    """What leaves."""

    def test_after_the_last_change(self) -> None:
        """M19: below its signatures a message is what was composed for the hop, and both verify, for hops that take 8
        bits and for those that do not."""
        for number, source in enumerate(letters(7, 200)):
            hop = (EIGHT_BIT, SEVEN_BIT)[number % 2]
            octets = self.composed(source, hop)
            self.assertTrue(octets.endswith(compose(Message.parse(source), delivery("R1"), hop, "relay.test")))
            self.assertEqual(verified(octets), [True, True], source)

    def test_large_ones(self) -> None:
        """A large message is composed by the thread that signs it, to the same octets."""
        for source in (LETTER, LETTER + b"x\r\n" * AT_ONCE):
            self.deferred = 0
            octets = self.composed(source)
            self.assertTrue(octets.endswith(compose(Message.parse(source), delivery("R1"), EIGHT_BIT, "relay.test")))
            self.assertEqual((verified(octets), self.deferred), ([True, True], 1))

    @at_most(100)
    @given(st.binary(max_size=200))
    def test_one_reading(self, source: bytes) -> None:
        """S14: whatever stands behind a From of ours, what leaves is in wire form and signed, and it verifies: no
        second reading of the header is left."""
        octets = self.composed(b"From: app@shop.example\r\nX:" + source)
        self.assertTrue(is_wire_form(octets))
        self.assertEqual(verified(octets), [True, True])

    def test_instant(self) -> None:
        """M22: t= is the instant of acceptance, however late the attempt; with a clock set back behind it, now, since a
        signature from the future is refused by receivers."""
        first = self.composed()
        self.assertIn(b" t=%d;" % (START // SECOND), first)
        self.now = START + 86400 * SECOND
        self.assertEqual(self.composed(attempts=3), first)
        self.now = START - 86400 * SECOND
        self.assertIn(b" t=%d;" % (self.now // SECOND), self.composed())

    def test_every_attempt_and_every_process(self) -> None:
        """The same octets for a retry, in another process, and from the stored source."""
        first = self.composed()
        self.signing = self.begin()
        self.assertEqual(self.composed(Message.parse(LETTER).encode(), attempts=1), first)

    def test_whose_domain(self) -> None:
        """The From field's domain signs, in A-labels, whatever the reverse path."""
        self.assertIn(b"d=shop.example;", self.composed(sender=""))
        self.assertIn(
            b"d=shop.example;", self.composed(LETTER.replace(b"app@shop.example", b'"a, b@x" <app@SHOP.Example>'))
        )

    def test_one_key(self) -> None:
        """A domain with one key makes one signature."""
        self.state.signing_keys["A", "shop.example"] = KEYS[1:]
        self.assertEqual(self.composed().count(b"DKIM-Signature:"), 1)

    def test_keys_are_read_once(self) -> None:
        """A private key is unlocked once in a process; a changed one at its next use. All of it happens in a thread."""
        for _ in range(3):
            self.composed()
        self.assertEqual((self.unlocked, self.deferred), (["s0", "s1"], 3))
        self.state.signing_keys["A", "shop.example"] = (SigningKey("s2", ALGORITHMS[1], "sealed anew"),)
        self.assertIn(b"s=s2;", self.composed())
        self.assertEqual(self.unlocked, ["s0", "s1", "s2"])


class Unsigned(SigningTestCase):
    """What must not leave, and what may."""

    def test_no_key(self) -> None:
        """M21: a domain of the account without a key that signs keeps its mail; the reason names the remedy."""
        self.state.signing_keys.clear()
        self.assertIn("mailrelay domain keys shop.example --new", self.failed(NoKey))

    def test_key_faults(self) -> None:
        """M21: a private key that is empty, garbage, or of another algorithm keeps the mail, and once it is put right
        the mail leaves. No error tells of the key."""
        rsa, ed25519 = ALGORITHMS
        for key in (
            SigningKey("s0", rsa, ""),
            SigningKey("s0", rsa, "-----BEGIN PRIVATE KEY-----\ngarbage\n-----END PRIVATE KEY-----\n"),
            SigningKey("s0", rsa, private_key(ed25519)),
            SigningKey("s0", ed25519, private_key(rsa)),
        ):
            self.state.signing_keys["A", "shop.example"] = (key, KEYS[1])
            self.assertNotIn("PRIVATE", self.failed(ValueError))
        self.state.signing_keys["A", "shop.example"] = KEYS
        self.assertEqual(verified(self.composed()), [True, True])

    def test_keys_that_do_not_open(self) -> None:
        """M21: keys sealed under another installation's key keep the mail."""
        self.state.domains["A", "other.example"] = "verified"
        self.state.signing_keys["A", "other.example"] = KEYS
        self.failed(VaultError, LETTER.replace(b"shop", b"other"))

    def test_foreign_domains(self) -> None:
        """A message whose author is not of the account's domains, or that has none, leaves without a signature; no key
        of another account signs it."""
        self.state.domains["B", "other.example"] = "verified"
        self.state.signing_keys["B", "other.example"] = KEYS
        for author in (b"From: a@other.example", b"From: <>", b"From: a b <", b"X-Any: 1"):
            octets = self.composed(LETTER.replace(b"From: app@shop.example", author))
            self.assertNotIn(b"DKIM-Signature", octets)
        self.assertEqual(self.deferred, 0)
