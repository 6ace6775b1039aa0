"""The delivery status notification: what a sender is told of a recipient that its message did not reach (RFC 3464).

A pure function from facts to a whole message: a text for people, the same for programs, and the header of what could
not be delivered (RFC 6522). Whatever a host said, or an address holds, is shown with everything escaped that is not
printable ASCII, so the report is 7-bit throughout but for the return path itself, and nobody's words can make a field,
a part or a line of their own. Who gets a report, and when, is not decided here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from textwrap import fill

from .address import Mailbox
from .envelope import State, ulid
from .header import MAX_LINE, fold
from .message import Message
from .mime import quoted_printable
from .trace import date

MAX_TEXT = 900  #: characters of a reply or an address; a field with it fits a line however it is folded
MAX_HEADER = 16_384  #: octets of the returned header

SUBJECT = "Undelivered mail returned to sender"

_REPLY = re.compile(r"([245])[0-9]{2}(?: ([245]\.[0-9]{1,3}\.[0-9]{1,3}))?(?: |\Z)")
_UNSAFE = re.compile(r"[^\x20-\x7e]")
_NO_XTEXT = re.compile(r"[^\x21-\x7e]|[+=\\]")

#: Status by what a recipient came to, where no reply says more (RFC 3463): too old, or not wanted.
_STATUSES = {State.EXPIRED: "4.4.7", State.SUPPRESSED: "5.7.1"}

_REASONS = {
    State.EXPIRED: "It was tried until its deadline passed.",
    State.SUPPRESSED: "The address is on the list of those that are not sent to.",
}


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A recipient that a message did not reach.

    `message` and `recipient` are their ids, `sender` the return path, `address` the recipient's, `original` the
    address that the sender gave it ("" when not known), `source` the message or its begin. `state` is what it came to,
    `reply` the last answer as text ("" for none), `host` who gave it ("" for our own words). Instants are microseconds
    since 1970; `attempted_at` is 0 when no attempt was made.
    """

    message: str
    recipient: str
    sender: Mailbox
    address: str
    state: State
    reply: str
    host: str
    arrived_at: int
    ended_at: int
    attempted_at: int
    source: bytes
    original: str = ""


def report_id(recipient: str, ended_at: int) -> str:
    """The id of the report about a recipient: there is one for each end, and who knows the end knows its id."""
    return ulid(ended_at, sha256(b"dsn " + recipient.encode()).digest()[:10])


def status(state: State, reply: str) -> str:
    """The status of RFC 3463: the reply's own, or what its code says, or what the state does."""
    found = _REPLY.match(reply)
    if found is None:
        return _STATUSES.get(state, "5.0.0")
    return found[2] or f"{found[1]}.0.0"


def report(undelivered: Undelivered, hostname: str) -> bytes:
    """The report as a message of the host `hostname`, in wire form but for an 8-bit return path."""
    id = report_id(undelivered.recipient, undelivered.ended_at)
    parts = (
        _part(b"text/plain; charset=us-ascii", _for_people(undelivered, hostname)),
        _part(b"message/delivery-status", _for_programs(undelivered, hostname)),
        _returned(undelivered.source),
    )
    boundary = f"report-{id}".encode("ascii")
    while any(boundary in part for part in parts):
        boundary += b"-"
    host = hostname.encode("ascii")
    head = (
        b"From: Mail Delivery System <MAILER-DAEMON@%s>\r\n" % host,
        b"To: <%s>\r\n" % undelivered.sender.address.encode(),
        b"Subject: %s\r\n" % SUBJECT.encode("ascii"),
        b"Date: %s\r\n" % date(undelivered.ended_at).encode("ascii"),
        b"Message-ID: <%s@%s>\r\n" % (id.encode("ascii"), host),
        b"Auto-Submitted: auto-replied\r\n",
        b"MIME-Version: 1.0\r\n",
        b'Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="%s"\r\n\r\n' % boundary,
    )
    body = [b"--%s\r\n%s\r\n" % (boundary, part) for part in parts]
    return b"".join([*head, *body, b"--%s--\r\n" % boundary])


def _part(kind: bytes, content: bytes) -> bytes:
    return b"Content-Type: %s\r\n\r\n%s" % (kind, content)


def _for_people(undelivered: Undelivered, hostname: str) -> bytes:
    said = f"{_safe(undelivered.host)} said" if undelivered.host else "The reason"
    paragraphs = [
        f"This is the mail system at {hostname}.",
        "Your message could not be delivered to the recipient below. It is not tried again. "
        + _REASONS.get(undelivered.state, ""),
        f"    <{_safe(undelivered.address)}>",
        *([f"{said}:", f"    {_safe(undelivered.reply)}"] if undelivered.reply else []),
        f"The details for programs and the header of your message follow. Its queue id was {undelivered.message}.",
    ]
    lines = [_wrapped(paragraph) for paragraph in paragraphs]
    return "\n\n".join(lines).replace("\n", "\r\n").encode("ascii") + b"\r\n"


def _wrapped(paragraph: str) -> str:
    indent = " " * (len(paragraph) - len(paragraph.lstrip(" ")))
    return fill(paragraph.strip(), 76, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _for_programs(undelivered: Undelivered, hostname: str) -> bytes:
    reply, host = undelivered.reply, undelivered.host
    recipient = [
        *([("Original-Recipient", _typed(undelivered.original))] if undelivered.original else []),
        ("Final-Recipient", _typed(undelivered.address)),
        ("Action", "failed"),
        ("Status", status(undelivered.state, reply)),
        *([("Remote-MTA", f"dns; {_safe(host)}")] if host else []),
        *([("Diagnostic-Code", f"{'smtp' if host else 'x-mailrelay'}; {_safe(reply)}")] if reply else []),
        *([("Last-Attempt-Date", date(undelivered.attempted_at))] if undelivered.attempted_at else []),
    ]
    message = [("Reporting-MTA", f"dns; {hostname}"), ("Arrival-Date", date(undelivered.arrived_at))]
    return b"\r\n".join(b"".join(_field(name, value) for name, value in group) for group in (message, recipient))


def _field(name: str, value: str) -> bytes:
    return b"\r\n".join(fold(name.encode("ascii") + b":", b" " + value.encode("ascii"))) + b"\r\n"


def _typed(address: str) -> str:
    """An address with its type; one that ASCII cannot say as RFC 6533 3 has it."""
    if not _UNSAFE.search(address):
        return f"rfc822; {_safe(address)}"
    return f"utf-8; {_cut(_NO_XTEXT.sub(_escaped, address))}"


def _returned(source: bytes) -> bytes:
    """The header of the message that could not be delivered; the end of a very long one is left out."""
    header = Message.parse(source).head()
    if len(header) > MAX_HEADER:
        header = header[: header.rfind(b"\r\n", 0, MAX_HEADER) + 2]
    if header.isascii() and b"\0" not in header and all(len(line) <= MAX_LINE for line in header.split(b"\r\n")):
        return _part(b"text/rfc822-headers", header)
    return _part(b"text/rfc822-headers\r\nContent-Transfer-Encoding: quoted-printable", quoted_printable(header))


def _safe(text: str) -> str:
    """Text on one line, everything escaped that is not printable ASCII."""
    return _cut(_UNSAFE.sub(_escaped, text.replace("\n", " ")))


def _escaped(found: re.Match[str]) -> str:
    return f"\\x{{{ord(found[0]):X}}}"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."
