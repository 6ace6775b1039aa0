"""Sending domains over HTTP, and what the DNS says about them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from twisted.internet.task import Clock

from mailrelay.http.app import make_site
from mailrelay.mail.answer import MailExchange
from mailrelay.manage import accounts, domains
from tests.manage.place import InstallationTestCase
from tests.manage.test_domain_checks import RELAY, Zone

from .wire import BEARER, TOKEN, Answer, Wire, ask

NAME = "shop.example"


class DomainTests(InstallationTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.done(accounts.create(self.place, "shop"))
        self.done(domains.add(self.place, "shop", NAME))
        self.zone = Zone()
        self.zone.records |= {
            (NAME, "TXT"): ("v=spf1 a:relay.example ~all",),
            (f"_dmarc.{NAME}", "TXT"): ("v=DMARC1; p=none",),
            (NAME, "MX"): (MailExchange(1, "in.example"),),
        }
        asking = replace(self.place, resolver=self.zone, relay=RELAY)
        self.site = make_site(api_token=TOKEN, installation=asking, clock=Clock())

    def get(self, path: str) -> Answer:
        return ask(self.site, path, headers=BEARER)

    def post(self, path: str, body: str = "", site: Any = None) -> Answer:
        wire = Wire(site or self.site)
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {len(body)}"
        wire.send(f"{head}\r\n\r\n{body}".encode())
        return wire.answer("POST")

    def publish(self) -> None:
        """Let the zone have what the domain is told to publish."""
        for each in self.get(f"/api/v1/domains/{NAME}").json()["records"]:
            if each["purpose"] == "dkim":
                self.zone.records[each["name"], "TXT"] = (each["value"],)

    def test_shaping_of_a_domain(self) -> None:
        """The rule for a receiver's domain is that of its mail host, which is looked up; one that nobody can look up is
        told, and a host of no provider has the rule of all others."""
        self.zone.records["busy.example", "MX"] = (
            MailExchange(20, "mx.other.example"),
            MailExchange(5, "aspmx.l.google.com"),
        )
        found = self.get("/api/v1/shaping/ann@Busy.example").json()
        self.assertEqual((found["name"], found["host"]), ("google", "aspmx.l.google.com"))
        found = self.get(f"/api/v1/shaping/{NAME}").json()
        self.assertEqual((found["name"], found["host"]), ("default", "in.example"))

    def test_check_and_verify(self) -> None:
        """A check tells each finding and changes nothing; a domain is verified once it publishes what it must, and
        until then the answer says what is missing, and by which record."""
        self.assertEqual([each["domain"] for each in self.get("/api/v1/domains").json()], [NAME])
        checked = self.get(f"/api/v1/domains/{NAME}/check").json()
        self.assertEqual((checked["publishes"], checked["status"]), (False, "unverified"))
        refused = self.post(f"/api/v1/domains/{NAME}/verify")
        self.assertEqual(refused.status, 409)
        self.assertEqual({each["purpose"] for each in refused.json()["findings"]}, {"dkim"})
        self.publish()
        verified = self.post(f"/api/v1/domains/{NAME}/verify", "{}").json()
        self.assertEqual((verified["status"], verified["proof"], verified["publishes"]), ("verified", "dns", True))

    def test_by_word(self) -> None:
        """An administrator's word is enough; and where nobody asks the DNS there is no other."""
        forced = self.post(f"/api/v1/domains/{NAME}/verify", json.dumps({"force": True}))
        self.assertEqual((forced.status, forced.json()["proof"]), (200, ""))
        silent = make_site(api_token=TOKEN, installation=self.place, clock=Clock())
        self.assertEqual(ask(silent, f"/api/v1/domains/{NAME}/check", headers=BEARER).status, 409)
        self.assertEqual(self.post(f"/api/v1/domains/{NAME}/verify", site=silent).json()["status"], "verified")

    def test_rotation(self) -> None:
        """Keys change by steps: made, waiting for the DNS, in use."""
        steps = []
        for publishes in (False, False, True):
            if publishes:
                self.publish()
            self.at += 1
            steps.append(self.post(f"/api/v1/domains/{NAME}/rotate").json())
        self.assertEqual([each["step"] for each in steps], ["made", "waiting", "used"])
        self.assertEqual([each["active"] for each in steps[-1]["keys"]], [False, False, True, True])
        self.assertEqual(len(steps[0]["records"]), 4)

    def test_problems(self) -> None:
        """A domain that is not there is 404, a body that cannot be read 400."""
        for path in ("", "/check"):
            self.assertEqual(self.get(f"/api/v1/domains/none.example{path}").status, 404)
        for verb in ("verify", "rotate"):
            self.assertEqual(self.post(f"/api/v1/domains/none.example/{verb}").status, 404)
        for body in ("{", "[]", '{"force": 1}', '{"x": true}'):
            self.assertEqual(self.post(f"/api/v1/domains/{NAME}/verify", body).status, 400)
