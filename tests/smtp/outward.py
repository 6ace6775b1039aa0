"""What the tests of the outbound wire share: a pool on a memory network, with a clock that only they move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import Bounced, Delivered, Hop, Outcome
from mailrelay.mail.envelope import Deferred as Postponed
from mailrelay.smtp.client import Timeouts
from mailrelay.smtp.pool import Pool

from .scripted import Act, Line, Network, ScriptedSink

MESSAGE = b"Subject: hello\r\n\r\nbody\r\n"
NOW = 1_700_000_000_000_000
WORDS = {Delivered: "delivered", Postponed: "deferred", Bounced: "bounced"}


def words(outcomes: Sequence[Outcome]) -> list[str]:
    """Outcomes as words: delivered, deferred, bounced, and "uncertain" behind those that are."""
    return [WORDS[type(outcome)] + " uncertain" * outcome.uncertain for outcome in outcomes]


class OutwardCase(SynchronousTestCase):
    """Sends through a pool to scripted sinks."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.network = Network()
        self.pool = self.make_pool()
        self.hop = Hop("sink.example", 25, tls="none")

    def make_pool(self, **options: Any) -> Pool:
        return Pool(self.network.connect, self.clock, lambda: NOW, "relay.example", **options)

    def meet(self, *sinks: ScriptedSink | Act | None) -> None:
        """The next connections reach these, and all later ones the like of the last."""
        queue = list(sinks)

        def following() -> ScriptedSink | Act | None:
            sink = queue.pop(0)
            if not queue:
                queue.append(sink.another() if isinstance(sink, ScriptedSink) else sink)
            return sink

        self.network.sinks = following

    def begin(
        self,
        recipients: Sequence[str] = ("to@x.example",),
        message: bytes = MESSAGE,
        sender: str = "from@y.example",
        hop: Hop | None = None,
    ) -> Deferred[Sequence[Outcome]]:
        result = self.pool.transmit(hop or self.hop, sender, recipients, lambda offered: succeed(message))
        self.network.flush()
        return result

    def send(self, *args: Any, **options: Any) -> Sequence[Outcome]:
        """Send, and let everything happen that needs no time."""
        return self.successResultOf(self.begin(*args, **options))

    def after(self, result: Deferred[Sequence[Outcome]], seconds: float) -> Sequence[Outcome]:
        """The outcome once time has passed; there must be none before."""
        self.assertNoResult(result)
        self.clock.advance(seconds - 0.001)
        self.network.flush()
        self.assertNoResult(result)
        self.clock.advance(0.001)
        self.network.flush()
        return self.successResultOf(result)

    @property
    def sink(self) -> ScriptedSink:
        return self.network.sink

    @property
    def line(self) -> Line:
        return self.network.lines[-1]


__all__ = ["MESSAGE", "NOW", "OutwardCase", "Timeouts", "words"]
