"""One lane of the pool: the connections to one hop, and the messages that take or await them.

A message that passed its gate takes the connection that rested last, else opens one of its own while the gate admits
one, else waits in line. Each message leaves the lane once, with an outcome for each recipient. A kept connection that
the hop had closed before it answered anything of the transaction is replaced at once (O16); nothing else is retried,
but for the connection without TLS that "may" allows. It never cuts a transaction short unless told to abort.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IProtocol, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..mail.dkim import signatures
from ..mail.envelope import Bounced, Capabilities, Hop, Outcome
from ..mail.envelope import Deferred as Postponed
from ..mail.reply import Refusal, Reply
from ..mail.transcript import Moment, transcript
from ..policy.shaping import DROP, ELSEWHERE
from .client import OutboundConnection
from .conversation import Conversation
from .dial import Connect
from .gate import Gate, Held
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
    """What all lanes of a pool share; `now` gives microseconds since 1970, `left` is told of a lane that is empty,
    `told` what came of TLS with a host whose domain may have promised some."""

    connect: Connect
    clock: IReactorTime
    now: Callable[[], int]
    hello: bytes
    trust: Trust
    memory: PlaintextMemory
    limits: Mapping[Phase, float]
    connect_timeout: float
    left: Callable[[Lane], None]
    told: Callable[[Hop, str, str], None]


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

    def __init__(self, key: Key, outfit: Outfit, gate: Gate) -> None:
        self.key = key
        self.expects = 0  #: messages that wait at the gate
        self._outfit = outfit
        self.gate = gate
        gate.join(self)
        self._idle: list[OutboundConnection] = []
        self._live: dict[OutboundConnection, Message | None] = {}
        self._dialling: dict[OutboundConnection, Deferred[IProtocol]] = {}
        self._waiting: deque[Message] = deque()
        self._leaving: set[OutboundConnection] = set()
        self._composing = 0
        self._closing = False
        self._aborted = False

    # What the pool does

    @property
    def connections(self) -> int:
        """How many stand or are being opened."""
        return len(self._live) + len(self._leaving)

    def take(self, message: Message) -> None:
        """Send a message as soon as a connection is free."""
        if self._idle:
            self._compose(self._idle.pop(), message)
        elif self.gate.admits:
            self._open(message)
        else:
            self._waiting.append(message)
            self.gate.ask(self)

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
            self.put_off(message)
        for dialling in tuple(self._dialling.values()):
            dialling.cancel()
        for connection in (*self._live, *self._leaving):
            connection.abort()
        self._leave_when_empty()

    # What the gate does

    def open_next(self) -> bool:
        """Open a connection for the message that waits longest; are there more?"""
        if self._waiting:
            self._open(self._waiting.popleft())
        return bool(self._waiting)

    def give_up_idle(self) -> bool:
        """Close a connection that rests, so that another may stand; False where none does."""
        if self._idle:
            self._idle[0].quit()
            return True
        return False

    def hold_back(self, message: Message, held: Held) -> None:
        """A message ends since its receiver is left alone for a while."""
        verdicts = [(Postponed, held.reply, False)] * len(message.paths)
        seconds = 0 if held.counted else math.ceil(held.seconds)
        self._finish(message, verdicts, None, asked=not held.others, held=seconds)
        self._leave_when_empty()

    def hold_all_back(self, held: Held) -> None:
        """So do all that wait for a connection."""
        waiting, self._waiting = self._waiting, deque()
        for message in waiting:
            self.hold_back(message, held)

    def put_off(self, message: Message) -> None:
        """A message ends since we shut down."""
        self._finish_all(message, Postponed, SHUTTING_DOWN)
        self._leave_when_empty()

    # What the connections tell

    def opened(self, connection: OutboundConnection) -> None:
        message = self._live[connection]
        assert message is not None
        self._tell(connection, message.hop)
        self._compose(connection, message)

    def done(self, connection: OutboundConnection) -> None:
        message = self._live[connection]
        assert message is not None
        self._live[connection] = None
        conversation = connection.conversation
        if conversation.stale and connection.carried > 1 and not self._aborted:
            self._removed(connection)
            message.told += conversation.moments
            self._open(message)
            return
        reaction = self.gate.judge(conversation.verdicts, conversation.ending is not None)
        connection.last = reaction is not None and reaction.action == DROP
        elsewhere = reaction is not None and reaction.action == ELSEWHERE
        self._finish(message, conversation.verdicts, connection, elsewhere=elsewhere)
        if conversation.phase is Phase.READY:
            self._free(connection)
        if self.gate.wanted:
            self.gate.next()  # success may have earned another connection

    def rested(self, connection: OutboundConnection) -> None:
        self._free(connection)

    def gone(self, connection: OutboundConnection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)
        message = self._removed(connection)
        self._leaving.add(connection)
        connection.when_lost().addCallback(self._lost, connection)
        if message is not None and not connection.held:
            self._not_opened(connection, message)
        self.gate.next()

    # In between

    def _open(self, message: Message, encrypt: bool = True) -> None:
        outfit, hop = self._outfit, message.hop
        conversation = Conversation(hop, outfit.hello, encrypt and not outfit.memory.knows(hop))
        conversation.at = outfit.clock.seconds()
        if hop.promise is not None and hop.promise.strings:
            conversation.note(_promised(hop))
        conversation.note(f"connecting to {_name(hop)} port {hop.port}{hop.source and f' from {hop.source}'}")
        connection = OutboundConnection(
            conversation,
            self,
            outfit.clock,
            outfit.limits,
            lambda: outfit.trust.context(hop),
            lambda handle: outfit.trust.judge(handle, hop),
        )
        self._live[connection] = message
        self.gate.opened()
        dialling = maybeDeferred(
            outfit.connect, connection, hop.address or hop.host, hop.port, outfit.connect_timeout, hop.source
        )
        self._dialling[connection] = dialling
        dialling.addCallbacks(self._connected, self._unreachable, (connection,), {}, (connection,), {})

    def _connected(self, _: IProtocol, connection: OutboundConnection) -> None:
        self._dialling.pop(connection, None)

    def _unreachable(self, failure: Failure, connection: OutboundConnection) -> None:
        self._dialling.pop(connection, None)
        message = self._removed(connection)
        assert message is not None
        hop = message.hop
        if isinstance(failure.value, CancelledError):
            self._finish_all(message, Postponed, SHUTTING_DOWN)
        else:
            reason = failure.getErrorMessage() or repr(failure.value)
            reply = Reply(451, "4.4.1", f"No connection to {_name(hop)} port {hop.port}: {reason}")
            connection.conversation.at = self._outfit.clock.seconds()
            connection.conversation.note(str(reply))
            self.gate.troubled(reply)
            self._pass_on(message, reply, connection)
        self.gate.next()
        self._leave_when_empty()

    def _not_opened(self, connection: OutboundConnection, message: Message) -> None:
        """The session ended before it was ready for its first message."""
        ending, hop = connection.conversation.ending, message.hop
        assert ending is not None
        self._tell(connection, hop)
        if ending.plaintext and not self._aborted:
            _log.info("no TLS with {host} port {port}: {reply}", host=hop.host, port=hop.port, reply=str(ending.reply))
            self._outfit.memory.remember(hop)
            message.told += connection.conversation.moments
            self._open(message, encrypt=False)
        else:
            reaction = None if self._aborted else self.gate.refused(ending.reply, ending.login)
            elsewhere = reaction is not None and reaction.action == ELSEWHERE
            self._pass_on(message, ending.reply, connection, elsewhere)

    def _tell(self, connection: OutboundConnection, hop: Hop) -> None:
        """Tell what came of TLS, where there was any or a fault kept it away."""
        fault, reason = connection.conversation.fault
        if hop.promise is not None and (connection.tls or fault):
            if fault and not hop.source:
                hop = replace(hop, source=connection.source)
            self._outfit.told(hop, fault, reason)

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
        gate = self.gate
        if connection.last or connection.carried >= gate.messages or gate.crowded:
            connection.quit()
        elif self._waiting:
            message = self._waiting.popleft()
            if not self._waiting:
                gate.served(self)
            self._compose(connection, message)
        elif self._closing or gate.wanted:
            connection.quit()
        else:
            self._idle.append(connection)

    def _removed(self, connection: OutboundConnection) -> Message | None:
        """A connection stands no more; gives the message that it was for."""
        if connection not in self._live:
            return None
        self.gate.closed()
        return self._live.pop(connection)

    def _lost(self, _: None, connection: OutboundConnection) -> None:
        self._leaving.discard(connection)
        self._leave_when_empty()

    def _leave_when_empty(self) -> None:
        if not (self._live or self._leaving or self._waiting or self._composing or self.expects):
            self.gate.leave(self)
            self._outfit.left(self)

    def _finish_all(
        self,
        message: Message,
        kind: Kind,
        reply: Reply,
        connection: OutboundConnection | None = None,
    ) -> None:
        self._finish(message, [(kind, reply, False)] * len(message.paths), connection)

    def _pass_on(self, message: Message, reply: Reply, connection: OutboundConnection, elsewhere: bool = False) -> None:
        """The hop never came to hear of the message."""
        verdicts = [(Postponed, reply, False)] * len(message.paths)
        self._finish(message, verdicts, connection, asked=False, elsewhere=elsewhere)

    def _finish(
        self,
        message: Message,
        verdicts: Sequence[Verdict | None],
        connection: OutboundConnection | None,
        asked: bool = True,
        elsewhere: bool = False,
        held: int = 0,
    ) -> None:
        hop, at, tls, told = message.hop, self._outfit.now(), "", message.told
        if connection is not None:
            tls, moments = connection.tls, connection.conversation.moments
            told = told + moments if told else moments
        said = transcript(told)
        outcomes: list[Outcome] = [
            v[0](v[1], hop.host, at, tls, v[2], asked, hop.address, hop.route, message.signed, said)
            for v in verdicts
            if v is not None
        ]
        if elsewhere or held:
            outcomes = [replace(outcome, elsewhere=elsewhere, held=held) for outcome in outcomes]
        message.result.callback(outcomes)


def _promised(hop: Hop) -> str:
    """What the domain promises of TLS at this host, as the transcript says it."""
    promise = hop.promise
    assert promise is not None
    if promise.kind == "tlsa":
        return f"TLSA of {hop.host}: {'; '.join(promise.strings)}{'' if hop.tls == 'dane' else ' (none can be used)'}"
    hosts = ", ".join(promise.mx[:4]) + (", …" if len(promise.mx) > 4 else "")
    return f"MTA-STS of {promise.domain} is {'being tested' if promise.testing else 'enforced'} for {hosts}"


def _name(hop: Hop) -> str:
    return f"{hop.host} ({hop.address})" if hop.address else hop.host
