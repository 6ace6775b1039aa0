"""send-test: a real SMTP session with whatever listens, and its answer in the exit status."""

from __future__ import annotations

import base64
import json
import os
import socket
from pathlib import Path
from typing import Any

from mailrelay.cli.opening import Place
from mailrelay.cli.send_test import Door, _door

from .running import CommandTestCase
from .scripted import Scripted


class SendTest(CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.login = self.furnish()

    def server(self, **answers: str) -> Scripted:
        server = Scripted({key.replace("_", " "): value for key, value in answers.items()})
        self.addCleanup(server.stop)
        return server

    def words(self, server: Scripted, *more: str) -> tuple[str, ...]:
        to = () if "--to" in more else ("--to", "ann@a.example")
        return ("send-test", "--connection", "web", *to, "--port", str(server.port), *more)

    def test_a_mail_is_sent(self) -> None:
        """It logs in as the connection, sends from its sender to each recipient, and tells the final reply."""
        server = self.server()
        said = self.data(*self.words(server, "--to", "ann@a.example", "--to", "bob@b.example", "--subject", "Hi"))
        server.stop()
        self.assertEqual((said["reply"], said["refused"]), ("250 Ok: queued as 01SCRIPTED", {}))
        plain = base64.b64encode(f"\0{self.login['username']}\0{self.login['password']}".encode()).decode()
        self.assertIn(f"AUTH PLAIN {plain}", server.lines)
        self.assertIn("mail FROM:<news@shop.example>", server.lines)
        self.assertEqual(
            [line for line in server.lines if line.startswith("rcpt")],
            [
                "rcpt TO:<ann@a.example>",
                "rcpt TO:<bob@b.example>",
            ],
        )
        self.assertIn("Subject: Hi", server.lines)

    def test_a_refused_recipient_is_told(self) -> None:
        """One recipient refused among two: the other gets its mail, the answer is told, and the status is 1."""
        server = Scripted({"rcpt TO:<ann@a.example>": "550 no such user"})
        self.addCleanup(server.stop)
        words = self.words(server, "--to", "ann@a.example", "--to", "bob@b.example", "--state", self.state)
        result = self.run_command(*words, "--json")
        self.assertEqual(result.exit_code, 1)
        self.assertEqual(json.loads(result.stdout)["refused"], {"ann@a.example": "550 no such user"})

    def test_what_the_daemon_refuses_is_one_line(self) -> None:
        """Its own words at AUTH, MAIL, RCPT, DATA and after the dot, and status 1."""
        for word, reply in (
            ("", "421 4.4.5 Server is temporarily unavailable"),
            ("AUTH", "535 5.7.8 Incorrect login or password"),
            ("MAIL", "421 Domain not verify"),
            ("RCPT", "450 Balance not enough"),
            ("DATA", "451 later"),
            (".", '550 5.6.0 Message rejected: Missing required "From" header'),
        ):
            server = Scripted({word: reply})
            self.assertIn(reply, self.bad(*self.words(server), status=1), word)
            server.stop()

    def test_nobody_listens(self) -> None:
        """A daemon that does not run is told by address and port."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        said = self.bad("send-test", "--connection", "web", "--to", "a@b.example", "--port", str(port), status=1)
        self.assertTrue(said.startswith(f"127.0.0.1:{port}: "), said)
        self.assertIn("is it running?", self.bad("send-test", "--connection", "web", "--to", "a@b.example"))

    def test_what_cannot_be_sent(self) -> None:
        """Unknown connections, bad addresses and ports are refused before anything is dialled."""
        for words in (
            ("--connection", "none", "--to", "a@b.example"),
            ("--connection", "web", "--to", "nonsense"),
            ("--connection", "web", "--to", "a@b.example", "--from", "a b"),
            ("--connection", "web", "--to", "a@b.example", "--port", "0"),
            ("--connection", "web", "--to", "a@b.example", "--tls", "maybe"),
            ("--connection", "web", "--to", "a@b.example", "--subject", "a\nBcc: c@d.example"),
        ):
            self.bad("send-test", *words)

    def test_the_password_may_come_from_standard_input(self) -> None:
        """What is typed is tried, whatever is kept."""
        server = self.server()
        self.good(*self.words(server, "--password-stdin"), stdin="typed\n")
        server.stop()
        plain = base64.b64encode(f"\0{self.login['username']}\0typed".encode()).decode()
        self.assertIn(f"AUTH PLAIN {plain}", server.lines)

    def test_doors_are_read_from_the_daemons_own_word(self) -> None:
        """Encrypted doors first; a port or a mode narrows; what is damaged or of another dialect does not count."""
        folder = Path(self.mktemp())
        os.mkdir(folder)
        place = Place(folder, str(folder), folder / "secret.key")
        ready: dict[str, Any] = {
            "ca": "/ca.pem",
            "connections": [
                {"dialect": "other", "host": "127.0.0.1", "starttls": [1]},
                {"dialect": "mine", "host": "127.0.0.1", "starttls": [587, 25], "tls": [465], "plain": [587, 25]},
            ],
        }
        (folder / "ready.json").write_text(json.dumps(ready))
        for (port, tls), expected in (
            ((None, None), Door("127.0.0.1", 587, "starttls", "/ca.pem")),
            ((25, None), Door("127.0.0.1", 25, "starttls", "/ca.pem")),
            ((465, None), Door("127.0.0.1", 465, "implicit", "/ca.pem")),
            ((None, "implicit"), Door("127.0.0.1", 465, "implicit", "/ca.pem")),
            ((25, "none"), Door("127.0.0.1", 25, "none", "/ca.pem")),
            ((2525, None), Door("127.0.0.1", 2525, "none")),
        ):
            self.assertEqual(_door(place, "mine", "", port, tls), expected)
        for damaged in ("", "[]", "{}", '{"connections": 1}', '{"connections": [{"dialect": "mine"}]}'):
            (folder / "ready.json").write_text(damaged)
            self.assertRaisesRegex(ValueError, "is it running", _door, place, "mine", "", None, None)
