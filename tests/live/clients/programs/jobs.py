"""What the programs in Python share: jobs are read from standard input, and each is answered on standard output.

A job is one line of fields parted by tabs: number, host, port, mode (plain, starttls, tls), path of the authority to
trust or nothing, user name, password, sender, recipient, subject, body (with ``\\n`` for its line ends), and the octets
of padding that follow the body. An answer is one line too: number, ``sent`` or ``refused``, and what the client says of
it (when sent: the id by which the mail is queued, from clients that keep it). The programs in other languages read and
write the same; JSON is not in every standard library.

With the argument ``kept`` those clients that can do all jobs on one connection, as an application does that keeps it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

PADDING = "x" * 75 + "\n"
KEPT = "kept" in sys.argv[1:]


@dataclass(frozen=True)
class Job:
    """One mail to hand in."""

    number: str
    host: str
    port: int
    mode: str
    ca: str
    username: str
    password: str
    sender: str
    recipient: str
    subject: str
    body: str


def jobs() -> Iterator[Job]:
    """The jobs on standard input."""
    for line in sys.stdin:
        number, host, port, mode, ca, username, password, sender, recipient, subject, body, padding = line.rstrip(
            "\n"
        ).split("\t")
        body = body.replace("\\n", "\n") + PADDING * (int(padding) // len(PADDING))
        yield Job(number, host, int(port), mode, ca, username, password, sender, recipient, subject, body)


def answer(job: Job, send: Callable[[Job], str | None]) -> None:
    """Do a job and tell how it went; whatever the client raises is its refusal."""
    try:
        kept = send(job)
    except Exception as error:
        verdict, said = "refused", f"{type(error).__name__}: {error}"
    else:
        verdict, said = "sent", kept or ""
    sys.stdout.write(f"{job.number}\t{verdict}\t{' '.join(said.split())}\n")
