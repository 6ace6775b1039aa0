"""The log's lines."""

from __future__ import annotations

from io import StringIO

from twisted.internet.defer import fail
from twisted.logger import ILogObserver, Logger, LogLevel
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.run.log import LineLog


class LineLogTests(SynchronousTestCase):
    """`LineLog`."""

    def setUp(self) -> None:
        self.stream = StringIO()
        self.observer = LineLog(self.stream, now=lambda: 0.0)
        self.log = Logger("here", observer=self.observer)

    def lines(self) -> list[str]:
        return [line.split(" ", 1)[1] for line in self.stream.getvalue().splitlines()]

    def test_interface(self) -> None:
        """It is an observer like any other."""
        verifyObject(ILogObserver, self.observer)

    def test_line(self) -> None:
        """An event is one line with time, origin, level and its text, fields filled in."""
        self.observer({"log_format": "{a} of {b!r}", "a": 1, "b": "x", "log_level": LogLevel.warn, "log_time": 1.5})
        self.assertEqual(self.stream.getvalue(), "1970-01-01T00:00:01Z [-#warn] 1 of 'x'\n")

    def test_debug_is_dropped(self) -> None:
        """What is only of use while building costs no line."""
        self.log.debug("many words")
        self.assertEqual(self.lines(), [])

    def test_no_line_of_its_own(self) -> None:
        """L13, H11: text of strangers can neither begin a line nor move the cursor."""
        self.log.info("{reply}", reply="250 ok\r\n2020 [x] forged\x1b[2J")
        self.assertEqual(self.lines(), ["[here#info] 250 ok\\r\\n2020 [x] forged\\x1b[2J"])

    def test_calls_in_formats(self) -> None:
        """Formats that only Twisted knows are left to it."""
        self.log.info("{made()}", made=lambda: "called")
        self.assertEqual(self.lines(), ["[here#info] called"])

    def test_unprintable_value(self) -> None:
        """A value that cannot be shown does not end the log."""

        class Broken:
            def __repr__(self) -> str:
                raise RuntimeError("no words")

        self.log.info("{value!r}", value=Broken())
        self.assertEqual(len(self.lines()), 1)

    def test_failure(self) -> None:
        """A failure comes with its traceback."""
        fail(RuntimeError("the cause")).addErrback(lambda failure: self.log.failure("it broke", failure))
        self.assertIn("it broke", self.stream.getvalue())
        self.assertIn("RuntimeError: the cause", self.stream.getvalue())

    def test_closed_stream(self) -> None:
        """A stream that takes nothing more stops no mail."""
        self.stream.close()
        self.log.info("unheard")
