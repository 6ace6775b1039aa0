"""A transmitter that sends nothing: for mail of connections marked sandbox it plays the host, and then the reader.

It stands before the real one and takes only what goes by the route of its name. The message is composed as for any
host, so links, signatures and faults are the real ones; what the host says and what the reader does afterwards is
asked of `policy.simulation`. Acts go the way of those that the public pages and the bounce domain report: only mail in
which a pixel or a tracked link stands is opened or clicked. What a reader has not done yet when we stop stays undone.
"""

from __future__ import annotations

import email
import email.policy
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from email.message import EmailMessage

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..interfaces.engagement import Engagement, IEngagement
from ..interfaces.ledger import ILedger
from ..interfaces.transmitter import ITransmitter
from ..mail.address import AddressError, parse_mailbox, unverp
from ..mail.envelope import Bounced, Capabilities, Delivered, Hop, Outcome
from ..mail.envelope import Deferred as Postponed
from ..mail.event import Event
from ..mail.reply import Refusal, Reply
from ..mail.token import PATHS, BadToken, Purpose, read
from ..policy.settlement import returned
from ..policy.simulation import SIMULATOR, Simulated, simulated
from .personal import Site

log = Logger()

HOP = Hop(SIMULATOR, 25, "none", route=SIMULATOR)
#: What the host that there is not can take.
CAPABILITIES = Capabilities(eight_bit=True, utf8=True, pipelining=True)
#: Seconds after which a reader acts, or mail returns: what was delivered is settled by then.
LATER = 1.0
#: Messages whose attempts are counted at a time; beyond that the oldest begins anew.
REMEMBERED = 10_000
AGENT = "mailrelay simulator"


@implementer(ITransmitter)
class Simulator:
    """Stands before `wire`; `key` knows the signed return paths, `site` makes the links where there are any."""

    def __init__(
        self,
        wire: ITransmitter,
        ledger: ILedger,
        engagement: IEngagement,
        key: bytes,
        site: Site | None,
        clock: IReactorTime,
        now: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        self._wire = wire
        self._ledger = ledger
        self._engagement = engagement
        self._key = key
        self._site = site
        self._clock = clock
        self._now = now
        self._new_id = new_id
        self._attempts: OrderedDict[str, int] = OrderedDict()
        self._later: set[IDelayedCall] = set()

    def transmit(
        self, hop: Hop, sender: str, recipients: Sequence[str], compose: Callable[[Capabilities], Deferred[bytes]]
    ) -> Deferred[Sequence[Outcome]]:
        if hop.route != SIMULATOR:
            return self._wire.transmit(hop, sender, recipients, compose)
        return Deferred.fromCoroutine(self._play(sender, recipients, compose))

    def close(self) -> Deferred[None]:
        for call in self._later:
            call.cancel()
        self._later.clear()
        return self._wire.close()

    async def _play(
        self, sender: str, recipients: Sequence[str], compose: Callable[[Capabilities], Deferred[bytes]]
    ) -> Sequence[Outcome]:
        try:
            octets = await compose(CAPABILITIES)
        except Refusal as refusal:
            refused = Reply(554, "5.6.0", f"Message refused here: {refusal}")
            return [self._outcome(refused, "") for _ in recipients]
        except Exception:
            log.failure("a message could not be composed; deferred")
            return [self._outcome(Reply(451, "4.3.0", "Temporary failure here"), "") for _ in recipients]
        outcomes = []
        for recipient in recipients:
            plan = simulated(recipient)
            if plan.seconds:
                await deferLater(self._clock, plan.seconds)
            reply = plan.reply(self._count(f"{sender} {recipient}"))
            outcomes.append(self._outcome(reply, plan.meaning))
            if reply.positive:
                self._afterwards(plan, unverp(sender, self._key) or "", recipient, octets)
        return outcomes

    def _outcome(self, reply: Reply, meaning: str) -> Outcome:
        kind = Delivered if reply.positive else Postponed if reply.transient else Bounced
        said = f"- {SIMULATOR}: {meaning or 'no word was said'}\nS: {reply}"
        return kind(reply, SIMULATOR, self._now(), route=SIMULATOR, transcript=said)

    def _count(self, key: str) -> int:
        """How many attempts there were before this one."""
        before = self._attempts.pop(key, 0)
        self._attempts[key] = before + 1
        if len(self._attempts) > REMEMBERED:
            self._attempts.popitem(last=False)
        return before

    def _afterwards(self, plan: Simulated, recipient: str, address: str, octets: bytes) -> None:
        if not recipient or not (plan.acts or plan.returns):
            return

        def act() -> None:
            self._later.discard(call)
            Deferred.fromCoroutine(self._act(plan, recipient, address, octets)).addErrback(self._failed, recipient)

        call = self._clock.callLater(LATER, act)
        self._later.add(call)

    def _failed(self, failure: Failure, recipient: str) -> None:
        log.failure("what the simulated reader of {recipient} did was not kept", failure, recipient=recipient)

    async def _act(self, plan: Simulated, recipient: str, address: str, octets: bytes) -> None:
        if plan.returns is not None:
            await self._ledger.bounce_later(returned(recipient, plan.returns, SIMULATOR, self._now()))
        for event in plan.acts:
            if event is Event.OPENED and self._opens(octets):
                await self._engagement.record([self._done(recipient, event)])
            elif event is Event.CLICKED and (target := self._first_link(octets)):
                await self._engagement.record([self._done(recipient, event, target)])
            elif event is Event.UNSUBSCRIBED:
                delivery = await self._engagement.delivery(recipient)
                try:
                    mailbox = parse_mailbox(address).key
                except AddressError:
                    continue
                await self._engagement.unsubscribe(delivery.account, mailbox, self._done(recipient, event))
            elif event is Event.COMPLAINED:
                await self._engagement.complain(self._done(recipient, event, "abuse"))

    def _done(self, recipient: str, event: Event, target: str = "") -> Engagement:
        return Engagement(self._new_id(), recipient, event, self._now(), target=target, agent=AGENT)

    # What a reader finds in the message

    def _opens(self, octets: bytes) -> bool:
        return any(self._tokens(octets, Purpose.OPEN))

    def _first_link(self, octets: bytes) -> str:
        site = self._site
        for token in self._tokens(octets, Purpose.CLICK):
            assert site is not None, "else there were no link of ours"
            try:
                return read(token, Purpose.CLICK, site.secret).target.decode("utf-8", "replace")
            except BadToken:
                continue
        return ""

    def _tokens(self, octets: bytes, purpose: Purpose) -> Iterator[str]:
        """The tokens of our links to one kind of page, in the message's HTML."""
        if self._site is None:
            return
        message = email.message_from_bytes(octets, _class=EmailMessage, policy=email.policy.default)
        link = re.compile(re.escape(f"{self._site.url}/{PATHS[purpose]}/") + r"([A-Za-z0-9_-]+)")
        for part in message.walk():
            if part.get_content_type() == "text/html":
                yield from link.findall(str(part.get_content()))
