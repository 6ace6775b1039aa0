"""What a transaction is told of who is on the line."""

from __future__ import annotations

import base64

from twisted.trial.unittest import SynchronousTestCase

from .inward import Line, line


class PeerTests(SynchronousTestCase):
    def test_the_name_of_the_login(self) -> None:
        """A transaction knows the user name by which its client logged in, and never the secret."""
        client = line()
        client.send("MAIL FROM:<a@b.example>\r\n")
        (submission,) = client.backend.submissions
        self.assertEqual(submission.peer.login, "user")
        self.assertNotIn("secret", repr(submission.peer))

    def test_by_address(self) -> None:
        """Where nobody logs in there is no name."""
        client = Line(login="address")
        client.send("EHLO a\r\nMAIL FROM:<a@b.example>\r\n")
        self.assertEqual(client.backend.submissions[0].peer.login, "")

    def test_a_login_that_fails_names_nobody(self) -> None:
        """A name that was refused is not taken for who is on the line."""
        client = Line()
        wrong = base64.b64encode(b"\0other\0wrong").decode()
        client.send(f"EHLO a\r\nAUTH PLAIN {wrong}\r\n")
        self.assertEqual(client.protocol._peer.login, "")
        client.log_in()
        client.send("MAIL FROM:<a@b.example>\r\n")
        self.assertEqual(client.backend.submissions[0].peer.login, "user")

    def test_forgotten_with_starttls(self) -> None:
        """RFC 3207 4.2: what was known of the client before TLS is forgotten, its login too."""
        client = line(tls="starttls", context=object())
        client.send("STARTTLS\r\n")
        client.protocol.handshakeCompleted()
        self.assertEqual(client.protocol._peer.login, "")
