"""The body of ``POST /api/v1/messages`` and ``/api/v1/preflight``: its members, their kinds and bounds."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from ...mail.address import AddressError
from ...mail.addresses import addresses
from ...mail.letter import Letter, Named
from ...mail.rebuild import File
from ...manage.sending import MOST_IN_BATCH, MOST_METADATA, MOST_RECIPIENTS, Options, Personal, Wanted
from ..members import Members

LONGEST_LINE = 998
LONGEST_TEXT = 8 << 20


def _taken_apart(value: Any) -> Any:
    """``Name <address>`` as an object."""
    if not isinstance(value, str):
        return value
    try:
        ((name, mailbox),) = addresses(value.encode("utf-8", "replace"))
    except (AddressError, ValueError):
        raise ValueError("must be one address, such as Bob <bob@example.net>") from None
    return {"address": mailbox.address, "name": name}


class Person(Members):
    """An address, with the name that is shown for it; may also be written as ``Name <address>``."""

    address: Annotated[str, Field(max_length=320, examples=["bob@example.net"])]
    name: Annotated[str, Field(max_length=255)] = ""

    @property
    def named(self) -> Named:
        return Named(self.address, self.name)


Written = Annotated[str, Field(max_length=600, examples=["Bob <bob@example.net>"])]
Somebody = Annotated[Person, BeforeValidator(_taken_apart, json_schema_input_type=Person | Written)]
Several = Annotated[list[Somebody], Field(max_length=MOST_RECIPIENTS)]
#: One or several.
People = Annotated[
    list[Somebody],
    BeforeValidator(
        lambda value: value if isinstance(value, list) else [value], json_schema_input_type=Several | Person | Written
    ),
    Field(max_length=MOST_RECIPIENTS),
]


def _octets(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be base64") from None
    return text


Base64 = Annotated[str, AfterValidator(_octets), Field(json_schema_extra={"contentEncoding": "base64"})]
Line = Annotated[str, Field(max_length=LONGEST_LINE)]
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
Variables = dict[str, JsonValue]
Metadata = Annotated[dict[str, str], Field(max_length=MOST_METADATA)]


class Attachment(Members):
    """A file: shown by HTML as ``cid:…`` where it has a `cid`, else attached."""

    name: Annotated[str, Field(min_length=1, max_length=255, examples=["invoice.pdf"])]
    type: Annotated[str, Field(max_length=255, examples=["application/pdf"])] = "application/octet-stream"
    content: Base64
    cid: Annotated[str, Field(max_length=200)] = ""

    @property
    def file(self) -> File:
        return File(self.name, self.type, base64.b64decode(self.content), self.cid)


class CachedFile(Members):
    """A file of the cache by its key, under its own name or another."""

    key: Annotated[str, Field(min_length=1, max_length=255)]
    name: Annotated[str, Field(max_length=255)] = ""


class OwnMessage(Members):
    """One recipient of a batch; variables and metadata are laid over those of all."""

    to: Somebody
    variables: Variables = {}
    metadata: Metadata = {}
    reference: Annotated[str, Field(max_length=255)] = ""

    @property
    def personal(self) -> Personal:
        return Personal(self.to.named, self.variables, self.metadata, self.reference)


class Outgoing(Members):
    """A message: written from its parts, or `raw`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "from": "Shop <app@acme.example>",
                    "to": ["Bob <bob@example.net>"],
                    "subject": "Your order",
                    "text": "Thank you!",
                    "tag": "orders",
                    "reference": "order-17",
                }
            ]
        }
    )

    connection: Annotated[str, Field(max_length=255, description="its name or id; the only active one if left out")] = (
        ""
    )
    sender: Annotated[Somebody | None, Field(alias="from")] = None
    to: Annotated[People, Field(description="shown to everybody")] = []
    cc: Annotated[People, Field(description="shown to everybody, too")] = []
    bcc: Annotated[People, Field(description="shown to nobody")] = []
    reply_to: Annotated[People, Field(description="where answers go")] = []
    subject: Line = ""
    text: Annotated[Text, Field(description="the message as text")] = ""
    html: Annotated[Text, Field(description="the message as HTML")] = ""
    headers: Annotated[dict[str, str], Field(description="further headers, by name")] = {}
    attachments: Annotated[list[Attachment], Field(description="files, in base64", max_length=100)] = []
    raw: Annotated[Base64, Field(description="a whole message (RFC 5322) in place of its parts")] = ""
    return_path: Annotated[str | None, Field(max_length=320, description='where reports go; "" for nowhere')] = None
    batch: Annotated[
        list[OwnMessage], Field(description="a message for each of these, in place of `to`", max_length=MOST_IN_BATCH)
    ] = []
    template: Annotated[str, Field(description="a stored template by its id", max_length=128)] = ""
    variables: Annotated[Variables | None, Field(description="what templates are rendered with")] = None
    tag: Annotated[str, Field(description="by which statistics are kept", max_length=128)] = ""
    reference: Annotated[str, Field(description="the caller's own word for it", max_length=255)] = ""
    route: Annotated[str, Field(description="by which route it leaves", max_length=64)] = ""
    metadata: Annotated[Metadata, Field(description="told with every event")] = {}
    files: Annotated[list[CachedFile], Field(description="files of the cache", max_length=50)] = []
    track_opens: Annotated[bool | None, Field(description="as the connection has it if left out")] = None
    track_clicks: Annotated[bool | None, Field(description="as the connection has it if left out")] = None
    priority: Annotated[str, Field(description="high, normal or low", max_length=32, examples=["high"])] = ""
    valid_until: Annotated[str, Field(max_length=64, description="an instant, or seconds from now, as text")] = ""
    idempotency_key: Annotated[str, Field(description="under one key a message is taken once", max_length=255)] = ""

    @model_validator(mode="after")
    def _one_way(self) -> Outgoing:
        if not self.raw:
            if self.sender is None:
                raise ValueError("from: must be given")
            return self
        parts = ("reply_to", "subject", "text", "html", "headers", "attachments", "batch")
        if given := [name for name in parts if getattr(self, name)]:
            raise ValueError(f"{given[0]}: not beside a raw message")
        if self.sender is None and self.return_path is None:
            raise ValueError("from: must be given, or return_path")
        return self

    @property
    def wanted(self) -> Wanted:
        """The same for the use case."""
        listed = {name: tuple(each.named for each in getattr(self, name)) for name in ("to", "cc", "bcc", "reply_to")}
        letter, bcc, return_path = None, listed["bcc"], self.return_path
        if self.raw:
            bcc = (*listed["to"], *listed["cc"], *bcc)
            if return_path is None and self.sender is not None:
                return_path = self.sender.address
        elif self.sender is not None:
            letter = Letter(
                self.sender.named,
                listed["to"],
                listed["cc"],
                listed["reply_to"],
                self.subject,
                self.text,
                self.html,
                tuple(self.headers.items()),
                tuple(each.file for each in self.attachments),
            )
        return Wanted(
            self.connection,
            letter,
            base64.b64decode(self.raw),
            bcc,
            tuple(each.personal for each in self.batch),
            return_path,
            Options(
                template=self.template,
                variables=self.variables,
                tag=self.tag,
                client_ref=self.reference,
                route=self.route,
                idempotency_key=self.idempotency_key,
                metadata=self.metadata,
                files=tuple((each.key, each.name) for each in self.files),
                track_opens=self.track_opens,
                track_clicks=self.track_clicks,
                priority=self.priority,
                valid_until=self.valid_until,
            ),
        )
