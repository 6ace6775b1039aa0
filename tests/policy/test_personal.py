"""What is made personal: the connection's options, over which the message's own words go."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import Instructions, Personal
from mailrelay.mail.tags import Tags
from mailrelay.policy.dialect import Dialects
from mailrelay.policy.personal import needs_pages, personal

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


class NeedsPagesTests(SynchronousTestCase):
    def test_needs(self) -> None:
        """A dialect whose mail is tracked, carries List-Unsubscribe, or has body tags needs pages to lead to."""
        plain = Dialects.shipped().get("standard")
        self.assertFalse(needs_pages(plain))
        self.assertTrue(needs_pages(replace(plain, body_tags=Tags({}, {}))))
        for name in ("track_opens", "track_clicks", "list_unsubscribe"):
            self.assertTrue(needs_pages(replace(plain, options={**plain.options, name: True})))
