"""The phases of an outbound session, and why one ended: plain values that its parts share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..mail.reply import Reply


class Phase(Enum):
    """What is awaited; the value is the word for it in our own replies."""

    BANNER = "the greeting"
    EHLO = "the reply to EHLO"
    HELO = "the reply to HELO"
    STARTTLS = "the reply to STARTTLS"
    HANDSHAKE = "the TLS handshake"
    AUTH = "the reply to AUTH"
    READY = "the next message"
    MAIL = "the reply to MAIL"
    RCPT = "the reply to RCPT"
    DATA = "the reply to DATA"
    BODY = "room for the message"
    FINAL = "the reply to the message"
    LONE_DOT = "the reply to a lone dot"
    RESET = "the reply to RSET"
    QUIT = "the reply to QUIT"
    CLOSED = "nothing"

    # phases are looked up at every reply, and Enum hashes their names in Python
    __hash__ = object.__hash__


TRANSACTION = frozenset({Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY, Phase.FINAL})


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a session ended before its time; `plaintext` says that without TLS it might have gone on, `login` that the
    hop refused ours."""

    reply: Reply
    plaintext: bool = False
    login: bool = False
