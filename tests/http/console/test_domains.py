"""The page of a domain where the DNS can be asked: what it has, what it must have, and verification by it."""

from __future__ import annotations

from dataclasses import replace

from mailrelay.http.app import make_site
from mailrelay.mail.answer import MailExchange
from mailrelay.manage import domains

from ...manage.test_domain_checks import Zone
from ..wire import TOKEN
from .visiting import Visiting


class DomainPageTests(Visiting):
    def setUp(self) -> None:
        super().setUp()
        self.zone = Zone()
        self.place = replace(self.place, resolver=self.zone)
        self.site = make_site(api_token=TOKEN, installation=self.place, clock=self.clock)
        self.successResultOf(domains.set_verified(self.place, "shop", "shop.test", False))
        self.path = f"/console/domains/{self.account}/shop.test"

    def publish(self) -> None:
        """Let the zone hold all that the domain must publish."""
        _, keys = self.successResultOf(domains.keys(self.place, "shop", "shop.test"))
        for key in keys:
            self.zone.records[f"{key.selector}._domainkey.shop.test", "TXT"] = (key.dns_text,)
        self.zone.records |= {
            ("shop.test", "TXT"): ("v=spf1 a:relay.test ~all",),
            ("_dmarc.shop.test", "TXT"): ("v=DMARC1; p=none",),
            ("bounces.relay.test", "MX"): (MailExchange(10, "relay.test"),),
            ("relay.test", "A"): ("192.0.2.7",),
        }

    def test_what_is_missing(self) -> None:
        """A check shows each record beside what the DNS has, however hostile that is, and changes nothing."""
        self.zone.records["shop.test", "TXT"] = ('v=spf1 "><script>alert(1)</script>',)
        page = self.get(f"{self.path}?check=1").text
        for text in ("Missing", "v=DMARC1; p=none", "There is no DMARC record.", "&lt;script&gt;alert"):
            self.assertIn(text, page)
        self.assertNotIn("<script>alert", page)
        self.assertNotIn("What the DNS says", self.get(self.path).text)

    def test_verified_by_the_dns(self) -> None:
        """A domain is verified once it publishes all that it must, and not before."""
        answer = self.post(f"{self.path}/verify")
        self.assertEqual((answer.status, answer.headers["location"]), (303, f"{self.path}?check=1"))
        self.assertEqual(self.done("GET", "domains/shop.test")["status"], "unverified")
        self.publish()
        self.assertEqual(self.post(f"{self.path}/verify").status, 303)
        self.assertEqual(self.done("GET", "domains/shop.test")["status"], "verified")
        self.assertIn("publishes all that it must", self.get(f"{self.path}?check=1").text)

    def test_new_keys_wait_for_their_records(self) -> None:
        """A new pair signs only when its records stand in the DNS."""
        self.publish()

        def active() -> list[bool]:
            return [each["active"] for each in self.done("GET", "domains/shop.test")["keys"]]

        self.post(f"{self.path}/rotate")
        self.assertEqual(active(), [True, True, False, False])
        self.assertEqual(self.post(f"{self.path}/rotate").headers["location"], f"{self.path}?check=1")
        self.assertEqual(active(), [True, True, False, False])
        self.publish()
        self.post(f"{self.path}/rotate")
        self.assertEqual(active(), [False, False, True, True])

    def test_nobody_answers(self) -> None:
        """Where DNS is down that is said, and not that records are missing."""
        self.zone.down = True
        self.assertIn("No answer", self.get(f"{self.path}?check=1").text)
