"""The gate before one receiver: how many connections may stand, how fast messages pass, and whether any does.

All lanes to hosts of one provider share a gate, for each address of ours one (`policy.shaping` says which rule holds,
`policy.pace` what follows from success and trouble). What may not pass yet waits here in its order; what would wait too
long, or while the receiver is left alone, is handed back at once. It opens no connection: lanes do, when it tells
them. It promises that nobody waits for a receiver that takes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ..mail.envelope import Delivered, Hop
from ..mail.reply import Reply
from ..policy.pace import NEVER, Pace, take
from ..policy.shaping import PAUSE, SLOW, Reaction, Rule, Shaping
from .outgoing import Verdict

if TYPE_CHECKING:
    from .lane import Lane, Message

#: Seconds that a message waits for its turn by the rate; who would wait longer is put off.
PATIENCE = 60.0
#: Seconds for which a host is left alone that refuses our login: for good, and for now.
LOGIN_REFUSED, LOGIN_BUSY = 300.0, 60.0
#: Gates that are remembered while nothing goes through them, and for how many seconds at least.
REMEMBERED, FORGOTTEN = 1000, 600.0

#: Provider, or host with port, user name and IP address; and the address of ours.
GateKey = tuple[str, int, str, str, str]

_log = Logger()


@dataclass(frozen=True, slots=True)
class Held:
    """Why nothing passes, and for how many seconds; `counted`: it is an attempt that failed, for the host was tried a
    moment ago; `others`: other hosts may be tried at once."""

    reply: Reply
    seconds: float
    counted: bool
    others: bool


class Gate:
    """What stands before one receiver; `most` bounds connections and `messages` those of one connection."""

    def __init__(self, name: str, rule: Rule, clock: IReactorTime, most: int, messages: int) -> None:
        self.name = name
        self.rule = rule
        self.limit = min(rule.connections, most)
        self.messages = min(rule.messages, messages)
        self.used_at = NEVER
        self.pace = Pace.first(rule, most)
        self._clock = clock
        self._live = 0
        self._lanes: dict[Lane, None] = {}
        self._asking: dict[Lane, None] = {}  # lanes with messages for which no connection may stand yet
        self._paced: deque[tuple[Lane, Message]] = deque()
        self._tat = 0.0
        self._timer: IDelayedCall | None = None
        self._rests_until = NEVER
        self._why: Held | None = None

    # Messages

    def send(self, lane: Lane, message: Message) -> Held | None:
        """Hand a message to its lane as soon as it may pass; or say why that will not be soon."""
        now = self._clock.seconds()
        self.used_at = now
        if (held := self._held(now)) is not None:
            return held
        if self.rule.rate is None:
            lane.take(message)
            return None
        if self._paced:
            rate = self.rule.rate
            wait = (len(self._paced) + 1) * rate.period / rate.count / self.pace.share(now)
        else:
            wait, self._tat = take(self.rule.rate, self.pace.share(now), self._tat, now)
        if not wait:
            lane.take(message)
        elif wait > PATIENCE:
            reply = Reply(451, "4.7.0", f"No more than {self.rule.rate} go to {self.name}, and others wait before this")
            return Held(reply, wait, counted=False, others=False)
        else:
            self._paced.append((lane, message))
            lane.expects += 1
            if self._timer is None:
                self._timer = self._clock.callLater(wait, self._pass)
        return None

    def _pass(self) -> None:
        """Let through what may pass by the rate now."""
        self._timer = None
        rate = self.rule.rate
        assert rate is not None, "else nothing would wait"
        while self._paced:
            now = self._clock.seconds()
            wait, self._tat = take(rate, self.pace.share(now), self._tat, now)
            if wait:
                self._timer = self._clock.callLater(wait, self._pass)
                return
            lane, message = self._paced.popleft()
            lane.expects -= 1
            lane.take(message)

    def drain(self) -> list[tuple[Lane, Message]]:
        """Take back all that waits by the rate."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._paced = [*self._paced], deque()
        for lane, _ in waiting:
            lane.expects -= 1
        return waiting

    def _held(self, now: float) -> Held | None:
        if now >= self._rests_until or self._why is None:
            return None
        return replace(self._why, seconds=self._rests_until - now)

    # Connections

    @property
    def admits(self) -> bool:
        """May one more connection stand?"""
        return self._live < self.pace.connections(self.limit, self._clock.seconds())

    @property
    def crowded(self) -> bool:
        """Do more stand than may?"""
        return self._live > self.pace.connections(self.limit, self._clock.seconds())

    @property
    def wanted(self) -> bool:
        """Do lanes wait for one that may stand?"""
        return bool(self._asking)

    @property
    def idle(self) -> bool:
        """Does nothing go through?"""
        return not self._lanes

    def join(self, lane: Lane) -> None:
        """A lane leads through here."""
        self._lanes[lane] = None

    def leave(self, lane: Lane) -> None:
        """It does no more."""
        self._lanes.pop(lane, None)
        self._asking.pop(lane, None)

    def opened(self) -> None:
        """A connection stands."""
        self._live += 1

    def closed(self) -> None:
        """It stands no more; `next` lets others have its place."""
        self._live -= 1

    def ask(self, lane: Lane) -> None:
        """A lane wants a connection as soon as one may stand; those that rest elsewhere make room."""
        self._asking[lane] = None
        for other in tuple(self._lanes):
            if other is not lane and other.give_up_idle():
                return

    def served(self, lane: Lane) -> None:
        """A lane wants none any more."""
        self._asking.pop(lane, None)

    def next(self) -> None:
        """Let lanes open what may stand now, in turn."""
        while self._asking and self.admits:
            lane = next(iter(self._asking))
            del self._asking[lane]
            if lane.open_next():
                self._asking[lane] = None

    # What is heard

    def well(self) -> None:
        """A message was taken."""
        self.pace = self.pace.well(self.limit)

    def judge(self, verdicts: Iterable[Verdict | None], ended: bool) -> Reaction | None:
        """Take in what was said of a message; gives what a refusal leads to. `ended`: the session did, too early."""
        found = None
        for verdict in verdicts:
            if verdict is not None:
                kind, reply, _ = verdict
                if kind is Delivered:
                    self.well()
                elif (reaction := self.rule.reaction(reply)) is not None:
                    found = reaction
                    self._react(reaction, reply)
                if ended:
                    self.troubled(reply)
                    ended = False
        return found

    def refused(self, reply: Reply, login: bool) -> Reaction | None:
        """No session came about; with `login` it was ours that was refused."""
        if login:
            seconds = LOGIN_BUSY if reply.transient else LOGIN_REFUSED
            if self._held(self._clock.seconds()) is None:
                _log.warn(
                    "{name} refuses our login, mail to it waits for {seconds} s: {reply}",
                    name=self.name,
                    seconds=int(seconds),
                    reply=str(reply),
                )
            words = Reply(451, "4.7.0", f"{self.name} refused our login: {reply}")
            self._rest(Held(words, seconds, counted=False, others=True))
            return None
        reaction = self.rule.reaction(reply)
        if reaction is not None:
            self._react(reaction, reply)
        self.troubled(reply)
        return reaction

    def troubled(self, reply: Reply) -> None:
        """A session did not come about, or ended before its time."""
        self.pace, rest = self.pace.troubled(self._clock.seconds())
        if rest:
            words = Reply(451, "4.4.1", f"{self.name} is left alone for {int(rest)} s: {reply}")
            self._rest(Held(words, rest, counted=True, others=True))
        self._shrink()

    def _react(self, reaction: Reaction, reply: Reply) -> None:
        now = self._clock.seconds()
        if reaction.action == SLOW:
            self.pace = self.pace.slowed(reaction.factor, reaction.seconds, now)
            self._shrink()
        elif reaction.action == PAUSE:
            if self._held(now) is None:
                _log.warn(
                    "{name} is left alone for {seconds} s: {reply}",
                    name=self.name,
                    seconds=reaction.seconds,
                    reply=str(reply),
                )
            words = Reply(451, "4.7.0", f"{self.name} is left alone for {reaction.seconds} s: {reply}")
            self._rest(Held(words, reaction.seconds, counted=False, others=False))

    def _rest(self, held: Held) -> None:
        until = self._clock.seconds() + held.seconds
        if until > self._rests_until:
            self._rests_until, self._why = until, held
        for lane, message in self.drain():
            lane.hold_back(message, held)
        for lane in tuple(self._asking):
            lane.hold_all_back(held)
        self._asking.clear()

    def _shrink(self) -> None:
        """Close what rests and may not stand any more."""
        for lane in tuple(self._lanes):
            while self.crowded and lane.give_up_idle():
                pass


class Gates:
    """All gates; `shaping` gives the rules, and None the bounds of the configuration alone."""

    def __init__(self, shaping: Shaping | None, clock: IReactorTime, most: int, messages: int) -> None:
        self._shaping = shaping
        self._plain = Rule("", connections=most, start=most, messages=messages)
        self._clock = clock
        self._most = most
        self._messages = messages
        self._gates: dict[GateKey, Gate] = {}

    def of(self, hop: Hop) -> Gate:
        """The gate before a hop: its provider's, or its own where none is known or a login leads through."""
        rule = self._plain
        if self._shaping is not None:
            rule = self._shaping.default if hop.username else self._shaping.of_host(hop.host)
        own = not rule.mx
        reached = (hop.host, hop.port, hop.username, hop.address) if own else (rule.name, 0, "", "")
        key: GateKey = (*reached, hop.source)
        gate = self._gates.get(key)
        if gate is None:
            if len(self._gates) >= REMEMBERED:
                self._forget()
            name = hop.host if own else rule.name
            gate = self._gates[key] = Gate(name, rule, self._clock, self._most, self._messages)
        return gate

    def drain(self) -> Iterator[tuple[Lane, Message]]:
        """Take back all that waits by a rate."""
        for gate in self._gates.values():
            yield from gate.drain()

    def _forget(self) -> None:
        before = self._clock.seconds() - FORGOTTEN
        for key, gate in tuple(self._gates.items()):
            if gate.idle and gate.used_at < before:
                del self._gates[key]
