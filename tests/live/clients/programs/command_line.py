"""swaks, msmtp and curl: a program that is started anew for each mail. The first argument says which."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from tempfile import TemporaryDirectory

from jobs import Job, answer, jobs

#: What these programs say of a failure: words of their own, and in a transcript what the server refused.
COMPLAINT = re.compile(r"\*\*\* |msmtp: |curl: |<\S* [45]\d\d[ -]")


def run(command: list[str], source: bytes) -> None:
    """Run a command that reads a mail; what it prints is what it says of a failure."""
    ended = subprocess.run(command, input=source, capture_output=True, timeout=60)
    if ended.returncode != 0:
        said = (ended.stderr + ended.stdout).decode(errors="replace").splitlines()
        raise RuntimeError(" ".join([f"status {ended.returncode}:", *filter(COMPLAINT.match, said)]))


def swaks(job: Job, source: bytes) -> None:
    secured = {"plain": [], "starttls": ["-tls"], "tls": ["--tls-on-connect"]}[job.mode]
    trust = ["--tls-verify", *(["--tls-ca-path", job.ca] if job.ca else [])] if job.mode != "plain" else []
    server = ["--server", job.host, "--port", str(job.port), "--helo", "client.example", "--timeout", "30"]
    login = ["--auth", "PLAIN,LOGIN", "--auth-user", job.username, "--auth-password", job.password]
    mail = ["--from", job.sender, "--to", job.recipient, "--data", "-", "--suppress-data"]
    run(["swaks", *server, *secured, *trust, *login, *mail], source)


def msmtp(job: Job, source: bytes) -> None:
    options = {
        "host": job.host,
        "port": str(job.port),
        "from": job.sender,
        "timeout": "30",
        "user": job.username,
        # without TLS a mechanism that shows the password must be named
        "auth": "plain" if job.mode == "plain" else "on",
        "tls": "off" if job.mode == "plain" else "on",
        "tls_starttls": "on" if job.mode == "starttls" else "off",
        "tls_trust_file": job.ca or "system",
    }
    with TemporaryDirectory() as folder:
        secret = Path(folder, "password")
        secret.write_text(job.password)
        given = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        run(["msmtp", *given, f"--passwordeval=cat {secret}", "--", job.recipient], source)


def curl(job: Job, source: bytes) -> None:
    scheme = "smtps" if job.mode == "tls" else "smtp"
    trust = ["--cacert", job.ca] if job.ca else []
    secured = ["--ssl-reqd"] if job.mode == "starttls" else []
    mail = ["--mail-from", job.sender, "--mail-rcpt", job.recipient, "--upload-file", "-", "--crlf"]
    login = ["--user", f"{job.username}:{job.password}"]
    url = f"{scheme}://{job.host}:{job.port}/client.example"
    run(
        ["curl", "--silent", "--show-error", "--verbose", "--max-time", "30", *trust, *secured, *login, *mail, url],
        source,
    )


CLIENTS = {"swaks": swaks, "msmtp": msmtp, "curl": curl}


def send(job: Job) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = job.sender, job.recipient, job.subject
    message.set_content(job.body, cte="8bit")
    # these programs read text lines and make the line ends of the wire themselves
    CLIENTS[sys.argv[1]](job, message.as_bytes(policy=SMTP.clone(linesep="\n", max_line_length=76)))


with ThreadPoolExecutor(2) as pool:
    list(pool.map(lambda job: answer(job, send), jobs()))
