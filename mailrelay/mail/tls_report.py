"""Reports about TLS as senders write them (RFC 8460 4, 5): sessions of one day in, the JSON document and its mail out.

Pure functions. What sessions are counted, to whom a report goes, and when, is not decided here.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from textwrap import fill

from .address import Mailbox
from .mime import base64
from .trace import date

#: The media type of a document that is compressed (RFC 8460 6.4), and how one is called as an attachment.
COMPRESSED = "application/tlsrpt+gzip"

#: The route that mail with reports asks for; where no route has that name it goes the usual way, whatever becomes of
#: TLS on it, and is counted in no report (RFC 8460 3).
ROUTE = "tls-reports"

_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Session:
    """What sessions that are counted together have in common: the `day` (since 1970, in UTC), the policy domain, the
    policy (`kind`, `strings`, `mx` as in `encryption.TlsPolicy`), what came of it (`result`: a result type of RFC 8460
    4.3, "" for success), and, of failures, the host with its address and ours ("" where not known)."""

    domain: str
    day: int
    kind: str
    strings: tuple[str, ...] = ()
    mx: tuple[str, ...] = ()
    result: str = ""
    host: str = ""
    address: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Reporting:
    """Who reports: the organization, how a person is reached (`contact`), the address that mail comes from."""

    organization: str
    contact: str
    sender: Mailbox

    @property
    def submitter(self) -> str:
        """The domain that reports come from."""
        return self.sender.domain


def begin(day: int) -> datetime:
    """The first instant of a day."""
    return _EPOCH + day * _DAY


def document(counted: Mapping[Session, int], domain: str, day: int, id: str, who: Reporting) -> dict[str, object]:
    """The document of RFC 8460 4.4 about one domain's day."""
    policies: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[tuple[Session, int]]] = {}
    for session, count in counted.items():
        policies.setdefault((session.kind, session.strings, session.mx), []).append((session, count))
    return {
        "organization-name": who.organization,
        "date-range": {
            "start-datetime": f"{begin(day):%Y-%m-%dT%H:%M:%SZ}",
            "end-datetime": f"{begin(day + 1) - timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}",
        },
        "contact-info": who.contact,
        "report-id": id,
        "policies": [
            _policy(domain, kind, strings, mx, policies[kind, strings, mx]) for kind, strings, mx in sorted(policies)
        ],
    }


def _policy(
    domain: str, kind: str, strings: tuple[str, ...], mx: tuple[str, ...], sessions: list[tuple[Session, int]]
) -> dict[str, object]:
    failed = sorted(((each, count) for each, count in sessions if each.result), key=_by_result)
    shown: dict[str, object] = {"policy-type": kind}
    if strings:
        shown["policy-string"] = list(strings)
    shown["policy-domain"] = domain
    if mx:
        shown["mx-host"] = list(mx)
    return {
        "policy": shown,
        "summary": {
            "total-successful-session-count": sum(count for each, count in sessions if not each.result),
            "total-failure-session-count": sum(count for _, count in failed),
        },
        **({"failure-details": [_detail(each, count) for each, count in failed]} if failed else {}),
    }


def _by_result(counted: tuple[Session, int]) -> tuple[str, str, str, str]:
    session, _ = counted
    return session.result, session.host, session.address, session.source


def _detail(session: Session, count: int) -> dict[str, object]:
    known = {
        "result-type": session.result,
        "sending-mta-ip": session.source,
        "receiving-mx-hostname": session.host,
        "receiving-ip": session.address,
    }
    return {**{name: value for name, value in known.items() if value}, "failed-session-count": count}


def packed(made: Mapping[str, object]) -> bytes:
    """A document as it is handed in: JSON (RFC 7493), compressed; equal documents give equal octets."""
    return gzip.compress(json.dumps(made, ensure_ascii=True, separators=(",", ":")).encode("ascii"), mtime=0)


def file_name(domain: str, day: int, who: Reporting) -> str:
    """What the attachment is called (RFC 8460 5.1)."""
    first, last = int(begin(day).timestamp()), int(begin(day + 1).timestamp()) - 1
    return f"{who.submitter}!{domain}!{first}!{last}!001.json.gz"


def subject(domain: str, id: str, who: Reporting) -> str:
    return f"Report Domain: {domain} Submitter: {who.submitter} Report-ID: <{id}@{who.submitter}>"


def letter(octets: bytes, domain: str, day: int, id: str, who: Reporting, to: Mailbox, at: int) -> bytes:
    """The mail that hands a compressed document in (RFC 8460 5.3), in wire form; ids and domains are ASCII."""
    text = (
        f"This is an aggregate report about TLS in SMTP sessions with mail hosts of {domain} on {begin(day):%Y-%m-%d}, "
        f"from midnight to midnight UTC, by {who.submitter}. It is attached as JSON (RFC 8460), for programs to read."
    )
    boundary = f"tlsrpt-{id}"
    lines = (
        f"From: TLS reports <{who.sender.address}>",
        f"To: <{to.address}>",
        f"Subject: Report Domain: {domain}",
        f" Submitter: {who.submitter}",
        f" Report-ID: <{id}@{who.submitter}>",
        f"Date: {date(at)}",
        f"Message-ID: <{id}.{at:x}@{who.submitter}>",
        f"TLS-Report-Domain: {domain}",
        f"TLS-Report-Submitter: {who.submitter}",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type="tlsrpt";',
        f' boundary="{boundary}"',
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        *fill(text, 76, break_long_words=False, break_on_hyphens=False).split("\n"),
        "",
        f"--{boundary}",
        f"Content-Type: {COMPRESSED}",
        "Content-Transfer-Encoding: base64",
        "Content-Disposition: attachment;",
        f' filename="{file_name(domain, day, who)}"',
        "",
        "",
    )
    end = f"\r\n--{boundary}--\r\n".encode("ascii")
    return "\r\n".join(lines).encode() + base64(octets).rstrip(b"\r\n") + b"\r\n" + end.lstrip(b"\r\n")
