"""Late login: transactions of somebody whose credentials are judged with the message.

Where a dialect does so, AUTH is taken as it comes, or is not needed at all: MAIL and RCPT are asked only what can be
asked of anybody. Once the message is there, its header that authenticates, or else what AUTH gave, tells who speaks;
then MAIL and every RCPT are judged as if they came only now, and the first that refuses answers for the message. All
that is said of a refusal before that is where it came from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.directory import ConnectionFacts
from ..interfaces.submission import IConnection, ISubmission, MailParameters, Peer
from ..mail.address import Mailbox
from ..mail.reply import Refusal
from ..policy.admission import ANYBODY, MailFacts, RcptFacts
from ..policy.dialect import Dialect
from .intake import Intake
from .submission import Transaction

#: Who gives this secret ("" for none), and comes from there; fails with `Refusal`.
LogIn: TypeAlias = Callable[[Peer, str], Deferred[ConnectionFacts]]


@implementer(IConnection)
class LateConnection:
    """Nobody yet: the avatar of a session until a message tells who speaks. `secret` is what AUTH gave, if it did."""

    name = ""

    def __init__(self, intake: Intake, dialect: Dialect, log_in: LogIn, secret: str = "") -> None:
        self.dialect = dialect
        self._intake = intake
        self._log_in = log_in
        self._secret = secret

    def submission(self, peer: Peer) -> ISubmission:
        transaction: ISubmission = LateTransaction(self._intake, self.dialect, peer, self._log_in, self._secret)
        return transaction

    def logout(self) -> None:
        """Nothing is held between transactions."""


class LateTransaction(Transaction):
    """One transaction whose connection is known only at its end."""

    def __init__(self, intake: Intake, dialect: Dialect, peer: Peer, log_in: LogIn, secret: str) -> None:
        super().__init__(intake, ConnectionFacts("", "", "", dialect.name, "", "", ""), dialect, peer)
        self._ask = log_in
        self._secret = secret
        self._said: tuple[Mailbox | None, MailParameters] = (None, MailParameters())
        self._named: dict[str, Mailbox] = {}

    async def _mail(self, sender: Mailbox | None, parameters: MailParameters) -> None:
        intake = self._intake
        facts = MailFacts(
            sender=sender,
            connection_status="",
            domain_status="",
            connection_domain="",
            declared_size=parameters.size,
            size_limit=self._dialect.size,
            available=0,
            paused=intake.paused(),
            free_space=intake.free_space(),
            free_space_floor=intake.free_space_floor,
        )
        self._decisions.judge("mail", facts, ANYBODY)
        self._said = sender, parameters

    async def _rcpt(self, recipient: Mailbox, number: int, before: Deferred[None] | None = None) -> None:
        if recipient.key in self._named:
            return
        facts = RcptFacts(
            address=recipient.address,
            accepted=len(self._named),
            recipient_limit=self._dialect.recipients,
            available=0,
            now=self._intake.now(),
        )
        self._decisions.judge("rcpt", facts, ANYBODY)
        self._named[recipient.key] = recipient

    async def _log_in(self, secret: str) -> None:
        try:
            known = await self._ask(self._peer, secret or self._secret)
        except Refusal as refusal:
            self._decisions.turned_down("login", refusal)
            raise
        self._connection = self._decisions.connection = known
        self._decisions.note("login", connection=known.id, name=known.name, by="key")
        await super()._mail(*self._said)
        for number, recipient in enumerate(self._named.values()):
            await super()._rcpt(recipient, number)

    def abort(self) -> None:
        super().abort()
        self._named.clear()
