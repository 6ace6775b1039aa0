"""What is told of messages that were sent: one passage for each recipient, and every decision about it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue

from ..members import Id, Instant, Mailbox, Members, Name, Whole, Words

State = Literal["queued", "deferred", "delivered", "bounced", "failed", "suppressed", "expired"]
Facts = Annotated[dict[str, JsonValue], Field(description="the values that were used")]
When = Annotated[str, Field(max_length=64, examples=["2026-01-31T12:00"])]


class Filters(Members):
    """Which messages, by any combination."""

    id: Annotated[str, Field(max_length=64, description="of a message or of one recipient")] = ""
    account: Name = ""
    connection: Name = ""
    to: Annotated[Mailbox, Field(description="the recipient's whole address")] = ""
    domain: Annotated[str, Field(max_length=255, description="of the recipient")] = ""
    state: Annotated[Words, Field(description="one of several", examples=[["bounced", "failed"]])] = []
    tag: Annotated[str, Field(max_length=255)] = ""
    ref: Annotated[str, Field(max_length=255, description="the client's own reference")] = ""
    since: Annotated[When, Field(alias="from", description="ISO 8601, in the account's zone")] = ""
    until: When = ""
    before: Annotated[str, Field(max_length=64, description="the `next` of the page before")] = ""


class MessageQuery(Filters):
    """A page of them."""

    limit: Annotated[Whole, Field(ge=1, le=10_000)] = 1000


class ExportQuery(Filters):
    """All of them, as a file."""

    format: Annotated[Literal["csv", "ndjson"], Field(description="of the file")] = "csv"


class Passage(Members):
    """What became of one recipient of a message."""

    id: Annotated[Id, Field(description="of the message, as the final 250 told it")]
    connection: str
    rcpt: Annotated[str, Field(examples=["bob@example.net"])]
    state: State
    dialect_status: Annotated[str, Field(description="the state in the words of the connection's dialect")]
    last_reply: str
    attempts: int
    billed: int
    tag: str
    client_ref: str
    template: str
    metadata: dict[str, str]
    recipient: Annotated[Id, Field(description="of this recipient")]
    name: str
    account: Annotated[str, Field(description="the account's id")]
    connection_id: str
    dialect: str
    sender: Annotated[str, Field(description="the return path")]
    destination: str
    subject: str
    size: Annotated[int, Field(description="octets")]
    held: bool
    leased: Annotated[bool, Field(description="is it in a process's hands?")]
    accepted_at: Instant
    due_at: Instant
    expires_at: Instant
    last_host: str
    last_at: Instant
    opened_at: Instant
    opens: int
    clicked_at: Instant
    clicks: int
    unsubscribed_at: Instant
    complained_at: Instant
    machine_opens: int
    machine_clicks: int


class MessagePage(Members):
    """A page of the history, the newest first. It may be short, for no page looks at more than so much."""

    messages: list[Passage]
    next: Annotated[str, Field(description="the `before` of the following page, empty at the end")]


class Attempt(Members):
    """How one attempt went."""

    number: int
    at: Instant
    route: str
    host: str
    address: str
    tls: Annotated[str, Field(examples=["TLSv1.3"])]
    cipher: str
    security: Annotated[str, Field(description='what the host was held to, "none" where nothing was encrypted')]
    signed: str
    state: State
    reply: str
    next_at: Instant
    why: Facts
    transcript: Annotated[list[str], Field(description="empty when it is no longer kept")]


class Decision(Members):
    """One decision on the way in."""

    stage: str
    rule: str
    allowed: bool
    facts: Facts
    reply: Annotated[str, Field(description="empty where it allowed")]


class Next(Members):
    """When it is tried again, and why then."""

    at: Instant
    rule: str
    facts: Facts


class Report(Members):
    """A report about the mail that was sent in its turn."""

    id: str
    rcpt: str
    state: State


class Act(Members):
    """What a recipient did; `machine` is empty for a person."""

    at: Instant
    act: str
    machine: str
    target: str
    address: str
    agent: str


class Story(Members):
    """One recipient with its attempts."""

    passage: Passage
    attempts: list[Attempt]
    next: Next | None
    report: Report | None
    acts: list[Act]


class Explanation(Members):
    """A message with every decision about it."""

    id: Id
    decisions: list[Decision]
    recipients: list[Story]
    left_out: Annotated[int, Field(description="recipients that are not told")]


class ExplainQuery(Members):
    """Which recipient."""

    to: Annotated[Mailbox, Field(description="one of them, all if left out")] = ""


class MessageCard(Members):
    """A message with its recipients."""

    id: Id
    recipients: list[Passage]


class Resend(Members):
    """To whom."""

    to: Annotated[
        list[Annotated[str, Field(max_length=320)]],
        Field(max_length=1000, description="those of the first time if left out", examples=[["bob@example.net"]]),
    ] = []


class Resent(MessageCard):
    """The new message."""

    of: Annotated[Id, Field(description="the one that it is")]


class Verdict(Members):
    """One decision as it was kept."""

    model_config = ConfigDict(extra="allow")

    rule: str = ""
    allowed: bool = False


class AttemptAt(Attempt):
    """How one attempt at a recipient went."""

    rcpt: str


class Message(MessageCard):
    """A message with its recipients, the attempts made at the first of them, and the decisions on its way."""

    attempts: list[AttemptAt]
    verdicts: list[Verdict]


class Refusals(Members):
    """Which refusals."""

    connection: Name = ""
    last: Annotated[Whole, Field(ge=1, le=1000, description="how many at most")] = 20


class Refused(Members):
    """One refusal: what refused it, and the decisions up to it."""

    at: Instant
    connection: str
    connection_id: str
    peer: str
    stage: str
    rule: str
    reply: str
    facts: Facts
    decisions: list[Decision]


class Cancel(Members):
    """Why."""

    reason: Annotated[str, Field(max_length=200, examples=["sent by mistake"])] = ""


class Count(Members):
    """How many recipients it was done to."""

    count: int
