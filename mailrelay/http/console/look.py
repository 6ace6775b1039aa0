"""How the console looks: the frame of every page, and the pieces that pages are made of. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from ...manage.caller import Caller
from ..markup import Markup, join, tag

#: The pages that the navigation leads to.
PAGES = (("/console", "Connections"), ("/console/statistics", "Statistics"))

STATUS = {"active": "Active", "blocked": "Blocked", "not_activated": "Not Activated"}


def page(title: str, *body: str, caller: Caller | None = None, key: str = "", here: str = "") -> bytes:
    """A whole page; with a caller under the navigation, where `here` is the page that it belongs to."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} – mailrelay"),
        tag("link", rel="icon", href="data:,"),
        tag("link", rel="stylesheet", href="/console/assets/console.css"),
        tag("script", src="/console/assets/console.js", defer=True),
    )
    bar = _bar(caller, key, here) if caller is not None else tag("header", tag("span", "mailrelay", class_="brand"))
    main = tag("main", tag("h1", title), *body, id="main")
    skip = tag("a", "Skip to the content", href="#main", class_="skip")
    return f"<!doctype html>\n{tag('html', head, tag('body', skip, bar, main), lang='en')}\n".encode("utf-8", "replace")


def _bar(caller: Caller, key: str, here: str) -> Markup:
    links = [tag("a", name, href=path, aria_current="page" if path == here else False) for path, name in PAGES]
    return tag(
        "header",
        tag("a", "mailrelay", href="/console", class_="brand"),
        tag("nav", *links, aria_label="Pages"),
        tag("span", caller.name, class_="who"),
        form("/console/sign-out", key, button("Sign out", "quiet")),
    )


def form(action: str, key: str, *fields: str, stacked: bool = False) -> Markup:
    """A form that changes something."""
    hidden = tag("input", type="hidden", name="key", value=key)
    return tag("form", hidden, *fields, method="post", action=action, class_="stacked" if stacked else False)


def button(text: str, style: str = "") -> Markup:
    """What sends a form."""
    return tag("button", text, class_=style or False)


def field(name: str, label: str, fault: str = "", hint: str = "", **attributes: str | bool) -> Markup:
    """One line of a form: its label, its hint, and beside it what is wrong with what was given."""
    described = " ".join(each for each, there in ((f"{name}-hint", hint), (f"{name}-fault", fault)) if there)
    given = {"type": "text", "aria_describedby": described or False, "aria_invalid": "true" if fault else False}
    return tag(
        "div",
        tag("label", label, for_=name),
        tag("input", id=name, name=name, **(given | attributes)),
        tag("p", hint, class_="hint", id=f"{name}-hint") if hint else "",
        tag("p", fault, class_="fault", id=f"{name}-fault", role="alert") if fault else "",
        class_="field",
    )


def choice(name: str, label: str, options: Sequence[tuple[str, str]], chosen: str = "") -> Markup:
    """One line of a form with values to choose from."""
    made = [tag("option", text, value=value, selected=value == chosen) for value, text in options]
    return tag("div", tag("label", label, for_=name), tag("select", *made, id=name, name=name), class_="field")


def table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: int = 0) -> Markup:
    """A table; the last `numbers` columns hold numbers. On a phone each row is a card."""
    first = len(heads) - numbers

    def style(place: int) -> str | bool:
        return "number" if place >= first else False

    titles = [tag("th", each, scope="col", class_=style(place)) for place, each in enumerate(heads)]
    lines = [
        tag("tr", *(tag("td", each, class_=style(place), data_label=heads[place]) for place, each in enumerate(row)))
        for row in rows
    ]
    shown = tag("table", tag("caption", caption), tag("thead", tag("tr", *titles)), tag("tbody", *lines))
    return tag("div", shown, class_="scroll", tabindex="0", role="region", aria_label=caption)


def facts(pairs: Sequence[tuple[str, str]]) -> Markup:
    """Names and values, one below the other."""
    return tag("dl", *(join(tag("dt", name), tag("dd", value)) for name, value in pairs))


def copied(text: str) -> Markup:
    """A text with a button that copies it."""
    copy = tag("button", "Copy", type="button", class_="copy", data_copy=text)
    return tag("span", tag("code", text), copy, class_="copied")


def status(word: str) -> Markup:
    """The status of a connection, in words and colour."""
    return tag("span", STATUS.get(word, word), class_=f"status {word.replace('_', '-')}")


def notice(text: str, kind: str = "note") -> Markup:
    """Something that has just been done, or what to do next."""
    return tag("p", text, class_=kind, role="status")
