"""``mailrelay preflight``: what would become of a message, while nothing is sent, charged or written."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from twisted.internet.defer import Deferred

from ..interfaces.submission import Peer
from ..mail.addresses import mailboxes
from ..mail.letter import Named
from ..mail.message import Message
from ..manage import Invalid, plain_posts, sending
from . import output
from .frame import FAILED, Command
from .opening import Opened, installed, now, wait


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--connection", required=True, metavar="NAME", help="The connection that would send it.")
@click.option("--to", "recipients", multiple=True, metavar="ADDRESS", help="A recipient; else those of the message.")
@click.option("--from", "sender", default="", metavar="ADDRESS", help="The reverse path; else the author.")
@installed
def preflight(opened: Opened, file: Path, connection: str, recipients: tuple[str, ...], sender: str) -> None:
    """Say what would become of a message in FILE ("-" is standard input), and send nothing.

    It goes the whole way of a message that a daemon takes: rules, templates, tracking, signatures. Ends with status 1
    when it would be refused, or when one of its recipients would.

    \b
    Example:
      mailrelay preflight order.eml --connection web --to ann@example.net
    """
    octets = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    message = Message.parse(octets)
    to = recipients or _named(message, "To", "Cc", "Bcc")
    author = sender or next(iter(_named(message, "From")), "")
    if not author:
        raise Invalid("from", "the message names no author that can be read: give --from")
    wanted = sending.Wanted(connection, raw=octets, bcc=tuple(map(Named, to)), return_path=author)
    (found,) = wait(sending.preflight(replace(opened.installation, posts=_office(opened)), wanted, _PEER))
    told = plain_posts.rehearsed(found)
    if output.wants_json():
        output.as_json(told)
    else:
        for line in _lines(told):
            print(output.cell(line))
    if not told["accepted"] or not all(each["accepted"] for each in told["recipients"]):
        sys.exit(FAILED)


#: Who asks: nobody who came by a line.
_PEER = Peer("127.0.0.1", "preflight", "", via="local")


def _named(message: Message, *fields: str) -> tuple[str, ...]:
    found = [mailbox.address for field in fields for value in message.all(field) for mailbox in mailboxes(value)]
    return tuple(dict.fromkeys(found))


def _office(opened: Opened) -> Any:
    # these load the whole relay
    from ..config import Config
    from ..run.rehearsal import rehearsing

    place, installation = opened.place, opened.installation
    return wait(
        Deferred.fromCoroutine(
            rehearsing(
                place.config or Config(),
                opened.store,
                installation.vault,
                installation.dialects,
                renderer=installation.renderer,
                state=place.state,
                hostname=place.hostname,
                public_url=place.public_url,
                now=now,
            )
        )
    )


def _lines(told: dict[str, Any]) -> list[str]:
    """The same for people."""
    lines = [f"{each['address']}: {_reply(each['reply'])}{_unsent(each)}" for each in told["recipients"]]
    if told["refused"] is not None:
        return [*lines, f"refused at {told['refused']['stage']}: {_reply(told['refused'])} ({told['refused']['rule']})"]
    lines.append(f"would be taken: {told['size']} octets leave, {told['stored_size']} are stored")
    if told["fault"]:
        lines.append(f"could not leave as it is: {told['fault']}")
    for each in told["dkim"]:
        lines.append(f"signed by {each['domain']} ({each['selector']}, {each['algorithm']}): {each['alignment']}")
    dmarc = told["dmarc"]
    lines.append(f"DMARC of {dmarc['domain']}: aligned by {', '.join(dmarc['by']) or 'nothing'}")
    lines += [f"link: {link}" for link in told["links"]]
    balance = told["balance"]
    return [*lines, f"{balance['remaining']} of {balance['available']} sends would be left"]


def _reply(reply: dict[str, Any]) -> str:
    return " ".join(str(part) for part in (reply["code"], reply["status"], reply["text"]) if part)


def _unsent(each: dict[str, Any]) -> str:
    return f" (would not be sent to: {each['unsent']})" if "unsent" in each else ""
