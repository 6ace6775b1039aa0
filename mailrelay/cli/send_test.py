"""The command send-test: one real mail through the running daemon, by a connection of the installation.

It speaks SMTP as an application would, and prints what the daemon answered. Where the daemon listens is read from
``ready.json`` of the state folder, else from the configuration. Nothing is put into the queue behind the daemon's back.
"""

from __future__ import annotations

import json
import smtplib
import ssl
import sys
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..manage import Invalid, checked, connections
from ..manage.credentials import usual
from . import output
from .frame import FAILED, Command, Failed
from .opening import READY, Opened, Place, installed, read_secret, wait

if TYPE_CHECKING:
    from ..config import Config, Listener

MODES = ("starttls", "implicit", "none")


@dataclass(frozen=True, slots=True)
class Door:
    """Where the daemon takes mail: `authority` is the file of certificates to verify by, "" for the system's."""

    host: str
    port: int
    tls: str
    authority: str = ""


@click.command("send-test", cls=Command)
@click.option("--connection", required=True, help="The connection to log in with.")
@click.option("--to", "recipients", multiple=True, required=True, metavar="ADDRESS", help="May be repeated.")
@click.option("--from", "sender", default="", metavar="ADDRESS", help="Another address than the connection's sender.")
@click.option("--subject", default="Test mail", show_default=True)
@click.option("--host", default="", help="Where the daemon is, when it is not to be looked up.")
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="Its port, likewise.")
@click.option(
    "--tls", type=click.Choice(MODES), default=None, help="How that port takes TLS; a good guess when left out."
)
@click.option("--insecure", is_flag=True, help="Take any certificate.")
@click.option(
    "--password-stdin", is_flag=True, help="Take the password from standard input instead of the sealed copy."
)
@installed
def send_test(
    opened: Opened,
    connection: str,
    recipients: tuple[str, ...],
    sender: str,
    subject: str,
    host: str,
    port: int | None,
    tls: str | None,
    insecure: bool,
    password_stdin: bool,
) -> None:
    """Send a real mail through the running daemon, and print what it answers.

    Ends with status 1 when the mail or one of its recipients is refused.

    \b
    Example:
      mailrelay send-test --connection web --to ann@example.net
    """
    found = wait(connections.find(opened.installation, connection))
    to = [checked.mailbox("to", each).address for each in recipients]
    mail_from = checked.mailbox("from", sender or found.sender).address
    checked.printable("subject", subject, 500)
    if password_stdin:
        username, password = usual(found).username, read_secret("Password")
    else:
        issued = wait(connections.reveal(opened.installation, found.id))
        username, password = issued.username, issued.password
    door = _door(opened.place, found.dialect, host, port, tls)
    context = _context(door, insecure)
    message = _message(mail_from, to, subject)
    try:
        with _connect(door, context) as session:
            session.login(username, password)
            reply, refused = _submit(session, mail_from, to, message)
    except smtplib.SMTPResponseException as error:
        raise Failed(_said(error.smtp_code, error.smtp_error)) from error
    except smtplib.SMTPException as error:
        raise Failed(f"{door.host}:{door.port}: {error}") from error
    except OSError as error:
        raise Failed(f"{door.host}:{door.port}: {error.strerror or error}") from error
    lines = [f"{door.host}:{door.port} answered {reply}", *(f"{each}: {said}" for each, said in refused.items())]
    done = {"reply": reply, "host": door.host, "port": door.port, "tls": door.tls, "refused": refused}
    if output.wants_json():
        output.as_json(done)
    else:
        for line in lines:
            print(output.cell(line))
    if refused:
        sys.exit(FAILED)


def _connect(door: Door, context: ssl.SSLContext | None) -> smtplib.SMTP:
    if door.tls == "implicit":
        return smtplib.SMTP_SSL(door.host, door.port, timeout=60, context=context)
    session = smtplib.SMTP(door.host, door.port, timeout=60)
    if door.tls == "starttls":
        session.starttls(context=context)
    return session


def _submit(session: smtplib.SMTP, sender: str, recipients: list[str], message: bytes) -> tuple[str, dict[str, str]]:
    """One transaction: the final reply, and what was said to each recipient that was refused."""
    session.ehlo_or_helo_if_needed()
    _need(session.mail(sender, [f"size={len(message)}"] if session.has_extn("size") else []))
    refused = {}
    for recipient in recipients:
        code, text = session.rcpt(recipient)
        if code not in (250, 251):
            refused[recipient] = _said(code, text)
    if len(refused) == len(recipients):
        raise Failed(next(iter(refused.values())))
    return _need(session.data(message)), refused


def _need(answer: tuple[int, bytes]) -> str:
    code, text = answer
    if code != 250:
        raise smtplib.SMTPResponseException(code, text)
    return _said(code, text)


def _said(code: int, text: bytes | str) -> str:
    return f"{code} {text.decode('ascii', 'backslashreplace') if isinstance(text, bytes) else text}"


def _message(sender: str, recipients: list[str], subject: str) -> bytes:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Subject"] = subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message.set_content("This is a test mail of mailrelay.\n")
    return message.as_bytes()


def _context(door: Door, insecure: bool) -> ssl.SSLContext | None:
    if door.tls == "none":
        return None
    context = ssl.create_default_context(cafile=door.authority or None)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _door(place: Place, dialect: str, host: str, port: int | None, tls: str | None) -> Door:
    """Where to go: what was asked for, completed by what the daemon says of itself."""
    doors = _published(place.state / READY, dialect) or (_configured(place.config, dialect) if place.config else [])
    doors.sort(key=lambda door: MODES.index(door.tls))
    fitting = [door for door in doors if port in (None, door.port) and tls in (None, door.tls)]
    if fitting:
        best = fitting[0]
        return Door(host or best.host, best.port, best.tls, best.authority)
    if port is None:
        wanted = f" with tls {tls}" if tls else ""
        raise Invalid(
            "port", f"the daemon does not say where it takes {dialect}{wanted}: is it running? else give --port"
        )
    return Door(
        host or "127.0.0.1", port, tls or ("implicit" if port == 465 else "starttls" if port == 587 else "none")
    )


def _published(ready: Path, dialect: str) -> list[Door]:
    """The doors of a running sandbox, by its own word."""
    try:
        facts = json.loads(ready.read_text("utf-8"))
        return [
            Door(str(entry["host"]), int(port), tls, str(facts.get("ca", "")))
            for entry in facts["connections"]
            if entry["dialect"] == dialect
            for key, tls in (("starttls", "starttls"), ("tls", "implicit"), ("plain", "none"))
            for port in entry.get(key, ())
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _configured(config: Config, dialect: str) -> list[Door]:
    return [
        Door(_reachable(listener), listener.port, listener.tls)
        for listener in config.listeners
        if listener.dialect == dialect and listener.login == "auth"
    ]


def _reachable(listener: Listener) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listener.address, listener.address)
