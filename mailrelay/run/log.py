"""The log as lines of text on a stream: time, where it comes from, level, text.

Twisted's own text observer costs more than a commit does; this one formats the usual event in a few microseconds and
leaves the unusual ones (failures, foreign formats) to Twisted. Debug events are dropped. Every line is flushed, and a
text can never begin a line of its own: only failures have more than one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from twisted.logger import ILogObserver, LogEvent, LogLevel, eventAsText, formatEvent
from zope.interface import implementer

_NEW_LINES = str.maketrans({"\n": "\\n", "\r": "\\r", "\x1b": "\\x1b"})


@implementer(ILogObserver)
class LineLog:
    """Writes events to `stream`; `now` gives seconds since 1970."""

    def __init__(self, stream: TextIO, now: Callable[[], float] = time.time) -> None:
        self._stream = stream
        self._now = now
        self._second = -1
        self._stamp = ""

    def __call__(self, event: LogEvent) -> None:
        level = event.get("log_level", LogLevel.info)
        if level is LogLevel.debug:
            return
        second = int(event.get("log_time") or self._now())
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
        origin = event.get("log_namespace", "-")
        try:
            self._stream.write(f"{self._stamp} [{origin}#{level.name}] {_text(event)}\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass  # a log that cannot be written must not stop the mail


def _text(event: LogEvent) -> str:
    if "log_failure" in event:
        return eventAsText(event, includeTimestamp=False, includeSystem=False)
    try:
        text: str = event["log_format"].format_map(event)
    except Exception:
        # nothing to format, calls in the format, or a value that cannot be shown: Twisted knows them all
        text = formatEvent(event)
    return text if text.isprintable() else text.translate(_NEW_LINES)
