"""Confirmed sender addresses: asked for, and proven by a link in a mail or by an administrator's word.

An address need not be on a domain of the account, for whoever reads its mail may say so. A request is kept as such
until it is confirmed; asked for again it only gets another mail. The letter is mail of the system itself, charged to
nobody. `request` sends nothing: whoever asks gets what is to be sent. `ask` puts it into the queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from ..interfaces import registry as registry_border
from ..interfaces.registry import Account, Sender
from ..mail.address import Mailbox
from ..mail.envelope import SECOND, Recipient, Submission
from ..policy.dialect import STANDARD
from . import checked, link_keys, names
from .audited import audited
from .errors import Invalid, Unknown
from .installation import Installation, use_case
from .rights import administrators_only

SUBJECT = "Confirm a sender address"
#: How long the letter is tried for, in seconds.
LIFETIME = 3 * 86_400


@dataclass(frozen=True, slots=True)
class Requested:
    """A sender that waits for its confirmation, where that is done, and the letter that says so."""

    sender: Sender
    link: str
    letter: Submission


@audited("sender.request")
async def request(installation: Installation, account: str, address: str, public_url: str, hostname: str) -> Requested:
    """Ask for an address to be a confirmed sender; it is one when the link in the letter was followed."""
    if not public_url:
        raise Invalid(
            "public_url", "is not configured, so that a link would lead nowhere; confirm the address yourself"
        )
    owner = await names.account(installation.registry, account)
    mailbox = checked.mailbox("sender", address)
    sender = await _find(installation, owner, mailbox)
    if sender is None:
        sender = Sender(owner.id, mailbox.address, installation.now(), mailbox.key, "requested")
        await installation.registry.add_sender(sender)
    elif sender.status == "confirmed":
        raise Invalid("sender", f"{sender.address!r} is confirmed already")
    link = public_url.rstrip("/") + await link_keys.confirmation(installation, owner.id, mailbox.key)
    return Requested(sender, link, _letter(installation, owner, mailbox, link, hostname))


@use_case
async def ask(installation: Installation, account: str, address: str) -> Requested:
    """Ask for an address to be a confirmed sender, and send the letter, where a daemon knows who it is."""
    hostname = installation.relay.hostname if installation.relay is not None else "localhost"
    asked = await request(installation, account, address, installation.public_url, hostname)
    await installation.ledger.accept(asked.letter, False)
    return asked


@audited("sender.confirm")
@administrators_only
async def confirm(installation: Installation, account: str, address: str) -> Sender:
    """Make an address a confirmed sender by an administrator's word, whether it was asked for or not."""
    owner = await names.account(installation.registry, account)
    mailbox = checked.mailbox("sender", address)
    found = await _find(installation, owner, mailbox)
    if found is None:
        made = Sender(owner.id, mailbox.address, installation.now(), mailbox.key)
        try:
            await installation.registry.add_sender(made)
        except registry_border.Taken as error:
            raise Invalid("sender", f"{address!r} was asked for this very moment; try again") from error
        return made
    await installation.registry.confirm_sender(owner.id, found.address)
    confirmed = await _find(installation, owner, mailbox)
    if confirmed is None:
        raise Unknown("sender", address)
    return confirmed


async def _find(installation: Installation, owner: Account, mailbox: Mailbox) -> Sender | None:
    for each in await installation.registry.senders(owner.id):
        if each.key == mailbox.key:
            return each
    return None


def _letter(installation: Installation, owner: Account, mailbox: Mailbox, link: str, hostname: str) -> Submission:
    at, id = installation.now(), installation.new_id()
    source = (
        f"From: mailrelay <postmaster@{hostname}>\r\n"
        f"To: {mailbox.address}\r\n"
        f"Subject: {SUBJECT}\r\n"
        f"Date: {format_datetime(datetime.fromtimestamp(at // SECOND, UTC))}\r\n"
        f"Message-ID: <{id}@{hostname}>\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "\r\n"
        f"{owner.name} asks to send mail as {mailbox.address}.\r\n"
        "\r\n"
        "If that is right, confirm it here:\r\n"
        f"{link}\r\n"
        "\r\n"
        "If you know nothing of it, do nothing.\r\n"
    )
    return Submission(
        id=id,
        account=owner.id,
        connection="",
        dialect=STANDARD,
        peer="",
        sender="",
        recipients=(Recipient(installation.new_id(), mailbox.address, mailbox.key, mailbox.domain),),
        source=source.encode("utf-8"),
        subject=SUBJECT,
        received_at=at,
        expires_at=at + LIFETIME * SECOND,
        billing="none",
    )
