"""Commands about domains: their keys, and what is to be published."""

from __future__ import annotations

from .running import CommandTestCase


class DomainCommands(CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.good("account", "create", "shop")
        self.printed = self.good("domain", "add", "shop.example")

    def test_add_prints_the_records(self) -> None:
        """People get lines of a zone file as soon as a domain is added, the same that `show` prints later."""
        lines = self.printed.partition("DNS:\n")[2].splitlines()
        self.assertEqual([line.split(". IN TXT ")[0].partition("-")[0] for line in lines[:2]], ["ed25519", "rsa"])
        self.assertIn('shop.example. IN TXT "v=spf1 a:', lines[2])
        self.assertEqual(lines[3], '_dmarc.shop.example. IN TXT "v=DMARC1; p=none"')
        self.assertEqual(self.good("domain", "show", "SHOP.example"), self.printed)
        self.assertNotIn("PRIVATE", self.printed)

    def test_programs(self) -> None:
        """JSON has the keys without their private halves, and each record with its whole text."""
        shown = self.data("domain", "show", "shop.example")
        self.assertEqual(
            {key for each in shown["keys"] for key in each}, {"selector", "algorithm", "active", "created_at"}
        )
        self.assertEqual([each["purpose"] for each in shown["records"]], ["dkim", "dkim", "spf", "dmarc"])
        self.assertEqual({each["type"] for each in shown["records"]}, {"TXT"})
        rsa = shown["records"][1]
        self.assertTrue(rsa["value"].startswith("v=DKIM1; k=rsa; p=MII") and len(rsa["value"]) > 400, rsa)
        self.assertEqual(shown["status"], "unverified")
        shown = {"domain", "account", "status", "created_at", "proof", "checked_at", "drifted_at"}
        self.assertEqual(self.data("domain", "list")[0].keys(), shown)

    def test_new_keys(self) -> None:
        """A pair is made, then put to use; to ask for both at once is refused, since nothing could be published."""
        keys = self.data("domain", "keys", "shop.example")
        self.assertEqual([each["active"] for each in keys], [True, True])
        self.bad("domain", "keys", "shop.example", "--new", "--use")
        self.assertEqual(self.data("domain", "keys", "shop.example"), keys)
        made = self.data("domain", "keys", "shop.example", "--new")
        self.assertEqual([each["active"] for each in made], [True, True, False, False])
        self.assertEqual(len(self.data("domain", "show", "shop.example")["records"]), 6)
        used = self.data("domain", "keys", "shop.example", "--use")
        self.assertEqual([each["active"] for each in used], [False, False, True, True])
        self.assertIn("rsa-sha256", self.good("domain", "keys", "shop.example"))

    def test_rotation(self) -> None:
        """Keys change by one command given twice: people are told what to publish, and then that it is in use."""
        said = self.good("domain", "rotate", "shop.example")
        self.assertIn("publish its records", said)
        self.assertEqual(said.count("_domainkey.shop.example. IN TXT"), 4)
        self.assertNotIn("v=spf1", said)
        used = self.data("domain", "rotate", "shop.example")
        self.assertEqual((used["step"], used["findings"]), ("used", []))
        self.assertEqual([each["active"] for each in used["keys"]], [False, False, True, True])

    def test_unknown(self) -> None:
        """An unknown domain is told in one line."""
        for words in (("show",), ("keys",), ("keys", "--new"), ("keys", "--use"), ("rotate",)):
            self.assertIn("other.example", self.bad("domain", words[0], "other.example", *words[1:]))
