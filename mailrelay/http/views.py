"""How the sandbox's pages look: pure functions from values to HTML.

Everything that a stranger may have written passes through `markup`, and stands in a ``bdi`` where it could turn the
direction of what is beside it. There is no inline script and no inline style, so the strictest policy holds.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..interfaces.sandbox import Kept
from . import query
from .letter import Letter
from .markup import Markup, join, tag

#: Characters of a text part or of the source that a page shows.
SHOWN = 200_000

#: What the HTML of a message may do inside its frame: open links in a new window, and nothing else.
FRAME = "allow-popups allow-popups-to-escape-sandbox"


def page(title: str, *body: str, live: bool = False) -> bytes:
    """A whole page; a `live` one renews its ``main`` while it is looked at."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} – mailrelay sandbox"),
        tag("link", rel="icon", href="data:,"),
        tag("link", rel="stylesheet", href="/sandbox/assets/page.css"),
        tag("script", src="/sandbox/assets/page.js", defer=True) if live else "",
    )
    document = tag("html", head, tag("body", *body), lang="en")
    return f"<!doctype html>\n{document}\n".encode("utf-8", "replace")


def _bar(key: str, *tools: str) -> Markup:
    """The head of every page behind the sign-in."""
    return tag(
        "header",
        tag("a", "mailrelay", tag("span", "sandbox"), href="/sandbox", class_="brand"),
        *tools,
        _form_button("/sandbox/sign-out", key, "Sign out", "quiet"),
    )


def _form_button(action: str, key: str, text: str, style: str) -> Markup:
    hidden = tag("input", type="hidden", name="key", value=key)
    return tag("form", hidden, tag("button", text, class_=style), method="post", action=action)


def sign_in(wrong: bool) -> bytes:
    """The form that asks for the token."""
    return page(
        "Sign in",
        tag(
            "main",
            tag("h1", "Sandbox inbox"),
            tag("p", "Mail that left the relay ends here. The API token opens it; ", _ready(), " names it."),
            tag("p", "That is not the token.", class_="wrong", role="alert") if wrong else "",
            tag(
                "form",
                tag("label", "API token", for_="token"),
                tag(
                    "input",
                    type="password",
                    id="token",
                    name="token",
                    required=True,
                    autofocus=True,
                    autocomplete="current-password",
                ),
                tag("button", "Open the inbox"),
                method="post",
                action="/sandbox/sign-in",
                class_="sign-in",
            ),
            class_="card",
        ),
    )


def _ready() -> Markup:
    return tag("code", "ready.json")


def inbox(found: Sequence[Kept], to: str, limit: int, key: str, first_mail: str) -> bytes:
    """The list, newest first."""
    search = tag(
        "form",
        tag(
            "input",
            type="search",
            name="to",
            value=to,
            placeholder="Recipient, such as bob@example.com",
            aria_label="Only mail to this recipient",
        ),
        tag("button", "Find"),
        method="get",
        action="/sandbox",
        role="search",
    )
    clear = _form_button("/sandbox/clear", key, "Delete all", "danger") if found else ""
    if found:
        content = tag("ol", *map(_row, found), class_="mail")
    elif to:
        content = tag("div", tag("h2", "No mail to this recipient"), tag("p", _bdi(to)), class_="empty")
    else:
        content = _empty(first_mail)
    note = tag("p", f"The newest {limit} are shown.", class_="note") if len(found) == limit else ""
    heading = tag("div", tag("h1", "Inbox"), clear, class_="heading")
    return page("Inbox", _bar(key, search), tag("main", heading, content, note), live=True)


def _empty(first_mail: str) -> Markup:
    how = (
        join(tag("p", "To send the first one, paste this into a terminal:"), tag("pre", tag("code", first_mail)))
        if first_mail
        else tag("p", "Send one through any of the ports that ", _ready(), " lists, and it shows here.")
    )
    return tag("div", tag("h2", "No mail yet"), how, class_="empty")


def _row(kept: Kept) -> Markup:
    return tag(
        "li",
        tag(
            "a",
            tag("span", _bdi(kept.subject) if kept.subject else tag("em", "no subject"), class_="subject"),
            tag("span", "to ", _bdi(kept.rcpt_to), class_="to"),
            tag("span", "from ", _bdi(kept.mail_from or "<>"), class_="from"),
            tag("span", _size(kept.size), class_="size"),
            _time(kept.received_at),
            href=f"/sandbox/{kept.id}",
        ),
    )


def _bdi(text: str) -> Markup:
    return tag("bdi", text)


def _time(at: int) -> Markup:
    iso = query.iso(at)
    return tag("time", f"{iso[:10]} {iso[11:19]} UTC", datetime=iso, title=iso)


def _size(octets: int) -> str:
    if octets < 1000:
        return f"{octets} B"
    return f"{octets / 1000:.1f} kB" if octets < 1_000_000 else f"{octets / 1_000_000:.1f} MB"


def message(kept: Kept, letter: Letter, source: str, key: str) -> bytes:
    """One message: its envelope, what it says, and what it is made of."""
    download = tag("a", "Download .eml", href=f"/sandbox/{kept.id}.eml", class_="button", download=True)
    heading = tag("div", tag("h1", _bdi(kept.subject or "no subject")), download, class_="heading")
    shown = [(name, letter.get(name.lower())) for name in ("From", "To", "Cc", "Reply-To", "Date")]
    facts = _facts(
        [
            *((name, _bdi(value)) for name, value in shown if value),
            ("MAIL FROM", tag("code", _bdi(kept.mail_from or "<>"))),
            ("RCPT TO", tag("code", _bdi(kept.rcpt_to))),
            ("Received", join(_time(kept.received_at), f", {_size(kept.size)}")),
        ]
    )
    parts = [
        _section("HTML", _frame(kept), opened=True) if letter.html else "",
        _section("Text", tag("pre", letter.text[:SHOWN]), opened=not letter.html) if letter.text else "",
        _section(f"Attachments ({len(letter.attachments)})", _attachments(letter), opened=True)
        if letter.attachments
        else "",
        _section("Header", _facts([(name, _bdi(value)) for name, value in letter.fields])),
        _section("Source", tag("pre", source[:SHOWN])),
        tag("p", "This message is shown in part; the download has all of it.", class_="note") if letter.cut else "",
    ]
    return page(kept.subject or "no subject", _bar(key), tag("main", heading, facts, *parts))


def _facts(rows: Sequence[tuple[str, Markup]]) -> Markup:
    return tag("dl", *(join(tag("dt", name), tag("dd", value)) for name, value in rows))


def _section(title: str, content: Markup, opened: bool = False) -> Markup:
    return tag("details", tag("summary", title), content, open=opened)


def _frame(kept: Kept) -> Markup:
    return tag("iframe", src=f"/sandbox/{kept.id}/body.html", title="HTML part", sandbox=FRAME)


def _attachments(letter: Letter) -> Markup:
    return tag(
        "ul",
        *(
            tag("li", _bdi(each.name or "no name"), f" – {each.type}, {_size(each.size)}")
            for each in letter.attachments
        ),
    )


def framed(html: str) -> bytes:
    """The HTML of a message as a document of its own; its links open in a new window."""
    return f'<!doctype html><base target="_blank">{html}'.encode("utf-8", "replace")


def problem(title: str, detail: str) -> bytes:
    """A page that says what went wrong."""
    back = tag("p", tag("a", "To the inbox", href="/sandbox"))
    return page(title, tag("main", tag("h1", title), tag("p", detail) if detail else "", back, class_="card"))
