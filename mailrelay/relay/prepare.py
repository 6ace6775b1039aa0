"""From the final dot to the commit: what came in becomes what is stored, one step after another.

A `Draft` goes through the steps and is never changed, each gives another one. The line is straight and reads from top
to bottom; what a step does stands in a module of its own, and a step that is not asked for costs nothing. A large
message, whose octets behind the first lie in the spool, is read back only for a step that needs to see all of it. This
module commits nothing and judges nothing.
"""

from __future__ import annotations

from dataclasses import field, replace

from ..interfaces.directory import ConnectionFacts
from ..interfaces.routes import RouteNames
from ..interfaces.templates import Template
from ..mail.envelope import Instructions, Personal, Recipient
from ..mail.frozen import frozen
from ..mail.message import Message
from ..mail.reply import Refusal
from ..policy.dialect import Dialect
from ..policy.instructions import names
from ..policy.personal import personal
from .aside import apart
from .attaching import attached
from .filling import fill
from .intake import Intake


@frozen
class Draft:
    """A message under way. `spooled` octets behind those of `message` lie in the spool under its `id`."""

    id: str
    message: Message
    instructions: Instructions
    recipients: tuple[Recipient, ...]
    spooled: int = 0
    personal: Personal | None = None
    #: the stored template that the message names
    template: Template | None = None
    #: where the template wants reports to go, "" where it says nothing of it
    return_path: str = ""
    #: the stored routes that its account may name
    routes: RouteNames = field(default_factory=RouteNames)

    def saying(self, message: Message) -> Draft:
        """With this message."""
        return self if message is self.message else replace(self, message=message)

    def rejected(self, reason: str) -> Draft:
        """With all recipients only put on record, for this reason; one that has a reason keeps its own."""
        recipients = tuple(replace(each, rejected=each.rejected or reason) for each in self.recipients)
        return replace(self, recipients=recipients)


def needs_whole(intake: Intake, dialect: Dialect, instructions: Instructions) -> bool:
    """Whether a step, or a rule at end of data, must see more of the message than its header."""
    return bool(
        dialect.body.looks
        or (dialect.body_tags is not None and intake.link_key())
        or instructions.files
        or instructions.template
        or instructions.variables is not None
        or instructions.idempotency_key
    )


async def recall(intake: Intake, draft: Draft) -> Draft:
    """The draft with all its octets in memory, under another id, since the old one names what lies in the spool."""
    rest = await intake.spool.read(draft.id)
    message = draft.message
    whole = Message(message.fields, message.source + rest, message.offset)
    return replace(draft, id=intake.new_id(), message=whole, spooled=0)


async def prepare(intake: Intake, connection: ConnectionFacts, dialect: Dialect, draft: Draft) -> Draft:
    """What is stored for a message that was admitted; fails with `Refusal`."""
    stored_body = draft.template is not None and draft.template.has_body
    body = dialect.body
    if not stored_body and body.keep != "any":
        # a text that is not kept is not rendered either, nor a fault in it anybody's
        draft = await apart(intake.aside, draft.message, _kept, draft, dialect)
    if draft.template is not None or draft.instructions.variables is not None:
        draft = await fill(intake.renderer, draft, draft.template, connection.account, intake.aside)
    draft = _name(draft, dialect)
    draft = _keep(draft, dialect)
    if stored_body and body.keep != "any":
        draft = await apart(intake.aside, draft.message, _kept, draft, dialect)
    if draft.instructions.files:
        bad_key = str(connection.options["bad_file_key"])
        draft = await attached(intake.files, connection.account, draft, dialect.size, bad_key, intake.aside)
    if body.attachments != "any":
        draft = await apart(intake.aside, draft.message, _attachments, draft, dialect)
    key = intake.link_key()
    tagged = bool(key) and dialect.body_tags is not None
    if tagged:
        missing = str(connection.options["missing_tags"])
        draft = await apart(intake.aside, draft.message, _tag, draft, dialect, missing)
    wanted = personal(connection.options, draft.instructions, key=key, tags=tagged, to=dialect.recipient_names)
    return draft if wanted is None else replace(draft, personal=wanted)


def _kept(draft: Draft, dialect: Dialect) -> Draft:
    """With what the dialect keeps of a body."""
    return draft.saying(dialect.body.kept(draft.message))


def _name(draft: Draft, dialect: Dialect) -> Draft:
    """Each recipient with the display name that the message's To gives it, where To gives names only."""
    if not dialect.recipient_names:
        return draft
    given = names(draft.message, [recipient.key for recipient in draft.recipients])
    named = tuple(replace(recipient, name=given.get(recipient.key, "")) for recipient in draft.recipients)
    return replace(draft, recipients=named)


def _keep(draft: Draft, dialect: Dialect) -> Draft:
    """Without the headers that the dialect does not keep."""
    if not dialect.headers_kept:
        return draft
    return replace(draft, message=draft.message.keep(*dialect.headers_kept))


def _attachments(draft: Draft, dialect: Dialect) -> Draft:
    """Judged by the attachments in it: refused, or put on record only, where one may not be."""
    unwanted = dialect.body.unwanted(draft.message)
    if not unwanted:
        return draft
    if dialect.body.otherwise == "reject":
        return draft.rejected(f"attachments of type {unwanted} are not allowed")
    said = {"extension": unwanted}
    raise Refusal("attachment_refused", said, rule="attachments", facts=said)


def _tag(draft: Draft, dialect: Dialect, missing: str) -> Draft:
    """With marks for the tags in its body; tags that are missing are added at its end ("append"), put the message on
    record only ("reject"), or refuse it ("refuse")."""
    tags = dialect.body_tags
    assert tags is not None, "asked only where the dialect has tags"
    message, lacking = tags.resolve(draft.message)
    facts = {"missing": sorted(lacking), "then": missing}
    if lacking and missing == "refuse":
        raise Refusal("tags_missing", rule="body_tags", facts=facts)
    if lacking and missing == "reject":
        return draft.rejected(f"the body lacks a link that it must have: {', '.join(sorted(lacking))}")
    return replace(draft, message=tags.append(message) if lacking else message)
