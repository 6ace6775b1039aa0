"""Pushes events to webhooks: for each receiver in order, and on from where it stood, whatever happens in between.

A receiver has taken an event when it answered 2xx; only then its cursor moves, and the cursor is kept in the store, so
that a crash, a receiver that is down, or a long pause loses nothing and at worst sends the last few events again, under
the same `webhook-id`. What a receiver does not take is tried again, later each time (`policy.push`), and holds back
what is behind it: order is kept. A receiver that took nothing for `give_up` seconds is disabled, with a line in the log
and an event; enabling it goes on from where it stood. This module opens no connection itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from .. import __version__
from ..interfaces.events import Happening, Sought
from ..interfaces.webhooks import Delivery, Webhook
from ..mail.envelope import SECOND, ulid
from ..mail.event import Event
from ..manage import webhooks
from ..manage.installation import Installation
from ..manage.plain import instant
from ..policy import push

log = Logger()

POLL = 1.0  #: seconds between looks at the outbox
PAGE = 50  #: events between two notes of how far a receiver came
TOLD = 300  #: characters of an answer that are kept

#: (url, headers, body) → status and the begin of the answer
Post = Callable[[str, Mapping[str, str], bytes], Deferred[tuple[int, str]]]


class Refused(Exception):
    """A receiver did not take an event: why, the status of its answer (0: none), and the begin of that."""

    def __init__(self, reason: str, status: int = 0, text: str | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.text = reason if text is None else text


class Pusher:
    """Serves every webhook of an installation; `jitter` gives chance from 0 to 1, `give_up` is in seconds."""

    def __init__(
        self,
        installation: Installation,
        post: Post,
        clock: IReactorTime,
        *,
        jitter: Callable[[], float],
        give_up: float,
    ) -> None:
        self._place = installation
        self._post = post
        self._jitter = jitter
        self._give_up = give_up
        self._busy: dict[str, Deferred[None]] = {}
        self._stopping = False
        self._failing = False
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock

    def start(self) -> None:
        """Begin."""
        self._loop.start(POLL)

    def stop(self) -> None:
        """Begin nothing more, and leave what is under way; it is sent again after the next start."""
        self._stopping = True
        if self._loop.running:
            self._loop.stop()
        for serving in tuple(self._busy.values()):
            serving.cancel()

    def _look(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._look_once())

    async def _look_once(self) -> None:
        """Serve each webhook that is due and not being served."""
        try:
            now = self._place.now()
            for hook in await self._place.webhooks.every():
                if hook.status == "enabled" and hook.next_at <= now and hook.id not in self._busy:
                    serving = self._busy[hook.id] = Deferred.fromCoroutine(self._serve(hook))
                    serving.addErrback(_tell_failure, hook.id)
                    serving.addBoth(partial(self._served, hook.id))
            self._failing = False
        except Exception:
            if not self._stopping and not self._failing:
                log.failure("webhooks cannot be looked at, it is tried again")
            self._failing = True

    def _served(self, id: str, _: object) -> None:
        self._busy.pop(id, None)

    async def _serve(self, hook: Webhook) -> None:
        """Page after page, until the receiver has everything or does not take it."""
        owners = {each.id: each.name for each in await self._place.registry.accounts()}
        more = True
        while more and not self._stopping:
            replaying = hook.replay_until > 0
            cursor = hook.replay_cursor if replaying else hook.cursor
            page = await self._place.events.after(cursor, _sought(hook), PAGE)
            due = [each for each in page.events if not replaying or each.id <= hook.replay_until]
            sent: list[Delivery] = []
            taken, reached, refused = await self._send_all(hook, due, owners, sent)
            if refused is None and reached < page.cursor:
                reached = page.cursor
            over = replaying and refused is None and (len(due) < len(page.events) or not page.more)
            await self._note(hook, taken, reached or cursor, replaying, over, refused, sent)
            if refused is not None:
                return
            more = page.more or replaying
            found = [each for each in await self._place.webhooks.every() if each.id == hook.id]
            if not found or found[0].status != "enabled":
                return
            hook = found[0]

    async def _send_all(
        self, hook: Webhook, due: Sequence[Happening], owners: Mapping[str, str], sent: list[Delivery]
    ) -> tuple[int, int, Refused | None]:
        """How many were taken, the number of the last one done with, and why no more were. What was sent goes into
        `sent`."""
        taken, reached = 0, 0
        for each in due:
            body = webhooks.payload(self._place.dialects, hook, each, owners)
            if body is not None:
                begun = self._place.now()
                try:
                    answer = await self._send(hook, each, body)
                except Refused as refused:
                    sent.append(self._delivery(hook, each, begun, refused.status, refused.text))
                    return taken, reached, refused
                sent.append(self._delivery(hook, each, begun, *answer))
                taken += 1
            reached = each.id
        return taken, reached, None

    def _delivery(self, hook: Webhook, each: Happening, begun: int, status: int, text: str) -> Delivery:
        took = max(0, self._place.now() - begun)  # a clock may be set back
        answer = " ".join(text.split())[:TOLD]
        again = hook.replay_until > 0
        return Delivery(ulid(begun, self._place.random(10)), hook.id, each.id, each.event.value, begun, took, status,
                        answer, again)  # fmt: skip

    async def _send(self, hook: Webhook, each: Happening, body: object) -> tuple[int, str]:
        octets = json.dumps(body, separators=(",", ":")).encode("ascii")
        secret = webhooks.secret_of(self._place, hook)
        stamp = self._place.now() // SECOND
        headers = {
            "content-type": "application/json",
            "user-agent": f"mailrelay/{__version__} webhook",
            **push.headers(secret, f"evt_{each.id}", stamp, octets),
            **webhooks.signature(self._place.dialects, hook, secret, self._place.now(), octets),
        }
        try:
            status, text = await self._post(hook.url, headers, octets)
        except Exception as error:
            if self._stopping:
                raise CancelledError from error
            raise Refused(_words(error)) from error
        if not 200 <= status < 300:
            words = " ".join(text.split())
            raise Refused(f"answered {status}{f': {words}' if words else ''}", status, words)
        return status, text

    async def _note(
        self,
        hook: Webhook,
        taken: int,
        reached: int,
        replaying: bool,
        over: bool,
        refused: Refused | None,
        sent: Sequence[Delivery],
    ) -> None:
        """Keep how far the receiver came, what it was sent, and when it is tried again."""
        now = self._place.now()
        changes: dict[str, object] = {"replay_cursor" if replaying else "cursor": reached}
        if over:
            changes |= {"replay_cursor": 0, "replay_until": 0, "replay_from": 0}
        if taken:
            changes |= {"delivered": hook.delivered + taken, "delivered_at": now}
        if refused is None:
            if hook.failures:
                log.info("webhook {name} takes events again", name=hook.name)
            changes |= {"failures": 0, "failing_since": 0, "next_at": 0, "last_error": ""}
        else:
            failures = 1 if taken else hook.failures + 1
            since = now if taken or not hook.failing_since else hook.failing_since
            if failures == 1:
                log.warn("webhook {name} takes no events, tried again: {reason}", name=hook.name, reason=str(refused))
            wait = int(push.pause(failures, self._jitter()) * SECOND)
            changes |= {"failures": failures, "failing_since": since, "next_at": now + wait, "last_error": str(refused)}
            if refused.status == push.GONE or now - since >= self._give_up * SECOND:
                changes |= {"status": "disabled", "reason": f"the receiver failed since {instant(since)}: {refused}"}
                await self._disabled(hook, str(refused), now)
        if sent or any(getattr(hook, name) != value for name, value in changes.items()):
            await self._place.webhooks.change(hook.id, changes, sent)

    async def _disabled(self, hook: Webhook, reason: str, now: int) -> None:
        log.error("webhook {name} is disabled, its receiver failed too long: {reason}", name=hook.name, reason=reason)
        facts = {"webhook": hook.id, "name": hook.name, "url": hook.url, "reason": reason}
        await self._place.events.tell(Event.WEBHOOK_DISABLED, hook.account, now, facts)


def _words(error: Exception) -> str:
    """What kept a request from an answer; treq wraps it."""
    reasons = getattr(error, "reasons", None)
    cause = reasons[0].value if reasons else error
    return f"{type(cause).__name__}: {cause}"[:300]


def _sought(hook: Webhook) -> Sought:
    """What a webhook is told: what it wants, and the tests that are asked for."""
    wanted = tuple(Event[each.upper()] for each in hook.events)
    return Sought(hook.account, "", (*wanted, Event.WEBHOOK_TEST) if wanted else ())


def _tell_failure(failure: object, id: str) -> None:
    if not getattr(failure, "check", lambda *_: None)(CancelledError):
        log.failure("serving webhook {id} failed", failure, id=id)  # type: ignore[arg-type]
