"""Body tags: every form in which editors leave them becomes a link, and a message without them gets a footer."""

from __future__ import annotations

import re
import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.leaves import leaves
from mailrelay.mail.message import Message
from mailrelay.mail.tags import MARKS, UNSUBSCRIBE, WEB_VERSION, Tags, fill

from .bounded import bounded

TAGS = Tags(
    {"[Unsubscribe]": UNSUBSCRIBE, "[WebVersion]": WEB_VERSION, "*|UNSUB|*": UNSUBSCRIBE},
    {UNSUBSCRIBE: "Отписаться", WEB_VERSION: "Web & more"},
)
U, W = b"https://go/u/1", b"https://go/w/1"
WORDS = "".join(f"&#{ord(letter)};" for letter in "Отписаться")
LINK = f'<a href="U">{WORDS}</a>'


def message(kind: bytes, body: str) -> Message:
    return Message.parse(b"Content-Type: " + kind + b"; charset=utf-8\r\n\r\n" + body.encode())


def html(body: str) -> str:
    return _shown(b"text/html", body)


def plain(body: str) -> str:
    return _shown(b"text/plain", body)


def _shown(kind: bytes, body: str) -> str:
    (leaf,) = leaves(TAGS.resolve(message(kind, body))[0])
    return fill(leaf, {UNSUBSCRIBE: b"U", WEB_VERSION: b"W"}).octets.decode()


class FormTests(SynchronousTestCase):
    def test_in_links(self) -> None:
        """Whatever an editor makes of a tag as the target of a link, the link leads to the URL."""
        for value in (
            "[Unsubscribe]",
            "[UNSUBSCRIBE]",
            "[unsubscribe]/",
            " [Unsubscribe] ",
            "%5BUnsubscribe%5D",
            "%5bunsubscribe%5d",
            "%255BUnsubscribe%255D",
            "&#91;Unsubscribe&#93;",
            "&#x5B;Unsubscribe&#x5d;",
            "&lbrack;Unsubscribe&rsqb;",
            "http://[Unsubscribe]",
            "https://[Unsubscribe]/",
            "http://%5BUnsubscribe%5D/",
            "HTTP://%5Bunsubscribe%5D",
            "x-webdoc://1F-2E/[Unsubscribe]",
            "applewebdata://1F/%5BUnsubscribe%5D",
            "about:[Unsubscribe]",
            "file:///C:/mail/%5BUnsubscribe%5D",
            "https://crm.example/edit/%5BUnsubscribe%5D",
            "./[Unsubscribe]",
            "mailto:[Unsubscribe]",
            "*|UNSUB|*",
            "http://*%7Cunsub%7C*",
        ):
            with self.subTest(value=value):
                self.assertEqual(html(f'<a class=x href="{value}">here</a>'), '<a class=x href="U">here</a>')
                self.assertEqual(html(f"<A HREF='{value}'>here</A>"), "<A HREF='U'>here</A>")
        self.assertEqual(html("<a href=[WebVersion]>x</a><a href = %5BUnsubscribe%5D>"), "<a href=W>x</a><a href = U>")

    def test_in_other_places(self) -> None:
        """Elsewhere in a tag the tag alone is replaced; other words in brackets are nobody's."""
        for before, after in (
            ('<a href="https://x.test/?u=[Unsubscribe]&amp;y=1">', '<a href="https://x.test/?u=U&amp;y=1">'),
            ('<p title="by [Unsubscribe], please">', '<p title="by U, please">'),
            ('<v:roundrect href="[Unsubscribe]">', '<v:roundrect href="U">'),
            ('<a href="[Other]">[Other] [Unsubscribed] [] [un subscribe]</a>', None),
            ('<a href="[Unsubscribe', None),
        ):
            self.assertEqual(html(before), before if after is None else after)

    def test_in_html_text(self) -> None:
        """In text a tag becomes a link, within a link its words; tags within it stay around the words."""
        inner = LINK.replace(WORDS, "{}")
        for before, after in (
            ("Stop: [Unsubscribe].", f"Stop: {LINK}."),
            ("http://[Unsubscribe]/ x", f"{LINK} x"),
            ("x-webdoc://1/[Unsubscribe]", LINK),
            ("&#91;Unsubscribe&#93; %5BUnsubscribe%5D", f"{LINK} {LINK}"),
            ("[&nbsp;Unsubscribe ]", LINK),
            ("[\r\nUnsubscribe]", LINK),
            ("[<b>Unsubscribe</b>]", inner.format(f"<b>{WORDS}</b>")),
            ("[<span class=SpellE>Unsub</span>scribe]", inner.format(f"<span class=SpellE>{WORDS}</span>")),
            ("[Un<wbr>subscribe]", inner.format(f"<wbr>{WORDS}")),
            ('<a href="[Unsubscribe]">[Unsubscribe]</a>', f'<a href="U">{WORDS}</a>'),
            ('<a href="/">x</a> [Unsubscribe]', f'<a href="/">x</a> {LINK}'),
            ("[<a href=/>Unsubscribe</a>]", None),
            ("a < b [Unsubscribe]", f"a < b {LINK}"),
        ):
            with self.subTest(before=before):
                self.assertEqual(html(before), after or before)
        self.assertEqual(html("[WebVersion]"), '<a href="W">Web &#38; more</a>')

    def test_in_what_is_not_shown(self) -> None:
        """H8: scripts, styles and comments are left alone, but for the conditional comments that mail programs read."""
        for same in ("<!-- [Unsubscribe] -->", "<style>[Unsubscribe]</style>", "<script>'[Unsubscribe]'</script>"):
            self.assertEqual(html(same), same)
        self.assertEqual(
            html('<!--[if mso]><v:rect href="[Unsubscribe]">[WebVersion]<![endif]-->x'),
            '<!--[if mso]><v:rect href="U"><a href="W">Web &#38; more</a><![endif]-->x',
        )

    def test_in_plain_text(self) -> None:
        """In plain text a tag becomes the URL, with the scheme before it and the slash behind it gone."""
        for before, after in (
            ("Stop: [Unsubscribe].", "Stop: U."),
            ("<http://[Unsubscribe]/>", "<U>"),
            ("(https://%5BUnsubscribe%5D)", "(U)"),
            ("x-webdoc://1F/[Unsubscribe] and [ webversion ]", "U and W"),
            ("http://a.test/ [Unsubscribe]/", "http://a.test/ U/"),
            ("&#91;Unsubscribe&#93; [other]", "&#91;Unsubscribe&#93; [other]"),
        ):
            self.assertEqual(plain(before), after)

    def test_after_decoding(self) -> None:
        """Tags are found behind every transfer encoding and charset, and what has none stays octet by octet."""
        for head, body in (
            (b"text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64", b"W1Vuc3Vic2NyaWJlXQ=="),
            (b"text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable", b"=5BUnsub=\r\nscribe=5D"),
            (b"text/plain; charset=iso-2022-jp", b"[Unsubscribe]"),
        ):
            source = b"Content-Type: " + head + b"\r\n\r\n" + body
            (leaf,) = leaves(TAGS.resolve(Message.parse(source))[0])
            self.assertEqual(leaf.octets, MARKS[UNSUBSCRIBE])
        same = message(b"text/plain", "no tags")
        self.assertIs(TAGS.resolve(same)[0], same)

    @given(
        st.lists(
            st.sampled_from(
                (
                    "[",
                    "]",
                    "Unsubscribe",
                    "<b>",
                    "</b>",
                    "<a href=",
                    "'",
                    '"',
                    ">",
                    "%5B",
                    "&#91;",
                    " ",
                    "http://",
                    "<!--[if x]>",
                    "<![endif]-->",
                    "é",
                    "[Unsubscribe]",
                )
            ),
            max_size=25,
        ).map("".join)
    )
    @bounded
    def test_anything(self, text: str) -> None:
        """Whatever surrounds a tag, resolving twice is resolving once, and fails never."""
        for kind in (b"text/html", b"text/plain"):
            once, _ = TAGS.resolve(message(kind, text))
            self.assertIs(TAGS.resolve(once)[0], once)


class CostTests(SynchronousTestCase):
    def test_linear(self) -> None:
        """M8: whatever a body is made of, four times as much takes some four times as long, not sixteen times."""
        for piece in (
            "[",
            "&#91;",
            "[<b>",
            "[Unsub<b>",
            "<a href='[",
            "%5B",
            "<a ",
            "[ ",
            "<!--[if x]>",
            "http://a/",
            "x-a://",
        ):
            once, again = (min(self.taken(piece * count) for _ in range(2)) for count in (3_000, 12_000))
            self.assertLess(again, 12 * once + 0.1, piece)

    def taken(self, text: str) -> float:
        begin = time.process_time()
        for kind in (b"text/html", b"text/plain"):
            TAGS.resolve(message(kind, text))
        return time.process_time() - begin


class MissingTests(SynchronousTestCase):
    ALTERNATIVE = (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n%s\r\n"
        b"--b\r\nContent-Type: text/html; charset=us-ascii\r\n\r\n%s\r\n--b--\r\n"
    )

    def missing(self, source: bytes) -> frozenset[str]:
        return TAGS.resolve(Message.parse(source))[1]

    def test_judged_by_what_is_read(self) -> None:
        """A tag is missing when the HTML lacks it, or the plain text where there is no HTML."""
        both = b"[Unsubscribe] [WebVersion]"
        self.assertEqual(self.missing(self.ALTERNATIVE % (b"", both)), frozenset())
        self.assertEqual(self.missing(self.ALTERNATIVE % (both, b"[WebVersion]")), {UNSUBSCRIBE})
        self.assertEqual(self.missing(b"\r\n" + both), frozenset())
        self.assertEqual(self.missing(b"\r\n"), {UNSUBSCRIBE, WEB_VERSION})
        self.assertEqual(self.missing(b"Content-Type: image/png\r\n\r\n"), {UNSUBSCRIBE, WEB_VERSION})

    def test_footers(self) -> None:
        """Each text gets the links that it lacks: HTML before the end of its body, plain text behind it."""
        source = self.ALTERNATIVE % (b"Hello [WebVersion]", b"<body>Hello [Unsubscribe]</body>")
        resolved, _ = TAGS.resolve(Message.parse(source))
        appended = TAGS.append(resolved)
        text, shown = (fill(leaf, {UNSUBSCRIBE: b"U", WEB_VERSION: b"W"}).octets for leaf in leaves(appended))
        self.assertEqual(text.decode(), "Hello W\r\n\r\nОтписаться: U\r\n")
        self.assertRegex(
            shown.decode(), re.escape(f"<body>Hello {LINK}<p ") + '[^>]*><a href="W">Web &#38; more</a></p></body>'
        )
        self.assertIs(TAGS.append(appended), appended)
        self.assertEqual(TAGS.resolve(appended)[1], frozenset())

    def test_whole_footer(self) -> None:
        """A message without any tag gets both links, once each although one has two spellings."""
        appended = TAGS.append(TAGS.resolve(message(b"text/plain", "Hello\r\n"))[0])
        (leaf,) = leaves(appended)
        self.assertEqual(
            fill(leaf, {UNSUBSCRIBE: U, WEB_VERSION: W}).octets.decode(),
            "Hello\r\n\r\nОтписаться: https://go/u/1\r\nWeb & more: https://go/w/1\r\n",
        )

    def test_nothing_to_append_to(self) -> None:
        """A message without a text cannot be helped, and no tags want nothing."""
        image = Message.parse(b"Content-Type: image/png\r\n\r\nx")
        self.assertIs(TAGS.append(image), image)
        none = Tags({}, {})
        same = message(b"text/html", "[Unsubscribe] <b>x</b>")
        self.assertEqual(none.resolve(same), (same, frozenset()))
        self.assertIs(none.append(same), same)
