"""The delivery object of one transaction: MAIL, RCPT, DATA → admitted and committed, or refused.

Each step gathers its facts from the directory and the counters and has them judged (`decisions`). `finish` has the
message prepared (`prepare`) and fires only after the ledger's commit (law 1), then hands what is leased to the
scheduler. Nothing of a transaction outlives `abort`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import cast

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from ..interfaces.directory import ConnectionFacts, TagFacts
from ..interfaces.routes import RouteNames
from ..interfaces.submission import IConnection, ISubmission, MailParameters, Peer
from ..mail.address import Mailbox, parse_mailbox
from ..mail.addresses import mailboxes
from ..mail.digest import digest
from ..mail.envelope import Instructions, Recipient, Submission, ulid
from ..mail.message import Message
from ..mail.reply import Refusal
from ..policy.admission import AUTHOR, DailyFacts, DataFacts, MailFacts, RateFacts, RcptFacts, return_path
from ..policy.dialect import Dialect
from ..policy.instructions import Asked, read
from ..policy.rejection import rejections, suppression_rejects
from ..policy.simulation import SIMULATOR
from ..policy.urgency import deadline
from .aside import apart
from .at_once import at_once
from .decisions import Decisions, Judged
from .intake import Intake
from .line import Lines
from .prepare import Draft, needs_whole, prepare, recall
from .scanning import look_into
from .source import Source

log = Lines()

ACCEPTED = "{id} accepted from {connection} for {count} recipients, {size} octets"
REPEATED = "{id} repeated by {connection} under its idempotency key"


@implementer(IConnection)
class SubmittingConnection:
    """A logged-in connection: the avatar from which transactions come."""

    def __init__(self, intake: Intake, facts: ConnectionFacts, dialect: Dialect) -> None:
        self.name = facts.id
        self.dialect = dialect
        self._intake = intake
        self._facts = facts
        self._judged = Judged()

    def submission(self, peer: Peer) -> ISubmission:
        transaction: ISubmission = Transaction(self._intake, self._facts, self.dialect, peer, self._judged)
        return transaction

    def logout(self) -> None:
        """Nothing is held between transactions."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """A recipient that was answered 250: `number` is its place among the RCPTs, `suppression` why its address is
    suppressed, or ""."""

    number: int
    mailbox: Mailbox
    suppression: str


@implementer(ISubmission)
class Transaction:
    """One transaction of a connection."""

    def __init__(
        self,
        intake: Intake,
        connection: ConnectionFacts,
        dialect: Dialect,
        peer: Peer,
        judged: Judged | None = None,
    ) -> None:
        """`judged` is what transactions of one connection and dialect share."""
        self._intake = intake
        self._connection = connection
        self._dialect = dialect
        self._peer = peer
        self._sender = ""
        self._recipients: dict[str, _Taken] = {}
        self._asked = 0
        self._turn: Deferred[None] | None = None
        self._source = Source(intake.spool, intake.new_id)
        self._decisions = Decisions(intake.verdicts, dialect, peer, connection, judged or Judged())
        self._available = 0
        self._sent = 0
        self._keyed: bool | None = None

    # -- stages

    def mail(self, sender: Mailbox | None, parameters: MailParameters) -> Deferred[None]:
        return at_once(self._mail(sender, parameters))

    async def _mail(self, sender: Mailbox | None, parameters: MailParameters) -> None:
        intake = self._intake
        # a session may last for hours, and a change of its connection holds within seconds
        connection = self._connection = self._decisions.connection = await intake.directory.connection(
            self._connection.id
        )
        rule = str(connection.options["sender"])
        facts = await intake.directory.sender(
            connection.account,
            connection.id,
            sender.domain if sender else "",
            sender.key if sender and rule == "address" else "",
        )
        self._available = facts.available
        judged = MailFacts(
            sender=sender,
            connection_status=facts.status,
            domain_status=facts.domain,
            sender_rule=rule,
            sender_status=facts.address,
            connection_domain=connection.sender_domain,
            declared_size=parameters.size,
            size_limit=self._dialect.size,
            available=facts.available,
            paused=intake.paused(),
            free_space=intake.free_space(),
            free_space_floor=intake.free_space_floor,
            repeatable=facts.available <= 0 and await self._repeatable(),
        )
        self._decisions.judge("mail", judged)
        wait = 0.0
        if connection.rate:
            wait = await intake.counters.throttle(
                f"rate:{connection.id}", 1, connection.rate, connection.rate_period, connection.rate_burst
            )
        self._decisions.judge("rate", RateFacts(wait=wait, rate=connection.rate, period=connection.rate_period))
        if self._daily_limit():
            self._sent = await intake.directory.sent(connection.id, intake.now())
        self._sender = return_path(judged, self._dialect, connection.options, connection.sender)

    def rcpt(self, recipient: Mailbox) -> Deferred[None]:
        if recipient.key in self._recipients:
            return succeed(None)
        self._asked += 1
        before, self._turn = self._turn, Deferred()
        return at_once(self._in_turn(recipient, self._asked, before, self._turn))

    async def _in_turn(
        self, recipient: Mailbox, number: int, before: Deferred[None] | None, turn: Deferred[None]
    ) -> None:
        """Several are looked up at the same time, and judged one after the other: what is left goes to the first."""
        try:
            await self._rcpt(recipient, number, before)
        finally:
            turn.callback(None)

    async def _rcpt(self, recipient: Mailbox, number: int, before: Deferred[None] | None = None) -> None:
        """Judge a recipient, once the one `before` it was."""
        dialect, limit = self._dialect, self._daily_limit()
        facts = await self._intake.directory.recipient(self._connection.account, recipient.key)
        if before is not None and not before.called:
            await before
        short = self._available <= len(self._recipients) or (limit and limit <= self._sent + len(self._recipients))
        repeatable = bool(short) and await self._repeatable()
        if recipient.key in self._recipients:
            return  # repeated while the first was looked up
        unsent = suppression_rejects(dialect, facts.suppression)
        self._decisions.judge(
            "rcpt",
            RcptFacts(
                address=recipient.address,
                accepted=len(self._recipients),
                recipient_limit=dialect.recipients,
                available=self._available,
                charged=self._charged(),
                unsent=unsent,
                suppression=facts.suppression,
                mailbox_full_at=facts.mailbox_full_at,
                mailbox_full_seconds=self._intake.mailbox_full,
                now=self._intake.now(),
                repeatable=repeatable,
            ),
        )
        if limit:
            self._decisions.judge("daily", DailyFacts(limit, self._sent, self._charged(), unsent, repeatable))
        self._recipients[recipient.key] = _Taken(number, recipient, facts.suppression)

    def _daily_limit(self) -> int:
        """Most recipients of the connection that are sent to in one day, 0 for any number."""
        return cast(int, self._connection.options["daily_limit"])

    async def _repeatable(self) -> bool:
        """Whether the message may be a repetition under an idempotency key: the connection has used one of late."""
        if not self._dialect.headers.repeatable:
            return False
        if self._keyed is None:
            self._keyed = await self._intake.directory.keyed(self._connection.id, self._intake.now())
        return self._keyed

    def _charged(self) -> int:
        """How many of the recipients taken so far are paid for."""
        if self._dialect.recipients_sent == "first":
            return 0  # whoever turns out to be the first: the one that is asked about, as far as is known
        if self._dialect.suppressed == "refuse":
            return len(self._recipients)
        return sum(not suppression_rejects(self._dialect, each.suppression) for each in self._recipients.values())

    def write(self, chunk: bytes) -> Deferred[None] | None:
        return self._source.write(chunk)

    def finish(self) -> Deferred[str]:
        return Deferred.fromCoroutine(self._finish())

    async def _finish(self) -> str:
        try:
            return await self._take_in()
        except Refusal:
            # any other failure leaves it open whether the message was committed, and its spool to the sweep
            self._source.discard()
            raise

    async def _take_in(self) -> str:
        intake, dialect, source = self._intake, self._dialect, self._source
        if (spooling := source.close()) is not None:
            await spooling
        asked = self._read(Message.parse(source.head))
        if asked.instructions.preflight:
            self._decisions.keep_nothing()
        await self._log_in(asked.secret)
        connection = self._connection
        now = intake.now()
        expires_at = self._deadline(asked.instructions, now)
        routes = await intake.directory.routes(connection.account)
        draft = Draft(
            id=source.id or ulid(now, intake.random(10)),
            message=asked.message,
            instructions=self._routed(asked.instructions, routes),
            routes=routes,
            recipients=self._taken(now),
            spooled=source.stored,
        )
        if draft.spooled and source.size <= dialect.size and needs_whole(intake, dialect, draft.instructions):
            draft = await recall(intake, draft)
        draft = await self._with_template(draft)
        late = draft.template is not None and bool(draft.template.from_address)
        await self._judge_message(draft, frozenset(dialect.stages["data"]) - AUTHOR if late else None)
        key = draft.instructions.idempotency_key
        said = await apart(intake.aside, draft.message, digest, draft.message, asked.instructions) if key else ""
        draft = await self._prepare(draft)
        if late:
            await self._judge_message(draft, AUTHOR)
        if draft.return_path:
            await self._judge_return_path(parse_mailbox(draft.return_path))
        for recipient in draft.recipients:
            if recipient.rejected:
                self._decisions.note("sent_to", address=recipient.address, sent=False, reason=recipient.rejected)
        message = draft.message.prepend(intake.trace(draft.id, now, self._peer))
        stored = message.encode()
        instructions, billing = draft.instructions, dialect.billing
        if connection.options["sandbox"]:  # nothing leaves, and nobody pays
            instructions, billing = replace(instructions, route=SIMULATOR), "none"
        if intake.scanner is not None:
            await look_into(intake.scanner, intake.spool, stored, draft, self._decisions)
        submission = Submission(
            id=draft.id,
            account=connection.account,
            connection=connection.id,
            dialect=dialect.name,
            peer=self._peer.address,
            sender=draft.return_path or self._sender,
            recipients=draft.recipients,
            source=stored,
            subject=message.text("Subject"),
            received_at=now,
            expires_at=expires_at,
            billing=billing,
            instructions=instructions,
            verdicts=tuple(self._decisions.made),
            spooled=draft.spooled,
            personal=draft.personal,
            rejected_told=dialect.suppressed != "drop",
            daily_limit=self._daily_limit(),
            over_limit_fails=dialect.over_limit == "fail",
            digest=said,
        )
        return await self._commit(submission, message)

    async def _commit(self, submission: Submission, message: Message) -> str:
        """Commit what was admitted, and hand it to the scheduler."""
        intake, source = self._intake, self._source
        if submission.instructions.preflight:
            raise self._rehearsed(submission)
        lease = intake.scheduler.has_room(submission)
        try:
            if submission.instructions.idempotency_key:
                id, deliveries = await intake.ledger.accept_once(submission, lease)
            else:
                id, deliveries = submission.id, await intake.ledger.accept(submission, lease)
        except Refusal as refusal:
            self._decisions.turned_down("commit", refusal)
            raise
        log.info(
            ACCEPTED if id == submission.id else REPEATED,
            id=id,
            connection=submission.connection,
            count=len(submission.recipients),
            size=submission.size,
        )
        if source.id != id:
            source.discard()  # what was spooled was read back, and is stored anew if at all
        intake.directory.spent(submission.account)
        # what a repetition adds goes out as the first was stored, with the trace of the first
        intake.scheduler.take(deliveries, None if submission.spooled or id != submission.id else message)
        return id

    def _rehearsed(self, submission: Submission) -> Refusal:
        """What a preflight is answered: that it would be taken, which it is not."""
        count = len(submission.live)
        left = self._available - count
        if left < 0:
            return Refusal("balance_short", rule="balance", facts={"available": self._available, "count": count})
        return Refusal("preflight", {"count": count, "size": submission.size, "left": left}, rule="preflight")

    def _read(self, message: Message) -> Asked:
        """What the message asks for by control headers, and what is left of it."""
        try:
            asked = read(message, self._dialect.headers)
        except Refusal as refusal:
            self._decisions.turned_down("data", refusal)
            raise
        if asked.headers:
            self._decisions.note("control_headers", headers=asked.headers)
        return asked

    def _deadline(self, instructions: Instructions, now: int) -> int:
        """The instant until which the message is tried."""
        try:
            return deadline(instructions, self._dialect.headers, now, self._intake.lifetime)
        except Refusal as refusal:
            self._decisions.turned_down("data", refusal)
            raise

    def _routed(self, instructions: Instructions, routes: RouteNames) -> Instructions:
        """With the route of the connection, or the account's only one, where the message names none and no recipient's
        domain may have one of its own."""
        usual = "" if routes.domains else routes.usual
        route = instructions.route or str(self._connection.options["default_route"]) or usual
        return instructions if route == instructions.route else replace(instructions, route=route)

    async def _with_template(self, draft: Draft) -> Draft:
        """With the stored template that the message names, whose tag goes before the message's."""
        asked = draft.instructions
        if not asked.template:
            return draft
        template = await self._intake.directory.template(self._connection.account, asked.template)
        if template is None:
            said = {"template": asked.template}
            refusal = Refusal("template_unknown", said, rule="template_known", facts=said)
            self._decisions.turned_down("data", refusal)
            raise refusal
        priority = template.priority if asked.priority is None else asked.priority
        instructions = replace(asked, tag=template.tag or asked.tag, priority=priority)
        return replace(draft, template=template, instructions=instructions)

    async def _prepare(self, draft: Draft) -> Draft:
        """What is to be stored; a refusal on the way there is kept with its reason."""
        try:
            return await prepare(self._intake, self._connection, self._dialect, draft)
        except Refusal as refusal:
            self._decisions.turned_down("data", refusal)
            raise

    async def _log_in(self, secret: str) -> None:
        """Who is speaking is known since AUTH, whatever `secret` the message gives (see `relay.late`)."""

    def _taken(self, now: int) -> tuple[Recipient, ...]:
        """The recipients in the order in which they were named, with the reasons of those that are not sent to."""
        taken = sorted(self._recipients.items(), key=lambda item: item[1].number)
        reasons = rejections(self._dialect, [each.suppression for _, each in taken])
        random = self._intake.random
        return tuple(
            Recipient(ulid(now, random(10)), each.mailbox.address, key, each.mailbox.domain, rejected=reason)
            for (key, each), reason in zip(taken, reasons, strict=True)
        )

    async def _judge_message(self, draft: Draft, of: Collection[str] | None) -> None:
        """Judge by the rules of end of data, or some of them."""
        connection, dialect, message = self._connection, self._dialect, draft.message
        tag = draft.instructions.tag
        used = TagFacts(0, True)
        if tag and dialect.tag_limit:
            used = await self._intake.directory.tag(connection.account, tag)
        stored = draft.routes.every
        fields = message.all("From")
        authors = tuple(mailbox for field in fields for mailbox in mailboxes(field))
        rule = str(connection.options["sender"])
        statuses, senders = {}, {}
        for author in authors:
            key = author.key if rule == "address" else ""
            facts = await self._intake.directory.sender(connection.account, connection.id, author.domain, key)
            statuses[author.domain] = facts.domain
            senders[author.key] = facts.address
        self._decisions.judge(
            "data",
            DataFacts(
                from_fields=len(fields),
                from_addresses=authors,
                connection_domain=connection.sender_domain,
                domain_statuses=statuses,
                sender_rule=rule,
                sender_statuses=senders,
                size=self._source.size,
                size_limit=dialect.size,
                fields=len(message.fields),
                has_subject=bool(message.text("Subject").strip()),
                header_size=message.offset,
                has_nul=self._source.has_nul,
                received_count=len(message.all("Received")),
                route=draft.instructions.route,
                routes=stored | self._intake.routes,
                own_routes=len(stored),
                tag=tag,
                tag_known=used.known,
                tags_used=used.used,
            ),
            of,
        )

    async def _judge_return_path(self, mailbox: Mailbox) -> None:
        """Reports go only to a domain of the account, whoever names where."""
        connection, said = self._connection, {"domain": mailbox.domain, "address": mailbox.address}
        facts = await self._intake.directory.sender(connection.account, connection.id, mailbox.domain)
        if facts.domain != "verified":
            refusal = Refusal("domain_unverified", said, rule="return_path", facts=said | {"status": facts.domain})
            self._decisions.turned_down("data", refusal)
            raise refusal

    def abort(self) -> None:
        self._source.discard()
        self._recipients.clear()
