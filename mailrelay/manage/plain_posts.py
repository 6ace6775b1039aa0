"""What became of posts, or would, as plain data: the objects that the API and ``mailrelay preflight --json`` give."""

from __future__ import annotations

from typing import Any

from ..interfaces.posting import Answer, Posted, Rehearsed
from ..mail.addresses import mailboxes
from ..mail.looked_through import NONE, alignment, links, signatures
from ..mail.message import Message


def answer(given: Answer) -> dict[str, Any]:
    """One answer in the dialect's words."""
    reply = given.reply
    told: dict[str, Any] = {"code": reply.code, "status": reply.status or "", "text": reply.text}
    return told if reply.positive else told | {"rule": given.rule, "facts": dict(given.facts)}


def posted(given: Posted) -> dict[str, Any]:
    """What became of one message, recipient by recipient."""
    recipients = []
    for each in given.answers:
        told = {"address": each.recipient, "accepted": each.reply.positive and given.refusal is None}
        unsent = given.rejected.get(each.recipient, "")
        recipients.append(told | {"reply": answer(each)} | ({"unsent": unsent} if unsent else {}))
    refusal = given.refusal
    return {
        "id": given.id,
        "accepted": refusal is None,
        "dialect": given.dialect,
        "recipients": recipients,
        "refused": None if refusal is None else answer(refusal) | {"stage": refusal.stage},
    }


def rehearsed(given: Rehearsed) -> dict[str, Any]:
    """What would become of one message."""
    told = posted(given.posted)
    del told["id"]
    source, leaving = Message.parse(given.source), Message.parse(given.octets)
    authors = [mailbox for field in source.all("From") for mailbox in mailboxes(field)]
    author = authors[0].domain if authors else ""
    bounces = given.return_path.rpartition("@")[2]
    signed = [
        {
            "domain": each.domain,
            "selector": each.selector,
            "algorithm": each.algorithm,
            "alignment": alignment(author, each.domain),
        }
        for each in signatures(leaving)
    ]
    spf = alignment(author, bounces) if author and bounces else NONE
    by = [name for name, fits in (("dkim", any(s["alignment"] != NONE for s in signed)), ("spf", spf != NONE)) if fits]
    return told | {
        "message": given.octets.decode("ascii", "replace"),
        "fault": given.fault,
        "size": len(given.octets),
        "stored_size": len(given.source),
        "links": list(links(source)),
        "dkim": signed,
        "spf": {"domain": bounces, "alignment": spf},
        "dmarc": {"domain": author, "aligned": bool(by), "by": by},
        "balance": {
            "available": given.available,
            "cost": given.cost,
            "remaining": max(given.available - given.cost, 0),
        },
    }
