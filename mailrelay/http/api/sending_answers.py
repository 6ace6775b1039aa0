"""What is told of mail that was posted, or would be: a verdict for each recipient in the words of the dialect."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from ..members import Members

Alignment = Annotated[str, Field(examples=["strict"], description='"strict", "relaxed" or "none"')]


class Reply(Members):
    """What the dialect says; with what refused it, and by which facts, where it did."""

    code: Annotated[int, Field(examples=[250])]
    status: Annotated[str, Field(examples=["2.1.5"])]
    text: str
    rule: str | None = None
    facts: dict[str, JsonValue] | None = None


class Refusal(Reply):
    """Why nobody was accepted, and at which stage."""

    stage: str


class RecipientVerdict(Members):
    """What became of one recipient."""

    address: str
    accepted: bool
    reply: Reply
    unsent: Annotated[str | None, Field(description="why a recipient that was accepted is not sent to")] = None


class Signature(Members):
    """A signature that it would bear."""

    domain: str
    selector: str
    algorithm: str
    alignment: Alignment


class Spf(Members):
    """The domain of the return path beside that of the author."""

    domain: str
    alignment: Alignment


class Dmarc(Members):
    """Would the author's domain be vouched for, and by what?"""

    domain: str
    aligned: bool
    by: list[Literal["dkim", "spf"]]


class Remaining(Members):
    """What it would cost."""

    available: int
    cost: int
    remaining: int


class RehearsedPost(Members):
    """What would become of one message."""

    accepted: bool
    dialect: str
    recipients: list[RecipientVerdict]
    refused: Refusal | None
    message: Annotated[str, Field(description="as it would leave, for the first recipient")]
    fault: Annotated[str, Field(description="why it could not be made, empty where it could")]
    size: int
    stored_size: int
    links: list[str]
    dkim: list[Signature]
    spf: Spf
    dmarc: Dmarc
    balance: Remaining


class Rehearsed(Members):
    """What would become of a batch, message by message."""

    messages: list[RehearsedPost]


class Posted(Members):
    """What became of one message."""

    id: Annotated[str, Field(description="its id, empty where it was refused", examples=["01M8AN44D66WA787A9PHNSFCYT"])]
    accepted: bool
    dialect: str
    recipients: list[RecipientVerdict]
    refused: Refusal | None


class PostedBatch(Members):
    """What became of a batch, message by message."""

    messages: list[Posted]
