"""The card of a connection: its status, what an application needs to send by it, and what to paste. Pure functions.

Secrets are shown only where they were asked for by a form; without them their places in what is pasted hold words in
capitals. An administrator who acts for an account is never shown one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from shlex import quote

from ...interfaces.registry import Connection
from ...manage import credentials
from ...manage.credentials import Issued
from ...policy.dialect import Dialect
from ..markup import Markup, join, tag
from . import clients, look
from .clients import GROUPS, MODES
from .visit import Visit

HERE = "/console/connections"
PASSWORD, USER, KEY = "YOUR-PASSWORD", "YOUR-LOGIN", "YOUR-KEY"


@dataclass(frozen=True, slots=True)
class Door:
    """Where an application connects: `tls` is "STARTTLS", "TLS" or "no TLS", `dialect` whom the port is for."""

    host: str
    port: int
    tls: str
    dialect: str


@dataclass(frozen=True, slots=True)
class Outside:
    """What of the installation concerns those who use it: its doors, whom to turn to (an address, a URL or ""), and the
    file of the `authority` that no client trusts unless it is told to, "" where there is none."""

    doors: Sequence[Door] = ()
    support: str = ""
    authority: str = ""

    def of(self, dialect: str) -> dict[str, Door]:
        """The first door of each mode, the best first."""
        mine = [each for each in self.doors if each.dialect == dialect]
        found = {mode: [each for each in mine if each.tls == words] for mode, words in MODES.items()}
        return {mode: doors[0] for mode, doors in found.items() if doors}


def view(visit: Visit, found: Connection, issued: Issued | None, outside: Outside, mode: str = "") -> list[Markup]:
    """The whole card; with `issued` the secrets that it has are shown."""
    dialect = visit.installation.dialects.get(found.dialect) if found.dialect in visit.installation.dialects else None
    return [
        tabs(found, f"{HERE}/{found.id}"),
        _standing(visit, found, outside.support),
        look.facts(
            [
                ("Status", join(look.status(found.status), f": {found.status_reason}" if found.status_reason else "")),
                ("Speaks", dialect.title if dialect else found.dialect),
                *_doors(found, outside),
                *_logins(found, issued),
                ("Sender", look.copied(found.sender)),
                ("May connect from", ", ".join(found.networks) or "any address"),
                ("Rate", rate(found)),
            ]
        ),
        _show(visit, found, issued),
        _acts(visit, found, dialect),
        _paste(found, issued, outside, dialect, mode),
    ]


def tabs(found: Connection, here: str) -> Markup:
    """The pages of one connection."""
    path = f"{HERE}/{found.id}"
    return look.tabs(
        found.name,
        [
            (path, "Card"),
            (f"{path}/settings", "Settings"),
            (f"/console/statistics?connection={found.id}", "Statistics"),
        ],
        here,
    )


def rate(found: Connection) -> str:
    """How much of its mail is taken, in words."""
    if not found.rate:
        return "as fast as it comes"
    period = {1: "second", 60: "minute", 3600: "hour", 86_400: "day"}.get(found.rate_period)
    return f"{found.rate} per {period or f'{found.rate_period} seconds'}, {found.rate_burst} at once"


def contact(support: str) -> Markup:
    """Whom to turn to."""
    if not support:
        return Markup("whoever runs this relay")
    return tag("a", support, href=support if "://" in support else f"mailto:{support}")


def _standing(visit: Visit, found: Connection, support: str) -> Markup:
    """What it means that a connection is not active, and who can help."""
    if found.status == "active":
        return Markup("")
    blocked = found.status == "blocked"
    meaning = (
        "This connection is blocked: its login is refused like a wrong password, and no mail is taken."
        if blocked
        else "This connection is not activated yet: until it is, its login is refused like a wrong password. "
    )
    why = f" Reason: {found.status_reason}." if found.status_reason else ""
    if visit.caller.administrator or not blocked:
        activate = look.form(f"{HERE}/{found.id}/activate", visit.key, look.button("Activate"))
        help = Markup("") if visit.caller.administrator else join("If that does not help, contact support: ",
                                                                  contact(support), ".")  # fmt: skip
        return tag("div", tag("p", meaning, why, help), activate, class_="note warning", role="status")
    return tag("p", meaning, why, " To have it looked at and lifted, contact support: ", contact(support), ".",
               class_="note warning", role="status")  # fmt: skip


def _doors(found: Connection, outside: Outside) -> list[tuple[str, str]]:
    mine = [each for each in outside.doors if each.dialect == found.dialect]
    if not mine:
        return [("Host", "No port of this relay speaks its dialect: ask for one.")]
    rows: list[tuple[str, str]] = [("Host", look.copied(mine[0].host))]
    for words in MODES.values():
        ports = dict.fromkeys(each.port for each in mine if each.tls == words)
        if ports:
            rows.append((f"Port, {words}", join(*(look.copied(str(each)) for each in ports))))
    return rows


def _logins(found: Connection, issued: Issued | None) -> list[tuple[str, str]]:
    hidden = tag("span", "hidden", class_="soft")

    def secret(text: str) -> Markup:
        return look.copied(text) if text else hidden

    kinds = {each.kind: each for each in found.credentials}
    shown: list[tuple[str, str]] = []
    login = credentials.find(found, "password", "generated")
    if login is not None:
        shown += [("User name", look.copied(login.username)), ("Password", secret(issued.password if issued else ""))]
    if key := kinds.get("api_key"):
        if login is None:
            shown.append(("User name", look.copied(key.username) if key.username else "anything: the key is enough"))
        shown.append(("API key", secret(issued.api_key if issued else "")))
    if short := kinds.get("short"):
        shown += [
            ("Short user name", "any address that may send" if short.by_itself else look.copied(short.username)),
            ("Short password", secret(issued.short_password if issued else "")),
        ]
    return shown


def key_header(dialect: Dialect | None) -> str:
    """The header that a key may stand in, of a dialect that looks for it when the mail is handed in."""
    if dialect is None or dialect.credentials_at != "data":
        return ""
    return next((each.name for each in dialect.headers if each.sets == "api_key"), "")


def _show(visit: Visit, found: Connection, issued: Issued | None) -> Markup:
    """The button that shows what is hidden, or why there is none."""
    if not visit.caller.sees_secrets:
        return tag("p", "Whoever acts for an account is shown no password and no key.", class_="hint")
    if issued is not None:
        return Markup("")
    if not visit.installation.reveal_secrets or not any(each.sealed for each in found.credentials):
        return tag("p", "This relay does not keep secrets to show them again: make a new one if it is lost.",
                   class_="hint")  # fmt: skip
    return look.form(f"{HERE}/{found.id}/reveal", visit.key, look.button("Show password and keys"))


def _acts(visit: Visit, found: Connection, dialect: Dialect | None) -> Markup:
    path = f"{HERE}/{found.id}"
    shown: list[Markup] = []
    kinds = {each.kind for each in found.credentials}

    def act(summary: str, text: str, name: str, *fields: str, style: str = "") -> None:
        form = look.form(f"{path}/{name}", visit.key, *fields, look.button(summary, style), stacked=True)
        shown.append(look.confirm(summary, text, form))

    if visit.caller.sees_secrets:
        if kinds & {"password", "generated"}:
            act("New password", "The password of now is refused from the next login on.", "new-password")
        if dialect is not None and dialect.key_usernames:
            had = "The key of now is refused from the next login on." if "api_key" in kinds else (
                "A key is all that an application needs: it is login and password in one."
            )  # fmt: skip
            act("New API key", had, "new-api-key")
        had = "The short password of now is refused from the next login on." if "short" in kinds else (
            "16 letters and digits, with a user name of its own, for an application that takes no longer one."
        )  # fmt: skip
        act("New short password", had, "short-password")
    for kind, name, words in (("api_key", "api-key", "API key"), ("short", "short-password", "short password")):
        if kind in kinds and len(found.credentials) > 1:
            held = tag("input", type="hidden", name="kind", value=name)
            act(f"Revoke {words}", f"The {words} is refused from the next login on.", "revoke", held, style="danger")
    if found.status == "active":
        reason = look.field("reason", "Reason", hint="Shown on the card.", maxlength="200")
        act("Block", "Its login is refused and no mail is taken until an administrator activates it again.", "block",
            reason, style="danger")  # fmt: skip
    return tag("div", *shown, class_="acts")


def _trust(authority: str) -> Markup:
    """How a client is told to trust the certificate of a sandbox."""
    words = "The certificate of a sandbox is its own: most programs take it in this environment."
    trusted = " ".join(f"{name}={quote(authority)}" for name in ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"))
    return join(tag("p", words, class_="hint"), look.snippet(f"export {trusted}\n"))


def _paste(found: Connection, issued: Issued | None, outside: Outside, dialect: Dialect | None, mode: str) -> Markup:
    """What to paste into clients; where the dialect knows no login, the header that each message needs."""
    doors = outside.of(found.dialect)
    heading = tag("h2", "Ready to paste")
    header: list[Markup] = []
    if where := key_header(dialect):
        line = look.snippet(f"{where}: {issued.api_key if issued and issued.api_key else KEY}\n")
        header = [tag("p", "The key is the password beside any user name, or stands in a header of each mail:"), line]
    if not doors:
        return Markup("")
    mode = mode if mode in doors else next(iter(doors))
    path = f"{HERE}/{found.id}"
    modes = [(f"{path}?mode={each}#paste", f"{MODES[each]}, port {doors[each].port}") for each in doors]
    user, password = filling(found, issued)
    parts: list[Markup] = []
    for group, members in groupby(clients.shipped(), key=lambda each: each.group):
        shown: list[Markup] = []
        for each in members:
            spoken = each.speaks(mode, list(doors))
            if not spoken:
                continue
            door = doors[spoken]
            text = each.filled(spoken, door.host, door.port, user, password, found.sender)
            notes = [each.note] if each.note else []
            if spoken != mode:
                notes.append(f"By {MODES[spoken]} on port {door.port}, for it does not speak {MODES[mode]} here.")
            shown.append(
                tag("details", tag("summary", each.title), *(tag("p", note, class_="hint") for note in notes),
                    look.snippet(text), name="client", id=each.name)
            )  # fmt: skip
        parts += [tag("h3", GROUPS[group]), *shown] if shown else []
    told = "" if issued else "Show the password first to have it filled in. "
    said = tag("p", told, "Each text sends as it stands, but for the recipient.", class_="hint")
    trust = _trust(outside.authority) if outside.authority and mode != "plain" else ""
    tabs = look.tabs("Encryption", modes, f"{path}?mode={mode}#paste")
    return tag("section", heading, *header, tabs, said, trust, *parts, id="paste", class_="paste")


def filling(found: Connection, issued: Issued | None) -> tuple[str, str]:
    """User name and password for what is pasted: those issued, as far as they are known, or words in their place."""
    usual = credentials.usual(found) if found.credentials else None
    by_key = usual is not None and usual.kind == "api_key"
    login = usual.username if usual is not None else ""
    user = login or (issued.username if issued and issued.username else KEY if by_key else USER)
    password = issued.password if issued and issued.password else KEY if by_key else PASSWORD
    return user, password
