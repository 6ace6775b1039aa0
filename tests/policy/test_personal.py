"""What is made personal: the connection's options, over which the message's own words go."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import Instructions, Personal
from mailrelay.policy.personal import personal

ON = {"track_opens": True, "track_clicks": True, "list_unsubscribe": True}
NOTHING = Instructions()


class PersonalTests(SynchronousTestCase):
    def test_options(self) -> None:
        """What the connection wants is done, under the key that signs now."""
        self.assertEqual(personal(ON, NOTHING, key=7, tags=False, to=False), Personal(True, True, False, True, key="7"))
        self.assertIsNone(personal({}, NOTHING, key=7, tags=False, to=False))
        self.assertEqual(personal({}, NOTHING, key=7, tags=True, to=True), Personal(tags=True, to=True, key="7"))

    def test_the_message_wins(self) -> None:
        """What the message says of tracking wins over the connection, in both directions."""
        off = Instructions(track_opens=False, track_clicks=False)
        on = Instructions(track_opens=True)
        self.assertEqual(personal(ON, off, key=1, tags=False, to=False), Personal(list_unsubscribe=True, key="1"))
        self.assertEqual(personal({}, on, key=1, tags=False, to=False), Personal(opens=True, key="1"))

    def test_no_pages(self) -> None:
        """Without public pages no link is made, whatever is asked for; the To field needs none."""
        self.assertIsNone(personal(ON, NOTHING, key=0, tags=True, to=False))
        self.assertEqual(personal(ON, NOTHING, key=0, tags=True, to=True), Personal(to=True))
        self.assertEqual(personal({}, NOTHING, key=1, tags=False, to=True), Personal(to=True))
