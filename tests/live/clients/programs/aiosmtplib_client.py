"""aiosmtplib."""

from __future__ import annotations

import asyncio
import ssl
from email.message import EmailMessage

import aiosmtplib
from jobs import Job, answer, jobs


def send(job: Job) -> str:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = job.sender, job.recipient, job.subject
    message.set_content(job.body)
    _, reply = asyncio.run(
        aiosmtplib.send(
            message,
            hostname=job.host,
            port=job.port,
            username=job.username,
            password=job.password,
            use_tls=job.mode == "tls",
            start_tls=job.mode == "starttls",
            tls_context=ssl.create_default_context(cafile=job.ca or None) if job.mode != "plain" else None,
            timeout=30,
        )
    )
    return reply


for job in jobs():
    answer(job, send)
