"""Reads bounces that follow no standard, by the detectors of flufl.bounce.

They know the words of mail programs of forty years, by way of expressions that nobody has measured on hostile text: so
only the begin of a message is shown to them, and whoever calls this does so beside the reactor. They tell addresses;
what the host said is looked for here, around them.
"""

from __future__ import annotations

import logging
import re
from email import message_from_bytes

from twisted.logger import Logger

from ..mail.feedback import Fate

log = Logger()
# it reports the same failures by itself, with tracebacks that anybody could cause
logging.getLogger("flufl.bounce").disabled = True

#: Octets that the detectors are shown, and lines longer than which nobody's bounce has.
MAX_SHOWN = 65_536
MAX_LINE = 2000
#: Characters behind an address in which the reason is looked for where no line looks like a reply.
BEHIND = 300

_REPLY = re.compile(r"(?m)^.{0,200}?\b(5\d\d[ -](?:5\.\d{1,3}\.\d{1,3}\b)?.{0,300})", re.ASCII)


def fates(source: bytes) -> tuple[Fate, ...]:
    """The addresses that a message says to have failed for good, each with the words that tell why; () for none."""
    # imported here, since few messages come to it
    from flufl.bounce import all_failures

    shown = source[:MAX_SHOWN]
    if any(len(line) > MAX_LINE for line in shown.split(b"\n")):
        return ()
    try:
        _, failed = all_failures(message_from_bytes(shown))
    except Exception as error:
        # others' code over a stranger's octets (one detector fails without From): it is no fault of ours, nor of note
        log.debug("a detector of bounces failed: {error!r}", error=error)
        return ()
    text = shown.decode("utf-8", "replace")
    return tuple(_fate(address, text) for address in sorted(map(_text, failed)))


def _text(address: bytes | str) -> str:
    return address.decode("utf-8", "replace") if isinstance(address, bytes) else address


def _fate(address: str, text: str) -> Fate:
    return Fate(address, "failed", "", _reason(address, text))


def _reason(address: str, text: str) -> str:
    """The line that looks like a host's reply, else what stands behind the address."""
    body = text.partition("\n\n")[2] or text.partition("\r\n\r\n")[2]
    found = _REPLY.search(body)
    if found is not None:
        return " ".join(found[1].split())
    at = body.lower().find(address.lower())
    return " ".join(body[at + len(address) :][:BEHIND].split()).lstrip(">:; ") if at >= 0 else ""
