"""Commands about shaping."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

from mailrelay.cli import shaping

from .running import CommandTestCase


class ShapingTests(CommandTestCase):
    def test_show(self) -> None:
        """All providers are listed; one is shown by its name or by any of its hosts, with its replies."""
        self.assertIn("google", [each["name"] for each in self.data("shaping", "show")])
        by_name = self.data("shaping", "show", "google")
        self.assertEqual(by_name, self.data("shaping", "show", "ASPMX.L.Google.com"))
        self.assertEqual(by_name["rate"], "1200/min")
        self.assertIn("pause for", by_name["replies"][0]["action"])
        self.assertIn("Replies", self.good("shaping", "show", "google"))
        self.assertIn("provider", self.bad("shaping", "show", "nobody"))

    def test_show_domain(self) -> None:
        """A domain is of the provider that its mail host belongs to, and the host is told."""
        with patch.object(shaping, "_exchange", lambda domain, found: "aspmx.l.google.com"):
            shown = self.data("shaping", "show", "ann@Shop.example")
        self.assertEqual((shown["name"], shown["host"]), ("google", "aspmx.l.google.com"))

    def test_show_own(self) -> None:
        """What is shown is what holds: the installation's own file over the shipped one."""
        config = Path(self.mktemp())
        mine = config.with_name("mine.toml")
        config.write_text(f"""
[state]
path = "{Path(self.state).absolute()}"
[[listeners]]
name = "local"
port = 0
tls = "none"
[[routes]]
name = "mx"
mx = true
default = true
[delivery]
shaping = "mine.toml"
""")
        mine.write_text("[google]\nconnections = 3\n")
        self.assertIn("connections  3", self.good("shaping", "show", "google", "--config", str(config)))
        mine.write_text("[google]\nconnections = 0\n")
        said = self.run_command("check-config", str(config)).stderr
        self.assertIn(f"delivery.shaping: {mine.absolute()}: google.connections: must be from 1", said)

    def test_check(self) -> None:
        """A file is checked over the shipped one; every fault is a line of file, key and reason."""
        mine = Path(self.mktemp())
        mine.write_text("[mine]\nmx = ['mx.mine.example']\n")
        self.assertIn("mine", self.data("shaping", "check", str(mine))["providers"])
        mine.write_text("[mine]\nrate = 'fast'\n")
        result = self.run_command("shaping", "check", str(mine))
        self.assertEqual(result.exit_code, 2)
        self.assertEqual(len(result.stderr.splitlines()), 2)
        self.assertIn(f"{mine}: mine.rate: must be like", result.stderr)
        self.bad("shaping", "check", "nowhere.toml")
