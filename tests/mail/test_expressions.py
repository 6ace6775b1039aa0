"""Regular expressions that every Python 3.11 reads alike.

Before 3.11.5 a possessive repetition forgot what a group that it repeats had still to try (CPython gh-106052), so that
Debian 12's Python passed over links and tags that others found. A group that is atomic has nothing left to try: only
such a one, or a single character, may be repeated possessively.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import mailrelay.mail
import mailrelay.policy
from mailrelay.policy.dialect import Dialects

ONE_CHARACTER = {_constants.LITERAL, _constants.NOT_LITERAL, _constants.IN, _constants.ANY}


def parts(items: Any) -> Iterator[tuple[Any, Any]]:
    """Every part of a parsed expression, however deep."""
    for code, given in items:
        yield code, given
        for each in given if isinstance(given, (tuple, list)) else (given,):
            for nested in each if isinstance(each, list) else (each,):
                if isinstance(nested, _parser.SubPattern):
                    yield from parts(nested)


def forgetful(pattern: re.Pattern[Any]) -> bool:
    """Does it repeat possessively what may have something left to try?"""
    for code, given in parts(_parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)):
        if code is _constants.POSSESSIVE_REPEAT:
            repeated = list(given[2])
            if len(repeated) != 1 or repeated[0][0] not in {*ONE_CHARACTER, _constants.ATOMIC_GROUP}:
                return True
    return False


def expressions() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Those of every module of these rooms, and those that are made for the tags of dialects."""
    for room in (mailrelay.mail, mailrelay.policy):
        for found in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
            module = importlib.import_module(found.name)
            for name, value in vars(module).items():
                if isinstance(value, re.Pattern):
                    yield f"{found.name}.{name}", value
    for dialect in Dialects.shipped():
        if dialect.body_tags is not None:
            for name, value in vars(dialect.body_tags).items():
                if isinstance(value, re.Pattern):
                    yield f"{dialect.name}.{name}", value


class ExpressionTests(SynchronousTestCase):
    def test_nothing_is_forgotten(self) -> None:
        """No expression of ours depends on which 3.11 reads it."""
        found = dict(expressions())
        self.assertGreater(len(found), 40)
        self.assertEqual([name for name, pattern in found.items() if forgetful(pattern)], [])

    def test_the_test(self) -> None:
        """What is looked for is found."""
        for text, wanted in (
            (r"(?:a|ab)*+c", True),
            (r"x(?:y(?:a?b)++)?", True),
            (r"(?=(?:ab|a)?+)", True),
            (r"(?>a|ab)*+c[^x]++a?+", False),
            (r"(?:a|ab)*c", False),
        ):
            self.assertIs(forgetful(re.compile(text)), wanted, text)
