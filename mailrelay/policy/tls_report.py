"""Reports about TLS (RFC 8460): who wants them by the TXT record at ``_smtp._tls``, and when they are sent.

A day is over at midnight UTC; each domain's report leaves at an instant of its own in the hours after, so that reports
of all senders do not come at once. What cannot be handed in is tried again, later each time, for a day. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import unquote

from ..mail.address import AddressError, Mailbox, parse_mailbox
from ..mail.envelope import DAY, SECOND
from .reach import PUBLIC, Reach, Unreachable

MOST = 4  #: places of one domain that are reported to
SOONEST, SPREAD = 600, 4 * 3600  #: seconds after midnight: for sessions to be written down, and for the reports
FIRST_WAIT, LONGEST_WAIT = 300, 4 * 3600  #: seconds between tries
LONGEST_URI = 1000


@dataclass(frozen=True, slots=True)
class Places:
    """Where a domain wants its reports."""

    mail: tuple[Mailbox, ...] = ()
    https: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (*(f"mailto:{each.address}" for each in self.mail), *self.https)


def places(texts: Iterable[object], reach: Reach = PUBLIC) -> Places:
    """What TXT records say; none where there is no record, or more than one (RFC 8460 3). Places that cannot be
    reached by their words alone are passed over, as are unknown fields and schemes."""
    found = [text for text in texts if isinstance(text, str) and text.replace(" ", "").startswith("v=TLSRPTv1;")]
    if len(found) != 1:
        return Places()
    uris: list[str] = []
    for field in found[0].split(";")[1:]:
        name, _, value = field.partition("=")
        if name.strip() == "rua":
            uris = [uri.strip() for uri in value.split(",")]
            break
    mail: list[Mailbox] = []
    https: list[str] = []
    for uri in dict.fromkeys(uris):
        scheme, _, rest = uri.partition(":")
        if len(mail) + len(https) == MOST or len(uri) > LONGEST_URI:
            break
        if scheme.lower() == "mailto" and (mailbox := _mailbox(rest)) is not None:
            mail.append(mailbox)
        elif scheme.lower() == "https" and _reachable(uri, reach):
            https.append(uri)
    return Places(tuple(dict.fromkeys(mail)), tuple(https))


def due_at(domain: str, day: int) -> int:
    """When the report about a day (since 1970) leaves, in microseconds."""
    chance = int.from_bytes(sha256(domain.encode()).digest()[:4], "big") / 2**32
    return (day + 1) * DAY + int((SOONEST + chance * SPREAD) * SECOND)


def wait(attempts: int) -> int | None:
    """Microseconds until the next try after so many have failed; None when there is none: a day has passed."""
    waits = [_wait(number) for number in range(1, attempts + 1)]
    return waits[-1] if sum(waits) <= DAY else None


def _wait(number: int) -> int:
    return min(FIRST_WAIT << (number - 1), LONGEST_WAIT) * SECOND


def _mailbox(text: str) -> Mailbox | None:
    try:
        return parse_mailbox(unquote(text.partition("?")[0], errors="strict"))
    except (AddressError, UnicodeDecodeError):
        return None


def _reachable(uri: str, reach: Reach) -> bool:
    try:
        return reach.url(uri)[0] == "https"
    except (Unreachable, ValueError):
        return False
