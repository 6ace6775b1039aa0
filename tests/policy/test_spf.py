"""SPF as receivers judge it (RFC 7208), over tables of what DNS says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.answer import Answer, Kind, MailExchange
from mailrelay.policy.spf import Verdict, is_spf, judge, named

HOST, FOUR, SIX = "relay.test", "192.0.2.7", "2001:db8::7"
ZONE: dict[tuple[str, Kind], tuple[object, ...]] = {
    ("in.test", "A"): ("192.0.2.99",),
    ("in.test", "AAAA"): ("2001:db8::99",),
    ("bad.test", "A"): ("nonsense",),
    ("own.test", "A"): (FOUR,),
    ("mx.test", "MX"): (MailExchange(1, "own.test"), MailExchange(2, "in.test")),
    ("host.test", "MX"): (MailExchange(1, HOST),),
    ("many.test", "MX"): tuple(MailExchange(n, f"{n}.test") for n in range(11)),
    ("pass.test", "TXT"): ("v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all",),
    ("fail.test", "TXT"): ("v=spf1 -all",),
    ("soft.test", "TXT"): ("other", "v=spf1 ~all"),
    ("loop.test", "TXT"): ("v=spf1 include:loop.test -all",),
    ("round.test", "TXT"): ("v=spf1 redirect=round.test",),
    ("wrong.test", "TXT"): ("v=spf1 what -all",),
    ("two.test", "TXT"): ("v=spf1 -all", "V=SPF1"),
    ("192.0.2.7.d.test.in-addr.x.test", "A"): ("127.0.0.2",),
    ("2.7.x.test", "A"): ("127.0.0.2",),
    ("0.192.x.test", "A"): ("127.0.0.2",),
}


def ask(record: str, address: str = FOUR, down: str = "") -> Verdict:
    """The verdict of ``d.test``, asking until there is one."""
    seen: dict[tuple[str, Kind], Answer] = {("d.test", "TXT"): Answer((record,))}
    for _ in range(60):
        found = judge("d.test", HOST, address, seen)
        if found.asks is None:
            return found
        assert found.asks not in seen
        records = ZONE.get(found.asks)
        rcode = "SERVFAIL" if found.asks[0] == down else "NOERROR" if records else "NXDOMAIN"
        seen[found.asks] = Answer(records or (), rcode)  # type: ignore[arg-type]
    raise AssertionError("no end")


class SpfTests(SynchronousTestCase):
    def test_results(self) -> None:
        """Each mechanism, qualifier and modifier, and each way in which a record is no good."""
        for record, result in (
            ("v=spf1", "neutral"),
            ("v=spf1 +all", "pass"),
            ("v=spf1 -all", "fail"),
            ("v=spf1 ~ALL", "softfail"),
            ("v=spf1 ?all", "neutral"),
            ("v=spf1 ip4:192.0.2.7 -all", "pass"),
            ("v=spf1 ip4:192.0.2.0/29 -all", "pass"),
            ("v=spf1 ip4:192.0.2.0/30 -all", "fail"),
            ("v=spf1 -ip4:192.0.2.7 +all", "fail"),
            ("v=spf1 ip6:2001:db8::7 -all", "fail"),
            ("v=spf1 a:relay.test -all", "pass"),
            ("v=spf1 A:own.test -all", "pass"),
            ("v=spf1 a:in.test -all", "fail"),
            ("v=spf1 a:in.test/24 -all", "pass"),
            ("v=spf1 a:in.test/24//64 -all", "pass"),
            ("v=spf1 a -all", "fail"),
            ("v=spf1 a:bad.test -all", "fail"),
            ("v=spf1 mx:mx.test -all", "pass"),
            ("v=spf1 mx:host.test -all", "pass"),
            ("v=spf1 mx -all", "fail"),
            ("v=spf1 ptr ptr:own.test -all", "fail"),
            ("v=spf1 exists:own.test -all", "pass"),
            ("v=spf1 exists:nothing.test -all", "fail"),
            ("v=spf1 include:pass.test -all", "pass"),
            ("v=spf1 -include:pass.test +all", "fail"),
            ("v=spf1 include:fail.test ?all", "neutral"),
            ("v=spf1 include:soft.test ?all", "neutral"),
            ("v=spf1 redirect=pass.test", "pass"),
            ("v=spf1 redirect=soft.test", "softfail"),
            ("v=spf1 redirect=pass.test -all", "fail"),
            ("v=spf1 unknown=%{x} exp=%{l}.test -all", "fail"),
            ("v=spf1 exists:%{i}.%{d}.%{v}.x.test -all", "pass"),
            ("v=spf1 exists:%{i2}.x.test -all", "pass"),
            ("v=spf1 exists:%{i2r}.x.test -all", "pass"),
            ("v=spf1 exists:%{d-}.x.test -all", "fail"),
            ("v=spf1 exists:%{ir2}.x.test -all", "permerror"),
            ("v=spf1 a:%{h} -all", "pass"),
            ("v=spf1 a:%%x.test -all", "fail"),
            ("v=spf1 exists:%{l}.test -all", "unjudged"),
            ("v=spf1 include:two.test -all", "permerror"),
            ("v=spf1 include:nothing.test -all", "permerror"),
            ("v=spf1 include:wrong.test +all", "permerror"),
            ("v=spf1 redirect=nothing.test", "permerror"),
            ("v=spf1 include:loop.test -all", "permerror"),
            ("v=spf1 redirect=round.test", "permerror"),
            ("v=spf1 redirect=a.test redirect=b.test", "permerror"),
            ("v=spf1 +all what", "permerror"),
            ("v=spf1 all:x -all", "permerror"),
            ("v=spf1 include -all", "permerror"),
            ("v=spf1 include:pass.test/24 -all", "permerror"),
            ("v=spf1 ip4:1.2.3 -all", "permerror"),
            ("v=spf1 ip4:2001:db8::7 -all", "permerror"),
            ("v=spf1 ip6:192.0.2.7 -all", "permerror"),
            ("v=spf1 a/33 -all", "permerror"),
            ("v=spf1 a:%{x}.test -all", "permerror"),
            ("v=spf1 a:%{d0}.test -all", "permerror"),
            ("v=spf1 a:% -all", "permerror"),
            ("v=spf1 a:a..test -all", "permerror"),
            ("v=spf1 mx:many.test -all", "permerror"),
            ("v=spf1 a:1.test a:2.test a:3.test -all", "permerror"),
            ("v=spf1 a:1.test a:2.test -all", "fail"),
        ):
            self.assertEqual(ask(record).result, result, record)

    def test_ten_lookups(self) -> None:
        """Ten terms may lead to look-ups, and an eleventh is an error, in whichever record it stands."""
        ten = " ".join(["ptr"] * 10)
        self.assertEqual((ask(f"v=spf1 {ten} -all").result, ask(f"v=spf1 {ten} -all").lookups), ("fail", 10))
        self.assertEqual(ask(f"v=spf1 {ten} include:pass.test").result, "permerror")
        self.assertIn("more than 10 look-ups", ask(f"v=spf1 {ten} ptr -all").words)

    def test_the_other_family(self) -> None:
        """An address of IPv6 is judged by AAAA, and its macros are of nibbles; without any the name alone counts."""
        self.assertEqual(ask("v=spf1 ip6:2001:db8::/64 -all", SIX).result, "pass")
        self.assertEqual(ask("v=spf1 a:in.test//64 -all", SIX).result, "pass")
        self.assertEqual(ask("v=spf1 a:in.test/8 -all", SIX).result, "fail")
        self.assertEqual(ask("v=spf1 exists:%{i1r}.%{v}.x.test -all", SIX).result, "fail")
        self.assertEqual(ask("v=spf1 a:relay.test -all", "").result, "pass")
        self.assertEqual(ask("v=spf1 a:own.test ip4:192.0.2.7 -all", "").result, "fail")
        self.assertEqual(ask("v=spf1 a:%{i}.test -all", "").result, "unjudged")

    def test_no_answer(self) -> None:
        """A name server that gives no answer is no verdict, wherever it is asked; no record is "none"."""
        self.assertEqual(ask("v=spf1 include:pass.test -all", down="pass.test").result, "temperror")
        self.assertEqual(ask("no record").result, "none")

    def test_long_names(self) -> None:
        """A name that grows too long loses labels from its left (7.3)."""
        label = "a" * 60
        long = ".".join([label] * 5)
        self.assertEqual(
            judge("d.test", HOST, FOUR, {("d.test", "TXT"): Answer((f"v=spf1 a:{long} -all",))}).asks, (long[61:], "A")
        )

    @given(st.lists(st.text("av:/.-+=%{}1smxl~ ip4", max_size=12)))
    def test_any_record(self, terms: list[str]) -> None:
        """Whatever a record says, there is a verdict."""
        self.assertTrue(ask(f"v=spf1 {' '.join(terms)}").result)

    def test_records(self) -> None:
        """A record is one of SPF by its first word; what it leads to can be asked at once."""
        self.assertEqual([is_spf(each) for each in ("v=spf1", "V=SPF1 a", "v=spf10", "x")], [True, True, False, False])
        self.assertEqual(list(named("v=spf1 include:A.test. a ?include:%{d}.x redirect=b.test")), ["a.test", "b.test"])
