"""The golden dialogues, played in memory, and the runner that plays them."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.policy.dialect import Dialects

from ..dialogue import InMemory, Step, dialogues, read, run, variables_of
from .inward import Backend, HalfTransport, Line

VARIABLES = variables_of("user", "secret") | {"mail_from": "sender@b.example"}


def wire(dialect: str) -> InMemory:
    """A server of a dialect that offers STARTTLS."""
    spoken = Dialects.shipped().get(dialect)
    return InMemory(Line(Backend(spoken), tls="starttls", dialect=spoken, context=object()).factory, HalfTransport())


class DialogueTests(SynchronousTestCase):
    """Each dialect says what its files say."""

    def test_shipped(self) -> None:
        """Every golden dialogue of every dialect."""
        for dialect in Dialects.shipped().names:
            files = dialogues(dialect)
            self.assertGreaterEqual(len(files), 1, dialect)
            for path in files:
                if "# needs a daemon" not in path.read_text():
                    run(read(path), wire(dialect), VARIABLES)


class RunnerTests(SynchronousTestCase):
    """The runner notices what differs."""

    def play(self, *steps: tuple[str, str]) -> dict[str, str]:
        return run([Step(kind, text, "here:1") for kind, text in steps], wire("standard"), VARIABLES)

    def test_words(self) -> None:
        """A word stands for one text throughout, and comes back."""
        found = self.play(("S:", "220 <HOST> ESMTP <*>"), ("C:", "HELO x"), ("S:", "250 <HOST>"))
        self.assertEqual(found, {"HOST": "mx.example"})

    def test_differences(self) -> None:
        """Another text, another word, silence, an open line: each is told with its place."""
        greeting = ("S:", "220 <A> ESMTP ready")
        for steps in (
            [("S:", "220 <A> ESMTP")],
            [("S:", "220 <A> <A> ready")],
            [greeting, ("S:", "250 <*>")],
            [greeting, ("T:", "close")],
            [greeting, ("C:", "QUIT"), ("T:", "close")],
        ):
            error = self.assertRaises(AssertionError, self.play, *steps)
            self.assertIn("here:1", str(error))

    def test_bad_files(self) -> None:
        """A line that is none is told with file and number."""
        path = Path(self.mktemp())
        for text in ("X: y", "S:y", "T: other"):
            path.write_text(f"# ok\n\n{text}\n")
            self.assertIn(":3: ", str(self.assertRaises(ValueError, read, path)))
