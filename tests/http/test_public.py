"""The public pages: what the links in mail lead to, for whoever follows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailrelay.http.acts import HOLD, RETRY, Acts
from mailrelay.http.public import FOREIGN, PIXEL, WEB_VERSION_DAYS, Pages, make_public_site
from mailrelay.http.public_views import WORDS, language
from mailrelay.interfaces.engagement import Engagement
from mailrelay.interfaces.web_version import IWebVersions, WebVersion
from mailrelay.mail.envelope import SECOND, deliveries_of, ulid
from mailrelay.mail.event import Event
from mailrelay.mail.reply import Refusal
from mailrelay.mail.token import PATHS, Purpose, Token, make
from mailrelay.store.memory import MemoryEngagement, MemoryState
from tests.mail.bounded import bounded
from tests.store.worlds import submission

from .wire import Answer, Wire, ask

START = 1_700_000_000 * SECOND
ANN = ulid(START, b"0123456789")
ACME = ulid(START, b"acme567890")
SECRETS = {1: b"1" * 32, 2: b"2" * 32}
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
TARGET = b"https://shop.test/?a=1&b=2#c"


@implementer(IWebVersions)
class Shown:
    """Messages by recipient."""

    def __init__(self) -> None:
        self.messages: dict[str, WebVersion] = {}

    def read(self, recipient: str) -> Deferred[WebVersion]:
        if recipient not in self.messages:
            return fail(KeyError(recipient))
        return succeed(self.messages[recipient])


class PublicTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.state = MemoryState()
        self.state.balance[ACME] = 10
        made = submission(ACME, "C1", ["ann@b.test"], START)
        (delivery,) = deliveries_of(made)
        from mailrelay.store.memory import Entry

        self.state.recipients[ANN] = Entry(delivery, "ann@b.test")
        self.engagement = MemoryEngagement(self.state)
        self.shown = Shown()
        self.confirmed: list[str] = []
        self.acts = Acts(self.engagement, self.clock, self.now)
        self.numbers = iter(range(1_000_000))
        self.believed = dict(SECRETS)
        self.pages = Pages(
            engagement=self.engagement,
            confirm=self.confirm,
            web_versions=self.shown,
            acts=self.acts,
            secret=lambda number: self.believed.get(number),
            now=self.now,
            new_id=lambda: f"E{next(self.numbers):06}",
        )
        self.site = make_public_site(self.pages, "https://go.relay.test/mail", self.clock)

    def confirm(self, account: str, mailbox: str) -> Deferred[None]:
        if self.state.failures:
            return fail(self.state.failures.pop(0))
        if account != ACME:
            return fail(KeyError(mailbox))
        self.confirmed.append(mailbox)
        return succeed(None)

    def now(self) -> int:
        return START + round(self.clock.seconds() * SECOND)

    def path(self, purpose: Purpose, **more: Any) -> str:
        token = Token(purpose, more.pop("recipient", ANN), **more)
        return f"/{PATHS[purpose]}/{make(token, 1, SECRETS[1])}"

    def click(self, target: bytes = TARGET) -> str:
        return self.path(Purpose.CLICK, target=target)

    def unsubscribing(self) -> str:
        return self.path(Purpose.UNSUBSCRIBE, account=ACME, mailbox="ann@b.test")

    def ask(self, path: str, method: str = "GET", form: Mapping[str, str] | None = None, **headers: str) -> Answer:
        given = {**BROWSER, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return ask(self.site, path, method, given, form)

    def kept(self) -> list[Engagement]:
        """What is written a few seconds later."""
        self.clock.advance(HOLD)
        return self.state.acts.get(ANN, [])

    def suppressed(self) -> str:
        return self.state.suppressions.get((ACME, "ann@b.test"), "")


class OpenTests(PublicTests):
    def test_pixel(self) -> None:
        """H4: the pixel is one of 43 octets, without a cookie, never stored, and the open is kept."""
        answer = self.ask(self.path(Purpose.OPEN))
        self.assertEqual((answer.status, answer.body, len(answer.body)), (200, PIXEL, 43))
        self.assertEqual(answer.headers["content-type"], "image/gif")
        self.assertIn("no-store", answer.headers["cache-control"])
        self.assertNotIn("set-cookie", answer.headers)
        (kept,) = self.kept()
        self.assertEqual((kept.recipient, kept.act, kept.machine), (ANN, Event.OPENED, ""))
        self.assertIn("Firefox", kept.agent)

    def test_store_down(self) -> None:
        """H4: the pixel and a click work while the store does not, and are kept when it does again."""
        self.state.failures += [Refusal("temporary")] * 3
        self.assertEqual(self.ask(self.path(Purpose.OPEN)).body, PIXEL)
        self.assertEqual(self.ask(self.click()).status, 302)
        for _ in range(3):
            self.kept()
            self.assertEqual(self.state.acts, {})
            self.clock.advance(RETRY - HOLD)
        self.clock.advance(RETRY)
        self.assertEqual([each.act for each in self.state.acts[ANN]], [Event.OPENED, Event.CLICKED])

    def test_machines(self) -> None:
        """H5: a HEAD, a prefetch and a scanner are kept apart from people."""
        path = self.path(Purpose.OPEN)
        head = self.ask(path, "HEAD")
        self.assertEqual((head.status, head.body), (200, b""))
        self.ask(path, Sec_Purpose="prefetch")
        self.ask(path, User_Agent="Barracuda")
        self.assertEqual([each.machine for each in self.kept()], ["HEAD", "prefetch", "Barracuda"])

    def test_what_is_kept_is_bounded(self) -> None:
        """What a program calls itself is one line, cut."""
        self.ask(self.path(Purpose.OPEN), User_Agent="x\x1b[31m" * 900)
        (kept,) = self.kept()
        self.assertEqual(len(kept.agent), 200)
        self.assertTrue(kept.agent.isprintable())


class ClickTests(PublicTests):
    def test_target(self) -> None:
        """H2, H7: a click goes on to the very octets that its token was signed for."""
        for target in (
            TARGET,
            b"HTTP://x.test",
            b"https://good@evil.test/%0d%0a?u=//x",
            b"https://x.test/" + b"a" * 4000,
        ):
            answer = self.ask(self.click(target))
            self.assertEqual((answer.status, answer.headers["location"]), (302, target.decode()))
            self.assertEqual(answer.headers["referrer-policy"], "no-referrer")
        self.assertEqual(next(each.target for each in self.kept()), TARGET.decode())

    def test_nothing_else_is_believed(self) -> None:
        """H2: what else stands in the request changes nothing."""
        answer = self.ask(self.click() + "?url=//evil.test&target=javascript:alert(1)", Host="evil.test")
        self.assertEqual(answer.headers["location"], TARGET.decode())
        self.assertEqual(self.ask("/c/?url=https://evil.test/").status, 404)

    def test_no_target(self) -> None:
        """H2, H3: even signed, only a web address is a target, and none breaks the response's header."""
        for target in (
            b"",
            b"javascript:alert(1)",
            b"data:text/html,x",
            b"//evil.test",
            b"https://x.test/\r\nA: b",
            b"https://x.test/ y",
            b"https://x.test/\xff",
        ):
            answer = self.ask(self.click(target))
            self.assertEqual(answer.status, 404)
            self.assertNotIn("location", answer.headers)

    def test_tokens(self) -> None:
        """H1: changed, cut, of another key, another purpose, a withdrawn key: not found, and sent nowhere."""
        path = self.click()
        for wrong in (
            path[:-1],
            path + "A",
            path[:20] + ("B" if path[20] == "A" else "A") + path[21:],
            "/c/",
            "/c/x",
            path.replace("/c/", "/u/"),
            path.replace("/c/", "/o/"),
            "/c" + self.path(Purpose.OPEN)[2:],
        ):
            answer = self.ask(wrong)
            self.assertEqual(answer.status, 404, wrong)
            self.assertNotIn("location", answer.headers)
        del self.believed[1]
        self.assertEqual(self.ask(path).status, 404)
        self.assertEqual(self.kept(), [])

    @given(st.text(max_size=40))
    @bounded
    def test_anything(self, text: str) -> None:
        """Whatever path is asked for, there is an answer, and no redirect."""
        from urllib.parse import quote

        answer = self.ask("/c/" + quote(text, safe=""))
        self.assertIn(answer.status, (400, 404))
        self.assertNotIn("location", answer.headers)

    def test_burst(self) -> None:
        """H5: a scanner that follows a thousand links in a second is told from people, and unsubscribes nobody."""
        for number in range(1000):
            self.ask(self.click(b"https://shop.test/%d" % number), "HEAD" if number % 2 else "GET")
            self.ask(self.unsubscribing(), "HEAD" if number % 2 else "GET")
        kept = self.kept()
        self.assertTrue(kept)
        self.assertEqual({each.machine for each in kept}, {"HEAD", "burst"})
        self.assertEqual(self.suppressed(), "")


class UnsubscribeTests(PublicTests):
    def test_page_only(self) -> None:
        """H6: asking for the page changes nothing; it names the address, and has one button that does it."""
        for method in ("GET", "HEAD", "GET"):
            answer = self.ask(self.unsubscribing(), method)
            self.assertEqual(answer.status, 200)
        self.assertIn("ann@b.test", answer.text)
        self.assertEqual(re.findall("<button>(.*?)</button>", answer.text), ["Unsubscribe"])
        self.assertIn('name="List-Unsubscribe" value="One-Click"', answer.text)
        self.assertEqual(self.suppressed(), "")

    def test_one_click(self) -> None:
        """H6: the POST of RFC 8058 acts at once, from any site, without a cookie, any number of times."""
        for _ in range(3):
            answer = self.ask(self.unsubscribing(), "POST", ONE_CLICK, Origin="https://mail.example")
            self.assertEqual(answer.status, 200)
            self.assertNotIn("set-cookie", answer.headers)
        self.assertEqual(self.suppressed(), "unsubscribe")
        self.assertIn("You are unsubscribed", answer.text)

    def test_multipart(self) -> None:
        """H6: a mail program may send the same as multipart/form-data."""
        body = '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
        wire = Wire(self.site)
        head = f"POST {self.unsubscribing()} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        wire.send(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        self.assertEqual((wire.answer().status, self.suppressed()), (200, "unsubscribe"))

    def test_other_bodies(self) -> None:
        """H6: any other body is refused and does nothing."""
        for form in ({}, {"List-Unsubscribe": "one-click"}, {"x": "y"}, {**ONE_CLICK, "x": "y"}):
            self.assertEqual(self.ask(self.unsubscribing(), "POST", form).status, 400)
        answer = self.ask(self.unsubscribing() + "?List-Unsubscribe=One-Click", "POST", {})
        self.assertEqual((answer.status, self.suppressed()), (400, ""))
        self.assertEqual(self.ask(self.unsubscribing(), "PUT").status, 405)

    def test_store_down(self) -> None:
        """What could not be written is not said to be done; whoever asks is told when to try again."""
        self.state.failures.append(Refusal("temporary"))
        answer = self.ask(self.unsubscribing(), "POST", ONE_CLICK)
        self.assertEqual((answer.status, answer.headers["retry-after"], self.suppressed()), (503, "60", ""))
        self.assertEqual(self.ask(self.unsubscribing(), "POST", ONE_CLICK).status, 200)
        self.assertEqual(self.suppressed(), "unsubscribe")

    def test_unknown_account(self) -> None:
        """An account that is gone sends nothing, so it is done."""
        del self.state.balance[ACME]
        self.assertEqual(self.ask(self.unsubscribing(), "POST", ONE_CLICK).status, 200)

    def test_outlives_the_history(self) -> None:
        """The token says all that is needed, when the message is in no history any more, and years later."""
        self.state.recipients.clear()
        self.clock.advance(3 * 365 * 86_400)
        self.assertEqual(self.ask(self.unsubscribing(), "POST", ONE_CLICK).status, 200)
        self.assertEqual(self.suppressed(), "unsubscribe")

    def test_addresses_are_text(self) -> None:
        """An address that holds HTML is shown, not obeyed."""
        path = self.path(Purpose.UNSUBSCRIBE, account=ACME, mailbox="<script>alert(1)</script>@b.test")
        self.assertIn("&lt;script&gt;", self.ask(path).text)
        self.assertNotIn("<script>", self.ask(path).text)


class ConfirmationTests(PublicTests):
    """A sender's address is confirmed by whoever reads its mail."""

    def path_of(self, account: str = ACME) -> str:
        return self.path(Purpose.CONFIRM, account=account, mailbox="ann@b.test")

    def test_confirmed(self) -> None:
        """The page asks, the button confirms; nothing that only looks does."""
        for method in ("GET", "HEAD"):
            self.assertEqual(self.ask(self.path_of(), method).status, 200)
        self.assertIn("ann@b.test", self.ask(self.path_of()).text)
        for form in ({}, {"confirm": "no"}, ONE_CLICK):
            self.assertEqual(self.ask(self.path_of(), "POST", form).status, 400)
        self.assertEqual(self.confirmed, [])
        answer = self.ask(self.path_of(), "POST", {"confirm": "yes"})
        self.assertEqual((answer.status, self.confirmed), (200, ["ann@b.test"]))
        self.assertIn("is confirmed", answer.text)

    def test_another_purpose(self) -> None:
        """H1: a link to unsubscribe confirms nobody, nor the other way round."""
        token = self.unsubscribing().rpartition("/")[2]
        self.assertEqual(self.ask(f"/confirm/{token}", "POST", {"confirm": "yes"}).status, 404)
        self.assertEqual(self.ask(f"/u/{self.path_of().rpartition('/')[2]}", "POST", ONE_CLICK).status, 404)

    def test_expired(self) -> None:
        """A link that nobody asks for any more, or of more than a week ago, has expired."""
        other = self.path_of(ulid(START, b"9999567890"))
        self.assertEqual(self.ask(other, "POST", {"confirm": "yes"}).status, 410)
        self.state.failures.append(Refusal("temporary"))
        self.assertEqual(self.ask(self.path_of(), "POST", {"confirm": "yes"}).status, 503)
        self.clock.advance(7 * 86_400 + 1)
        self.assertEqual(self.ask(self.path_of()).status, 410)
        self.assertEqual(self.ask(self.path_of(), "POST", {"confirm": "yes"}).status, 410)
        self.assertEqual(self.confirmed, [])


class WebVersionTests(PublicTests):
    HOSTILE = (
        '<script>alert(1)</script><svg onload="alert(1)"><img src=x onerror="alert(1)"><base href="//evil.test/">'
        '<meta http-equiv="refresh" content="0;url=//evil.test/"><form action="//evil.test/"><input name=a></form>'
        '<object data="x"></object><p style="width:expression(alert(1))"><iframe srcdoc="<script>alert(1)</script>">'
    )

    def test_shown(self) -> None:
        """H9: the message is shown as it is, under a policy that lets it run, submit and load nothing but pictures."""
        self.shown.messages[ANN] = WebVersion("<p>Привет</p>" + self.HOSTILE, True)
        answer = self.ask(self.path(Purpose.WEB_VERSION))
        self.assertEqual((answer.status, answer.text), (200, "<p>Привет</p>" + self.HOSTILE))
        self.assertEqual(answer.headers["content-security-policy"], FOREIGN.decode())
        self.assertEqual(FOREIGN.decode(), "default-src 'none'; img-src https:; style-src 'unsafe-inline'; sandbox")
        self.assertEqual(answer.headers["content-type"], "text/html; charset=utf-8")
        self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
        self.assertNotIn("set-cookie", answer.headers)

    def test_plain(self) -> None:
        """H9: a message without HTML is shown as text."""
        self.shown.messages[ANN] = WebVersion("a <script>alert(1)</script>\nb", False)
        answer = self.ask(self.path(Purpose.WEB_VERSION))
        self.assertIn("a &lt;script&gt;alert(1)&lt;/script&gt;\nb", answer.text)

    def test_for_ninety_days(self) -> None:
        """A message can be read for 90 days, then a page says so; also when it is not kept any more."""
        path = self.path(Purpose.WEB_VERSION)
        self.assertEqual(self.ask(path).status, 410)
        self.shown.messages[ANN] = WebVersion("<p>x", True)
        self.clock.advance(WEB_VERSION_DAYS * 86_400)
        self.assertEqual(self.ask(path).status, 200)
        self.clock.advance(1)
        answer = self.ask(path)
        self.assertEqual(answer.status, 410)
        self.assertIn("90 days", answer.text)


class PageTests(PublicTests):
    def pages_shown(self) -> list[Answer]:
        self.shown.messages[ANN] = WebVersion("<p>x", True)
        return [
            self.ask(self.unsubscribing()),
            self.ask(self.unsubscribing(), "POST", ONE_CLICK),
            self.ask(self.unsubscribing(), "POST", {}),
            self.ask(self.path(Purpose.WEB_VERSION)),
            self.ask("/u/none"),
            self.ask("/nothing"),
        ]

    def test_headers(self) -> None:
        """H10: no page is indexed, tells where it was followed from, is framed, cached, or loads what is outside."""
        for answer in self.pages_shown():
            self.assertEqual(answer.headers["x-robots-tag"], "noindex, nofollow")
            self.assertEqual(answer.headers["referrer-policy"], "no-referrer")
            self.assertEqual(answer.headers["cache-control"], "no-store")
            self.assertEqual(answer.headers["x-frame-options"], "DENY")
            self.assertIn("default-src 'none'", answer.headers["content-security-policy"])
            self.assertNotIn("set-cookie", answer.headers)
            self.assertNotRegex(answer.text, r"""(?:src|href)=["'](?!data:,)""")
        self.assertIn("Disallow: /", self.ask("/robots.txt").text)

    def test_accessible(self) -> None:
        """Every page of ours has a language, a title, one heading, and a style that its policy allows."""
        import hashlib
        from base64 import b64encode

        for answer in self.pages_shown()[:3]:
            self.assertRegex(answer.text, '<html lang="en">')
            self.assertEqual(len(re.findall("<h1>[^<]+</h1>", answer.text)), 1)
            self.assertRegex(answer.text, "<title>[^<]+</title>")
            (style,) = re.findall("<style>(.*?)</style>", answer.text)
            digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
            self.assertIn(f"'sha256-{digest}'", answer.headers["content-security-policy"])
            self.assertLess(len(answer.body), 2000)

    def test_languages(self) -> None:
        """A page speaks the reader's language where it can."""
        self.assertIn("Отписаться", self.ask(self.unsubscribing(), Accept_Language="ru-RU,ru;q=0.9,en;q=0.8").text)
        for accepted, expected in (
            ("", "en"),
            ("de, ru;q=0.5, en;q=0.4", "ru"),
            ("en;q=0, ru;q=x, de", "en"),
            ("ru;q=0", "en"),
            ("," * 500, "en"),
            ("EN-gb", "en"),
        ):
            self.assertEqual(language(accepted), expected, accepted)
        self.assertEqual({frozenset(words) for words in WORDS.values()}, {frozenset(WORDS["en"])})

    def test_behind_a_proxy(self) -> None:
        """The pages stand with the path of the public address, and without it."""
        self.assertEqual(self.ask("/mail" + self.path(Purpose.OPEN)).status, 200)
        self.assertEqual(self.ask("/mail" + self.click()).status, 302)
        self.assertEqual(self.ask("/mail/mail" + self.click()).status, 404)

    def test_inside_failure(self) -> None:
        """A failure inside is logged and shown as a page that asks to try again."""

        def broken(recipient: str) -> Deferred[WebVersion]:
            return fail(RuntimeError("inside"))

        self.shown.read = broken  # type: ignore[method-assign]
        answer = self.ask(self.path(Purpose.WEB_VERSION))
        self.assertEqual(answer.status, 500)
        self.assertNotIn("inside", answer.text)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_bodies_are_bounded(self) -> None:
        """A body too large is refused before it is read."""
        wire = Wire(self.site)
        wire.send(f"POST {self.unsubscribing()} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n".encode())
        self.assertEqual(wire.answer().status, 413)
