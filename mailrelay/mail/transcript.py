"""What was said in one attempt, as a text that is kept and shown: line by line, each with its second and its speaker.

A pure function from moments to a bounded text: of a line the begin is kept, of a long talk its begin and its end.
Nothing that could act on a terminal passes. Secrets and the content of mail are for whoever listens to leave out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from .reply import Reply

MAX_LINE = 500  #: characters of one line
MAX_TEXT = 4096  #: characters in all
MAX_BEGIN = 1024  #: of these, how many are the begin

CUT = "..."

#: when, in seconds by some clock; who: "C" the client, "S" the server, "-" a remark of ours; and what
Moment: TypeAlias = tuple[float, str, bytes | str | Reply]


def transcript(moments: Sequence[Moment]) -> str:
    """The moments as lines such as ``0.012 S: 250 Ok``, counted from the first."""
    lines: list[str] = []
    last, stamp = None, ""
    for at, who, what in moments:
        if at != last:
            last, stamp = at, f"{at - moments[0][0]:.3f} "
        head = f"{stamp}{who}: "
        if isinstance(what, bytes):
            what = what.decode("utf-8", "backslashreplace").rstrip("\r\n").replace("\r\n", "\n")
        else:
            what = str(what)
        lines.append(head + (what.replace("\n", "\n" + head) if "\n" in what else what))
    text = "\n".join(lines)
    if len(text) <= MAX_LINE and text.replace("\n", "").isprintable():
        return text  # as nearly all are
    return bounded("\n".join(map(_shown, text.split("\n"))))


def bounded(text: str) -> str:
    """A text of whole lines, its middle left out when it is too long."""
    if len(text) <= MAX_TEXT:
        return text
    begin = text[: text.rfind("\n", 0, MAX_BEGIN)]
    end = text[text.find("\n", len(text) - (MAX_TEXT - MAX_BEGIN - len(CUT) - 2)) :]
    return f"{begin}\n{CUT}{end}"


def _shown(line: str) -> str:
    if len(line) > MAX_LINE:
        line = line[:MAX_LINE] + CUT
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)
