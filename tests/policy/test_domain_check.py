"""What a domain publishes, judged: each finding by itself, over tables of what DNS says."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.answer import Answer, Kind, MailExchange
from mailrelay.policy.domain_check import (
    Finding,
    PublishedKey,
    Relay,
    Seen,
    check,
    more,
    names,
    undecided,
    verified,
)

RELAY = Relay("relay.test", "bounces.test")
KEY = PublishedKey("s1", "v=DKIM1; k=rsa; p=AAAA" + "B" * 300, True)
NAME, SELECTOR = "mail.shop.test", "s1._domainkey.mail.shop.test"
WELL: dict[tuple[str, Kind], tuple[object, ...]] = {
    (NAME, "TXT"): ("v=spf1 a:relay.test -all",),
    (NAME, "MX"): (MailExchange(1, "in.test"),),
    (SELECTOR, "TXT"): (KEY.text,),
    ("_dmarc.shop.test", "TXT"): ("v=DMARC1; p=reject",),
    ("bounces.test", "MX"): (MailExchange(1, "relay.test"),),
    ("bounces.test", "TXT"): ("v=spf1 ip4:192.0.2.7 ip6:2001:db8::7 -all",),
    ("relay.test", "A"): ("192.0.2.7",),
    ("relay.test", "AAAA"): ("2001:db8::7",),
}


def seen(changes: dict[tuple[str, Kind], tuple[object, ...] | None], keys: tuple[PublishedKey, ...] = (KEY,)) -> Seen:
    """What is known once all was asked; what is None gave no answer."""
    table = WELL | changes
    found: dict[tuple[str, Kind], Answer] = {}
    asked = list(names(NAME, keys, RELAY))
    while asked:
        for place in asked:
            records = table.get(place, ())
            rcode = "SERVFAIL" if records is None else "NOERROR" if records else "NXDOMAIN"
            found[place] = Answer(records or (), rcode)  # type: ignore[arg-type]
        asked = more(NAME, RELAY, found)
        assert not set(asked) & set(found), "nothing is asked twice"
    return found


def findings(
    changes: dict[tuple[str, Kind], tuple[object, ...] | None], keys: tuple[PublishedKey, ...] = (KEY,)
) -> dict[str, Finding]:
    """The worst finding of each purpose."""
    found: dict[str, Finding] = {}
    for each in check(NAME, keys, RELAY, seen(changes, keys)):
        if each.purpose not in found or found[each.purpose].ok:
            found[each.purpose] = each
    return found


class FindingTests(SynchronousTestCase):
    def test_well(self) -> None:
        """With all of it published every finding is well and the domain verified."""
        found = findings({})
        self.assertEqual({each.verdict for each in found.values()}, {"ok"})
        self.assertTrue(verified(list(found.values())))
        self.assertFalse(undecided(list(found.values())))

    def test_what_is_there(self) -> None:
        """A finding tells the records that a receiver would take for it, and none beside them."""
        changes: dict[tuple[str, Kind], tuple[object, ...] | None] = {
            (NAME, "TXT"): ("other=1", "v=spf1 -all"),
            ("_dmarc.shop.test", "TXT"): ("v=spf1 -all", "v=DMARC1; p=none"),
            (NAME, "MX"): (MailExchange(5, "in.test"),),
            (SELECTOR, "TXT"): ("p=", "nonsense"),
            ("bounces.test", "MX"): None,
        }
        there = {purpose: each.found for purpose, each in findings(changes).items()}
        expected = {
            "spf": ("v=spf1 -all",),
            "dkim": ("p=", "nonsense"),
            "dmarc": ("v=DMARC1; p=none",),
            "mx": ("5 in.test.",),
            "return_path": (),
        }
        self.assertEqual(there, expected)

    def test_spf(self) -> None:
        """Every address of the host must pass; each other result has its words, and a record that would do."""
        for record, verdict, words in (
            ((), "missing", "There is no SPF record"),
            (("v=spf1 ip4:192.0.2.7 -all",), "wrong", "relay.test (2001:db8::7): the result is fail"),
            (("v=spf1 ip4:192.0.2.7 ip6:2001:db8::/32 -all",), "ok", "lets relay.test send"),
            (("v=spf1",), "wrong", "neutral, by no term of"),
            (("v=spf1 -all", "v=spf1 +all"), "wrong", "several SPF records"),
            (("v=spf1 bad -all",), "wrong", "permerror"),
            (("v=spf1 include:%{l}.test -all",), "unknown", "before there is a message"),
            (("v=spf1 include:down.test -all",), "unknown", "no answer about down.test"),
            (("v=spf1 include:other.test -all",), "ok", ""),
            (None, "unknown", "no answer"),
        ):
            changes: dict[tuple[str, Kind], tuple[object, ...] | None] = {
                (NAME, "TXT"): record,
                ("down.test", "TXT"): None,
                ("other.test", "TXT"): ("v=spf1 redirect=bounces.test",),
            }
            found = findings(changes)["spf"]
            self.assertEqual(found.verdict, verdict, record)
            self.assertIn(words, found.words)
        record = findings({(NAME, "TXT"): ("v=spf1 mx -all",)})["spf"].record
        self.assertEqual(record, 'mail.shop.test. IN TXT "v=spf1 a:relay.test mx -all"')
        self.assertIn("SPF does not name relay.test: the", _without_addresses("v=spf1 ip4:192.0.2.7 -all").words)
        self.assertTrue(_without_addresses("v=spf1 a:relay.test -all").ok)

    def test_dkim(self) -> None:
        """A key in use must be published; one that waits or is retired is told of, and needed by nobody."""
        waiting = PublishedKey("s2", "v=DKIM1; p=CCCC", False)
        retired = PublishedKey("s0", "v=DKIM1; p=DDDD", False, retired=True)
        for records, verdict, words in (
            ((), "missing", "not published"),
            (("v=DKIM1; p=",), "wrong", "withdrawn"),
            (("v=DKIM1; p=ZZZZ",), "wrong", "another key"),
            (None, "unknown", "no answer"),
        ):
            found = findings({(SELECTOR, "TXT"): records})["dkim"]
            self.assertEqual((found.verdict, found.required), (verdict, True))
            self.assertIn(words, found.words)
        self.assertIn('" "', findings({(SELECTOR, "TXT"): ()})["dkim"].record)
        other = ("s2._domainkey.mail.shop.test", "TXT")
        self.assertEqual(findings({}, (KEY, waiting))["dkim"].required, False)
        self.assertIn("must not be used", findings({}, (KEY, waiting))["dkim"].words)
        published: dict[tuple[str, Kind], tuple[object, ...] | None] = {other: ("v=DKIM1; p=CCCC",)}  # type: ignore[dict-item]
        self.assertEqual(findings(published, (waiting,))["dkim"].words, "The domain has no key that signs.")
        told = {each.name: each for each in check(NAME, (KEY, retired), RELAY, seen({}, (KEY, retired)))}
        self.assertTrue(told["s0._domainkey.mail.shop.test"].ok)
        self.assertIn("is gone", told["s0._domainkey.mail.shop.test"].words)

    def test_dmarc(self) -> None:
        """One valid record, at the domain or above it."""
        at = ("_dmarc.mail.shop.test", "TXT")
        for records, verdict in (
            (("v=DMARC1; p=none",), "ok"),
            (("v=DMARC1; p=none", "v=DMARC1; p=none"), "wrong"),
            (("v=DMARC1; p=maybe",), "wrong"),
            (None, "unknown"),
        ):
            self.assertEqual(findings({at: records})["dmarc"].verdict, verdict)  # type: ignore[dict-item]
        self.assertEqual(findings({("_dmarc.shop.test", "TXT"): ()})["dmarc"].verdict, "missing")

    def test_warnings(self) -> None:
        """Return path and MX only warn."""
        for place, records, purpose, verdict in (
            (("bounces.test", "MX"), (), "return_path", "missing"),
            (("bounces.test", "MX"), (MailExchange(1, "else.test"),), "return_path", "wrong"),
            (("bounces.test", "MX"), None, "return_path", "unknown"),
            (("bounces.test", "TXT"), ("v=spf1 -all",), "return_path", "missing"),
            ((NAME, "MX"), (), "mx", "missing"),
            ((NAME, "MX"), (MailExchange(0, ""),), "mx", "wrong"),
            ((NAME, "MX"), None, "mx", "unknown"),
        ):
            found = findings({place: records})  # type: ignore[dict-item]
            self.assertEqual((found[purpose].verdict, found[purpose].required), (verdict, False))
            self.assertTrue(verified(list(found.values())))

    def test_undecided(self) -> None:
        """For want of answers nothing is decided; something that is wrong is."""
        silent = list(findings({(NAME, "TXT"): None}).values())
        self.assertTrue(undecided(silent))
        self.assertFalse(undecided(list(findings({(NAME, "TXT"): None, (SELECTOR, "TXT"): ()}).values())))


def _without_addresses(record: str) -> Finding:
    return findings({(NAME, "TXT"): (record,), ("relay.test", "A"): (), ("relay.test", "AAAA"): ()})["spf"]
