"""Links that lead by way of us: only the bytes of URLs change, and a browser asks for what it would have asked for."""

from __future__ import annotations

import re
import time
from typing import Any

import html5lib
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.links import MAX_TARGET, attribute_text, end_of_body, follow, in_place, target

from .bounded import bounded

OWN = b"https://go.relay.test/"


def click(wanted: bytes) -> bytes:
    return OWN + b"c/" + wanted.hex().encode("ascii")


def followed(html: str, codec: str = "utf-8") -> str:
    """The HTML with ``{target}`` in the place of each link that was changed."""
    changed = follow(html.encode(codec), click, OWN, codec).decode(codec)
    return re.sub(
        "https://go.relay.test/c/([0-9a-f]+)", lambda each: "{" + bytes.fromhex(each[1]).decode() + "}", changed
    )


class FollowTests(SynchronousTestCase):
    def unchanged(self, *htmls: str) -> None:
        for html in htmls:
            with self.subTest(html=html):
                self.assertEqual(followed(html), html)

    def changed(self, **cases: str) -> None:
        for html, expected in cases.items():
            with self.subTest(html=html):
                self.assertEqual(followed(html), expected)

    def test_forms_of_attributes(self) -> None:
        """H7: quoted in either way or not at all, in any case, with blanks, after others; the first counts."""
        self.changed(
            **{
                '<a href="http://x.test/">t</a>': '<a href="{http://x.test/}">t</a>',
                "<a href='http://x.test/'>": "<a href='{http://x.test/}'>",
                "<a href=http://x.test/>t": "<a href={http://x.test/}>t",
                "<A CLASS=x HREF = HTTPS://X.test/p ID=y>": "<A CLASS=x HREF = {HTTPS://X.test/p} ID=y>",
                "<a\n\thref\n=\n'http://x.test/'\n>": "<a\n\thref\n=\n'{http://x.test/}'\n>",
                '<a/href="http://x.test/"/>': '<a/href="{http://x.test/}"/>',
                '<a title="a > b" href="http://x.test/">': '<a title="a > b" href="{http://x.test/}">',
                '<a title=\'"\' href="http://x.test/">': '<a title=\'"\' href="{http://x.test/}">',
                '<a title=it\'s href="http://x.test/">': '<a title=it\'s href="{http://x.test/}">',
                '<area href="http://x.test/">': '<area href="{http://x.test/}">',
                '<a href="http://x.test/" href="http://y.test/">': '<a href="{http://x.test/}" href="http://y.test/">',
                '<a href="http://x.test/"<b>': '<a href="{http://x.test/}"<b>',
                '<a ="" href="http://x.test/">': '<a ="" href="{http://x.test/}">',
            }
        )

    def test_targets(self) -> None:
        """H7: references are resolved, what is escaped stays so, and a signature in a URL stays what it was."""
        self.changed(
            **{
                '<a href="http://x.test/?a=1&amp;b=2">': '<a href="{http://x.test/?a=1&b=2}">',
                '<a href="http://x.test/?a=1&b=2&copy=3&amp=4&lt;">': '<a href="{http://x.test/?a=1&b=2&copy=3&amp=4%3C}">',
                '<a href="http://x.test/&#x2f;&#47;&sol;&amp;amp;">': '<a href="{http://x.test////&amp;}">',
                '<a href="https://s3.test/k?X-Sig=ab%2Bc%3D&amp;e=1#f%20g">': '<a href="{https://s3.test/k?X-Sig=ab%2Bc%3D&e=1#f%20g}">',
                '<a href=" \n http://x.test/a\r\n\tb c ">': '<a href="{http://x.test/ab%20c}">',
                "<a href='http://x.test/?q=\"<>'>": "<a href='{http://x.test/?q=%22%3C%3E}'>",
                '<a href="http://user:pw@x.test:8080/">': '<a href="{http://user:pw@x.test:8080/}">',
                '<a href="http://[2001:db8::1]:80/?">': '<a href="{http://[2001:db8::1]:80/?}">',
                '<a href="http://x.test">': '<a href="{http://x.test}">',
                '<a href="http://x.test?q">': '<a href="{http://x.test?q}">',
            }
        )

    def test_letters(self) -> None:
        """H7: letters beyond ASCII are asked for as browsers do, whatever charset the message is in."""
        html = '<a href="http://bücher.test/ü?ü=1#ü">'
        expected = '<a href="{http://xn--bcher-kva.test/%C3%BC?%C3%BC=1#%C3%BC}">'
        for codec in ("utf-8", "iso-8859-1"):
            self.assertEqual(followed(html, codec), expected)

    def test_left_alone(self) -> None:
        """H7: other schemes, anchors, relative links, templates, and what no browser could follow."""
        self.unchanged(
            *(
                f'<a href="{value}">'
                for value in (
                    "",
                    "#top",
                    "mailto:ann@example.net",
                    "tel:+1",
                    "sms:1",
                    "javascript:alert(1)",
                    " JavaScript:location='http://x.test/'",
                    "data:text/html,<a href=http://x.test/>",
                    "ftp://x.test/",
                    "//x.test/",
                    "/path",
                    "page.html",
                    "http:x.test",
                    "http:/x.test",
                    "http://",
                    "http:///x",
                    "{{url}}",
                    "http://{{host}}/",
                    "http://[Unsubscribe]/",
                    "http://a b/",
                    "http://a\\b/",
                    "http://xn--.\N{SNOWMAN}.test:x/",
                    "http://\N{ZERO WIDTH JOINER}/",
                    "http://x.test/" + "a" * MAX_TARGET,
                    "http://x.test/ü" + "ü" * (MAX_TARGET // 6),
                )
            ),
            "<a href>",
            "<a href=>",
            "<a>http://x.test/</a>",
            '<abbr href="http://x.test/"><link href="http://x.test/"><base href="http://x.test/">',
            '<a xhref="http://x.test/" data-href="http://x.test/">',
            "http://x.test/ &lt;a href=http://x.test/&gt;",
        )

    def test_ours(self) -> None:
        """Links of ours, and those that ask not to be tracked, are left alone."""
        self.unchanged(
            '<a href="https://go.relay.test/u/x">',
            '<a href="https://go.relay.test&#47;u/x">',
            '<a data-relay-notrack href="http://x.test/">',
            '<a href="http://x.test/" DATA-Relay-NoTrack=true>',
        )
        self.changed(
            **{
                '<a title=data-relay-notrack href="http://x.test/">': '<a title=data-relay-notrack href="{http://x.test/}">'
            }
        )

    def test_no_tags(self) -> None:
        """H8: comments, scripts, styles and other raw text are not looked into, nor what nothing closes."""
        link = '<a href="http://x.test/">'
        self.unchanged(
            f"<!-- {link} -->",
            f"<!--[if mso]>{link}<![endif]-->",
            f"<!-- {link}",
            f"<!--->{''}<!-- > {link} --",
            f"<script>{link}</script>",
            f"<SCRIPT type=x>{link}</scriptx></Script >",
            f"<style>{link}",
            f"<title>{link}</title><textarea>{link}</textarea><xmp>{link}</xmp><iframe>{link}</iframe>",
            f"<noembed>{link}</noembed><noframes>{link}</noframes><plaintext>{link}</plaintext>{link}",
            "<img alt='<a href=\"http://x.test/\">'>",
            '<a href="http://x.test/',
            '<a href="http://x.test/" ',
            '<!doctype <a href="http://x.test/">',
            '<? <a href="http://x.test/">',
            '</ <a href="http://x.test/">',
            '</a href="http://x.test/">',
        )
        for html, expected in (
            (f"<!-->{link}<!--->{link}<!-- --!>{link}", "<!-->L<!--->L<!-- --!>L"),
            (f"<script></script>{link}<style/>{link}</style>{link}", f"<script></script>L<style/>{link}</style>L"),
            (f"a < b <3 <> </> {link}", "a < b <3 <> </> L"),
            (f"<b>{link}<noscript>{link}<p <a x>", "<b>L<noscript>L<p <a x>"),
        ):
            with self.subTest(html=html):
                self.assertEqual(followed(html), expected.replace("L", '<a href="{http://x.test/}">'))

    def test_linear(self) -> None:
        """Whatever HTML is made of, four times as much takes some four times as long, not sixteen times."""
        for piece in (
            b"<a ",
            b'<a href="',
            b"<a x='",
            b"<a href=http://x/?&amp>",
            b"<a href=http://x/&",
            b"<!--",
            b"<!-",
            b"--!",
            b"<",
            b"</",
            b"<script>",
            b"<style",
            b"<p x=",
            b"<a / ",
            b"</body ",
            b"<a =",
        ):
            once, again = (min(self.taken(piece * count) for _ in range(3)) for count in (5_000, 20_000))
            self.assertLess(again, 12 * once + 0.05, piece)

    def taken(self, html: bytes) -> float:
        begin = time.process_time()
        follow(html, click, OWN, pixel=OWN)
        return time.process_time() - begin


#: What documents are made of; without what html5lib reads in another way outside of a browser's tree.
PIECES = st.sampled_from(
    (
        '<a href="',
        "<a href='",
        "<a href=",
        "<A HREF = ",
        "<a\n",
        "<area ",
        "<p ",
        "<img alt=",
        "</a>",
        "</p",
        ">",
        '"',
        "'",
        "=",
        "/",
        " ",
        "\n",
        "<",
        "&amp;",
        "&",
        "&lt;",
        "&copy",
        "&#47;",
        "#",
        "?q=",
        "é",
        "http://x.test/",
        "https://y.test/a%20b",
        "mailto:a@b",
        "javascript:",
        "data-relay-notrack ",
        "text",
        "<!--",
        "-->",
        "--!>",
        "-",
        "<!",
        "<?",
        "</",
        "<script>",
        "</script>",
        "<style ",
        "</style",
        "<title>",
        "</title>",
        "<textarea>",
        "</textarea>",
        "<b>",
        "</body>",
        "</html>",
    )
)
DOCUMENTS = st.lists(PIECES, max_size=30).map("".join)
#: Documents whose tags are whole, so that most links are links.
TIDY = st.lists(
    st.one_of(
        PIECES,
        st.builds(
            "<a {0}href={2}{1}{2}>".format,
            st.sampled_from(("", "class=x ", "data-relay-notrack ", "title='>' ")),
            st.sampled_from(("http://x.test/", "https://y.test/?a=1&amp;b=2", "http://z.test/#é", "mailto:x@y", "/z")),
            st.sampled_from(('"', "'")),
        ),
    ),
    max_size=20,
).map("".join)


def tree(html: bytes) -> list[tuple[Any, ...]]:
    """What a parser of HTML makes of it: elements with their attributes, texts and comments, in order."""
    document = html5lib.parse(html, transport_encoding="utf-8", namespaceHTMLElements=False)
    found: list[tuple[Any, ...]] = []
    for element in document.iter():
        found.append((str(element.tag), dict(element.attrib), element.text or "", element.tail or ""))
    return found


class DifferentialTests(SynchronousTestCase):
    @given(st.one_of(DOCUMENTS, TIDY))
    @bounded
    def test_another_reader(self, html: str) -> None:
        """H7, H8: to an independent parser nothing but the hrefs of links is another, and each leads to its target."""
        octets = html.encode("utf-8")
        before, after = tree(octets), tree(follow(octets, click, OWN))
        self.assertEqual(len(before), len(after))
        for (tag, had, *texts), (tag_now, has, *texts_now) in zip(before, after, strict=True):
            self.assertEqual((tag, texts), (tag_now, texts_now))
            href = had.get("href", "")
            if tag in ("a", "area") and "data-relay-notrack" not in had and (wanted := target(escaped(href))):
                had, has = dict(had), dict(has)
                self.assertEqual(had.pop("href") and has.pop("href"), click(wanted).decode("ascii"))
            self.assertEqual(had, has)

    @given(st.one_of(DOCUMENTS, TIDY))
    @bounded
    def test_pixel(self, html: str) -> None:
        """The pixel changes nothing else, and stands once and as the last of the body where the document is whole."""
        octets = f"<html><body>{html}".encode()
        for whole in (octets + b"<p></p></body></html>", octets):
            place = end_of_body(whole)
            shown = follow(whole, None, OWN, pixel=OWN)
            self.assertEqual(len(re.findall(re.escape(OWN), shown)), 1)
            self.assertEqual(shown[:place], whole[:place])
            self.assertTrue(shown.endswith(whole[place:]))


def escaped(value: str) -> bytes:
    """A value as it would stand in an attribute."""
    return value.replace("&", "&amp;").encode("utf-8")


class PixelTests(SynchronousTestCase):
    def test_place(self) -> None:
        """The pixel stands before the last end of the body that is one, else at the end."""
        for html, before in (
            ("<html><body>x</body></html>", "<html><body>x"),
            ("<body>x</BODY >\n", "<body>x"),
            ("<p>x", "<p>x"),
            ("", ""),
            ("x</body>y</body>z", "x</body>y"),
            ("x</body><!-- </body> --><script></body></script>", "x"),
            ("<p title='</body>'>x", "<p title='</body>'>x"),
        ):
            shown = follow(html.encode(), None, OWN, pixel=b"https://go.relay.test/o/x").decode()
            with self.subTest(html=html):
                self.assertTrue(shown.startswith(before + '<img src="https://go.relay.test/o/x" '), shown)
                self.assertTrue(shown.endswith(html[len(before) :]))


class InPlaceTests(SynchronousTestCase):
    @given(st.one_of(DOCUMENTS, TIDY))
    @bounded
    def test_windows(self, html: str) -> None:
        """To an independent parser every link opens where it stands, and nothing else is another."""
        octets = html.encode("utf-8").replace(b"class=x", b"target=_blank")
        before, after = tree(octets), tree(in_place(octets))
        for (tag, had, *texts), (tag_now, has, *texts_now) in zip(before, after, strict=True):
            if tag in ("a", "area"):
                had = {**had, "target": "_self"}
            self.assertEqual((tag, had, texts), (tag_now, has, texts_now))


class BothTests(SynchronousTestCase):
    @given(st.one_of(DOCUMENTS, TIDY))
    @bounded
    def test_at_once(self, html: str) -> None:
        """Links and the pixel at once are the links, and then the pixel."""
        octets = html.encode("utf-8")
        one_by_one = follow(follow(octets, click, OWN), None, OWN, pixel=OWN + b"o")
        self.assertEqual(follow(octets, click, OWN, pixel=OWN + b"o"), one_by_one)


class AttributeTextTests(SynchronousTestCase):
    @given(
        st.lists(
            st.sampled_from(
                (
                    "&",
                    "amp",
                    "copy",
                    "notit",
                    "lt",
                    ";",
                    "=",
                    "a",
                    "#",
                    "x",
                    "38",
                    "26",
                    "é",
                    "#0",
                    "#128",
                    "#x110000",
                    "#xD800;",
                )
            ),
            max_size=8,
        ).map("".join)
    )
    @bounded
    def test_references(self, value: str) -> None:
        """References in an attribute mean what an independent parser says."""
        (found,) = [has["title"] for tag, has, *_ in tree(f'<p title="{value}">'.encode()) if tag == "p"]
        self.assertEqual(attribute_text(value), found)
