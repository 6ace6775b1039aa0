"""Codecs of control headers: whatever a value holds, it is read or there is a reason."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.policy import codecs
from mailrelay.policy.codecs import Limits, Unreadable

from ..mail.bounded import bounded

LIMITS = Limits(longest=40, most=5)
WORD = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters=",=:"), min_size=1)
SHORT = WORD.filter(lambda word: len(word) <= 40)
VALUE = st.one_of(st.text(), st.binary().map(lambda octets: octets.decode("latin-1")), st.text('{}[]":,=a1 '))
NUMBER = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | st.text("aé\U0001f600"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", min_size=1), inner, max_size=3),
)
OBJECT = st.dictionaries(st.text("abc", min_size=1, max_size=5), ANY_JSON, max_size=4)
WIDE = Limits(longest=100_000)

ALL: tuple[Callable[[str, Limits], Any], ...] = (
    codecs.text,
    codecs.flag,
    codecs.items,
    codecs.pairs,
    codecs.keys,
    codecs.json_object,
    codecs.base64_json,
    codecs.base64_text,
)


class CodecTests(SynchronousTestCase):
    @given(VALUE)
    @bounded
    def test_read_or_a_reason(self, value: str) -> None:
        """H8: no value makes a codec fail otherwise than by saying why, in one line."""
        for codec in ALL:
            try:
                codec(value, LIMITS)
            except Unreadable as fault:
                self.assertRegex(str(fault), r"\A[^\r\n]{3,200}\Z")

    @given(SHORT)
    @bounded
    def test_a_text_stays(self, word: str) -> None:
        """A text within its limits is given as it stands, or in lower case where the dialect says so."""
        self.assertEqual(codecs.text(word, LIMITS), word)
        self.assertEqual(codecs.text("NEWS", Limits(lower=True, pattern="[a-z]+")), "news")

    def test_a_text_outside_its_limits(self) -> None:
        """A text that is too long, or made of other characters than the dialect allows, is refused with that reason."""
        self.assertRaisesRegex(Unreadable, "longer than 3 characters", codecs.text, "abcd", Limits(longest=3))
        self.assertRaisesRegex(Unreadable, "not allowed", codecs.text, "a b", Limits(pattern="[a-z]+"))

    def test_flags(self) -> None:
        """The usual words in any case, and those of the dialect, which come first."""
        for word in ("true", "YES", "on", "1"):
            self.assertIs(codecs.flag(word, LIMITS), True)
        for word in ("False", "no", "OFF", "0"):
            self.assertIs(codecs.flag(word, LIMITS), False)
        words = Limits(words={"htmlonly": True, "0": True})
        self.assertEqual([codecs.flag(word, words) for word in ("HtmlOnly", "0")], [True, True])
        self.assertRaisesRegex(Unreadable, "must be one of 0, 1, false, htmlonly, no", codecs.flag, "maybe", words)

    @given(st.lists(SHORT, max_size=5))
    @bounded
    def test_lists(self, words: list[str]) -> None:
        """Words between commas come back in their order, whatever blanks are around them; empty ones do not count."""
        self.assertEqual(codecs.items(" , ".join(words) + ",", LIMITS), tuple(words))

    @given(st.dictionaries(SHORT, SHORT, max_size=5))
    @bounded
    def test_pairs(self, told: dict[str, str]) -> None:
        """Pairs between commas come back; a value may be empty."""
        self.assertEqual(codecs.pairs(", ".join(f"{name} = {value}" for name, value in told.items()), LIMITS), told)
        self.assertEqual(codecs.pairs("a=", LIMITS), {"a": ""})

    def test_malformed_pairs(self) -> None:
        """A pair without a sign or a name, or a name with two values, is refused; said twice alike it is one."""
        for value in ("a", "=b", "a=b, c"):
            self.assertRaisesRegex(Unreadable, "name=value", codecs.pairs, value, LIMITS)
        self.assertRaisesRegex(Unreadable, "twice", codecs.pairs, "a=b, a=c", LIMITS)
        self.assertEqual(codecs.pairs("a=b,, a=b", LIMITS), {"a": "b"})

    @given(st.lists(st.tuples(SHORT, st.one_of(st.just(""), SHORT)), max_size=5))
    @bounded
    def test_keys(self, told: list[tuple[str, str]]) -> None:
        """Keys with and without names come back in their order; a name may hold a colon."""
        value = ",".join(f" {key}:{name} " if name else key for key, name in told)
        self.assertEqual(codecs.keys(value, LIMITS), tuple(told))
        self.assertEqual(codecs.keys("k:a:b.pdf,", LIMITS), (("k", "a:b.pdf"),))

    def test_malformed_keys(self) -> None:
        """A name without a key, or one that is too long, is refused."""
        self.assertRaisesRegex(Unreadable, "without a key", codecs.keys, ":name", LIMITS)
        self.assertRaisesRegex(Unreadable, "longer than 40", codecs.keys, "k:" + "x" * 41, LIMITS)

    def test_too_many(self) -> None:
        """More items than the dialect allows are refused, whatever they are."""
        few = Limits(most=2)
        for codec, value in (
            (codecs.items, "a,b,c"),
            (codecs.pairs, "a=1,b=2,c=3"),
            (codecs.keys, "a,b,c"),
        ):
            self.assertRaisesRegex(Unreadable, "more than 2 items", codec, value, few)
        self.assertRaisesRegex(Unreadable, "more than 2 items", codecs.strings, {"a": "", "b": "", "c": ""}, few)

    @given(OBJECT, st.booleans())
    @bounded
    def test_objects(self, told: dict[str, Any], ascii_only: bool) -> None:
        """A JSON object is read as it was written, also in base64 with either alphabet, padded or not."""
        text = json.dumps(told, ensure_ascii=ascii_only)
        self.assertEqual(codecs.json_object(text, WIDE), told)
        for packed in (base64.b64encode, base64.urlsafe_b64encode):
            value = packed(text.encode()).decode()
            self.assertEqual(codecs.base64_json(value, WIDE), told)
            self.assertEqual(codecs.base64_json(value.rstrip("=") + " ", WIDE), told)

    def test_no_object(self) -> None:
        """What is no JSON object is refused, with the place where it breaks off."""
        for value, reason in (
            ('{"a": }', "is not JSON: expecting value at character 7"),
            ("[1]", "must be a JSON object"),
            ("1", "must be a JSON object"),
            ('{"a": NaN}', "is not JSON: nan is no number"),
            ('{"a": ' + "1" * 5000 + "}", "is not JSON: "),
            ("[" * 50_000, "nested too deep"),
            (r'{"a": "\ud800"}', "half of a surrogate pair"),
        ):
            self.assertRaisesRegex(Unreadable, reason, codecs.json_object, value, WIDE)
        self.assertRaisesRegex(Unreadable, "longer than 3", codecs.json_object, '{"a":1}', Limits(longest=3))
        self.assertRaisesRegex(Unreadable, "longer than 3", codecs.base64_json, "e" * 40, Limits(longest=3))
        for value in ("e30=x!", "é", "/w=="):
            self.assertRaisesRegex(Unreadable, "base64", codecs.base64_json, value, WIDE)

    def test_members_as_texts(self) -> None:
        """Members of an object become texts as JSON writes them; nothing nested, nothing that is none."""
        found = {"a": "x", "b": 1, "c": True, "d": 1.5}
        self.assertEqual(codecs.strings(found, WIDE), {"a": "x", "b": "1", "c": "true", "d": "1.5"})
        for bad in ({}, [], None):
            self.assertRaisesRegex(Unreadable, "member 'a'", codecs.strings, {"a": bad}, WIDE)
