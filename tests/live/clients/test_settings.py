"""What docs/clients.md gives to paste is pasted: only host, port, login, addresses and the mail's file are changed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ..daemon import Sandbox
from .programs import NODE_MODULES, PROGRAMS, assert_there

PAGE = Path(__file__).parents[3] / "docs" / "clients.md"
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

AROUND_DJANGO = """
import django
from django.conf import settings
settings.configure(**{name: value for name, value in globals().items() if name.startswith("EMAIL_")})
from django.core.mail import send_mail
send_mail("Your order", "Thank you!", "news@shop.example", ["ann@example.net"])
"""
AROUND_NODEMAILER = (
    "const nodemailer = require('nodemailer');\n",
    "\ntransport.sendMail({from: 'news@shop.example', to: 'ann@example.net', subject: 'Your order', text: 'Hello'});",
)
AROUND_AIOSMTPLIB = """
import asyncio, aiosmtplib
from email.message import EmailMessage
message = EmailMessage()
message["From"], message["To"], message["Subject"] = "news@shop.example", "ann@example.net", "Your order"
message.set_content("Thank you!")
async def main():
"""


def pasted(title: str) -> str:
    """The first block of code below a heading of the page."""
    _, found, below = PAGE.read_text("utf-8").partition(f"\n## {title}\n")
    block = FENCED.search(below)
    assert found and block, title
    return block[2]


@pytest.mark.parametrize("client", ["smtplib", "aiosmtplib", "django", "nodemailer", "curl", "msmtp", "swaks"])
def test_pasted(sandbox: Sandbox, tmp_path: Path, client: str) -> None:
    """With the settings of the page a mail is sent over STARTTLS, to a server whose certificate is verified."""
    assert_there(PROGRAMS[client].needs)
    card, recipient = sandbox.card("standard"), f"pasted.{client}@example.net"
    mail = f"From: {card['mail_from']}\nSubject: Your order\n\nThank you!\n"
    (tmp_path / "mail.eml").write_bytes(mail.replace("\n", "\r\n").encode())

    def filled(text: str) -> str:
        for printed, word in {
            "relay.example": "localhost",
            "587": str(card["ports"]["587"]),
            "news@shop.example": card["mail_from"],
            "ann@example.net": recipient,
            "my-login": card["username"],
            "my-password": card["password"],
            "mail.eml": str(tmp_path / "mail.eml"),
        }.items():
            text = text.replace(printed, word)
        return text

    ca = sandbox.facts["ca"]
    names = {"SSL_CERT_FILE": ca, "CURL_CA_BUNDLE": ca, "NODE_EXTRA_CA_CERTS": ca, "NODE_PATH": str(NODE_MODULES)}
    given = ""
    match client:
        case "smtplib":
            command, given = [sys.executable, "-"], filled(pasted("Python: smtplib"))
        case "aiosmtplib":
            lines = filled(pasted("Python: aiosmtplib")).splitlines()
            body = "".join(f"    {line}\n" for line in lines)
            command, given = [sys.executable, "-"], f"{filled(AROUND_AIOSMTPLIB)}{body}asyncio.run(main())\n"
        case "django":
            command, given = [sys.executable, "-"], filled(pasted("Django")) + filled(AROUND_DJANGO)
        case "nodemailer":
            before, after = AROUND_NODEMAILER
            command, given = ["node", "-"], before + filled(pasted("Node.js: nodemailer")) + filled(after)
        case "msmtp":
            settings = filled(pasted("msmtp, as sendmail for PHP, cron and mutt")) + f"tls_trust_file {ca}\n"
            (tmp_path / "msmtprc").write_text(settings)
            (tmp_path / "msmtprc").chmod(0o600)
            command, given = ["msmtp", "-C", str(tmp_path / "msmtprc"), recipient], mail
        case _:
            command = ["bash", "-c", filled(pasted(client))]
    ended = subprocess.run(
        command, input=given, cwd=tmp_path, env=dict(os.environ) | names, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, (given, ended.stdout, ended.stderr)
    sandbox.received(recipient)
