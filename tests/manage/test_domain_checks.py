"""What a domain publishes, judged by words of a name server that the test plays; the daily look, and drift."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from mailrelay.interfaces.registry import DomainKey
from mailrelay.interfaces.resolver import IResolver, ResolverFailure
from mailrelay.mail.answer import Answer, Kind, MailExchange
from mailrelay.mail.envelope import DAY
from mailrelay.mail.event import Event
from mailrelay.manage import Invalid, accounts, domain_checks, domains
from mailrelay.policy.domain_check import Relay

from .place import InstallationTestCase

RELAY = Relay("relay.example", "bounces.relay.example")


@implementer(IResolver)
class Zone:
    """Answers out of a table; what is not there does not exist."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], tuple[object, ...]] = {}
        self.down = False

    def resolve(self, name: str, kind: Kind) -> Deferred[Answer]:
        if self.down:
            return fail(ResolverFailure("no answer"))
        found = self.records.get((name, kind))
        return succeed(Answer(found or (), "NOERROR" if found else "NXDOMAIN"))  # type: ignore[arg-type]


class DomainCheckTests(InstallationTestCase):
    """A domain with its keys, and a zone that has all that it needs."""

    def setUp(self) -> None:
        super().setUp()
        self.done(accounts.create(self.place, "shop"))
        self.done(domains.add(self.place, "shop", "mail.shop.example"))
        self.zone = Zone()
        _, keys = self.done(domains.keys(self.place, "", "mail.shop.example"))
        for key in keys:
            self.zone.records[f"{key.selector}._domainkey.mail.shop.example", "TXT"] = (key.dns_text,)
        self.key = keys[0]
        self.zone.records |= {
            ("mail.shop.example", "TXT"): ("v=spf1 a:relay.example ~all", "other=1"),
            ("_dmarc.shop.example", "TXT"): ("v=DMARC1; p=none",),
            ("bounces.relay.example", "MX"): (MailExchange(10, "relay.example"),),
            ("bounces.relay.example", "TXT"): ("v=spf1 ip4:192.0.2.0/24 -all",),
            ("relay.example", "A"): ("192.0.2.7",),
            ("mail.shop.example", "MX"): (MailExchange(10, "in.shop.example"),),
        }
        self.told: list[tuple[Event, str, Mapping[str, object]]] = []

    def verdicts(self) -> dict[str, str]:
        checked = self.done(domain_checks.check(self.place, self.zone, RELAY, "", "mail.shop.example"))
        worst: dict[str, str] = {}
        for each in checked.findings:
            if worst.get(each.purpose, "ok") == "ok":
                worst[each.purpose] = each.verdict
        return worst

    def verify(self) -> str:
        found = self.done(domain_checks.verify(self.place, self.zone, RELAY, "", "mail.shop.example"))
        return found.domain.status

    def refused(self) -> str:
        verified = domain_checks.verify(self.place, self.zone, RELAY, "", "mail.shop.example")
        return str(self.failureResultOf(verified, Invalid).value)

    def look(self) -> int:
        async def tell(event: Event, account: str, at: int, facts: Mapping[str, object]) -> None:
            self.told.append((event, account, facts))

        return self.done(domain_checks.look_again(self.place, self.zone, RELAY, tell))

    @property
    def status(self) -> str:
        (found,) = self.done(domains.every(self.place))
        return found.status

    def test_all_well(self) -> None:
        """With everything published the domain is verified; DMARC may stand at the domain above."""
        self.assertEqual(set(self.verdicts().values()), {"ok"})
        self.assertEqual((self.verify(), self.status), ("verified", "verified"))

    def test_each_missing(self) -> None:
        """What is missing, wrong or not answered is told by itself, with the record to publish; MX and return path only
        warn."""
        selector = f"{self.key.selector}._domainkey.mail.shop.example"
        for place, records, purpose, verdict in (
            (("mail.shop.example", "TXT"), (), "spf", "missing"),
            (("mail.shop.example", "TXT"), ("v=spf1 -all",), "spf", "wrong"),
            (("mail.shop.example", "TXT"), ("v=spf1 a:relay.example", "v=spf1 -all"), "spf", "wrong"),
            (("mail.shop.example", "TXT"), ("v=spf1 ip4:192.0.2.7 -all",), "spf", "ok"),
            (("mail.shop.example", "TXT"), ("v=spf1 ip4:bad include:%{d}.x -all",), "spf", "wrong"),
            (("mail.shop.example", "TXT"), ("v=spf1 include:bounces.relay.example -all",), "spf", "ok"),
            (("mail.shop.example", "TXT"), ("v=spf1 include:mail.shop.example -all",), "spf", "wrong"),
            ((selector, "TXT"), (), "dkim", "missing"),
            ((selector, "TXT"), ("v=DKIM1; p=",), "dkim", "wrong"),
            ((selector, "TXT"), ("v=DKIM1; k=rsa; p=AAAA",), "dkim", "wrong"),
            (("_dmarc.shop.example", "TXT"), (), "dmarc", "missing"),
            (("_dmarc.shop.example", "TXT"), ("v=DMARC1; p=maybe",), "dmarc", "wrong"),
            (("_dmarc.mail.shop.example", "TXT"), ("v=DMARC1; p=none", "v=DMARC1; p=none"), "dmarc", "wrong"),
            (("bounces.relay.example", "MX"), (), "return_path", "missing"),
            (("bounces.relay.example", "MX"), (MailExchange(1, "else.example"),), "return_path", "wrong"),
            (("bounces.relay.example", "TXT"), (), "return_path", "missing"),
            (("mail.shop.example", "MX"), (), "mx", "missing"),
            (("mail.shop.example", "MX"), (MailExchange(0, ""),), "mx", "wrong"),
        ):
            before = dict(self.zone.records)
            self.zone.records[place] = records
            self.assertEqual(self.verdicts()[purpose], verdict, (place, records))
            if verdict != "ok" and purpose in ("spf", "dkim", "dmarc"):
                self.assertIn(f"{purpose}: ", self.refused())
            elif verdict != "ok":
                self.assertEqual(self.verify(), "verified")
            self.zone.records = before
        self.zone.down = True
        self.assertEqual(set(self.verdicts().values()), {"unknown"})

    def test_rotation(self) -> None:
        """A key that waits is told of without keeping the domain from anything; the one in use must be published."""
        self.at += 1
        self.done(domains.add_keys(self.place, "", "mail.shop.example"))
        self.assertEqual(self.verdicts()["dkim"], "missing")
        self.assertEqual(self.verify(), "verified")
        self.at += 1
        self.done(domains.use_keys(self.place, "", "mail.shop.example"))
        self.assertIn("dkim: ", self.refused())

    def rotate(self, asks: bool = True) -> domain_checks.Rotation:
        """One step of changing the keys."""
        self.at += 1
        zone = self.zone if asks else None
        return self.done(domain_checks.rotate(self.place, zone, RELAY, "", "mail.shop.example"))

    def publish(self, *keys: DomainKey) -> None:
        """Let the zone have these keys, and no others."""
        for place in [place for place in self.zone.records if "._domainkey." in place[0]]:
            del self.zone.records[place]
        for key in keys:
            self.zone.records[f"{key.selector}._domainkey.mail.shop.example", "TXT"] = (key.dns_text,)

    def test_rotation_by_steps(self) -> None:
        """A new pair is made, waits until all of it stands in the DNS, and signs then; before, the old records must
        stay, and afterwards they may go: neither both nor the right ones alone are ever a drift."""
        self.verify()
        made = self.rotate()
        old, new = made.keys[:2], made.keys[2:]
        self.assertEqual((made.step, [each.active for each in made.keys]), ("made", [True, True, False, False]))
        self.publish(*old, new[0])
        waiting = self.rotate()
        self.assertEqual((waiting.step, [each.verdict for each in waiting.findings]), ("waiting", ["ok", "missing"]))
        self.at += DAY
        self.assertEqual(self.look(), 0)
        self.publish(*new)
        self.at += DAY
        self.assertEqual(self.look(), 1)
        self.publish(*old, *new)
        self.at += DAY
        self.assertEqual(self.look(), 0)
        used = self.rotate()
        self.assertEqual((used.step, [each.active for each in used.keys]), ("used", [False, False, True, True]))
        for published in ((*old, *new), tuple(new)):
            self.publish(*published)
            self.at += DAY
            self.assertEqual(self.look(), 0)
            self.assertEqual(self.verdicts()["dkim"], "ok")
        self.publish(*old)
        self.at += DAY
        self.assertEqual(self.look(), 1)
        self.assertEqual((self.rotate().step, self.rotate(asks=False).step), ("made", "used"))

    def test_drift(self) -> None:
        """A verified domain is looked at each day: what goes missing is an event at once, warns for seven days, and
        then ends the verification; an answer that does not come decides nothing, and what comes back ends the drift."""
        self.verify()
        del self.zone.records["mail.shop.example", "TXT"]
        self.assertEqual(self.look(), 0)
        self.at += DAY
        self.zone.down = True
        self.assertEqual((self.look(), self.told), (0, []))
        self.zone.down = False
        self.assertEqual((self.look(), self.status), (1, "verified"))
        (event, _, facts) = self.told[0]
        self.assertEqual((event, facts["domain"], facts["missing"]), (Event.DOMAIN_DRIFT, "mail.shop.example", ["spf"]))
        for _ in range(6):
            self.at += DAY
            self.look()
        self.assertEqual((len(self.told), self.status), (1, "verified"))
        self.at += DAY
        self.look()
        self.assertEqual((len(self.told), self.status), (2, "unverified"))

    def test_drift_ends(self) -> None:
        """What is published again in time ends the drift without a word; a later one has seven days of its own."""
        self.verify()
        kept = self.zone.records.pop(("mail.shop.example", "TXT"))
        self.at += DAY
        self.look()
        self.zone.records["mail.shop.example", "TXT"] = kept
        self.at += DAY
        self.assertEqual(self.look(), 0)
        (found,) = self.done(domains.every(self.place))
        self.assertEqual((found.drifted_at, found.status), (0, "verified"))

    def test_by_word(self) -> None:
        """What an administrator verified is not looked at."""
        self.done(domains.set_verified(self.place, "", "mail.shop.example", True))
        self.zone.records.clear()
        self.at += 30 * DAY
        self.assertEqual((self.look(), self.status), (0, "verified"))
