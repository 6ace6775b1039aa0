"""The installation as a whole: its switches, the keys of its links, its dialects, and its reports about TLS."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue

from ...manage import link_keys, plain, shaping, switches, tls_reports
from ...manage.errors import Unknown
from ...policy.bounce import reply_of, shipped
from ..members import Instant, Members
from ..operation import Asked, Nothing, Operation, operation

TAG = "system"
READ, WRITE = "relay:read", "relay:write"
Plain = plain.Plain


class Pause(Members):
    """Why."""

    reason: Annotated[str, Field(max_length=200, examples=["moving house"])] = ""


class Paused(Members):
    """Are clients answered that they should come later?"""

    paused: bool


class Failures(Members):
    """Which failed logins."""

    address: Annotated[str, Field(max_length=64, description="of the client", examples=["192.0.2.7"])] = ""
    user: Annotated[str, Field(max_length=1000, description="the user name, beside an address")] = ""


class Cleared(Members):
    """Under which key they were counted."""

    cleared: str


class LinkKey(Members):
    """A key that links in mail are signed by, without its secret."""

    number: int
    status: Annotated[str, Field(examples=["signs"], description='"signs", "believed" or "withdrawn"')]
    created_at: Instant
    withdrawn_at: Instant


class Dialect(Members):
    """How a service speaks, with every reply as it stands in its file."""

    name: str
    aliases: list[str]
    title: str
    extensions: list[str]
    size: int
    recipients: int
    credentials_at: str
    bare_ehlo: bool
    billing: str
    dsn: JsonValue
    suppressed: str
    suppressing: list[str]
    username: str
    credential: str
    key_usernames: list[str]
    login_needs_balance: bool
    sender_path: str
    return_path: str
    ports: dict[str, list[int]]
    options: dict[str, JsonValue]
    stages: dict[str, list[str]]
    statuses: dict[str, str]
    replies: dict[str, str]


class Reaction(Members):
    """What a refusal leads to."""

    codes: list[int]
    text: str
    action: str


class Shaping(Members):
    """How mail to one provider is shaped: connections at once, of which `start` from the first, messages for each, the
    rate ("" without a bound), and what refusals lead to, the first that meets."""

    name: Annotated[str, Field(examples=["google"])]
    about: str
    mx: Annotated[list[str], Field(description="what the names of its mail hosts end with")]
    connections: int
    start: int
    messages: int
    rate: str
    replies: list[Reaction]


class HeldShaping(Shaping):
    """With the mail host that leads to the rule, where one was looked up."""

    host: str


class HostReply(Members):
    """What a host said."""

    text: Annotated[str, Field(min_length=1, max_length=1000, examples=["550 5.1.1 User unknown"])]


class BounceClass(Members):
    """The class that a refusal belongs to, and what follows from it."""

    reply_class: Annotated[str, Field(alias="class")]
    meaning: str
    code: int
    status: str
    suppresses: bool
    days: int


class ReportsQuery(Members):
    """Which reports."""

    domain: Annotated[str, Field(max_length=255)] = ""


class TlsReport(Members):
    """A report about TLS to a domain that asks for them (RFC 8460)."""

    domain: str
    day: Annotated[str, Field(examples=["2026-11-25"])]
    status: str
    due_at: Instant
    attempts: int
    sent_to: list[str]
    sent_at: Instant
    error: str


class WholeTlsReport(TlsReport):
    """With what stands in it."""

    policies: JsonValue


@operation("POST", "/pause", TAG, WRITE, Paused, body=Pause, administrator=True)
async def relay_pause(asked: Asked[Nothing, Pause]) -> Plain:
    """Answer every client with the dialect's 421 until it is resumed; what is queued goes on."""
    await switches.pause(asked.installation, asked.body.reason)
    return {"paused": True}


@operation("POST", "/resume", TAG, WRITE, Paused, administrator=True)
async def relay_resume(asked: Asked[Nothing, None]) -> Plain:
    """Take mail again."""
    await switches.resume(asked.installation)
    return {"paused": False}


@operation("POST", "/login-guard/clear", TAG, WRITE, Cleared, body=Failures, administrator=True)
async def login_guard_clear(asked: Asked[Nothing, Failures]) -> Plain:
    """Forget failed logins: all of them, those of an address, or those for a user name from it."""
    body = asked.body
    return {"cleared": await switches.clear_login_guard(asked.installation, body.address, body.user)}


@operation("GET", "/link-keys", TAG, READ, list[LinkKey], administrator=True)
async def link_key_list(asked: Asked[Nothing, None]) -> list[Plain]:
    """The keys that links in mail are signed by; the last one signs."""
    keys = await link_keys.every(asked.installation)
    return [plain.link_key(each, signs=each is keys[-1]) for each in keys]


@operation("POST", "/link-keys", TAG, WRITE, LinkKey, 201, administrator=True)
async def link_key_rotate(asked: Asked[Nothing, None]) -> Plain:
    """Make a new key that signs from now on; links that older ones signed go on working."""
    return plain.link_key(await link_keys.rotate(asked.installation), signs=True)


@operation("POST", "/link-keys/{number}/withdraw", TAG, WRITE, LinkKey, administrator=True)
async def link_key_withdraw(asked: Asked[Nothing, None]) -> Plain:
    """Let no link that a key signed work any more, unsubscribes among them; only for one that others came to know."""
    return plain.link_key(await link_keys.withdraw(asked.installation, asked.number("number")), signs=False)


@operation("GET", "/dialects", TAG, READ, list[Dialect])
async def dialect_list(asked: Asked[Nothing, None]) -> list[Plain]:
    """The dialects that connections can have."""
    return [plain.dialect(each) for each in asked.installation.dialects]


@operation("GET", "/dialects/{name}", TAG, READ, Dialect)
async def dialect_show(asked: Asked[Nothing, None]) -> Plain:
    """One dialect with its whole table of replies."""
    name = asked.path["name"]
    try:
        return plain.dialect(asked.installation.dialects.get(name))
    except KeyError as error:
        raise Unknown("dialect", name) from error


@operation("GET", "/shaping", TAG, READ, list[Shaping])
async def shaping_list(asked: Asked[Nothing, None]) -> list[Plain]:
    """How mail to the large receivers is shaped, the default last."""
    return [plain.shaping(each) for each in await shaping.every(asked.installation)]


@operation("GET", "/shaping/{receiver}", TAG, READ, HeldShaping)
async def shaping_show(asked: Asked[Nothing, None]) -> Plain:
    """The rule that holds for a receiver: a provider by name, a mail host, or a domain, whose host is looked up."""
    found = await shaping.find(asked.installation, asked.path["receiver"])
    return plain.shaping(found.rule) | {"host": found.host}


@operation("POST", "/bounce-class", TAG, READ, BounceClass, body=HostReply)
async def bounce_class(asked: Asked[Nothing, HostReply]) -> Plain:
    """To which class a host's refusal belongs, and what follows from it."""
    return plain.bounced(reply_of(asked.body.text), shipped())


@operation("GET", "/tls-reports", TAG, READ, list[TlsReport], query=ReportsQuery, administrator=True)
async def tls_report_list(asked: Asked[ReportsQuery, None]) -> list[Plain]:
    """Reports about TLS, the newest day first; they are kept for two weeks."""
    return [tls_reports.plain(each) for each in await tls_reports.every(asked.installation, asked.query.domain)]


@operation("GET", "/tls-reports/{domain}/{day}", TAG, READ, WholeTlsReport, administrator=True)
async def tls_report_show(asked: Asked[Nothing, None]) -> Plain:
    """What stands in the report about a domain and a day, in UTC."""
    return dict(await tls_reports.show(asked.installation, asked.path["domain"], asked.path["day"]))


@operation("POST", "/tls-reports/{domain}/{day}/send", TAG, WRITE, TlsReport, administrator=True)
async def tls_report_send(asked: Asked[Nothing, None]) -> Plain:
    """Have a report sent now, within a quarter of a minute."""
    return tls_reports.plain(await tls_reports.send(asked.installation, asked.path["domain"], asked.path["day"]))


OPERATIONS: tuple[Operation, ...] = (
    relay_pause,
    relay_resume,
    login_guard_clear,
    link_key_list,
    link_key_rotate,
    link_key_withdraw,
    dialect_list,
    dialect_show,
    shaping_list,
    shaping_show,
    bounce_class,
    tls_report_list,
    tls_report_show,
    tls_report_send,
)
