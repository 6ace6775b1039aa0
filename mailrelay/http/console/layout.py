"""What stands around every page of the console: head, bar, navigation. What is on pages is in `look`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...manage.caller import Caller
from ..markup import Markup, join, tag
from .look import button, crumbs, form, notice


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the navigation; some only for administrators who act for nobody, or only in a sandbox."""

    path: str
    name: str
    administrators: bool = False
    sandbox: bool = False


#: The navigation: names of groups and what they hold, in order. A page that is built adds its line here.
PAGES: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "Mail",
        (
            Entry("/console", "Home"),
            Entry("/console/connections", "Connections"),
            Entry("/console/statistics", "Statistics"),
            Entry("/console/history", "History"),
            Entry("/console/events", "Events"),
            Entry("/console/queue", "Queue"),
            Entry("/console/sandbox", "Sandbox inbox", administrators=True, sandbox=True),
        ),
    ),
    (
        "Set-up",
        (
            Entry("/console/domains", "Domains and senders"),
            Entry("/console/templates", "Templates"),
            Entry("/console/files", "Files"),
            Entry("/console/suppressions", "Suppressions"),
            Entry("/console/webhooks", "Webhooks"),
            Entry("/console/routes", "Routes"),
        ),
    ),
    (
        "Account",
        (
            Entry("/console/balance", "Plans and balance"),
            Entry("/console/accounts", "Accounts and users"),
            Entry("/console/tokens", "API tokens"),
            Entry("/console/changes", "Audit log"),
            Entry("/console/settings", "Your settings"),
        ),
    ),
    (
        "Relay",
        (
            Entry("/console/relay", "The relay", administrators=True),
            Entry("/console/shaping", "Shaping"),
        ),
    ),
)

#: The looks to choose from: the word that is kept, and what people read.
THEMES = (("", "As the system"), ("light", "Light"), ("dark", "Dark"))


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a page: who looks, the key of their forms, the chosen theme, the path that was asked for, and
    what has just been done, whether this is a sandbox, and the name of the account that they act for."""

    caller: Caller | None = None
    key: str = ""
    theme: str = ""
    path: str = ""
    said: str = ""
    sandbox: bool = False
    acting: str = ""


def page(title: str, *body: str, frame: Frame, here: str = "", above: Sequence[tuple[str, str]] = ()) -> bytes:
    """A whole page. `here` is the page of the navigation that it belongs to, `above` the paths and names of the pages
    that it lies below."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content=frame.theme or "light dark"),
        tag("title", f"{title} – mailrelay"),
        tag("link", rel="icon", href="data:,"),
        tag("link", rel="stylesheet", href="/console/assets/console.css"),
        tag("script", src="/console/assets/console.js", defer=True),
    )
    said = notice(frame.said, "said") if frame.said else ""
    main = tag("main", _acting(frame), crumbs(above), tag("h1", title), said, *body, id="main", tabindex="-1")
    skip = tag("a", "Skip to the content", href="#main", class_="skip")
    around = [_bar(frame), _navigation(frame, here), main] if frame.caller is not None else [_plain_bar(), main]
    style = "signed-in" if frame.caller is not None else "signed-out"
    body_ = tag("body", skip, *around, class_=style)
    return f"<!doctype html>\n{tag('html', head, body_, lang='en', data_theme=frame.theme or False)}\n".encode(
        "utf-8", "replace"
    )


def _acting(frame: Frame) -> Markup:
    """The banner that an administrator sees who acts for an account, with the way back."""
    if not frame.acting:
        return Markup("")
    told = tag("p", "You act for ", tag("strong", frame.acting), " and see what it sees, but none of its secrets.")
    back = form("/console/act", frame.key, button("Back to all accounts", "quiet"))
    return tag("div", told, back, class_="acting", role="region", aria_label="Acting for an account")


def _plain_bar() -> Markup:
    return tag("header", tag("span", "mailrelay", class_="brand"))


def _bar(frame: Frame) -> Markup:
    assert frame.caller is not None
    themes = [
        tag("button", name, name="theme", value=value, class_="quiet", aria_pressed=_word(value == frame.theme))
        for value, name in THEMES
    ]
    back = tag("input", type="hidden", name="back", value=frame.path)
    theme = tag("details", tag("summary", "Theme"), form("/console/theme", frame.key, back, *themes), class_="menu")
    return tag(
        "header",
        tag("a", "Menu", href="#pages", class_="opens-menu"),
        tag("a", "mailrelay", href="/console", class_="brand"),
        tag("a", frame.caller.name, href="/console/settings", class_="who"),
        theme,
        form("/console/sign-out", frame.key, button("Sign out", "quiet")),
    )


def _navigation(frame: Frame, here: str) -> Markup:
    assert frame.caller is not None
    everything = frame.caller.administrator and not frame.caller.bound
    groups = []
    for name, entries in PAGES:
        links = [
            tag("li", tag("a", each.name, href=each.path, aria_current="page" if each.path == here else False))
            for each in entries
            if (everything or not each.administrators) and (frame.sandbox or not each.sandbox)
        ]
        if links:
            groups.append(join(tag("h2", name), tag("ul", *links)))
    close = tag("a", "Close", href="#main", class_="closes-menu")
    return tag("nav", close, *groups, id="pages", aria_label="Pages")


def _word(value: bool) -> str:
    return "true" if value else "false"
