"""Signed tokens: nothing that we did not sign is believed, and everything that we did is read back."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import made_at, pack, ulid, unpack
from mailrelay.mail.token import MAX_TOKEN, BadToken, Purpose, Token, head, make, read

from .bounded import bounded

ANN = "01KAJ2V5RTPG3M2Y6Q7XW8Z9AB"
ACME = "01KAJ2V5RT0000000000000000"
SECRETS = {1: b"1" * 32, 300: b"3" * 32}

ulids = st.integers(0, (1 << 128) - 1).map(lambda value: unpack(value.to_bytes(16, "big")))
tokens = st.one_of(
    st.builds(Token, st.sampled_from((Purpose.OPEN, Purpose.WEB_VERSION)), ulids),
    st.builds(Token, st.just(Purpose.CLICK), ulids, target=st.binary(max_size=200)),
    st.builds(
        Token,
        st.sampled_from((Purpose.UNSUBSCRIBE, Purpose.CONFIRM)),
        ulids,
        account=ulids,
        mailbox=st.text(max_size=40),
    ),
)


class TokenTests(SynchronousTestCase):
    def refuse(self, text: str, purpose: Purpose = Purpose.CLICK) -> None:
        self.assertRaises(BadToken, read, text, purpose, SECRETS.get)

    @given(tokens, st.sampled_from(sorted(SECRETS)))
    @bounded
    def test_read_back(self, token: Token, key: int) -> None:
        """Whatever a token was made of is read from it under its own key and for its own purpose, and only there."""
        text = make(token, key, SECRETS[key])
        self.assertEqual(read(text, token.purpose, SECRETS.get), token)
        self.assertRegex(text, r"\A[A-Za-z0-9_-]{40,}\Z")
        for purpose in Purpose:
            if purpose is not token.purpose:
                self.refuse(text, purpose)

    @given(tokens, st.data())
    @bounded
    def test_changed(self, token: Token, data: st.DataObject) -> None:
        """H1: with any one character changed, left out or added it is no token."""
        text = make(token, 1, SECRETS[1])
        place = data.draw(st.integers(0, len(text) - 1))
        letter = data.draw(st.sampled_from("ABZaz09-_.=+/ é"))
        if text[place] != letter:
            self.refuse(text[:place] + letter + text[place + 1 :], token.purpose)
        self.refuse(text[:place] + text[place + 1 :], token.purpose)
        self.refuse(text[:place] + letter + text[place:], token.purpose)
        self.refuse(text[:place], token.purpose)

    @given(st.text(max_size=120))
    @bounded
    def test_anything(self, text: str) -> None:
        """H1: what anybody may write is no token, and is refused without any other failure."""
        self.refuse(text)

    def test_other_keys(self) -> None:
        """H1: a token of a key that is unknown, withdrawn, or another's is refused."""
        token = Token(Purpose.CLICK, ANN, target=b"https://shop.example/")
        text = make(token, 1, SECRETS[1])
        self.assertEqual(read(text, Purpose.CLICK, SECRETS.get), token)
        for keys in ({}, {300: SECRETS[300]}, {1: SECRETS[300]}):
            self.assertRaises(BadToken, read, text, Purpose.CLICK, keys.get)

    def test_one_text(self) -> None:
        """H1: no other text decodes to the same octets: neither padding, nor the other alphabet, nor spare bits."""
        text = make(Token(Purpose.OPEN, ANN), 1, SECRETS[1])
        self.assertEqual(len(text) % 4, 3)
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        last = alphabet.index(text[-1])
        for spare in (1, 2, 3):
            self.refuse(text[:-1] + alphabet[last | spare], Purpose.OPEN)
        self.refuse(text + "=", Purpose.OPEN)
        found = next(
            text
            for number in range(100)
            if set("-_") & set(text := make(Token(Purpose.CLICK, ANN, target=b"%d" % number), 1, SECRETS[1]))
        )
        self.refuse(found.replace("-", "+").replace("_", "/"))

    def test_strength(self) -> None:
        """H10: 128 bits are signed, and nothing in a token counts up."""
        text = make(Token(Purpose.OPEN, ANN), 1, SECRETS[1])
        octets = base64.urlsafe_b64decode(text + "=")
        self.assertEqual(len(octets), 3 + 16 + 16)
        self.assertEqual(octets[3:19], pack(ANN))

    def test_bounds(self) -> None:
        """A token too long to be ours is not even decoded; keys have numbers; a recipient has a ULID."""
        self.refuse("A" * (MAX_TOKEN + 1))
        for key in (0, -1, 1 << 16):
            self.assertRaises(ValueError, head, Purpose.OPEN, key, ANN)
        for id in ("", "R1", ANN[:-1], ANN + "A", ANN.lower(), "8" + ANN[1:], "U" + ANN[1:]):
            self.assertRaises(ValueError, pack, id)
        self.assertRaises(ValueError, unpack, b"short")

    def test_age(self) -> None:
        """The id in a token tells when its recipient was accepted."""
        self.assertEqual(made_at(ulid(1_700_000_000_123_456, b"0123456789")), 1_700_000_000_123_000)

    def test_signed_but_not_whole(self) -> None:
        """What another version signed, and this one does not understand, is refused."""
        from mailrelay.mail.token import seal

        for more in (b"short", pack(ACME) + b"\xff"):
            sealed = seal(head(Purpose.UNSUBSCRIBE, 1, ANN) + more, SECRETS[1])
            self.refuse(sealed.decode("ascii"), Purpose.UNSUBSCRIBE)
