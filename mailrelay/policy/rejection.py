"""Who is taken in and not sent to: recipients that are answered 250 and only put on record, and why.

A service that does not refuse such a recipient at RCPT still never sends to it nor charges for it; the reason stands in
the history in our own words. This module judges one message's recipients together and looks nothing up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..mail.envelope import Submission
from ..mail.reply import Refusal
from .dialect import Dialect
from .limit import Quota

OVER_LIMIT = "the daily limit of {limit} recipients is reached"
NOT_FIRST = "only the first recipient of a message is sent to"


def suppression_rejects(dialect: Dialect, suppression: str) -> bool:
    """Whether an address suppressed for that reason ("" for none) is taken in and not sent to."""
    return dialect.suppressed != "refuse" and suppression in dialect.suppressing


def within(submission: Submission, sent: int) -> Submission:
    """The submission of a connection with a daily limit, of which `sent` counts already: those of its recipients that
    are beyond it rejected, or, where that is not said of it, none; fails with `Refusal` then."""
    limit = submission.daily_limit
    left = Quota(limit, sent)
    if left.covers(len(submission.live)):
        return submission
    if not submission.over_limit_fails:
        facts = {"limit": limit, "sent": sent, "needed": len(submission.live)}
        raise Refusal("daily_limit", {"limit": limit}, rule="daily_limit", facts=facts)
    beyond = {each.id for each in submission.live[left.left :]}
    reason = OVER_LIMIT.format(limit=limit)
    recipients = tuple(replace(each, rejected=reason) if each.id in beyond else each for each in submission.recipients)
    return replace(submission, recipients=recipients)


def rejections(dialect: Dialect, suppressions: Sequence[str]) -> tuple[str, ...]:
    """For each recipient, in the order in which they were taken, why it is not sent to, or "".

    `suppressions` has for each the reason for which its address is suppressed, or "".
    """
    first = dialect.recipients_sent == "first"
    return tuple(
        NOT_FIRST
        if first and place
        else f"the address is suppressed: {suppression}"
        if suppression_rejects(dialect, suppression)
        else ""
        for place, suppression in enumerate(suppressions)
    )
