"""A message sent again: a new one of the stored source, to the same recipients or to others.

It is judged as a new one is, by the rules of its connection's dialect for sender and recipients, and paid for as one;
nothing goes to who is suppressed. The source was judged, filled in and scanned when it came, and is sent as it is
stored, with its Message-ID: to who has it already it is the same mail. Its tag, reference and metadata are those of the
first, its time to live begins anew, and the first decision kept with it names the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..interfaces.directory import ConnectionFacts
from ..interfaces.erasure import ERASED
from ..interfaces.history import Original
from ..mail.address import Mailbox
from ..mail.envelope import Recipient, Submission
from ..mail.reply import Refusal
from ..policy.admission import judge
from ..policy.dialect import Dialect
from ..policy.facts import DailyFacts, Facts, MailFacts, RcptFacts
from . import checked, messages
from .audited import audited
from .errors import Invalid, Unknown
from .installation import Installation
from .messages import Card
from .settings import PAUSED

#: The decision that names the first message.
RESENT = "resent"

#: Why the source of a message is not there.
FORGOTTEN = "its body is kept no longer (retention, or its person was erased), so that it cannot be sent again"


@audited("message.resend")
async def resend(installation: Installation, id: str, to: Sequence[str] = ()) -> Card:
    """Send a message again, by its id or that of one recipient, who then is the only one; `to` are other recipients.
    Gives the new message; `Invalid` says what keeps it from being sent, and nothing is."""
    card = await messages.find(installation, id)
    meant = [each for each in card.passages if id in (card.id, each.recipient)]
    names = {each.rcpt: each.name for each in meant}
    mailboxes: dict[str, Mailbox] = {}
    for text in to or names:
        mailbox = checked.mailbox("to", text)
        mailboxes.setdefault(mailbox.key, mailbox)
    if any(each.domain == ERASED for each in mailboxes.values()):
        raise Invalid("to", "a recipient of the message was erased: say to whom it is to be sent")
    original = await installation.history.original(card.id)
    try:
        source = await installation.bodies.read(card.id)
    except KeyError:
        raise Invalid("id", FORGOTTEN) from None
    try:
        connection = await installation.directory.connection(original.connection)
    except KeyError:
        raise Unknown("connection", original.connection) from None
    merged = installation.dialects.options(connection.dialect, connection.options)
    connection = replace(connection, options=merged)
    dialect = installation.dialects.get(connection.dialect).speaking(connection.options)
    kept: list[Mapping[str, object]] = [{"rule": RESENT, "allowed": True, "facts": {"message": card.id}}]
    await _judge(installation, dialect, connection, original, mailboxes, kept)
    now = installation.now()
    made = Submission(
        id=installation.new_id(),
        account=original.account,
        connection=original.connection,
        dialect=connection.dialect,
        peer="",
        sender=original.sender,
        recipients=tuple(
            Recipient(installation.new_id(), each.address, key, each.domain, names.get(each.address, ""))
            for key, each in mailboxes.items()
        ),
        source=source,
        subject=original.subject,
        received_at=now,
        expires_at=now + original.lifetime,
        billing=dialect.billing,
        instructions=replace(original.instructions, priority=min(each.priority for each in meant)),
        verdicts=tuple(kept),
        personal=original.personal,
        daily_limit=_limit(connection),
        over_limit_fails=False,
    )
    try:
        await installation.ledger.accept(made, False)
    except Refusal as refusal:
        if refusal.key == "temporary":
            raise
        raise Invalid(_FIELDS.get(refusal.key, "id"), _words(dialect, refusal)) from refusal
    return await messages.find(installation, made.id)


async def _judge(
    installation: Installation,
    dialect: Dialect,
    connection: ConnectionFacts,
    original: Original,
    mailboxes: Mapping[str, Mailbox],
    kept: list[Mapping[str, object]],
) -> None:
    """Judge sender and recipients; what was decided is added to `kept`."""
    directory, now, rule = installation.directory, installation.now(), str(connection.options["sender"])
    sender = checked.mailbox("sender", original.sender) if original.sender else None
    owned = await directory.sender(
        connection.account,
        connection.id,
        sender.domain if sender else "",
        sender.key if sender and rule == "address" else "",
    )

    def decide(field: str, stage: str, facts: Facts) -> None:
        for verdict in judge(dialect, stage, facts, frozenset(dialect.stages[stage]) - _OF_A_SESSION):
            kept.append(verdict.plain())
            if not verdict.allowed:
                raise Invalid(field, _words(dialect, verdict.refusal()))

    mail = MailFacts(
        sender=sender,
        connection_status=owned.status,
        connection_domain=connection.sender_domain,
        domain_status=owned.domain,
        available=owned.available,
        size_limit=dialect.size,
        sender_rule=rule,
        sender_status=owned.address,
        paused=bool((await directory.settings()).get(PAUSED)),
    )
    decide("id", "mail", mail)
    limit = _limit(connection)
    sent = await directory.sent(connection.id, now) if limit else 0
    for number, (key, mailbox) in enumerate(mailboxes.items()):
        found = await directory.recipient(connection.account, key)
        if found.suppression in dialect.suppressing:
            raise Invalid("to", f"{mailbox.address} is suppressed: {found.suppression}")
        rcpt = RcptFacts(
            address=mailbox.address,
            accepted=number,
            recipient_limit=dialect.recipients,
            available=owned.available,
            now=now,
            charged=number,
            suppression=found.suppression,
            mailbox_full_at=found.mailbox_full_at,
        )
        decide("to", "rcpt", rcpt)
        if limit:
            decide("to", "daily", DailyFacts(limit, sent, number))


#: Rules about a client that is speaking and what it is about to send.
_OF_A_SESSION = frozenset({"free_space", "declared_size"})
_FIELDS = {"balance_short": "balance", "daily_limit": "connection"}


def _limit(connection: ConnectionFacts) -> int:
    limit = connection.options["daily_limit"]
    return limit if isinstance(limit, int) else 0


def _words(dialect: Dialect, refusal: Refusal) -> str:
    """What the dialect says to a refusal, and the rule that refused."""
    try:
        said = dialect.reply(refusal.key, **refusal.fields).text
    except KeyError:  # it names what only a session knows
        said = refusal.key.replace("_", " ")
    return f"{said} ({refusal.rule})".replace("\n", " ")
