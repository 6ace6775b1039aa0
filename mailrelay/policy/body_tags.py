"""The ``[body_tags]`` table of a dialect file: which words in a body stand for a link of each recipient's own.

The words themselves are the table's keys, what they lead to its values; ``words`` say how such a link is called where
it has no words of its own. `mail.tags` finds and fills them. This module only reads a file's table.
"""

from __future__ import annotations

from ..mail.tags import KINDS, Tags
from .reading import Reading

#: Characters of a tag, and of the words of a link.
MAX_TAG = 60


def read_tags(reading: Reading, value: object) -> Tags | None:
    """The tags of a dialect, None where the table is empty; every fault is noted with its key."""
    table = reading.table("body_tags", value, value if isinstance(value, dict) else ())
    if not table:
        return None
    tags: dict[str, str] = {}
    for tag, kind in table.items():
        if tag == "words":
            continue
        key = f"body_tags.{tag}"
        if not tag.isascii() or not tag.isprintable() or " " in tag or not 3 <= len(tag) <= MAX_TAG or tag.isalnum():
            reading.fault(key, "must be of 3 to 60 printable letters and signs, with a sign among them")
        tags[tag] = reading.choice(key, kind, KINDS)
    given = reading.table("body_tags.words", table.get("words"), KINDS) or {}
    words = {kind: reading.text(f"body_tags.words.{kind}", given.get(kind)) for kind in KINDS if kind in tags.values()}
    return Tags(tags, words) if not reading.faults else None
