"""What the SMTP server needs from the relay: who is speaking, and what may be submitted.

The server logs a client in through `twisted.cred` and gets an `IConnection` as avatar; each transaction is an
`ISubmission` of its own. Refusals are errbacks with `Refusal`; anything else that fails is answered by the
dialect's temporary reply and logged once by the server.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from twisted.cred.credentials import ICredentials
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface, implementer

from ..mail.address import Mailbox
from ..mail.frozen import frozen


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is on the line: the client's address, the listener, the session's id, its HELO name, TLS version or "", and
    the user name by which it logged in ("" where none was asked for). `via` is the protocol where that is not SMTP."""

    address: str
    listener: str
    session: str
    hello: str = ""
    esmtp: bool = True
    tls: str = ""
    login: str = ""
    via: str = ""


class IConnectionLogin(ICredentials):
    """Credentials that ask for a connection."""

    peer = Attribute("`Peer`: who asks; failures are counted once per session")
    dialect = Attribute("name of the dialect in which the login was made")


class IPasswordLogin(IConnectionLogin):
    """A user name and a secret."""

    username = Attribute("as given, text")
    password = Attribute("as given, text")


class IAddressLogin(IConnectionLogin):
    """Nothing but where the client comes from."""


class INoLogin(IConnectionLogin):
    """Nothing at all: who speaks is judged with the message."""


@implementer(IPasswordLogin)
@dataclass(frozen=True, slots=True)
class PasswordLogin:
    """AUTH PLAIN or LOGIN: a user name and a secret."""

    peer: Peer
    dialect: str
    username: str
    password: str = field(repr=False)


@implementer(IAddressLogin)
@dataclass(frozen=True, slots=True)
class AddressLogin:
    """No AUTH at all: the listener trusts the client's address (`login = "address"`)."""

    peer: Peer
    dialect: str


@implementer(INoLogin)
@dataclass(frozen=True, slots=True)
class NoLogin:
    """No AUTH so far, where the dialect judges credentials at end of data."""

    peer: Peer
    dialect: str


@frozen
class MailParameters:
    """What MAIL said beside the path: SIZE in octets (0: not said), BODY, SMTPUTF8."""

    size: int = 0
    eight_bit: bool = False
    utf8: bool = False


class IConnection(Interface):
    """A tenant's connection, logged in: the avatar."""

    name = Attribute("the connection's id, for the log")
    dialect = Attribute("`mailrelay.policy.dialect.Dialect` whose texts speak from now on")

    def submission(peer: Peer) -> ISubmission:
        """A new transaction."""

    def logout() -> None:
        """The session ended."""


class ISubmission(Interface):
    """One transaction: MAIL, RCPT …, the message, and then either `finish` or `abort`.

    The server calls in order and waits for no answer between `rcpt`s; `write` may be called only after all of them
    were answered.
    """

    def mail(sender: Mailbox | None, parameters: MailParameters) -> Deferred[None]:
        """Judge the reverse path; None is the null sender."""

    def rcpt(recipient: Mailbox) -> Deferred[None]:
        """Judge one recipient and take it in."""

    def write(chunk: bytes) -> Deferred[None] | None:
        """Octets of the message as they came, dots already unstuffed, line ends untouched.

        A Deferred: enough is in memory, and it fires, without failing, when there is room for more. What comes
        meanwhile is taken all the same.
        """

    def finish() -> Deferred[str]:
        """All octets were given: admit and commit. Fires with the queue id after the commit (law 1)."""

    def abort() -> None:
        """The transaction ends without a message: RSET, a new EHLO, a lost connection."""
