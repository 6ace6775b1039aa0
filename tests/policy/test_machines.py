"""Who opens and clicks: the table, and what gives machines away without one."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.policy.machines import machine, programs

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"


class MachineTests(SynchronousTestCase):
    def test_people(self) -> None:
        """Browsers, phones, and programs that fetch when their reader looks are people's."""
        for agent in (
            BROWSER,
            PHONE,
            "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
            "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
            "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17928; Pro)",
            "Thunderbird/140.0",
        ):
            self.assertEqual(machine(agent, click=False), "", agent)
        self.assertEqual(machine(BROWSER, click=True), "")

    def test_machines(self) -> None:
        """H5: privacy proxies, scanners and previews are told by their names, in any case of letters."""
        for agent, name in (
            ("Mozilla/5.0", "Apple Mail privacy proxy"),
            ("Mozilla/5.0 (compatible; BingPreview/1.0b)", "Microsoft link scanner"),
            ("BARRACUDA Sentinel", "Barracuda"),
            ("Proofpoint URL Defense", "Proofpoint"),
            ("Mimecast-URL", "Mimecast"),
            ("Cisco IronPort", "mail security gateway"),
            ("WhatsApp/2.23", "link preview"),
            ("python-requests/2.32", "program"),
            ("curl/8.1", "program"),
            ("Googlebot/2.1", "program"),
            ("", "nameless"),
            ("  ", "nameless"),
        ):
            for click in (False, True):
                self.assertEqual(machine(agent, click=click), name, agent)

    def test_opens_are_not_clicks(self) -> None:
        """What opens for people does not click for them."""
        proxy = "Mozilla/5.0 (via ggpht.com GoogleImageProxy)"
        self.assertEqual((machine(proxy, click=False), machine(proxy, click=True)), ("", "Gmail image proxy"))

    def test_ways_of_asking(self) -> None:
        """H5: who asks by HEAD, or says that it prefetches, is a machine whatever it is called."""
        self.assertEqual(machine(BROWSER, click=True, method="HEAD"), "HEAD")
        for purpose in ("prefetch", "Prefetch;prerender", "preview"):
            self.assertEqual(machine(BROWSER, click=True, purposes=("", purpose)), "prefetch")
        self.assertEqual(machine(BROWSER, click=True, purposes=("navigate",)), "")

    def test_table(self) -> None:
        """Every entry of the table has a name of its own, and none takes a browser for itself."""
        names = [program.name for program in programs()]
        self.assertEqual(len(names), len(set(names)))
