"""Django's SMTP backend; whom it trusts is OpenSSL's default, which SSL_CERT_FILE names."""

from __future__ import annotations

import os

import django
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from jobs import KEPT, Job, answer, jobs

settings.configure(EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend", USE_I18N=False)
django.setup()
kept: list[BaseEmailBackend] = []


def send(job: Job) -> None:
    os.environ.pop("SSL_CERT_FILE", None)
    if job.ca:
        os.environ["SSL_CERT_FILE"] = job.ca
    connection = get_connection(
        host=job.host,
        port=job.port,
        username=job.username,
        password=job.password,
        use_tls=job.mode == "starttls",
        use_ssl=job.mode == "tls",
        timeout=30,
    )
    if KEPT:
        # a connection that its user has opened stays open
        kept[:] = kept or [connection]
        connection = kept[0]
        connection.open()
    EmailMessage(job.subject, job.body, job.sender, [job.recipient], connection=connection).send()


for job in jobs():
    answer(job, send)
