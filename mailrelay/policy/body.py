"""What a dialect makes of a body: which of its parts are kept, and which attachments may be in it.

`[body]` of a dialect file says both. "any" keeps a body as it is; "utf8" has its texts in UTF-8; "one_text" keeps one
text, the first HTML or else the first plain one, and drops all else in silence. Attachments are known by their
extension: either only some are allowed, or some are not; a message with another is refused, or put on record. Nothing
here looks into a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..mail.content import content
from ..mail.message import Message
from ..mail.rebuild import NoText, in_utf8, one_text
from ..mail.reply import Refusal
from .reading import Reading

#: What becomes of a body.
KEPT = ("any", "utf8", "one_text")
#: Which attachments may be in it: any, only those of the extensions listed, all but those.
ATTACHMENTS = ("any", "only", "except")
#: What becomes of a message with another one.
THEN = ("refuse", "reject")

_SETTINGS = ("keep", "attachments", "extensions", "otherwise")


@dataclass(frozen=True, slots=True)
class Body:
    """A dialect's rule for bodies, in words of `KEPT`, `ATTACHMENTS` and `THEN`; `extensions` in lower case, no dot."""

    keep: str = "any"
    attachments: str = "any"
    extensions: frozenset[str] = frozenset()
    otherwise: str = "refuse"

    @property
    def looks(self) -> bool:
        """Must the whole message be seen for it?"""
        return self.keep != "any" or self.attachments != "any"

    def kept(self, message: Message) -> Message:
        """What is kept of a message; fails with `Refusal` "body_unreadable"."""
        if self.keep == "utf8":
            return in_utf8(message)
        if self.keep == "one_text":
            try:
                return one_text(message)
            except NoText as error:
                reason = {"reason": str(error)}
                raise Refusal("body_unreadable", reason, rule="body", facts=reason) from None
        return message

    def unwanted(self, message: Message) -> str:
        """The extension of the first attachment that may not be in it, or ""."""
        if self.attachments == "any":
            return ""
        for leaf in content(message):
            unwanted = (
                leaf.extensions - self.extensions if self.attachments == "only" else leaf.extensions & self.extensions
            )
            if leaf.attached and unwanted:
                return min(unwanted) or "?"
        return ""


def read_body(reading: Reading, value: object) -> Body:
    """The table of a file; every fault is noted with its key."""
    table: Mapping[str, object] = reading.table("body", value, _SETTINGS) or {}
    extensions = reading.texts("body.extensions", table.get("extensions", []))
    for each in extensions:
        if each != each.lower() or "." in each:
            reading.fault("body.extensions", f"{each!r} must be in lower case, without a dot")
    return Body(
        reading.choice("body.keep", table.get("keep", "any"), KEPT),
        reading.choice("body.attachments", table.get("attachments", "any"), ATTACHMENTS),
        frozenset(extensions),
        reading.choice("body.otherwise", table.get("otherwise", "refuse"), THEN),
    )
