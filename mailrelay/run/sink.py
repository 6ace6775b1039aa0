"""The sandbox's own receiving mail host: it takes what is sent to it, keeps it, and acts when a recipient asks for it.

A recipient's local part, at any domain, alone or with `+anything` behind it, in any case, makes the sink refuse, put
off or wait (see `Act`); all other mail is accepted. It is the far end of the wire and sits on the same SMTP server as
the relay: this module is only the delivery objects behind it, its texts stand in ``sink.toml`` beside it. It never
relays, never asks who is speaking, and adds nothing to a message.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from enum import Enum
from hashlib import blake2b
from importlib import resources

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from zope.interface import Interface, implementer

from ..interfaces.sandbox import IInbox
from ..interfaces.submission import IAddressLogin, IConnection, ISubmission, MailParameters, Peer
from ..mail.address import Mailbox
from ..mail.message import Message
from ..mail.reply import Refusal
from ..policy.dialect import Dialect, load

SLOW = 5.0  #: seconds before the final reply that a `slow` recipient gets
SOFT_BOUNCES = 2  #: attempts of one message that a `soft-bounce` recipient puts off
HEAD = 65_536  #: octets in which the Subject is looked for
REMEMBERED = 10_000  #: messages whose attempts are counted at a time; beyond that the oldest begins anew


class Act(Enum):
    """What the local part of a recipient makes the sink do."""

    ACCEPT = ""
    HARD_BOUNCE = "hard-bounce"  #: refused at RCPT: no such mailbox
    MAILBOX_FULL = "mailbox-full"  #: refused at RCPT: no room
    SOFT_BOUNCE = "soft-bounce"  #: put off after the message, twice for each message
    SLOW = "slow"  #: accepted, but late

    @classmethod
    def of(cls, recipient: Mailbox) -> Act:
        """The act that a recipient asks for."""
        return _ACTS.get(recipient.local.partition("+")[0].lower(), cls.ACCEPT)


_ACTS = {act.value: act for act in Act if act.value}

_REFUSED = {Act.HARD_BOUNCE: "mailbox_unknown", Act.MAILBOX_FULL: "mailbox_full"}


def sink_dialect() -> Dialect:
    """The texts of the sink."""
    text = resources.files(__package__).joinpath("sink.toml").read_text("utf-8")
    return load(text, "sink")


class _Attempts:
    """Counts attempts by recipients and message; the relay repeats equal octets, so their digest names a message."""

    def __init__(self, room: int = REMEMBERED) -> None:
        self._counts: OrderedDict[tuple[str, bytes], int] = OrderedDict()
        self._room = room

    def puts_off(self, recipients: Sequence[str], source: bytes) -> bool:
        """Count one attempt; tells whether it is still to be put off. The one that is not ends the count."""
        key = "\n".join(recipients).casefold(), blake2b(source, digest_size=16).digest()
        count = self._counts.pop(key, 0)
        if count >= SOFT_BOUNCES:
            return False
        self._counts[key] = count + 1
        if len(self._counts) > self._room:
            self._counts.popitem(last=False)
        return True


@implementer(ISubmission)
class _Reception:
    """One transaction at the sink: kept whole, as one record, whatever the number of its recipients."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._sender = ""
        self._recipients: list[Mailbox] = []
        self._chunks: list[bytes] = []
        self._pause: Deferred[None] | None = None

    def mail(self, sender: Mailbox | None, parameters: MailParameters) -> Deferred[None]:
        self._sender = sender.address if sender else ""
        return succeed(None)

    def rcpt(self, recipient: Mailbox) -> Deferred[None]:
        key = _REFUSED.get(Act.of(recipient))
        if key:
            return fail(Refusal(key, rule="sandbox", facts={"address": recipient.address}))
        self._recipients.append(recipient)
        return succeed(None)

    def write(self, chunk: bytes) -> None:
        self._chunks.append(chunk)

    def finish(self) -> Deferred[str]:
        source = b"".join(self._chunks)
        soft = [each.address for each in self._recipients if Act.of(each) is Act.SOFT_BOUNCE]
        if soft and self._sink.attempts.puts_off(soft, source):
            return fail(Refusal("mailbox_busy", rule="sandbox", facts={"addresses": soft}))
        if not any(Act.of(each) is Act.SLOW for each in self._recipients):
            return self._keep(source)
        self._pause = deferLater(self._sink.clock, SLOW)
        return self._pause.addCallback(lambda _: self._keep(source))

    def _keep(self, source: bytes) -> Deferred[str]:
        self._pause = None
        sink = self._sink
        recipients = [each.address for each in self._recipients]
        return sink.inbox.keep(self._sender, recipients, source, sink.now(), subject_of(source))

    def abort(self) -> None:
        self._chunks.clear()
        if self._pause is not None:
            self._pause.cancel()


@implementer(IConnection)
class Sink:
    """The avatar that everybody gets; `now` gives the time in microseconds, `clock` waits."""

    name = "sink"

    def __init__(self, inbox: IInbox, dialect: Dialect, clock: IReactorTime, now: Callable[[], int]) -> None:
        self.inbox = inbox
        self.dialect = dialect
        self.clock = clock
        self.now = now
        self.attempts = _Attempts()

    def submission(self, peer: Peer) -> ISubmission:
        return _Reception(self)

    def logout(self) -> None:
        pass


@implementer(ICredentialsChecker)
class _Everybody:
    """Lets in whoever can reach the port: the sandbox binds loopback only."""

    credentialInterfaces = (IAddressLogin,)

    def requestAvatarId(self, credentials: ICredentials) -> Deferred[bytes | tuple[()]]:
        return succeed(b"sink")


@implementer(IRealm)
class _Realm:
    """One avatar for all."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def requestAvatar(
        self, avatarId: bytes | tuple[()], mind: object, *interfaces: type[Interface]
    ) -> tuple[type[Interface], Sink, Callable[[], None]]:
        if IConnection not in interfaces:
            raise NotImplementedError("the sink has connections only")
        return IConnection, self._sink, self._sink.logout


def sink_portal(sink: Sink) -> Portal:
    """The portal of the sink's listener, whose login is by address."""
    return Portal(_Realm(sink), (_Everybody(),))


def subject_of(source: bytes) -> str:
    """The decoded Subject of a message, "" when none stands in its first `HEAD` octets."""
    return Message.parse(source[:HEAD]).text("Subject")
