"""Python's own smtplib."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage

from jobs import Job, answer, jobs


def send(job: Job) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = job.sender, job.recipient, job.subject
    message.set_content(job.body)
    context = ssl.create_default_context(cafile=job.ca or None)
    if job.mode == "tls":
        client: smtplib.SMTP = smtplib.SMTP_SSL(job.host, job.port, timeout=30, context=context)
    else:
        client = smtplib.SMTP(job.host, job.port, timeout=30)
    with client:
        if job.mode == "starttls":
            client.starttls(context=context)
        client.login(job.username, job.password)
        client.send_message(message)


for job in jobs():
    answer(job, send)
