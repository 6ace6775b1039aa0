"""The pool of render children: templates are compiled and rendered in processes of their own.

Two children stand ready, so that one can end under a bad template while the other serves; they are started when the
first rendering is asked for, and a child that ended is followed by another. What a child may spend is bounded by
`render_child` itself. A child that ends by that is the template's fault: the refusal says which bound it was. Here the
*wall* is watched in addition, with much more time, since a machine may be busy: a child that says nothing for that long
is killed, and that, like any other end of a child, is a failure inside, to be tried again later.

The reactor only packs, writes, reads and unpacks: no template runs in it.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, fail
from twisted.internet.interfaces import IDelayedCall, IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..interfaces.renderer import IRenderer
from ..mail.rendering import FrameError, Frames, Rendering, oversize, pack_rendering, rendered_of
from ..mail.reply import Refusal
from . import render_child
from .render_command import command, failed, fault_of

log = Logger()

CHILDREN = 2
#: Seconds that a child may say nothing over a rendering, or while it starts, and that a rendering waits for its turn.
SILENCE = 5.0
STARTING = 30.0
WAITING = 15.0
#: Renderings of one account that wait; beyond, the next is turned away at once.
QUEUE = 200
#: Seconds before another try when a child could not even start; doubled each time, up to the second.
PAUSE, LONGEST_PAUSE = 1.0, 8.0
_COMPLAINT = 2000  #: octets of what a child says on standard error that are logged


@dataclass(slots=True, eq=False)
class _Job:
    rendering: Rendering
    answer: Deferred[Mapping[str, str]]
    patience: IDelayedCall | None = None


class _Queue:
    """What waits: of every owner in the order in which it came, and one of each owner after the other, so that nobody's
    many renderings keep others from theirs."""

    def __init__(self) -> None:
        self._jobs: dict[str, deque[_Job]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def put(self, job: _Job) -> None:
        self._jobs.setdefault(job.rendering.owner, deque()).append(job)
        self._length += 1

    def take(self) -> _Job:
        owner = next(iter(self._jobs))
        jobs = self._jobs.pop(owner)
        job = jobs.popleft()
        if jobs:
            self._jobs[owner] = jobs  # behind everybody else
        self._length -= 1
        return job

    def remove(self, job: _Job) -> None:
        jobs = self._jobs[job.rendering.owner]
        jobs.remove(job)
        if not jobs:
            del self._jobs[job.rendering.owner]
        self._length -= 1

    def waits(self, owner: str) -> int:
        """How many of an owner's wait."""
        return len(self._jobs.get(owner, ()))


@implementer(IRenderer)
class RenderPool:
    """Renders in `size` children, which the `reactor` starts (`IReactorProcess`) and times (`IReactorTime`)."""

    def __init__(self, reactor: Any, size: int = CHILDREN) -> None:
        self._reactor = reactor
        self._size = size
        self._children: list[_Child] = []
        self._queue = _Queue()
        self._pause = 0.0
        self._resting: IDelayedCall | None = None
        self._stopped = False
        self._overrun = False

    def render(self, rendering: Rendering) -> Deferred[Mapping[str, str]]:
        if too_large := oversize(rendering):
            return fail(failed(too_large))
        if self._stopped:
            return fail(_busy("stopped"))
        if self._queue.waits(rendering.owner) >= QUEUE:
            return fail(self._turned_away(f"{QUEUE} of one account wait already"))
        job = _Job(rendering, Deferred())
        job.patience = self._reactor.callLater(WAITING, self._give_up, job)
        self._queue.put(job)
        self._fill()
        self._hand_out()
        return job.answer

    def stop(self) -> Deferred[None]:
        """End all children; what is still asked for fails. Fires when they are gone."""
        self._stopped = True
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        while self._queue:
            _end(self._queue.take(), _busy("stopped"))
        gone = [child.end() for child in tuple(self._children)]
        return DeferredList(gone).addCallback(lambda _: None)

    def _give_up(self, job: _Job) -> None:
        self._queue.remove(job)
        job.patience = None
        _end(job, self._turned_away(f"no child was free for {WAITING:g} seconds"))

    def _turned_away(self, why: str) -> Refusal:
        """Say once that there is more to render than can be; until the queue was empty again, that is no news."""
        if not self._overrun:
            log.warn("messages with templates are put off: {why}", why=why)
        self._overrun = True
        return _busy(why)

    def _fill(self) -> None:
        """Start what is missing, unless the last one could not start a moment ago."""
        while len(self._children) < self._size and self._resting is None and not self._stopped:
            child = _Child(self._reactor, self._hand_out, self._gone)
            self._children.append(child)
            try:
                self._reactor.spawnProcess(child, sys.executable, command(), env={}, childFDs={0: "w", 1: "r", 2: "r"})
            except OSError as error:
                log.error("no render child could be started: {error}", error=error)
                self._gone(child, "")

    def _hand_out(self) -> None:
        for child in self._children:
            if not self._queue:
                self._overrun = False
                return
            if child.free:
                job = self._queue.take()
                assert job.patience is not None
                job.patience.cancel()
                job.patience = None
                child.take(job)

    def _gone(self, child: _Child, why: str) -> None:
        """A child ended: say so once, and have another one start, later when it never got as far as to be ready."""
        self._children.remove(child)
        if self._stopped:
            return
        if why:
            log.warn("a render child ended, another one is started: {why}", why=why)
        if child.was_ready:
            self._pause = 0.0
            self._fill()
        elif self._resting is None:
            self._pause = min(max(2 * self._pause, PAUSE), LONGEST_PAUSE)
            self._resting = self._reactor.callLater(self._pause, self._rested)

    def _rested(self) -> None:
        self._resting = None
        self._fill()


@dataclass(eq=False)
class _Child(ProcessProtocol):
    """One child: starts, then renders one thing after another until it ends."""

    clock: Any
    freed: Callable[[], None]
    gone: Callable[[_Child, str], None]
    was_ready: bool = False
    free: bool = False
    _job: _Job | None = None
    _watch: IDelayedCall | None = None
    _frames: Frames = field(default_factory=Frames)
    _head: bytes = b""
    _complaint: bytes = b""
    _verdict: str = ""
    _ended: Deferred[None] = field(default_factory=Deferred)

    def connectionMade(self) -> None:
        self._watch = self.clock.callLater(STARTING, self._kill, f"was not ready after {STARTING:g} seconds")

    def take(self, job: _Job) -> None:
        """Render; only while `free`."""
        self.free = False
        self._job = job
        self._watch = self.clock.callLater(SILENCE, self._kill, f"said nothing for {SILENCE:g} seconds")
        self._pipes.write(pack_rendering(job.rendering))

    def end(self) -> Deferred[None]:
        """End, now if it is free, else by force."""
        if self.free:
            self.free = False
            self._pipes.closeStdin()
        else:
            self._kill("stopped")
        return self._ended

    def outReceived(self, data: bytes) -> None:
        if not self.was_ready:
            self._head += data
            if len(self._head) < len(render_child.READY):
                return
            if self._head != render_child.READY:
                return self._kill("began with what is no sign of readiness")
            self._unwatch()
            self.was_ready = self.free = True
            return self.freed()
        try:
            for header, texts in self._frames.feed(data):
                self._answer(header, texts)
        except FrameError as error:
            self._kill(f"answered what cannot be read: {error}")

    def _answer(self, header: Mapping[str, Any], texts: Mapping[str, str]) -> None:
        job = self._job
        if job is None:
            raise FrameError("nothing was asked")
        rendered = rendered_of(header, texts)
        self._job = None
        self._unwatch()
        if header.get("last"):
            self._verdict = rendered.fault
        else:
            self.free = True
        if rendered.fault:
            _end(job, failed(rendered.fault))
        elif job.rendering.check or texts.keys() == job.rendering.sources.keys():
            job.answer.callback(texts)
        else:
            _end(job, _busy("other texts came back"))
        if self.free:
            self.freed()

    def errReceived(self, data: bytes) -> None:
        self._complaint = (self._complaint + data)[:_COMPLAINT]

    def _kill(self, why: str) -> None:
        self.free = False
        self._verdict = why
        self._unwatch()
        if self.transport is not None and self.transport.pid:
            self.transport.signalProcess("KILL")

    @property
    def _pipes(self) -> IProcessTransport:
        assert self.transport is not None, "used before it was started"
        return self.transport

    def _unwatch(self) -> None:
        if self._watch is not None and self._watch.active():
            self._watch.cancel()
        self._watch = None

    def processEnded(self, reason: Failure) -> None:
        self.free = False
        self._unwatch()
        ended_by, status = getattr(reason.value, "signal", None), getattr(reason.value, "exitCode", None)
        job, self._job = self._job, None
        fault = "" if self._verdict else fault_of(ended_by, status)
        why = self._verdict or fault or f"signal {ended_by}, status {status}"
        if self._complaint:
            why = f"{why}: {self._complaint.decode('utf-8', 'replace')}"
        self.gone(self, why)
        if job is not None:
            _end(job, failed(fault) if fault else _busy(why))
        self._ended.callback(None)


def _end(job: _Job, refusal: Refusal) -> None:
    if job.patience is not None:
        job.patience.cancel()
        job.patience = None
    job.answer.errback(refusal)


def _busy(why: str) -> Refusal:
    return Refusal("temporary", rule="renderer", facts={"error": why})
