"""Files of the cache and attachments in whole transactions, and what is stored of them."""

from __future__ import annotations

import email
from email import policy
from typing import Any

from twisted.internet.defer import execute

from mailrelay.interfaces.files import StoredFile
from mailrelay.mail.envelope import State, Submission
from mailrelay.mail.reply import Refusal
from mailrelay.policy.body import Body
from mailrelay.relay.aside import AT_ONCE
from mailrelay.store.memory.files import MemoryFiles

from .fakes import START
from .test_prepare import PreparedTests
from .test_submission import SOURCE

PDF = SOURCE.replace(b"\r\n\r\n", b"\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n")


class AttachingTests(PreparedTests):
    """Account A has a picture under "p", and a text under "t"; under "t" everybody has another."""

    def setUp(self) -> None:
        super().setUp()
        self.keep("A", "p", "logo.png", "image/png", b"\x89PNG")
        self.keep("A", "t", "mine.txt", "text/plain", b"mine")
        self.keep("", "t", "all.txt", "text/plain", b"all")
        self.keep("", "u", "all.txt", "text/plain", b"all")

    def keep(self, account: str, key: str, name: str, kind: str, octets: bytes) -> None:
        id = f"{account}-{key}"
        self.successResultOf(self.files.put(id, 1, octets))
        self.successResultOf(self.files.add(StoredFile(id, account, key, name, kind, len(octets), START), 1000))

    def sent(self, head: bytes, source: bytes = SOURCE) -> Submission:
        return self.accepted("a@b.test", source=head + source)

    def refused(self, source: bytes) -> Refusal:
        return self.refusal(self.submit("a@b.test", source=source))

    def options(self, **changes: Any) -> None:
        self.change(options={**self.spoken.options, **changes})

    def test_large_files_aside(self) -> None:
        """Large files are put behind a message by a thread."""
        asked: list[str] = []

        def aside(function: Any, *arguments: Any) -> Any:
            asked.append(function.__name__)
            return execute(function, *arguments)

        self.aside = aside
        self.sent(b"X-Relay-File: p\r\n")
        self.assertEqual(asked, [])
        self.state.balance["A"] = 10
        self.files = MemoryFiles()
        self.successResultOf(self.files.put("big", 1, b"x" * AT_ONCE))
        big = StoredFile("big", "A", "big", "big.bin", "application/octet-stream", AT_ONCE, START)
        self.successResultOf(self.files.add(big, AT_ONCE))
        self.assertIn(b"big.bin", self.sent(b"X-Relay-File: big\r\n").source)
        self.assertEqual(asked, ["attach"])

    def test_attached(self) -> None:
        """Files stand behind what the message holds, under the names given with their keys, else their own; what is the
        account's goes before what is everybody's."""
        submission = self.sent(b"X-Relay-File: p, t:notes.txt\r\nX-Relay-File: u\r\n")
        text, *files = email.message_from_bytes(submission.source, policy=policy.default).iter_parts()  # type: ignore[attr-defined]
        self.assertEqual(text.get_content(), "Hello\r\n")
        told = [(each.get_filename(), each.get_content_type(), each.get_payload(decode=True)) for each in files]
        self.assertEqual(
            told,
            [
                ("logo.png", "image/png", b"\x89PNG"),
                ("notes.txt", "text/plain", b"mine"),
                ("all.txt", "text/plain", b"all"),
            ],
        )

    def test_no_such_file(self) -> None:
        """A key that names nothing, or another account's file, refuses the message or puts it on record, as the
        connection says."""
        self.keep("B", "theirs", "x", "text/plain", b"x")
        refusal = self.refused(b"X-Relay-File: p, theirs\r\n" + SOURCE)
        self.assertEqual(
            (refusal.key, refusal.fields, self.state.recipients), ("file_key_unknown", {"key": "theirs"}, {})
        )
        self.options(bad_file_key="fail")
        self.sent(b"X-Relay-File: theirs\r\n")
        (entry,) = self.state.recipients.values()
        self.assertEqual((entry.state, entry.last), (State.SUPPRESSED, "there is no file under the key theirs"))

    def test_too_big_with_them(self) -> None:
        """A message that is too big with its files is refused like any that is too big."""
        self.keep("A", "big", "big", "text/plain", b"x" * 900)
        self.speak(size=1000)
        self.assertEqual(self.refused(b"X-Relay-File: big\r\n" + SOURCE).key, "message_too_big")

    def test_attachments(self) -> None:
        """An attachment that may not be there refuses the message, or puts it on record; one that came from the cache
        too."""
        self.speak(body=Body(attachments="only"))
        for source in (PDF, b"X-Relay-File: p\r\n" + SOURCE):
            self.assertEqual(self.refused(source).key, "attachment_refused")
        self.assertEqual(self.verdicts.kept[-1][4][-1]["facts"], {"extension": "png"})
        self.speak(body=Body(attachments="except", extensions=frozenset({"pdf"}), otherwise="reject"))
        self.sent(b"", PDF)
        self.sent(b"X-Relay-File: p\r\n")
        told = [(entry.state, entry.last) for entry in self.state.recipients.values()]
        self.assertEqual(told, [(State.SUPPRESSED, "attachments of type pdf are not allowed"), (State.QUEUED, "")])

    def test_a_large_one_is_looked_through(self) -> None:
        """An attachment behind megabytes is found, too."""
        self.speak(body=Body(attachments="only"))
        mixed = b'Content-Type: multipart/mixed; boundary="b"\r\nFrom: app@acme.test\r\n\r\n--b\r\n\r\n'
        tail = b"--b\r\nContent-Type: image/gif\r\n\r\nx\r\n--b--\r\n"
        refusal = self.refused(mixed + (b"x" * 70 + b"\r\n") * 20_000 + tail)
        self.assertEqual((refusal.key, refusal.fields), ("attachment_refused", {"extension": "gif"}))
        self.assertEqual(self.state.spooled, {})

    def test_one_text(self) -> None:
        """Where one text is kept nothing else is stored."""
        self.speak(body=Body(keep="one_text"))
        self.assertTrue(self.sent(b"").source.endswith(b"\r\n\r\nHello\r\n"))
        self.assertEqual(self.refused(PDF).key, "body_unreadable")
