"""Posts: messages that come without SMTP, through the very transaction that SMTP's go through.

A post is asked step by step what a client of SMTP is asked: MAIL, each RCPT, the message. A rehearsal is the same
transaction over an intake in which everything that writes or counts is exchanged for something that
does not, and ends before the commit, so that it can leave no trace; how often a connection sends, and whether its
idempotency key was used before, is all that it is not judged by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from zope.interface import implementer

from ..interfaces.directory import ConnectionFacts
from ..interfaces.ledger import Undecided
from ..interfaces.posting import Answer, IPostOffice, Post, Posted, Rehearsed
from ..interfaces.submission import MailParameters
from ..interfaces.tally import Tally
from ..mail.envelope import Capabilities, Delivery, Submission, deliveries_of
from ..mail.message import Message
from ..mail.reply import Refusal
from ..policy.dialect import Dialect, Dialects
from ..policy.instructions import Asked
from .intake import Intake
from .submission import Transaction

log = Logger()

#: Octets that are handed over at a time.
PIECE = 64 * 1024

Compose = Callable[[Message, Delivery, Capabilities], "Deferred[bytes]"]


class PostedTransaction(Transaction):
    """A transaction of which some instructions stand beside the message."""

    said: Mapping[str, Any] = {}

    def _read(self, message: Message) -> Asked:
        asked = super()._read(message)
        return replace(asked, instructions=replace(asked.instructions, **self.said)) if self.said else asked

    @property
    def available(self) -> int:
        """Sends that were left at MAIL."""
        return self._available


class RehearsedTransaction(PostedTransaction):
    """One that ends before its commit, and holds what would have been committed."""

    submission: Submission | None = None

    async def _commit(self, submission: Submission, message: Message) -> str:
        self.submission = submission
        return ""


@implementer(IPostOffice)
class PostOffice:
    """Takes posts for all connections. `compose` makes the octets that leave, of which no link is believed;
    `reverse_path` names the MAIL FROM of a delivery."""

    def __init__(
        self, intake: Intake, dialects: Dialects, compose: Compose, reverse_path: Callable[[Delivery], str]
    ) -> None:
        self.tallies: dict[str, Tally] = {}
        self._intake = intake
        self._dialects = dialects
        self._compose = compose
        self._reverse_path = reverse_path

    def submit(self, post: Post) -> Deferred[Posted]:
        return Deferred.fromCoroutine(self._submit(post))

    def rehearse(self, post: Post) -> Deferred[Rehearsed]:
        return Deferred.fromCoroutine(self._rehearse(post))

    async def _submit(self, post: Post) -> Posted:
        connection, dialect = await self._of(post)
        transaction = PostedTransaction(self._intake, connection, dialect, post.peer)
        posted = await _Steps(transaction, dialect, post).all()
        tally = self.tallies.setdefault(dialect.name, Tally())
        tally.accepted += bool(posted.id)
        refusal = [] if posted.refusal is None else [posted.refusal]
        for answer in (*posted.answers, *refusal):
            if not answer.reply.positive:
                tally.refused[answer.key, answer.reply.code // 100] += 1
        return posted

    async def _rehearse(self, post: Post) -> Rehearsed:
        connection, dialect = await self._of(post)
        stage = Stage()
        transaction = RehearsedTransaction(stage.intake(self._intake), connection, dialect, post.peer)
        posted = await _Steps(transaction, dialect, post).all()
        submission = transaction.submission
        if submission is None:
            return Rehearsed(posted, available=transaction.available)
        cost = len(submission.live)
        if cost > transaction.available:
            return Rehearsed(_short(posted, dialect), available=transaction.available, cost=cost)
        source = submission.source + (await stage.read("") if submission.spooled else b"")
        # whoever is only put on record is shown what the others would get
        asked = replace(submission, recipients=tuple(replace(each, rejected="") for each in submission.recipients))
        delivery = deliveries_of(asked)[0]
        octets, fault = b"", ""
        try:
            octets = await self._compose(Message.parse(source), delivery, Capabilities())
        except Exception as error:
            fault = str(error)
        rejected = {each.address: each.rejected for each in submission.recipients if each.rejected}
        return Rehearsed(
            replace(posted, rejected=rejected),
            source,
            octets,
            fault,
            self._reverse_path(delivery),
            transaction.available,
            cost,
        )

    async def _of(self, post: Post) -> tuple[ConnectionFacts, Dialect]:
        connection = await self._intake.directory.connection(post.connection)
        return connection, self._dialects.get(connection.dialect).speaking(connection.options)


def _short(posted: Posted, dialect: Dialect) -> Posted:
    """What the ledger would say of it."""
    refusal = Answer("data", "balance_short", dialect.reply("balance_short"), rule="balance")
    return replace(posted, refusal=refusal, id="")


@dataclass(slots=True)
class _Steps:
    """One post on its way through a transaction."""

    transaction: PostedTransaction
    dialect: Dialect
    post: Post

    async def all(self) -> Posted:
        """What became of it; never fails."""
        name, transaction, post = self.dialect.name, self.transaction, self.post
        transaction.said = post.said
        parameters = MailParameters(len(post.source), True, True)
        refusal = await self._ask("mail", transaction.mail(post.sender, parameters))
        if refusal is not None:
            return Posted(name, refusal=refusal)
        asked = [transaction.rcpt(recipient) for recipient in post.recipients]
        answers = []
        for recipient, answer in zip(post.recipients, asked, strict=True):
            refused = await self._ask("rcpt", answer, recipient.address)
            fine = Answer("rcpt", "rcpt_ok", self.dialect.reply("rcpt_ok"), recipient.address)
            answers.append(refused or fine)
        if not any(answer.reply.positive for answer in answers):
            transaction.abort()
            return Posted(name, tuple(answers), answers[0] if answers else None)
        for begin in range(0, len(post.source), PIECE):
            if (room := transaction.write(post.source[begin : begin + PIECE])) is not None:
                await room
        committed: list[str] = []
        refusal = await self._ask("data", transaction.finish().addCallback(committed.append))
        return Posted(name, tuple(answers), refusal, "".join(committed))

    async def _ask(self, stage: str, asked: Deferred[None], recipient: str = "") -> Answer | None:
        """The refusal that something is answered by, None for none."""
        try:
            await asked
        except Refusal as refusal:
            if refusal.__cause__ is not None:
                log.failure("a post was refused with {key}", key=refusal.key)
            return self._answer(stage, refusal, recipient)
        except Undecided:
            log.warn("nobody knows whether a post was kept")
            return self._answer(stage, Refusal("temporary", rule="undecided"), recipient)
        except Exception:
            log.failure("temporary failure of a post")
            return self._answer(stage, Refusal("temporary", rule="failure"), recipient)
        return None

    def _answer(self, stage: str, refusal: Refusal, recipient: str) -> Answer:
        reply = self.dialect.reply(refusal.key, **refusal.fields)
        return Answer(stage, refusal.key, reply, recipient, refusal.rule, refusal.facts)


class Stage:
    """What a rehearsal plays on in place of what keeps and counts: the octets of a large message stay in memory, for as
    long as it takes, and nothing else is kept at all."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def intake(self, real: Intake) -> Intake:
        """The real intake but for what leaves a trace."""
        stage = cast(Any, self)
        return replace(real, spool=stage, counters=stage, verdicts=stage)

    # ISpool

    def put(self, message: str, number: int, octets: bytes) -> Deferred[None]:
        self._pieces.append(octets)
        return succeed(None)

    def read(self, message: str) -> Deferred[bytes]:
        return succeed(b"".join(self._pieces))

    def drop(self, message: str) -> Deferred[None]:
        return succeed(None)

    # ICounters, IVerdicts

    def throttle(self, key: str, units: int, rate: int, period: int, burst: int) -> Deferred[float]:
        return succeed(0.0)

    def keep(
        self, connection: str, account: str, peer: str, stage: str, verdicts: Sequence[Mapping[str, object]]
    ) -> None:
        """Nothing of it is kept."""
