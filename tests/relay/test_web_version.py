"""Messages in the browser: what one recipient got, composed anew."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.web_version import IWebVersions, WebVersion
from mailrelay.mail.envelope import Personal, Submission
from mailrelay.mail.tags import MARKS, UNSUBSCRIBE
from mailrelay.relay.personal import Site
from mailrelay.relay.web_version import WebVersions
from mailrelay.store.memory import Entry, MemoryBodies, MemoryEngagement, MemoryState

from .fakes import START, delivery

ANN = "01KAJ2V5RTPG3M2Y6Q7XW8Z9AB"
ACME = "01KAJ2V5RT0000000000000000"
HTML = (
    b'Content-Type: text/html; charset=koi8-r\r\n\r\n<p>\xf0\xd2\xc9\xd7\xc5\xd4 <a href="%s" target=_blank>x</a>\r\n'
)


class WebVersionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = MemoryState()
        site = Site("https://go.test", lambda number: b"k" * 32)
        self.versions = WebVersions(MemoryEngagement(self.state), MemoryBodies(self.state), site)

    def keep(self, source: bytes, personal: Personal | None = None) -> None:
        """What was accepted for Ann."""
        made = replace(delivery(ANN), account=ACME, personal=personal)
        self.state.recipients[ANN] = Entry(made, "ann@b.test")
        self.state.submissions[made.message] = Submission(
            made.message, ACME, "C1", "standard", "", "", (), source, "", START, START
        )

    def read(self) -> WebVersion:
        return self.successResultOf(self.versions.read(ANN))

    def test_interface(self) -> None:
        """It is what the public pages ask for."""
        verifyObject(IWebVersions, self.versions)

    def test_html(self) -> None:
        """HTML is shown as that recipient got it, its letters read, its links opening in place."""
        self.keep(HTML % MARKS[UNSUBSCRIBE], Personal(tags=True, key="1"))
        shown = self.read()
        self.assertTrue(shown.html)
        self.assertRegex(shown.url, "^https://go.test/[a-z]/[A-Za-z0-9_-]+$")
        self.assertRegex(
            shown.text, '<p>Привет <a target="_self" href="https://go.test/u/[A-Za-z0-9_-]+" target=_blank>x</a>'
        )

    def test_plain_and_nothing(self) -> None:
        """Plain text where there is no HTML; a message without a text is empty."""
        self.keep(b"Subject: x\r\n\r\nplain <b>\r\n")
        self.assertEqual(self.read(), WebVersion("plain <b>\r\n", False))
        self.keep(b"Content-Type: image/png\r\n\r\nx")
        self.assertEqual(self.read(), WebVersion("", False))

    def test_not_kept(self) -> None:
        """What is not kept any more is said to be unknown."""
        self.failureResultOf(self.versions.read(ANN), KeyError)
        self.keep(b"\r\nx")
        self.state.submissions.clear()
        self.failureResultOf(self.versions.read(ANN), KeyError)
