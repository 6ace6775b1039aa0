"""What comes back by SMTP: bounces and complaints, taken in on the bounce domain and turned into what they mean.

A recipient of a transaction is an address that was signed for one of our deliveries (VERP), or one of the names to
which providers send complaints; everything else is refused while the session lasts. Nothing that comes in here is ever
answered by mail, forwarded, or kept: what it says is read, bounded, and believed of the one recipient only whose signed
address it knew (O14). A transaction is taken when what it says is committed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger
from zope.interface import Interface, implementer

from ..interfaces.engagement import Engagement, IEngagement
from ..interfaces.ledger import ILedger
from ..interfaces.submission import IAddressLogin, IConnection, ISubmission, MailParameters, Peer
from ..mail.address import Mailbox, unverp
from ..mail.envelope import SECOND, made_at
from ..mail.event import Event
from ..mail.feedback import About, Fate, Feedback, read, signed_addresses
from ..mail.reply import Refusal, Reply
from ..policy.bounce import reply_of
from ..policy.dialect import Dialect
from ..policy.settlement import returned
from . import odd_bounce

log = Logger()

#: Octets of a report that are looked at; what comes behind them is taken and thrown away.
MAX_READ = 1 << 20
#: Recipients of whom one complaint is believed.
MAX_COMPLAINED = 10
#: Addresses of which it is remembered that they were logged.
MAX_LOGGED = 1000

#: Feedback types (RFC 5965, RFC 6591) that are no complaint of a person.
_NO_COMPLAINT = frozenset({"not-spam", "auth-failure"})


@dataclass(frozen=True, slots=True)
class ReturnPath:
    """Where what comes back is taken: the bounce `domain`, the `key` of its signed addresses and for how many seconds
    one is believed, and the local parts to which `complaints` come."""

    domain: str
    key: bytes
    lifetime: int
    complaints: frozenset[str]


class Reader:
    """Turns reports into what they mean; `aside` runs a function beside the reactor, `now` reads microseconds."""

    def __init__(
        self,
        path: ReturnPath,
        ledger: ILedger,
        engagement: IEngagement,
        aside: Callable[..., Deferred[Any]],
        now: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        self.path = path
        self.new_id = new_id
        self._ledger = ledger
        self._engagement = engagement
        self._aside = aside
        self._now = now
        self._logged: dict[str, None] = {}

    def recipient_of(self, address: str) -> str:
        """The recipient that a signed address, or its local part, stands for; "" when it is forged or expired."""
        found = unverp(address, self.path.key)
        if found is None:
            return ""
        try:
            age = self._now() - made_at(found)
        except ValueError:
            return ""
        return found if age <= self.path.lifetime * SECOND else ""

    def turned_down(self, address: str) -> None:
        """An address that stands for nobody was used: logged once, however often it is."""
        if address in self._logged:
            return
        if len(self._logged) >= MAX_LOGGED:
            del self._logged[next(iter(self._logged))]
        self._logged[address] = None
        log.info("nothing is taken for {address}: forged, expired, or no address of ours", address=address)

    async def take(self, recipients: tuple[str, ...], complaints: bool, source: bytes) -> None:
        """Have what a message says of these recipients committed; with `complaints` of whom a complaint names.

        Fails with `Refusal` where it came to the address of complaints and is none, or nothing was committed.
        """
        report: Feedback = await self._aside(_read, source, bool(recipients))
        named: tuple[str, ...] = ()
        if complaints:
            if report.about is not About.COMPLAINT:
                raise Refusal("message_unreadable", rule="return_path")
            found = dict.fromkeys(map(self.recipient_of, signed_addresses(report)))
            named = tuple(recipient for recipient in found if recipient)[:MAX_COMPLAINED]
            if not named:
                log.info("a complaint names no delivery of ours, or an old one")
        for recipient in dict.fromkeys((*recipients, *named)):
            if report.about is About.COMPLAINT:
                await self._complain(recipient, report)
            else:
                await self._bounce(recipient, report)

    async def _complain(self, recipient: str, report: Feedback) -> None:
        fields = report.fields or {}
        kind = fields.get("feedback-type", "").lower()
        if kind in _NO_COMPLAINT:
            log.info("feedback of type {kind} about {recipient} changes nothing", kind=kind, recipient=recipient)
            return
        complaint = Engagement(
            self.new_id(),
            recipient,
            Event.COMPLAINED,
            self._now(),
            target=kind[:100],
            agent=fields.get("user-agent", "")[:200],
        )
        if await self._engagement.complain(complaint):
            log.info("{recipient} complained", recipient=recipient)

    async def _bounce(self, recipient: str, report: Feedback) -> None:
        fate = next((each for each in report.fates if each.action == "failed"), None)
        if fate is None:
            return
        given = returned(recipient, reply_in(fate), fate.host, self._now())
        if await self._ledger.bounce_later(given):
            log.info("{recipient} bounced later: {reply}", recipient=recipient, reply=given.reply)


def reply_in(fate: Fate) -> Reply:
    """What the host said, as far as a report tells: its words, else the status alone."""
    words = fate.diagnostic or "the report does not say why"
    reply = reply_of(words)
    if reply.status is None and fate.status[:1] in ("4", "5"):
        code = reply.code if words[:3] == str(reply.code) else int(f"{fate.status[0]}50")
        reply = replace(reply, code=code, status=reply_of(fate.status).status)
    return reply


def _read(source: bytes, oddly: bool) -> Feedback:
    """What a message reports; with `oddly` also where it follows no standard."""
    report = read(source)
    if report.about is About.NOTHING and oddly and (found := odd_bounce.fates(source)):
        return Feedback(About.DELIVERY, found)
    return report


@implementer(ISubmission)
class _Reception:
    """One transaction of what comes back."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._recipients: list[str] = []
        self._complaints = False
        self._kept = bytearray()

    def mail(self, sender: Mailbox | None, parameters: MailParameters) -> Deferred[None]:
        return succeed(None)

    def rcpt(self, recipient: Mailbox) -> Deferred[None]:
        path = self._reader.path
        if recipient.domain == path.domain:
            if recipient.local.lower() in path.complaints:
                self._complaints = True
                return succeed(None)
            if found := self._reader.recipient_of(recipient.local):
                self._recipients.append(found)
                return succeed(None)
        self._reader.turned_down(recipient.address)
        return fail(Refusal("mailbox_unknown", rule="return_path", facts={"address": recipient.address}))

    def write(self, chunk: bytes) -> None:
        room = MAX_READ - len(self._kept)
        if room > 0:
            self._kept += chunk[:room]

    def finish(self) -> Deferred[str]:
        taken = self._reader.take(tuple(self._recipients), self._complaints, bytes(self._kept))
        return Deferred.fromCoroutine(taken).addCallback(lambda _: self._reader.new_id())

    def abort(self) -> None:
        self._kept.clear()


@implementer(IConnection)
class FeedbackConnection:
    """The avatar of whoever speaks to the bounce domain: nobody in particular."""

    name = "feedback"

    def __init__(self, reader: Reader, dialect: Dialect) -> None:
        self.dialect = dialect
        self._reader = reader

    def submission(self, peer: Peer) -> ISubmission:
        return _Reception(self._reader)

    def logout(self) -> None:
        """Nothing is held between transactions."""


@implementer(ICredentialsChecker)
class _Everybody:
    """Lets in whoever comes: any mail host of the world may have something to report."""

    credentialInterfaces = (IAddressLogin,)

    def requestAvatarId(self, credentials: ICredentials) -> Deferred[bytes | tuple[()]]:
        return succeed(b"feedback")


@implementer(IRealm)
class _Realm:
    """One avatar for all."""

    def __init__(self, connection: FeedbackConnection) -> None:
        self._connection = connection

    def requestAvatar(
        self, avatarId: bytes | tuple[()], mind: object, *interfaces: type[Interface]
    ) -> tuple[type[Interface], FeedbackConnection, Callable[[], None]]:
        if IConnection not in interfaces:
            raise NotImplementedError("the bounce domain has connections only")
        return IConnection, self._connection, self._connection.logout


def feedback_portal(reader: Reader, dialect: Dialect) -> Portal:
    """The portal of listeners that take what comes back, whose login is by address."""
    return Portal(_Realm(FeedbackConnection(reader, dialect)), (_Everybody(),))
