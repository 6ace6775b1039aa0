"""The matrix as data: dialects with their doors and texts, clients with what they cannot do, the cells between them.

A *door* is a port of the service in one of its TLS modes. A *cell* is one client at one door of one dialect in one
case: `ARRIVES` (the mail reaches the sink), `STRANGER` (a client that does not trust the certificate must send
nothing), `NO_TLS` (where TLS is a must, a client without it must send nothing), or one of the dialect's refusals. A
cell is run, or `reason` tells why the client cannot; nothing is left out in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

PLAIN, STARTTLS, TLS = "plain", "starttls", "tls"
MODES = {PLAIN: "plain", STARTTLS: "STARTTLS", TLS: "implicit TLS"}

ARRIVES, STRANGER, NO_TLS = "arrives", "stranger", "without TLS"
WRONG_PASSWORD, BAD_RECIPIENT, SUPPRESSED, TOO_BIG = "wrong password", "bad recipient", "suppressed", "too big"

#: The installation's `[limits] size` while the matrix runs: a message that is too big shall cost little.
SIZE = 600_000
#: No client looks at the length of a local part, and no server may take this one (RFC 5321 4.5.3.1.1).
UNWRITABLE = f"{'x' * 65}@example.net"
SUPPRESSED_ADDRESS = "suppressed@example.net"

Door = tuple[int, str]


@dataclass(frozen=True)
class Service:
    """A dialect as its clients meet it: its doors, and by case the line by which it refuses."""

    doors: tuple[Door, ...]
    refusals: Mapping[str, str]
    #: Text that the service adds below the body of the mail.
    footer: bool = False
    #: Ports with STARTTLS at which nothing is taken without it.
    tls_only: tuple[int, ...] = ()
    #: The user name that goes with a key; "" where one logs in by name and password.
    key_username: str = ""
    #: Does its last reply name the id under which the mail is queued?
    names_id: bool = True


FIVE_DOORS: tuple[Door, ...] = ((587, PLAIN), (25, PLAIN), (587, STARTTLS), (25, STARTTLS), (465, TLS))

SERVICES = {
    "standard": Service(
        FIVE_DOORS,
        {
            WRONG_PASSWORD: "535 5.7.8 Authentication credentials invalid",
            BAD_RECIPIENT: "501 5.1.3 Invalid recipient address",
            SUPPRESSED: f"550 5.7.1 Recipient {SUPPRESSED_ADDRESS} is suppressed",
            TOO_BIG: f"552 5.3.4 Message size exceeds the limit of {SIZE} octets",
        },
    ),
    "emailmassivo": Service(
        FIVE_DOORS,
        {
            WRONG_PASSWORD: "535 5.7.8 Incorrect login or password",
            BAD_RECIPIENT: "501 Invalid recipient address",
            SUPPRESSED: "550 Email receiver unsubscribe or complaint",
            TOO_BIG: f"552 Message size exceeds the limit of {SIZE} octets",
        },
    ),
    "devino": Service(
        ((587, PLAIN), (587, STARTTLS), (465, TLS)),
        {
            WRONG_PASSWORD: "535 Must authenticate before sending mail",
            BAD_RECIPIENT: f"554 Invalid recipient address: {UNWRITABLE}",
            TOO_BIG: "554 Message exceeds fixed size limit",
        },
        footer=True,
    ),
    "emaildelivery": Service(
        tuple((port, mode) for mode in (PLAIN, STARTTLS) for port in (587, 2525, 8025)),
        {
            WRONG_PASSWORD: "503 Authentication failure: invalid API key",
            BAD_RECIPIENT: f"500 Could not parse recipient address: {UNWRITABLE}",
            TOO_BIG: f"552 Message exceeded max message size of {SIZE} bytes",
        },
        key_username="anything",
        names_id=False,
    ),
    "zeptomail": Service(
        ((587, STARTTLS), (465, TLS)),
        {
            WRONG_PASSWORD: "535 Authentication Failed.",
            BAD_RECIPIENT: "501 Invalid recipient address",
            TOO_BIG: "552 5.2.0 Email size exceeded the policy.",
        },
        key_username="emailapikey",
        tls_only=(587,),
    ),
    "postmark": Service(
        tuple((port, mode) for mode in (PLAIN, STARTTLS) for port in (25, 2525, 587)),
        {
            WRONG_PASSWORD: "535 Authentication credentials invalid",
            BAD_RECIPIENT: "501 Invalid recipient address",
            TOO_BIG: f"552 Message size exceeds the limit of {SIZE} octets",
        },
    ),
}


@dataclass(frozen=True)
class Cell:
    """One client at one door of one dialect in one case."""

    client: str
    dialect: str
    port: int
    mode: str
    case: str

    @property
    def name(self) -> str:
        return f"{self.client} at {self.dialect} {self.port} {MODES[self.mode]}: {self.case}"


@dataclass(frozen=True)
class Abilities:
    """A client: its name for people, what it cannot do by its nature, and refusals of which it tells the code only."""

    title: str
    cannot: Mapping[str, str] = field(default_factory=dict)
    code_only: frozenset[str] = frozenset()
    #: Can its application keep the connection from mail to mail?
    keeps_connection: bool = False
    #: Does it give its application the id under which the mail is queued, or the reply that holds it?
    keeps_id: bool = False


CLIENTS = {
    "smtplib": Abilities("Python smtplib", keeps_connection=True),
    "aiosmtplib": Abilities("aiosmtplib", keeps_id=True),
    "django": Abilities("Django", keeps_connection=True),
    "nodemailer": Abilities("nodemailer", keeps_connection=True, keeps_id=True),
    "phpmailer": Abilities("PHPMailer", keeps_connection=True, keeps_id=True),
    "symfony": Abilities(
        "Symfony Mailer (Laravel)",
        {PLAIN: "version 5 starts TLS by itself wherever STARTTLS is offered"},
        keeps_connection=True,
    ),
    "dotnet": Abilities(
        ".NET SmtpClient (Mono)",
        {TLS: "SmtpClient knows STARTTLS only"},
        # its exception for a refused recipient has the status and no text
        frozenset({BAD_RECIPIENT, SUPPRESSED}),
    ),
    "swaks": Abilities("swaks"),
    "msmtp": Abilities("msmtp"),
    "curl": Abilities("curl"),
    "jakarta": Abilities("Jakarta Mail", keeps_connection=True),
    "go": Abilities("Go net/smtp"),
}


def cells() -> Iterator[Cell]:
    """Every cell there is. Whom to trust is a question at doors with TLS only."""
    for client in CLIENTS:
        for dialect, service in SERVICES.items():
            for port, mode in service.doors:
                for case in (ARRIVES, *([STRANGER] if mode != PLAIN else []), *service.refusals):
                    yield Cell(client, dialect, port, mode, case)
            for port in service.tls_only:
                yield Cell(client, dialect, port, PLAIN, NO_TLS)


def reason(cell: Cell) -> str:
    """Why a client cannot do a cell; "" when it can."""
    return CLIENTS[cell.client].cannot.get(cell.mode, "")


def doors_in_words() -> list[str]:
    """The table of doors, in Markdown."""
    rows = ["| dialect | plain | STARTTLS | implicit TLS |", "|---|---|---|---|"]
    for dialect, service in SERVICES.items():
        ports = [", ".join(str(port) for port, mode in service.doors if mode == each) or "none" for each in MODES]
        rows.append(f"| `{dialect}` | {' | '.join(ports)} |")
    return rows


def clients_in_words() -> list[str]:
    """The table of clients, in Markdown: what each does at every door of a mode."""
    rows = ["| client | plain | STARTTLS | implicit TLS |", "|---|---|---|---|"]
    for client in CLIENTS.values():
        can = [f"cannot: {client.cannot[mode]}" if mode in client.cannot else "works" for mode in MODES]
        rows.append(f"| {client.title} | {' | '.join(can)} |")
    return rows
