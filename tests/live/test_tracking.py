"""From a mail with links to what its recipient did, through a running daemon: opens, clicks, unsubscribes, the web
version, and the keys that sign them."""

from __future__ import annotations

import http.client
import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import pytest

from .daemon import Sandbox, Shop, eventually

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
TARGET = "https://shop.example/item?id=1&ref=a%20b#top"
HTML = f'<html><body><p>Grüße <a href="{TARGET.replace("&", "&amp;")}">item</a></p></body></html>'


def ask(url: str, method: str = "GET", body: str = "", **headers: str) -> http.client.HTTPResponse:
    """One request, as a browser sends it; redirects are not followed."""
    place = urlsplit(url)
    assert place.hostname is not None
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    connection.request(
        method, f"{place.path}?{place.query}" if place.query else place.path, body, {**BROWSER, **kind, **headers}
    )
    answer = connection.getresponse()
    answer.body = answer.read()  # type: ignore[attr-defined]
    connection.close()
    return answer


def written(shop: Shop, to: str) -> bytes:
    """A mail of two alternatives."""
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"], mail["To"], mail["Subject"] = shop.mail_from, to, "Links"
    mail.set_content("Plain text, see https://shop.example/\n")
    mail.add_alternative(HTML, subtype="html")
    return mail.as_bytes()


@pytest.fixture
def arrived(sandbox: Sandbox, shop: Shop, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A tracked mail that arrived: its id, its recipient, and its HTML."""
    sandbox.cli("connection", "set", shop.connection, "list_unsubscribe=true")
    to = f"{request.node.name.replace('_', '-')}@example.net"
    id = sandbox.submit(shop, [to], written(shop, to))
    source = sandbox.received(to)
    mail = message_from_bytes(source, policy=policy.default)
    html = mail.get_body(("html",))
    assert html is not None
    return {"id": id, "to": to, "source": source, "mail": mail, "html": html.get_content()}


def urls(sandbox: Sandbox, html: str, path: str) -> list[str]:
    """The links of ours in a text, of one purpose."""
    base = re.escape(sandbox.facts["public_url"])
    return re.findall(rf"{base}/{path}/[A-Za-z0-9_-]+", html)


def told(sandbox: Sandbox, id: str, key: str) -> Any:
    """What the history says of the one recipient, once it says something."""

    def look() -> Any:
        (passage,) = sandbox.cli("message", "show", id)["recipients"]
        return passage[key]

    return eventually(look, within=15, what=key)


def test_open_and_click(sandbox: Sandbox, arrived: dict[str, Any]) -> None:
    """H4, H7: the pixel shows, a click leads to the very target, both are told of in the history; no text changed."""
    (pixel,), (link,) = urls(sandbox, arrived["html"], "o"), urls(sandbox, arrived["html"], "c")
    assert arrived["html"].replace(link, TARGET.replace("&", "&amp;")).startswith(HTML.removesuffix("</body></html>"))
    shown = ask(pixel)
    assert (shown.status, len(shown.body), shown.getheader("Set-Cookie")) == (200, 43, None)  # type: ignore[attr-defined]
    followed = ask(link)
    assert (followed.status, followed.getheader("Location")) == (302, TARGET)
    assert told(sandbox, arrived["id"], "clicked_at")
    (passage,) = sandbox.cli("message", "list", "--to", arrived["to"])
    assert (passage["opens"], passage["clicks"], passage["machine_opens"]) == (1, 1, 0)
    (story,) = sandbox.cli("message", "explain", arrived["id"])["recipients"]
    assert [(act["act"], act["target"]) for act in story["acts"]] == [("opened", ""), ("clicked", TARGET)]


def test_machines(sandbox: Sandbox, arrived: dict[str, Any]) -> None:
    """H5: what a scanner does is counted apart."""
    (link,) = urls(sandbox, arrived["html"], "c")
    ask(link, "HEAD")
    ask(link, **{"User-Agent": "Barracuda"})
    eventually(lambda: told(sandbox, arrived["id"], "machine_clicks") == 2, within=15)
    (passage,) = sandbox.cli("message", "list", "--to", arrived["to"])
    assert (passage["clicks"], passage["clicked_at"]) == (0, "")


def test_unsubscribe(sandbox: Sandbox, shop: Shop, arrived: dict[str, Any]) -> None:
    """H6: List-Unsubscribe is signed; its page does nothing, one click does, for the account, with its reason."""
    mail = arrived["mail"]
    url = mail["List-Unsubscribe"].strip("<>")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    signed = [re.search(r"(?<!b)h=([^;]*);", field) for field in mail.get_all("DKIM-Signature", [])]
    assert len(signed) == 2
    for names in signed:
        assert names is not None
        assert {"list-unsubscribe", "list-unsubscribe-post"} <= set(re.split(r"[:\s]+", names[1].lower()))
    assert ask(url).status == 200
    assert ask(url, "HEAD").status == 200
    assert sandbox.cli("suppression", "list", "--account", shop.account) == []
    assert ask(url, "POST", "x=y").status == 400
    for _ in range(2):
        assert ask(url, "POST", "List-Unsubscribe=One-Click").status == 200
    (suppressed,) = sandbox.cli("suppression", "list", "--account", shop.account)
    assert (suppressed["address"], suppressed["reason"]) == (arrived["to"], "unsubscribe")
    assert told(sandbox, arrived["id"], "unsubscribed_at")


def test_rotation(sandbox: Sandbox, shop: Shop, arrived: dict[str, Any]) -> None:
    """H1: after a rotation old links work and new mail is signed by the new key, until the old one is withdrawn."""
    (old,) = urls(sandbox, arrived["html"], "c")
    made = sandbox.cli("link-key", "rotate")["number"]
    assert ask(old).status == 302
    sandbox.cli("link-key", "withdraw", str(made - 1))
    eventually(lambda: ask(old).status == 404)
    sandbox.submit(shop, ["new@example.net"], written(shop, "new@example.net"))
    html = message_from_bytes(sandbox.received("new@example.net"), policy=policy.default).get_body(("html",))
    assert html is not None
    (new,) = urls(sandbox, html.get_content(), "c")
    assert ask(new).status == 302


def test_equal_octets(sandbox: Sandbox, arrived: dict[str, Any]) -> None:
    """Other hosts, headers and queries change nothing of where a link leads, and a restart neither."""
    (link,) = urls(sandbox, arrived["html"], "c")
    sandbox.restart()
    assert ask(link + "?url=//evil.test", Host="evil.test").getheader("Location") == TARGET


@pytest.fixture
def tagged(sandbox: Sandbox) -> Shop:
    """A customer whose dialect has body tags."""
    return sandbox.shop(dialect="devino")


def texts(source: bytes) -> tuple[str, str]:
    """Plain text and HTML of a mail, "" for one that it lacks."""
    mail = message_from_bytes(source, policy=policy.default)
    found = [mail.get_body((kind,)) for kind in ("plain", "html")]
    return tuple(part.get_content() if part is not None else "" for part in found)  # type: ignore[return-value]


def test_tags(sandbox: Sandbox, tagged: Shop) -> None:
    """The tags that editors leave lead to the recipient's own pages; the web version is that mail."""
    to = "tags@example.net"
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"], mail["To"], mail["Subject"] = tagged.mail_from, to, "Теги"
    mail.set_content("Отписаться: http://[Unsubscribe]/\n")
    mail.add_alternative(
        '<p>Привет <a href="%5BUnsubscribe%5D">здесь</a> <a href="x-webdoc://1F/[WebVersion]">web</a></p>',
        subtype="html",
    )
    id = sandbox.submit(tagged, [to], mail.as_bytes())
    plain, html = texts(sandbox.received(to))
    (leave,), (leave_by_text,) = urls(sandbox, html, "u"), urls(sandbox, plain, "u")
    assert leave == leave_by_text
    assert plain.splitlines()[0] == f"Отписаться: {leave}"
    (web,) = urls(sandbox, html, "w")
    shown = ask(web)
    assert shown.getheader("Content-Security-Policy") == (
        "default-src 'none'; img-src https:; style-src 'unsafe-inline'; sandbox"
    )
    assert shown.body.decode().replace(' target="_self"', "").strip() == html.strip()  # type: ignore[attr-defined]
    assert ask(leave, "POST", "List-Unsubscribe=One-Click").status == 200
    assert told(sandbox, id, "unsubscribed_at")

    def sends_no_more() -> bool:  # within a second: what is known of an account is remembered for that long
        return sandbox.settled(sandbox.submit(tagged, [to], mail.as_bytes()))[to]["state"] == "suppressed"

    eventually(sends_no_more)


def test_missing_tags(sandbox: Sandbox, tagged: Shop) -> None:
    """A mail without the links that it must have gets them as a footer, in HTML and in plain text."""
    for to, kind in (("html@example.net", "html"), ("plain@example.net", "plain")):
        mail = EmailMessage(policy=policy.SMTP)
        mail["From"], mail["To"], mail["Subject"] = tagged.mail_from, to, "Без ссылок"
        mail.set_content("<body>Привет</body>" if kind == "html" else "Привет\n", subtype=kind)
        sandbox.submit(tagged, [to], mail.as_bytes())
        both = "".join(texts(sandbox.received(to)))
        assert len(urls(sandbox, both, "u")) == len(urls(sandbox, both, "w")) == 1
        (web,) = urls(sandbox, both, "w")
        assert "Привет" in ask(web).body.decode()  # type: ignore[attr-defined]
