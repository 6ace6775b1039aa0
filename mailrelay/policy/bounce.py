"""What a next hop's reply tells about a mailbox (RFC 3463). It reads codes, never the words behind them."""

from __future__ import annotations

from ..mail.reply import Reply

_FULL = frozenset({"4.2.2", "5.2.2"})


def mailbox_full(reply: Reply) -> bool:
    """The mailbox has no room for more (X.2.2), for now or as the host sees it for good.

    A 452 or 552 without that status says nothing about the mailbox: RFC 5321 has them for the host's own store too.
    """
    return reply.code >= 400 and reply.status in _FULL
