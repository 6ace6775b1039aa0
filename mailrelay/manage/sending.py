"""Sending without SMTP: what a program asks for becomes messages, which go the way of all others.

A message is written from its parts or comes whole. In a batch each recipient gets a message of their own, with
variables and marks of their own; each is taken or refused by itself. `preflight` asks the same and leaves no trace.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from twisted.internet.defer import DeferredSemaphore, gatherResults

from ..interfaces.posting import IPostOffice, Post, Posted, Rehearsed
from ..interfaces.registry import Connection
from ..interfaces.submission import Peer
from ..mail.address import Mailbox
from ..mail.letter import Letter, Named, Unwritable, write
from ..policy.codecs import Unreadable
from ..policy.urgency import meaning
from . import checked, names
from .errors import Invalid
from .installation import Installation, use_case

#: Recipients of one message, of a batch, and the octets that a batch may come to.
MOST_RECIPIENTS, MOST_IN_BATCH, MOST_OCTETS = 1000, 1000, 64 << 20
#: Messages of a batch that are under way at once.
AT_ONCE = 20
#: Octets of files from which a message is written in a thread.
LARGE = 64 * 1024
#: Characters that a text of the options may have, and items of metadata.
LONGEST = {"tag": 128, "client_ref": 255, "route": 64, "template": 128, "idempotency_key": 255}
LONGEST_VARIABLES, MOST_METADATA, LONGEST_METADATA = 65_536, 50, 255
#: By what name a program knows a field of `Instructions`, where that is another.
CALLED = {"client_ref": "reference"}


@dataclass(frozen=True, slots=True)
class Options:
    """What a program says beside a message; "" and None say nothing. `valid_until` is an instant or seconds, in words;
    `files` are keys of the cache with the names that they are given, or ""."""

    template: str = ""
    variables: Mapping[str, Any] | None = None
    tag: str = ""
    client_ref: str = ""
    route: str = ""
    idempotency_key: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    files: tuple[tuple[str, str], ...] = ()
    track_opens: bool | None = None
    track_clicks: bool | None = None
    priority: str = ""
    valid_until: str = ""


@dataclass(frozen=True, slots=True)
class Personal:
    """One recipient of a batch, with what is their own; variables and metadata are laid over those of all."""

    to: Named
    variables: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    client_ref: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a program asks to be sent: a `letter` whose To and Cc are recipients, or the octets of a `raw` message with
    its recipients in `bcc`; in a `batch` the letter goes to each by itself. `return_path` is where reports go, None for
    the author."""

    connection: str
    letter: Letter | None = None
    raw: bytes = b""
    bcc: tuple[Named, ...] = ()
    batch: tuple[Personal, ...] = ()
    return_path: str | None = None
    options: Options = Options()


@use_case
async def send(installation: Installation, wanted: Wanted, peer: Peer) -> Sequence[Posted]:
    """What became of each message; fails with `Invalid` or `Unknown` when nothing could be asked."""
    office = _office(installation)
    turns = DeferredSemaphore(AT_ONCE)
    posts = await _posts(installation, wanted, peer)
    found: list[Posted] = await gatherResults([turns.run(office.submit, post) for post in posts], consumeErrors=True)
    return found


@use_case
async def preflight(installation: Installation, wanted: Wanted, peer: Peer) -> Sequence[Rehearsed]:
    """What would become of each message, while nothing is sent, charged, counted or kept."""
    office = _office(installation)
    found = []
    for post in await _posts(installation, wanted, peer):
        found.append(await office.rehearse(post))
    return found


def _office(installation: Installation) -> IPostOffice:
    if installation.posts is None:
        raise Invalid("connection", "messages are taken by a running daemon only")
    return installation.posts


async def _posts(installation: Installation, wanted: Wanted, peer: Peer) -> list[Post]:
    connection = await _connection(installation, wanted.connection)
    said = _said(wanted.options)
    if wanted.letter is None:
        return [_raw(wanted, connection.id, peer, said)]
    if not wanted.batch:
        listed = (*wanted.letter.to, *wanted.letter.cc, *wanted.bcc)
        source = await _written(installation, wanted.letter)
        return [Post(connection.id, _sender(wanted), _recipients("to", listed), source, peer, said)]
    if wanted.letter.to or wanted.letter.cc or wanted.bcc:
        raise Invalid("batch", "each message goes to its own recipient: leave out to, cc and bcc")
    if len(wanted.batch) > MOST_IN_BATCH:
        raise Invalid("batch", f"has more than {MOST_IN_BATCH} recipients")
    posts = []
    octets = 0
    for number, each in enumerate(wanted.batch):
        part = f"batch[{number}]"
        source = await _written(installation, replace(wanted.letter, to=(each.to,)), part)
        octets += len(source)
        if octets > MOST_OCTETS:
            raise Invalid("batch", f"comes to more than {MOST_OCTETS} octets")
        own = said | _own(wanted.options, each, part)
        posts.append(Post(connection.id, _sender(wanted), _recipients(f"{part}.to", (each.to,)), source, peer, own))
    return posts


async def _connection(installation: Installation, name: str) -> Connection:
    """The connection of that name, or the only one that is active."""
    if name:
        return await names.connection(installation.registry, name)
    known = [each for each in await installation.registry.connections("") if each.status == "active"]
    if len(known) != 1:
        raise Invalid("connection", "there are several: name one" if known else "there is none that is active")
    return known[0]


def _raw(wanted: Wanted, connection: str, peer: Peer, said: Mapping[str, object]) -> Post:
    if wanted.batch:
        raise Invalid("batch", "a raw message is the same for everybody")
    if wanted.return_path is None:
        raise Invalid("return_path", "must be given with a raw message: nobody else says who sends it")
    return Post(connection, _sender(wanted), _recipients("to", wanted.bcc), wanted.raw, peer, said)


async def _written(installation: Installation, letter: Letter, part: str = "") -> bytes:
    id = installation.new_id()
    try:
        if sum(len(file.octets) for file in letter.files) + len(letter.html) < LARGE:
            return write(letter, id)
        found: bytes = await installation.aside(write, letter, id)
        return found
    except Unwritable as error:
        raise Invalid(f"{part}.{error.part}" if part and error.part == "to" else error.part, error.reason) from None


def _sender(wanted: Wanted) -> Mailbox | None:
    if wanted.return_path is None:
        assert wanted.letter is not None, "asked for where there is none"
        return checked.mailbox("from", wanted.letter.sender.address)
    return checked.mailbox("return_path", wanted.return_path) if wanted.return_path else None


def _recipients(part: str, listed: Sequence[Named]) -> tuple[Mailbox, ...]:
    """Each once."""
    if not listed:
        raise Invalid(part, "names nobody")
    if len(listed) > MOST_RECIPIENTS:
        raise Invalid(part, f"names more than {MOST_RECIPIENTS}: make a batch of them, or several messages")
    found = (checked.mailbox(part, each.address) for each in listed)
    return tuple({mailbox.key: mailbox for mailbox in found}.values())


def _said(options: Options) -> dict[str, object]:
    """The options as fields of `Instructions`; only what is said."""
    said: dict[str, object] = {}
    for name, longest in LONGEST.items():
        if text := getattr(options, name):
            said[name] = checked.printable(CALLED.get(name, name), text, longest)
    if options.variables is not None:
        said["variables"] = _variables("variables", options.variables)
    if options.metadata:
        said["metadata"] = _metadata("metadata", options.metadata)
    if options.files:
        said["files"] = options.files
    said |= {name: flag for name in ("track_opens", "track_clicks") if (flag := getattr(options, name)) is not None}
    for name in ("priority", "valid_until"):
        if text := getattr(options, name):
            try:
                said |= meaning(name, text)
            except Unreadable as error:
                raise Invalid(name, str(error)) from None
    return said


def _own(options: Options, each: Personal, part: str) -> dict[str, object]:
    """What is a recipient's own of a batch; its idempotency key is that of the batch and the address."""
    own: dict[str, object] = {}
    if options.variables is not None or each.variables:
        own["variables"] = _variables(f"{part}.variables", {**(options.variables or {}), **each.variables})
    if each.metadata:
        own["metadata"] = _metadata(f"{part}.metadata", {**options.metadata, **each.metadata})
    if each.client_ref:
        own["client_ref"] = checked.printable(f"{part}.reference", each.client_ref, LONGEST["client_ref"])
    if options.idempotency_key:
        own["idempotency_key"] = sha256(f"{options.idempotency_key}\n{each.to.address}".encode()).hexdigest()
    return own


def _variables(part: str, variables: Mapping[str, Any]) -> str:
    text = json.dumps(variables, ensure_ascii=False)
    if len(text) > LONGEST_VARIABLES:
        raise Invalid(part, f"are longer than {LONGEST_VARIABLES} characters of JSON")
    return text


def _metadata(part: str, metadata: Mapping[str, str]) -> dict[str, str]:
    if len(metadata) > MOST_METADATA:
        raise Invalid(part, f"has more than {MOST_METADATA} items")
    return {
        checked.printable(part, name, LONGEST_METADATA): checked.printable(
            f"{part}.{name[:40]}", text, LONGEST_METADATA
        )
        for name, text in metadata.items()
    }
