"""Trying a hop: one connection that says all that mail would say before DATA, and takes its leave.

The same conversation, deadlines and judgement of certificates as for mail; nothing is retried, so a fault of TLS shows
where mail would go on without. It never sends a message, and always ends.
"""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IProtocol, IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from ..interfaces.probe import IProber, Probe
from ..mail.envelope import Bounced, Delivered, Hop
from ..mail.reply import Reply
from ..mail.transcript import transcript
from .client import OutboundConnection
from .conversation import Conversation
from .dial import Connect
from .offer import Extensions
from .outgoing import BAD_ADDRESS, Verdict, wire_path
from .phase import Phase
from .trust import Trust


@implementer(IProber)
class Prober:
    """Tries hops under the name `hello`, with the seconds of each phase."""

    def __init__(
        self,
        connect: Connect,
        clock: IReactorTime,
        hello: str,
        limits: Mapping[Phase, float],
        connect_timeout: float,
        trust: Trust | None = None,
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._hello = hello.encode("ascii")
        self._limits = limits
        self._connect_timeout = connect_timeout
        self._trust = trust or Trust()

    def probe(self, hop: Hop, sender: str = "", recipient: str = "") -> Deferred[Probe]:
        trial = _Trial(hop, wire_path(sender), wire_path(recipient), Conversation(hop, self._hello), self._clock)
        connection = OutboundConnection(
            trial.conversation,
            trial,
            self._clock,
            self._limits,
            lambda: self._trust.context(hop),
            lambda handle: self._trust.judge(handle, hop),
        )
        dialling = maybeDeferred(
            self._connect, connection, hop.address or hop.host, hop.port, self._connect_timeout, hop.source
        )
        dialling.addCallbacks(trial.connected, trial.unreachable)
        return trial.result


class _Trial:
    """One hop's, from the call to the goodbye."""

    def __init__(
        self, hop: Hop, sender: bytes | None, recipient: bytes | None, conversation: Conversation, clock: IReactorTime
    ) -> None:
        self.result: Deferred[Probe] = Deferred()
        self.conversation = conversation
        self._hop = hop
        self._sender = sender
        self._recipient = recipient
        self._clock = clock
        self._begun = conversation.at = clock.seconds()
        self._verdict: Verdict | None = None
        conversation.note(
            f"connecting to {hop.address or hop.host} port {hop.port}{hop.source and f' from {hop.source}'}"
        )

    def connected(self, _: IProtocol) -> None:
        """The rest is the conversation's."""

    def unreachable(self, failure: Failure) -> None:
        """No connection came to be."""
        reason = failure.getErrorMessage() or repr(failure.value)
        self._end("", False, str(Reply(451, "4.4.1", f"No connection: {reason}")))

    # As the owner of the connection

    def opened(self, connection: OutboundConnection) -> None:
        if self._recipient == b"":
            connection.quit()
        elif self._recipient is None or self._sender is None:
            self._verdict = Bounced, BAD_ADDRESS, False
            connection.quit()
        else:
            connection.ask(self._sender, self._recipient)

    def done(self, connection: OutboundConnection) -> None:
        self._verdict = self.conversation.verdicts[0]
        if self.conversation.phase is Phase.READY:
            connection.quit()

    def rested(self, connection: OutboundConnection) -> None:
        connection.quit()

    def gone(self, connection: OutboundConnection) -> None:
        ending, verdict = self.conversation.ending, self._verdict
        if verdict is not None:
            self._end(connection.tls, verdict[0] is Delivered, str(verdict[1]))
        elif ending is not None:
            self._end(connection.tls, False, str(ending.reply))
        else:
            self._end(connection.tls, True, "ready for mail")

    def _end(self, tls: str, serves: bool, reply: str) -> None:
        if self.result.called:
            return
        conversation, now = self.conversation, self._clock.seconds()
        fault, reason = conversation.fault
        self.result.callback(
            Probe(
                hop=self._hop,
                serves=serves,
                reply=reply,
                tls=tls,
                fault=f"{fault}: {reason}" if fault else "",
                offers=_words(conversation.extensions),
                seconds=round(now - self._begun, 3),
                transcript=transcript(conversation.moments),
            )
        )


def _words(offered: Extensions) -> tuple[str, ...]:
    """The offer as its keywords."""
    capabilities = offered.capabilities
    words = {
        "STARTTLS": offered.starttls,
        "PIPELINING": capabilities.pipelining,
        "8BITMIME": capabilities.eight_bit,
        "SMTPUTF8": capabilities.utf8,
        f"SIZE {capabilities.size}" if capabilities.size else "SIZE": offered.size,
        f"AUTH {' '.join(sorted(offered.mechanisms))}": bool(offered.mechanisms),
    }
    return tuple(word for word, there in words.items() if there)
