"""Python's own smtplib."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage

from jobs import KEPT, Job, answer, jobs

kept: list[smtplib.SMTP] = []


def connect(job: Job) -> smtplib.SMTP:
    context = ssl.create_default_context(cafile=job.ca or None)
    if job.mode == "tls":
        client: smtplib.SMTP = smtplib.SMTP_SSL(job.host, job.port, timeout=30, context=context)
    else:
        client = smtplib.SMTP(job.host, job.port, timeout=30)
    try:
        if job.mode == "starttls":
            client.starttls(context=context)
        client.login(job.username, job.password)
    except BaseException:
        client.close()
        raise
    return client


def send(job: Job) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = job.sender, job.recipient, job.subject
    message.set_content(job.body)
    if KEPT:
        kept[:] = kept or [connect(job)]
        kept[0].send_message(message)
    else:
        with connect(job) as client:
            client.send_message(message)


for job in jobs():
    answer(job, send)
