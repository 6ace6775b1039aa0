"""One lane of the pool: the connections to one hop, and the messages that take or await them.

A message takes the connection that rested last, else opens one of its own while there are fewer than `concurrency`,
else waits in line. Each message leaves the lane once, with an outcome for each recipient. A kept connection that the
hop had closed before it answered anything of the transaction is replaced at once (O16); nothing else is retried,
but for the connection without TLS that "may" allows. It never cuts a transaction short unless told to abort.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IProtocol, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..mail.dkim import signatures
from ..mail.envelope import Bounced, Capabilities, Hop, Outcome
from ..mail.envelope import Deferred as Postponed
from ..mail.reply import Refusal, Reply
from ..mail.transcript import Moment, transcript
from .client import OutboundConnection
from .conversation import Conversation
from .dial import Connect
from .outgoing import Kind, Verdict, is_wire_form
from .phase import Phase
from .trust import PlaintextMemory, Trust

SHUTTING_DOWN = Reply(451, "4.3.2", "Shutting down")
INSIDE = Reply(451, "4.3.0", "Temporary failure here")

#: host, port, rule for TLS, user name, IP address, our own address
Key = tuple[str, int, str, str, str, str]

_log = Logger()


@dataclass(frozen=True, slots=True)
class Outfit:
    """What all lanes of a pool share; `now` gives microseconds since 1970, `left` is told of a lane that is empty."""

    connect: Connect
    clock: IReactorTime
    now: Callable[[], int]
    hello: bytes
    trust: Trust
    memory: PlaintextMemory
    limits: Mapping[Phase, float]
    connect_timeout: float
    concurrency: int
    messages: int
    left: Callable[[Lane], None]


class Message:
    """One call of `transmit`: its addresses as they go on the wire (None: cannot be), and who waits for the outcome."""

    __slots__ = ("compose", "hop", "paths", "result", "sender", "signed", "told")

    def __init__(
        self,
        hop: Hop,
        sender: bytes | None,
        paths: Sequence[bytes | None],
        compose: Callable[[Capabilities], Deferred[bytes]],
    ) -> None:
        self.hop = hop
        self.sender = sender
        self.paths = paths
        self.compose = compose
        self.signed = ""
        self.told: list[Moment] = []  #: what was said on earlier connections
        self.result: Deferred[Sequence[Outcome]] = Deferred()


class Lane:
    """Connections to one hop."""

    def __init__(self, key: Key, outfit: Outfit) -> None:
        self.key = key
        self._outfit = outfit
        self._idle: list[OutboundConnection] = []
        self._live: dict[OutboundConnection, Message | None] = {}
        self._dialling: dict[OutboundConnection, Deferred[IProtocol]] = {}
        self._waiting: deque[Message] = deque()
        self._leaving: set[OutboundConnection] = set()
        self._composing = 0
        self._closing = False
        self._aborted = False

    # What the pool does

    def take(self, message: Message) -> None:
        """Send a message as soon as a connection is free."""
        if self._idle:
            self._compose(self._idle.pop(), message)
        elif len(self._live) < self._outfit.concurrency:
            self._open(message)
        else:
            self._waiting.append(message)

    def close(self) -> None:
        """Keep no connection longer than its messages need."""
        self._closing = True
        for connection in tuple(self._idle):
            connection.quit()
        self._leave_when_empty()

    def abort(self) -> None:
        """Give up on everything: what is under way is deferred."""
        self._closing = self._aborted = True
        waiting, self._waiting = self._waiting, deque()
        for message in waiting:
            self._finish_all(message, Postponed, SHUTTING_DOWN)
        for dialling in tuple(self._dialling.values()):
            dialling.cancel()
        for connection in (*self._live, *self._leaving):
            connection.abort()
        self._leave_when_empty()

    # What the connections tell

    def opened(self, connection: OutboundConnection) -> None:
        message = self._live[connection]
        assert message is not None
        self._compose(connection, message)

    def done(self, connection: OutboundConnection) -> None:
        message = self._live[connection]
        assert message is not None
        self._live[connection] = None
        conversation = connection.conversation
        if conversation.stale and connection.carried > 1 and not self._aborted:
            del self._live[connection]
            message.told += conversation.moments
            self._open(message)
            return
        self._finish(message, conversation.verdicts, connection)
        if conversation.phase is Phase.READY:
            self._free(connection)

    def rested(self, connection: OutboundConnection) -> None:
        self._free(connection)

    def gone(self, connection: OutboundConnection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)
        message = self._live.pop(connection, None)
        self._leaving.add(connection)
        connection.when_lost().addCallback(self._lost, connection)
        if message is not None and not connection.held:
            self._not_opened(connection, message)
        self._next()

    # In between

    def _open(self, message: Message, encrypt: bool = True) -> None:
        outfit, hop = self._outfit, message.hop
        conversation = Conversation(hop, outfit.hello, encrypt and not outfit.memory.knows(hop))
        conversation.at = outfit.clock.seconds()
        conversation.note(f"connecting to {_name(hop)} port {hop.port}{hop.source and f' from {hop.source}'}")
        connection = OutboundConnection(
            conversation, self, outfit.clock, outfit.limits, lambda: outfit.trust.context(hop)
        )
        self._live[connection] = message
        dialling = maybeDeferred(
            outfit.connect, connection, hop.address or hop.host, hop.port, outfit.connect_timeout, hop.source
        )
        self._dialling[connection] = dialling
        dialling.addCallbacks(self._connected, self._unreachable, (connection,), {}, (connection,), {})

    def _connected(self, _: IProtocol, connection: OutboundConnection) -> None:
        self._dialling.pop(connection, None)

    def _unreachable(self, failure: Failure, connection: OutboundConnection) -> None:
        self._dialling.pop(connection, None)
        message = self._live.pop(connection)
        assert message is not None
        hop = message.hop
        if isinstance(failure.value, CancelledError):
            self._finish_all(message, Postponed, SHUTTING_DOWN)
        else:
            reason = failure.getErrorMessage() or repr(failure.value)
            reply = Reply(451, "4.4.1", f"No connection to {_name(hop)} port {hop.port}: {reason}")
            connection.conversation.at = self._outfit.clock.seconds()
            connection.conversation.note(str(reply))
            self._pass_on(message, reply, connection)
        self._next()
        self._leave_when_empty()

    def _not_opened(self, connection: OutboundConnection, message: Message) -> None:
        """The session ended before it was ready for its first message."""
        ending, hop = connection.conversation.ending, message.hop
        assert ending is not None
        if ending.plaintext and not self._aborted:
            _log.info("no TLS with {host} port {port}: {reply}", host=hop.host, port=hop.port, reply=str(ending.reply))
            self._outfit.memory.remember(hop)
            message.told += connection.conversation.moments
            self._open(message, encrypt=False)
        else:
            self._pass_on(message, ending.reply, connection)

    def _compose(self, connection: OutboundConnection, message: Message) -> None:
        self._live[connection] = message
        connection.held = True
        self._composing += 1
        try:
            composed = message.compose(connection.conversation.extensions.capabilities)
        except Exception as error:
            self._not_composed(Failure(error), connection, message)  # type: ignore[no-untyped-call]
            return
        composed.addCallbacks(self._composed, self._not_composed, (connection, message), {}, (connection, message), {})

    def _composed(self, octets: bytes, connection: OutboundConnection, message: Message) -> None:
        self._composing -= 1
        if connection.conversation.phase is not Phase.READY:
            self._compose_again(message)
        elif is_wire_form(octets):
            message.signed = signatures(octets)
            connection.carry(message.sender, message.paths, octets)
        else:
            _log.error(
                "a composed message is not in wire form; deferred, nothing was sent to {host}", host=message.hop.host
            )
            self._hand_back(connection, message, Postponed, INSIDE)

    def _compose_again(self, message: Message) -> None:
        """The connection was lost while the message was composed for it; nothing was sent."""
        if self._aborted:
            self._finish_all(message, Postponed, SHUTTING_DOWN)
            self._leave_when_empty()
        else:
            self._open(message)

    def _not_composed(self, failure: Failure, connection: OutboundConnection, message: Message) -> None:
        self._composing -= 1
        if isinstance(failure.value, Refusal):
            self._hand_back(connection, message, Bounced, Reply(554, "5.6.0", f"Message refused here: {failure.value}"))
        else:
            _log.failure("a message could not be composed; deferred", failure)
            self._hand_back(connection, message, Postponed, INSIDE)

    def _hand_back(self, connection: OutboundConnection, message: Message, kind: Kind, reply: Reply) -> None:
        """The message ends without a word on the wire, and the connection is free again."""
        connection.held = False
        self._finish_all(message, kind, reply, connection)
        if connection.conversation.phase is Phase.READY:
            self._live[connection] = None
            self._free(connection)
        else:
            self._leave_when_empty()

    def _free(self, connection: OutboundConnection) -> None:
        if connection.carried >= self._outfit.messages or (self._closing and not self._waiting):
            connection.quit()
        elif self._waiting:
            self._compose(connection, self._waiting.popleft())
        else:
            self._idle.append(connection)

    def _next(self) -> None:
        while self._waiting and len(self._live) < self._outfit.concurrency:
            self._open(self._waiting.popleft())

    def _lost(self, _: None, connection: OutboundConnection) -> None:
        self._leaving.discard(connection)
        self._leave_when_empty()

    def _leave_when_empty(self) -> None:
        if not (self._live or self._leaving or self._waiting or self._composing):
            self._outfit.left(self)

    def _finish_all(
        self, message: Message, kind: Kind, reply: Reply, connection: OutboundConnection | None = None
    ) -> None:
        self._finish(message, [(kind, reply, False)] * len(message.paths), connection)

    def _pass_on(self, message: Message, reply: Reply, connection: OutboundConnection) -> None:
        """The hop never came to hear of the message."""
        self._finish(message, [(Postponed, reply, False)] * len(message.paths), connection, asked=False)

    def _finish(
        self,
        message: Message,
        verdicts: Sequence[Verdict | None],
        connection: OutboundConnection | None,
        asked: bool = True,
    ) -> None:
        hop, at, tls, told = message.hop, self._outfit.now(), "", message.told
        if connection is not None:
            tls, moments = connection.tls, connection.conversation.moments
            told = told + moments if told else moments
        said = transcript(told)
        message.result.callback(
            [
                v[0](v[1], hop.host, at, tls, v[2], asked, hop.address, hop.route, message.signed, said)
                for v in verdicts
                if v is not None
            ]
        )


def _name(hop: Hop) -> str:
    return f"{hop.host} ({hop.address})" if hop.address else hop.host
