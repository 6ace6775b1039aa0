"""What people type, checked: the stored form is canonical, or the reason is one line."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.manage import Invalid, checked

_TYPED = st.one_of(
    st.text(max_size=40),
    st.from_regex(r"[a-z.@:/0-9\-\[\]é ]{0,30}", fullmatch=True),
    st.sampled_from(
        ["a@b.example", "10.0.0.0/8", "::1", "::ffff:10.0.0.1", "b.example.", "[192.0.2.1]", "a@[192.0.2.1]"]
    ),
)

_CHECKS: tuple[Callable[[str], str], ...] = (
    lambda text: checked.name("name", text),
    lambda text: checked.domain("domain", text),
    lambda text: checked.mailbox("address", text).key,
    lambda text: checked.address("address", text),
    checked.network,
    checked.username,
    checked.password,
)


class Checked(SynchronousTestCase):
    @given(_TYPED)
    def test_canonical_or_refused(self, text: str) -> None:
        """Whatever is typed is taken in a form that is taken again unchanged, or refused in one printable line."""
        for check in _CHECKS:
            try:
                kept = check(text)
            except Invalid as error:
                self.assertTrue(str(error).isprintable(), error)
                continue
            self.assertEqual(check(kept), kept)
            self.assertFalse({"\r", "\n", "\0", "\x7f"} & set(kept))

    def test_numbers(self) -> None:
        """Both bounds are taken, and nothing beyond them."""
        self.assertEqual([checked.number("n", each, 1, 3) for each in (1, 2, 3)], [1, 2, 3])
        for beyond in (0, 4):
            self.assertRaises(Invalid, checked.number, "n", beyond, 1, 3)

    def test_a_domain_is_not_an_address_of_a_host(self) -> None:
        """An address literal cannot be registered as a domain."""
        self.assertRaises(Invalid, checked.domain, "domain", "[192.0.2.1]")
        self.assertRaises(Invalid, checked.network, "10.0.0.1/8")
        self.assertEqual(checked.network(" 10.0.0.1 "), "10.0.0.1/32")
