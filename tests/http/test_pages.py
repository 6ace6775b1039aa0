"""The sandbox's pages: who may see them, and that nothing a stranger wrote can act in them."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.http import letter, views
from mailrelay.http.markup import escape, tag
from mailrelay.interfaces.sandbox import Kept

from ..examples import at_most
from .wire import BEARER, TOKEN, Answer, SiteTestCase, ask

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


class Elements(HTMLParser):
    """Counts the elements of a page, as a browser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.names.append(name)
        self.attributes += attributes


class SignInTests(SiteTestCase):
    def cookie(self) -> dict[str, str]:
        answer = ask(self.site, "/sandbox/sign-in", "POST", form={"token": TOKEN})
        return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}

    def assert_form(self, answer: Answer) -> None:
        self.assertEqual((answer.status, answer.headers["content-type"]), (401, "text/html; charset=utf-8"))
        self.assertIn('action="/sandbox/sign-in"', answer.text)

    def test_form(self) -> None:
        """Without the token every page is the form that asks for it, and shows nothing else."""
        id = self.keep(subject="Confidential")
        for path in ("", f"/{id}", f"/{id}.eml", f"/{id}/body.html", "?token=wrong", "?token="):
            answer = ask(self.site, f"/sandbox{path}")
            self.assert_form(answer)
            self.assertNotIn("Confidential", answer.text)
            self.assertNotIn("set-cookie", answer.headers)

    def test_wrong_token(self) -> None:
        """A wrong token is told, and opens nothing."""
        for token in ("", "wrong", TOKEN[:-1], TOKEN + "\xe9"):
            answer = ask(self.site, "/sandbox/sign-in", "POST", form={"token": token})
            self.assert_form(answer)
            self.assertIn("not the token", answer.text)
            self.assertNotIn("set-cookie", answer.headers)

    def test_cookie(self) -> None:
        """The token, by form or in the address, gives a cookie that is not the token, and leads to the inbox."""
        by_form = ask(self.site, "/sandbox/sign-in", "POST", form={"token": f" {TOKEN}\n"})
        by_address = ask(self.site, f"/sandbox?token={TOKEN}")
        for answer in (by_form, by_address):
            self.assertEqual((answer.status, answer.headers["location"]), (303, "/sandbox"))
            cookie = answer.headers["set-cookie"]
            self.assertNotIn(TOKEN, cookie)
            for attribute in ("HttpOnly", "SameSite=strict", "Path=/sandbox"):
                self.assertIn(attribute.lower(), cookie.lower())
        self.assertEqual(ask(self.site, "/sandbox", headers=self.cookie()).status, 200)

    def test_forged_cookie(self) -> None:
        """Another value under the cookie's name opens nothing."""
        name = self.cookie()["Cookie"].partition("=")[0]
        for value in ("", "1", TOKEN, "0" * 64):
            self.assert_form(ask(self.site, "/sandbox", headers={"Cookie": f"{name}={value}"}))

    def test_bearer(self) -> None:
        """A program may look at the pages with its token."""
        self.assertEqual(ask(self.site, "/sandbox", headers=BEARER).status, 200)

    def test_forms_need_their_key(self) -> None:
        """Only our own form deletes mail or signs out, and only for who is signed in."""
        self.keep()
        page = ask(self.site, "/sandbox", headers=self.cookie()).text
        found = re.search(r'name="key" value="([0-9a-f]+)"', page)
        assert found is not None
        for form in ({}, {"key": "x"}):
            for action in ("clear", "sign-out"):
                self.assertEqual(ask(self.site, f"/sandbox/{action}", "POST", self.cookie(), form).status, 403)
        self.assert_form(ask(self.site, "/sandbox/clear", "POST", form={"key": found[1]}))
        self.assertEqual(len(self.get("/api/v1/sandbox/messages").json()), 1)
        self.assertEqual(ask(self.site, "/sandbox/clear", "POST", self.cookie(), {"key": found[1]}).status, 303)
        self.assertEqual(self.get("/api/v1/sandbox/messages").json(), [])
        out = ask(self.site, "/sandbox/sign-out", "POST", self.cookie(), {"key": found[1]})
        self.assertIn("Max-Age=0", out.headers["set-cookie"])


class PageTests(SiteTestCase):
    first_mail = "send --to 'you@example.org' <hello>"

    def page(self, path: str = "") -> str:
        answer = self.get(f"/sandbox{path}")
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertEqual(answer.headers["content-length"], str(len(answer.body)))
        return answer.text

    def test_policy(self) -> None:
        """The pages run no inline script or style and load nothing from outside."""
        id = self.keep(source=b"Content-Type: text/html\r\n\r\n<p onclick='x()'>hi</p>")
        for path in ("", f"/{id}"):
            policy = self.get(f"/sandbox{path}").headers["content-security-policy"]
            self.assertIn("default-src 'none'", policy)
            self.assertNotIn("unsafe", policy)
            page = Elements(self.page(path))
            self.assertNotIn("style", page.names)
            for name, value in page.attributes:
                self.assertFalse(name.startswith("on") or name == "style", (name, value))
                if name in ("src", "href", "action"):
                    self.assertRegex(value or "", r"^(/sandbox|data:,$)")

    def test_empty(self) -> None:
        """Before any mail the page says how to send the first one."""
        self.assertIn("send --to &#x27;you@example.org&#x27; &lt;hello&gt;", self.page())

    def test_list(self) -> None:
        """The list shows the newest first, each leading to its own page, and narrows down to a recipient."""
        first, second = self.keep(subject="One", to="a@example.com"), self.keep(subject="Two")
        page = self.page()
        self.assertLess(page.index(f"/sandbox/{second}"), page.index(f"/sandbox/{first}"))
        narrowed = self.page("?to=A@example.com")
        self.assertIn(first, narrowed)
        self.assertNotIn(second, narrowed)
        self.assertIn("No mail to this recipient", self.page("?to=nobody@example.com"))
        self.assertIn("The newest 1 are shown", self.page("?limit=1"))

    def test_message(self) -> None:
        """One message shows its envelope, header, text, attachments and source, and can be downloaded as it came."""
        source = (
            b'From: =?utf-8?q?J=C3=BCrgen?= <j@example.com>\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
            b"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xfc\xdfe\r\n"
            b"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n"
            b"xyz\r\n--b--\r\n"
        )
        id = self.keep(source=source, subject="Hello")
        page = self.page(f"/{id}")
        for shown in (
            "Hello",
            "Jürgen",
            "Grüße",
            "a.pdf",
            "application/pdf, 3 B",
            "bob@example.com",
            "boundary=&quot;b",
        ):
            self.assertIn(shown, page)
        self.assertNotIn("iframe", page)
        answer = self.get(f"/sandbox/{id}.eml")
        self.assertEqual((answer.body, answer.headers["content-type"]), (source, "message/rfc822"))

    def test_html_part(self) -> None:
        """The HTML of a message stands in a frame that can run and load nothing."""
        id = self.keep(source=b"Content-Type: text/html\r\n\r\n<b>Hi</b><script>alert(1)</script>")
        page = self.page(f"/{id}")
        self.assertIn(f'<iframe src="/sandbox/{id}/body.html"', page)
        self.assertNotIn("<b>Hi</b>", page)
        body = self.get(f"/sandbox/{id}/body.html")
        self.assertIn("<b>Hi</b>", body.text)
        policy = body.headers["content-security-policy"]
        self.assertTrue(policy.startswith("sandbox allow-popups"))
        for denied in ("allow-scripts", "allow-same-origin", "http:", "https:", "script-src"):
            self.assertNotIn(denied, policy)
            self.assertNotIn(denied, page)
        self.assertIn("default-src 'none'", policy)

    def test_strangers_text(self) -> None:
        """H11: whatever a subject, an address, a header or a body says, it is only shown."""
        source = f"Subject: {EVIL}\r\nX-{'<b>'}: 1\r\nFrom: {EVIL}\r\n\r\n{EVIL}</pre>".encode()
        harmless = Elements(self.page(f"/{self.keep(source=b'Subject: a' + bytes(10) + b'From: b')}")).names
        id = self.keep(source=source, subject=EVIL, to=f"{EVIL}@example.com")
        for path in ("", f"/{id}", f"?to={EVIL}".replace(" ", "%20"), f"?limit={EVIL}".replace(" ", "%20")):
            text = self.get(f"/sandbox{path}").text
            self.assertNotIn("<script>alert", text)
            self.assertNotIn("<img", text)
            self.assertLessEqual(Elements(text).names.count("script"), 1)
        self.assertEqual(harmless.count("script"), 0)

    def test_unknown(self) -> None:
        """A message that does not exist is a page that says so."""
        for path in ("/nobody", "/nobody.eml", "/nobody/body.html", "/a/b/c", "/assets/x.css", "/assets/..%2fapp.py"):
            answer = self.get(f"/sandbox{path}")
            self.assertEqual(answer.status, 404, path)
        self.assertIn("To the inbox", self.get("/sandbox/nobody").text)

    def test_assets(self) -> None:
        """Style and script need no token and say what they are."""
        for name, kind in (("page.css", "text/css"), ("page.js", "text/javascript")):
            answer = ask(self.site, f"/sandbox/assets/{name}")
            self.assertEqual((answer.status, answer.headers["content-type"]), (200, f"{kind}; charset=utf-8"))
            self.assertNotIn(b"http", answer.body)


class MarkupTests(SynchronousTestCase):
    @at_most(200)
    @given(st.text(alphabet=st.characters(codec=None), max_size=40))
    def test_text_stays_text(self, text: str) -> None:
        """No text makes an element or leaves its attribute, and what HTML can hold is shown as it is."""
        page = Elements(tag("p", text, title=text))
        self.assertEqual(page.names, ["p"])
        self.assertEqual([name for name, _ in page.attributes], ["title"])
        escape(text).encode("utf-8")

    def test_elements(self) -> None:
        """Elements nest, empty ones have no end, attributes may stand alone or be left out."""
        self.assertEqual(tag("p", tag("br"), "a<b"), "<p><br>a&lt;b</p>")
        self.assertEqual(tag("input", required=True, hidden=False, aria_label="x"), '<input required aria-label="x">')
        self.assertEqual(tag("i", class_="a"), '<i class="a"></i>')

    @at_most(100)
    @given(st.binary(max_size=300), st.text(max_size=20))
    def test_any_message_is_shown(self, source: bytes, subject: str) -> None:
        """Whatever arrived, there is a page for it with no more elements than we put there."""
        kept = Kept("0" * 26, 0, subject, subject, subject, len(source))
        page = views.message(kept, letter.read(source), source.decode("utf-8", "replace"), "k").decode("utf-8")
        allowed = {
            "html",
            "head",
            "meta",
            "title",
            "link",
            "body",
            "header",
            "a",
            "span",
            "form",
            "input",
            "button",
            "main",
        }
        allowed |= {
            "div",
            "h1",
            "bdi",
            "dl",
            "dt",
            "dd",
            "code",
            "time",
            "details",
            "summary",
            "pre",
            "iframe",
            "ul",
            "li",
            "p",
        }
        self.assertLessEqual(set(Elements(page).names), allowed)
