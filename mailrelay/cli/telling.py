"""An explanation as people read it: from the client to the last word of the last host, line by line.

It takes the plain data that programs get and leaves nothing of it out but what is empty. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..mail.encryption import MEANING
from .output import cell, table

Plain = Mapping[str, Any]

#: Why the next attempt comes when it does.
_NEXT = {
    "first": "it was not tried yet",
    "in_hand": "an attempt is under way",
    "held": "it is held back, until it is released or its deadline passes",
    "moved": "it was moved there since, by a command or for a connection that was not active",
    "schedule": "the schedule says so",
    "hint": "the host asked for that wait",
    "uncertain": "it may have arrived, so it is sent again late",
    "uncertain_held": "it may have arrived, more than once by now, so it is held back",
    "left_alone": "its receiver is left alone for a while",
    "deadline": "the schedule leads beyond the deadline, so it is tried there for the last time",
    "connection_active": "its connection is not active, which is looked at each minute",
}


def tell(explanation: Plain) -> None:
    """Print it."""
    first = explanation["recipients"][0]["passage"]
    _line(f"Message {explanation['id']} of {first['sender'] or 'the null sender'}: {first['subject'] or 'no subject'}")
    by = f"by connection {first['connection']}" if first["connection"] else "by the mail system itself"
    _line(f"accepted {first['accepted_at']} {by} ({first['dialect']}), {first['size']} octets")
    rows = [
        each | {"verdict": "ok" if each["allowed"] else f"refused: {each['reply']}"}
        for each in explanation["decisions"]
    ]
    table(rows, ("stage", "rule", "verdict", "facts"), "Decisions on the way in")
    for recipient in explanation["recipients"]:
        _recipient(recipient)
    if explanation["left_out"]:
        _line(f"\n{explanation['left_out']} more recipients are not told of: name one with --to")


def _recipient(recipient: Plain) -> None:
    passage, following, report = recipient["passage"], recipient["next"], recipient["report"]
    print()
    _line(f"Recipient {passage['rcpt']} ({passage['recipient']}): {passage['state']}, billed {passage['billed']}")
    for attempt in recipient["attempts"]:
        _attempt(attempt)
    if following:
        at = f" at {following['at']}" if following["at"] else ""
        _line(f"  next{at}: {_NEXT.get(following['rule'], following['rule'])}{_facts(following['facts'])}")
    elif not recipient["attempts"] or recipient["attempts"][-1]["state"] != passage["state"]:
        _line(f"  ended {passage['last_at']}: {passage['last_reply']}")
    if report:
        _line(f"  report {report['id']} to {report['rcpt']}: {report['state']}")
    for act in recipient["acts"]:
        by = f"a machine ({act['machine']})" if act["machine"] else "the recipient"
        target = f" {act['target']}" if act["target"] else ""
        _line(f"  {act['act']}{target} {act['at']} by {by} at {act['address']} with {act['agent'] or 'no name'}")


def _attempt(attempt: Plain) -> None:
    where = " ".join(
        part
        for part in (
            f"by route {attempt['route']}" if attempt["route"] else "",
            f"to {attempt['host']}" if attempt["host"] else "to no host",
            f"({attempt['address']})" if attempt["address"] else "",
            _encryption(attempt),
        )
        if part
    )
    _line(f"  attempt {attempt['number']} {attempt['at']} {where}: {attempt['state']}, {attempt['reply']}")
    if attempt["signed"]:
        _line(f"    signed by {attempt['signed']}")
    for line in attempt["transcript"]:
        _line(f"    {line}")
    if attempt["next_at"]:
        why = dict(attempt["why"])
        _line(f"    next at {attempt['next_at']}: {_NEXT.get(why.pop('rule', ''), '')}{_facts(why)}")


def _encryption(attempt: Plain) -> str:
    if not attempt["tls"]:
        return "without TLS" if attempt["host"] else ""
    cipher = f" ({attempt['cipher']})" if attempt["cipher"] else ""
    meaning = MEANING.get(attempt["security"], "")
    return f"in {attempt['tls']}{cipher}" + (f", {meaning}" if meaning else "")


def _facts(facts: Plain) -> str:
    return f" ({cell(dict(facts))})" if facts else ""


def _line(text: str) -> None:
    print("\n".join(cell(part) for part in text.split("\n")))
