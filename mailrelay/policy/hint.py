"""How long a next hop asks us to wait, read from the words of its temporary refusal.

There is no standard for it: hosts that greylist or throttle say it in a sentence. What is read is a number with its
unit that stands near words for another try; a host that only says that it greylists gets the time that most use.
"""

from __future__ import annotations

import re

from ..mail.reply import Reply

GREYLISTED = 300  #: seconds, where greylisting is all that is said
LONGEST = 6 * 3600  #: seconds: who asks for more gets the schedule's own delays
MAX_TEXT = 1000  #: characters of a reply that are looked at

_UNITS = {"s": 1, "m": 60, "h": 3600}
_NUMBER = r"(\d{1,5}) ?(s|m|h)(?:ec(?:ond)?s?|in(?:ute)?s?|(?:ou)?rs?)?\b"
_WAIT = re.compile(
    r"\b(?:again|retry|retrying|wait|later|resend|gr[ea]ylist(?:ed|ing)?|back)\b[^.;\d]{0,40}?" + _NUMBER,
    re.IGNORECASE | re.ASCII,
)
_GREYLISTED = re.compile(r"gr[ea]y-?list", re.IGNORECASE)


def wait_asked(reply: Reply) -> int:
    """Seconds from 1 to `LONGEST`; 0 when nothing is asked for or it is no temporary refusal."""
    if not reply.transient:
        return 0
    text = reply.text[:MAX_TEXT]
    if found := _WAIT.search(text):
        seconds = int(found[1]) * _UNITS[found[2].lower()]
        return seconds if seconds <= LONGEST else 0
    return GREYLISTED if _GREYLISTED.search(text) else 0
