"""What a service sends to a webhook: its own names of events, its own shape, its own signature, as data.

`[webhook]` of a dialect file: `events` maps ours to the service's names (those not named are not sent), `body` is the
JSON that is sent, in which a text that is just ``{field}`` becomes the value of that field, and ``{field}`` within a
text its words; `bodies` has what differs for one of our events, key by key. Fields are those of our own events
(docs/events.md), `name` the service's name of the event, `seconds` and `milliseconds` its instant since 1970.
`signature` gives a header and its text with ``{milliseconds}`` (of the request) and ``{signature}``, the base64 of
HMAC-SHA256 over the milliseconds and the body.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..mail.event import FIELDS, OF_ACCOUNTS, OF_RECIPIENTS, Event
from .reading import Reading
from .verdict import JSON

_SETTINGS = ("events", "body", "bodies", "signature")
_FIELD = re.compile(r"\{([a-z_]+)\}")
_HEADER = re.compile(r"[a-z][a-z0-9-]*")
#: What can be shown beside the fields of an event.
OWN_FIELDS = ("name", "seconds", "milliseconds")
_KNOWN = frozenset({*FIELDS, *OF_RECIPIENTS, *OF_ACCOUNTS, *OWN_FIELDS})


@dataclass(frozen=True, slots=True)
class Hook:
    """How a service tells events; `bodies` by our names of events."""

    events: Mapping[str, str]
    bodies: Mapping[str, JSON]
    header: str = ""
    text: str = field(default="", repr=False)

    def told(self, event: str, at: int, fields: Mapping[str, object]) -> JSON:
        """What is sent of an event that happened at `at` (microseconds); None where the service tells none of it."""
        if event not in self.events:
            return None
        own = {"name": self.events[event], "seconds": at // 1_000_000, "milliseconds": at // 1000}
        return _filled(self.bodies[event], {**fields, **own})

    def signature(self, key: bytes, at: int, body: bytes) -> Mapping[str, str]:
        """The header that a service signs by; none where it signs nothing."""
        if not self.header:
            return {}
        stamp = str(at // 1000)
        made = base64.b64encode(hmac.new(key, stamp.encode("ascii") + body, hashlib.sha256).digest()).decode("ascii")
        return {self.header: self.text.replace("{milliseconds}", stamp).replace("{signature}", made)}


def _filled(shape: JSON, fields: Mapping[str, object]) -> JSON:
    if isinstance(shape, str):
        whole = _FIELD.fullmatch(shape)
        if whole:
            value = fields.get(whole[1], "")
            return value if isinstance(value, (str, int, bool, Mapping)) else str(value)
        return _FIELD.sub(lambda found: str(fields.get(found[1], "")), shape)
    if isinstance(shape, Mapping):
        return {name: _filled(value, fields) for name, value in shape.items()}
    if isinstance(shape, (list, tuple)):
        return [_filled(each, fields) for each in shape]
    return shape


def read_hook(reading: Reading, value: object) -> Hook | None:
    """The table of a file, None where there is none; every fault is noted with its key."""
    if value is None:
        return None
    table = reading.table("webhook", value, _SETTINGS) or {}
    names = [event.value for event in Event]
    told = reading.table("webhook.events", table.get("events"), names) or {}
    events = {event: reading.text(f"webhook.events.{event}", name) for event, name in told.items() if event in names}
    body, bodies = _table(reading, "webhook.body", table.get("body")), {}
    differing = reading.table("webhook.bodies", table.get("bodies", {}), events) or {}
    for event in events:
        shape = body | _table(reading, f"webhook.bodies.{event}", differing.get(event, {}))
        for unknown in sorted(set(_FIELD.findall(str(shape))) - _KNOWN):
            reading.fault("webhook.body", f"{{{unknown}}} is no field of an event")
        bodies[event] = shape
    header, text = "", ""
    if "signature" in table:
        signed = reading.table("webhook.signature", table["signature"], ("header", "text")) or {}
        header = reading.text("webhook.signature.header", signed.get("header"))
        text = reading.text("webhook.signature.text", signed.get("text"))
        if not _HEADER.fullmatch(header) or "{signature}" not in text:
            reading.fault("webhook.signature", "must be a header in lower case, and a text with {signature}")
    return Hook(events, bodies, header, text)


def _table(reading: Reading, key: str, value: object) -> dict[str, JSON]:
    if isinstance(value, dict):
        return value
    reading.fault(key, "must be a table")
    return {}
