"""What is given to paste: complete, and a password with any character in it stays a password."""

from __future__ import annotations

import ast
import json
import re
import shlex
from urllib.parse import unquote

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.http.console import clients

NASTY = "a\"b'c$d\\e#{f}@g:h %i`j`"


class Clients(SynchronousTestCase):
    def test_complete(self) -> None:
        """Each client fills in each mode that it speaks, and leaves nothing to be filled in; each names host, port and
        password; every group has some."""
        self.assertEqual({each.group for each in clients.shipped()}, set(clients.GROUPS))
        self.assertGreaterEqual(len(clients.shipped()), 15)
        for each in clients.shipped():
            self.assertLessEqual(set(each.modes), set(clients.MODES), each.name)
            for mode in each.modes:
                text = each.filled(mode, "relay.test", 4711, "who", "S3CRET", "me@shop.test")
                for word in ("relay.test", "4711", "who", "S3CRET"):
                    self.assertIn(word, text, (each.name, mode))
                self.assertIsNone(re.search(r"@[a-z_]+(?::[a-z]+)?@", text), (each.name, mode, text))

    def test_quoting(self) -> None:
        """A password is written so that its language reads it as it is."""
        self.assertEqual(ast.literal_eval(clients.QUOTES["json"](NASTY)), NASTY)
        self.assertEqual(json.loads(clients.QUOTES["json"](NASTY)), NASTY)
        self.assertEqual(shlex.split(clients.QUOTES["shell"](NASTY)), [NASTY])
        self.assertEqual(unquote(clients.QUOTES["url"](NASTY)), NASTY)
        single = clients.QUOTES["single"](NASTY)
        self.assertEqual(re.sub(r"\\(['\\])", r"\1", single[1:-1]), NASTY)
        dotenv = clients.QUOTES["dotenv"](NASTY)
        self.assertEqual(re.sub(r'\\(["\\$])', r"\1", dotenv[1:-1]), NASTY)
        self.assertNotRegex(dotenv[1:-1], r'(?<!\\)["$]')

    def test_values_are_not_read_again(self) -> None:
        """A password that looks like a place to be filled in stays what it is."""
        curl = next(each for each in clients.shipped() if each.name == "curl")
        self.assertIn("@host@", curl.filled("plain", "relay.test", 25, "who", "@host@", "me@shop.test"))

    def test_modes(self) -> None:
        """The wanted mode, else the best that both know, else none."""
        python, net = (
            next(each for each in clients.shipped() if each.name == name)
            for name in ("python-smtplib", "dotnet-smtpclient")
        )
        self.assertEqual(python.speaks("starttls", ["tls", "starttls"]), "starttls")
        self.assertEqual(python.speaks("plain", ["starttls", "tls"]), "tls")
        self.assertEqual(net.speaks("tls", ["tls", "starttls"]), "starttls")
        self.assertEqual(net.speaks("tls", ["tls"]), "")
