"""Every reply of every dialect, said in a golden dialogue: by the whole server in memory, or by a daemon."""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import mailrelay
from mailrelay.policy.reply_line import Line

from ..dialogue import ROOT, dialogues, read, run
from ..whole import SHIPPED, prepared

#: What no client of a listener hears: the replies of a host that takes mail in for others, which is the sandbox's sink
#: (tests/run/test_sink_wire.py).
OF_THE_SINK = {"mailbox_unknown", "mailbox_full", "mailbox_busy"}


class GivenTests(SynchronousTestCase):
    """Dialogues under conditions."""

    def test_given(self) -> None:
        """Under each condition each dialect says what its file says."""
        played = 0
        for path in sorted(ROOT.glob("*/given/*.txt")):
            whole = prepared(path)
            steps = read(path)
            if steps[0].kind != "S:":
                steps = [*read(path.with_name("opening.txt")), *steps]
            wire, variables = whole.open()
            run(steps, wire, variables, whole.meanwhile)
            played += 1
        self.assertGreater(played, 30)


class CoverageTests(SynchronousTestCase):
    """What the dialogues leave out."""

    def test_every_reply(self) -> None:
        """Each reply that a dialect's file states, with its other forms, stands in one of the dialect's dialogues."""
        unseen = {
            f"{name}: {key}: {line.reply}"
            for name in SHIPPED.names
            for key, line in stated(name)
            if key not in OF_THE_SINK and not any(says(line, text) for text in said(name))
        }
        self.assertEqual(unseen, set())


def stated(name: str) -> Iterator[tuple[str, Line]]:
    """The replies that a dialect's own file states; what it inherits is shown by the one that it is inherited from."""
    path = Path(mailrelay.__file__).parent / "dialects" / f"{name}.toml"
    file, dialect = tomllib.loads(path.read_text("utf-8")), SHIPPED.get(name)
    for key in file.get("replies", {}):
        yield key, dialect.plain_replies[key]
    for variant, replies in file.get("variants", {}).items():
        for key in replies:
            yield f"{variant}.{key}", dialect.variants[variant][key]


@cache
def said(name: str) -> frozenset[str]:
    """What the server says in the dialogues of a dialect."""
    every = [*dialogues(name), *(ROOT / name).glob("*/*.txt")]
    return frozenset(step.text for path in every for step in read(path) if step.kind == "S:")


_WORD = re.compile(r"<(?:[A-Z][A-Z0-9_]*|\*)>|\$\{\w+\}")


def says(line: Line, text: str) -> bool:
    """Is this what a row of the table says, with anything in place of its fields? The dialogue's own words may stand
    for anything, too, but never for all of it."""
    fields = string.Formatter().parse(str(line.reply)) if line.fields else [(str(line.reply), None, None, None)]
    pattern = "".join(re.escape(literal) + (".+" if field is not None else "") for literal, field, *_ in fields)
    text = re.sub(r"^(\d{3})-", r"\1 ", text)
    if text == f"{line.reply}<*>" or re.fullmatch(pattern, text):
        return True
    anything = ".+".join(map(re.escape, _WORD.split(text)))
    return "<*>" not in text and re.fullmatch(anything, str(line.reply)) is not None
