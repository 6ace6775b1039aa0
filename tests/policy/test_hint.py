"""How long a next hop asks us to wait."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.reply import Reply
from mailrelay.policy.hint import LONGEST, wait_asked

SAID = (
    ("Greylisted, please try again in 180 seconds", 180),
    ("Recipient address rejected: Greylisting in effect, please come back in 00:04:59", 300),
    ("You have been greylisted for 5 minutes", 300),
    ("Too many connections, retry after 90s", 90),
    ("Rate limit exceeded; retry in 1 hour", 3600),
    ("Please wait 2 min and try again", 120),
    ("Try again in 10 minutes.", 600),
    ("Temporarily deferred by greylist", 300),
    ("Deferred: graylisted", 300),
    ("try again in 90000 seconds", 0),
    ("try again later", 0),
    ("4 messages too many", 0),
    ("Mailbox full, quota 500 MB", 0),
    ("try again in 0 seconds", 0),
)


class HintTests(SynchronousTestCase):
    """The words of hosts."""

    def test_words(self) -> None:
        """A number near words for another try, or greylisting without one."""
        for text, seconds in SAID:
            self.assertEqual(wait_asked(Reply(451, "4.7.1", text)), seconds, text)

    def test_only_temporary(self) -> None:
        """A refusal for good asks for no wait."""
        self.assertEqual(wait_asked(Reply(550, "5.7.1", "try again in 60 seconds")), 0)

    @given(st.text(alphabet="again try 019smh.;greylist\n", max_size=300))
    def test_bounded(self, text: str) -> None:
        """Whatever a host says, the wait is within bounds."""
        self.assertTrue(0 <= wait_asked(Reply(450, "4.7.1", text)) <= LONGEST)
