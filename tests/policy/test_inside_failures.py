"""What goes wrong inside, as each dialect says it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.policy.dialect import Dialects


class InsideFailureTests(SynchronousTestCase):
    """The reply to a temporary failure of our own."""

    def test_as_the_service_says_it(self) -> None:
        """It may be tried again later, in the service's own words where it has some; as the page has it by a switch."""
        dialects = Dialects.shipped()
        said = {name: str(dialects.get(name).reply("temporary")) for name in ("devino", "emaildelivery", "zeptomail")}
        self.assertEqual(
            said,
            {
                "devino": "451 Internal server error",
                "emaildelivery": "451 Local error in processing: 5",
                "zeptomail": "451 4.3.0 Temporary failure, try again later",
            },
        )
        switched = dialects.get("devino").variants["internal_error_554"]["temporary"]
        self.assertEqual(str(switched.reply), "554 Internal server error")

    def test_never_for_good(self) -> None:
        """No dialect that is shipped tells a client to give up what only failed inside."""
        for dialect in Dialects.shipped():
            self.assertTrue(dialect.reply("temporary").transient, dialect.name)
