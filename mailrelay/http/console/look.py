"""How the console looks: the pieces that its pages are made of: forms, tables, facts, times, notices. Pure functions.

Labels and texts are escaped where they are put in (`markup.tag`); only what is `Markup` stands as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from ..markup import Markup, join, tag

STATUS = {
    "active": "Active",
    "blocked": "Blocked",
    "not_activated": "Not Activated",
    "verified": "Verified",
    "unverified": "Not verified",
    "requested": "Waits for its letter",
    "confirmed": "Confirmed",
    "ok": "Right",
    "missing": "Missing",
    "wrong": "Wrong",
    "unknown": "No answer",
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Seconds of the units that times are told in, the largest first.
_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"))
_RELATIVE_DAYS = 30


def form(action: str, key: str, *fields: str, stacked: bool = False, upload: bool = False) -> Markup:
    """A form that changes something; one with a file in it is an `upload`."""
    hidden = tag("input", type="hidden", name="key", value=key)
    return tag(
        "form",
        hidden,
        *fields,
        method="post",
        action=action,
        class_="stacked" if stacked else False,
        enctype="multipart/form-data" if upload else False,
    )


def filters(action: str, *fields: str) -> Markup:
    """A form that only looks: its fields stand in the address of the page."""
    return tag("form", *fields, button("Show"), method="get", action=action, class_="filters", role="search")


def button(text: str, style: str = "") -> Markup:
    """What sends a form; `style` is "", "quiet" or "danger"."""
    return tag("button", text, class_=style or False)


def answer(name: str, value: str, text: str, style: str = "") -> Markup:
    """One of several buttons of a form, which tells by its name and value that it was taken."""
    return tag("button", text, name=name, value=value, class_=style or False)


def field(name: str, label: str, fault: str = "", hint: str = "", **attributes: str | bool) -> Markup:
    """One line of a form: its label, its hint, and beside it what is wrong with what was given; where a page has it
    twice, with an `id` of its own."""
    given = {"name": name, "type": "text"} | attributes
    id = str(attributes.get("id", name))
    return _labelled(id, label, tag("input", **(_named(id, fault, hint) | given)), fault, hint)


def area(
    name: str, label: str, text: str = "", fault: str = "", hint: str = "", rows: int = 6, **attributes: str | bool
) -> Markup:
    """A text of several lines."""
    # a line break right behind the tag is not part of the text, so it keeps one of the text's own
    shown = tag("textarea", "\n" + text, **(_named(name, fault, hint) | {"rows": str(rows)} | attributes))
    return _labelled(name, label, shown, fault, hint)


def choice(
    name: str, label: str, options: Sequence[tuple[str, str]], chosen: str = "", fault: str = "", hint: str = ""
) -> Markup:
    """One line of a form with values to choose from."""
    made = [tag("option", text, value=value, selected=value == chosen) for value, text in options]
    return _labelled(name, label, tag("select", *made, **_named(name, fault, hint)), fault, hint)


def file_field(name: str, label: str, fault: str = "", hint: str = "", **attributes: str | bool) -> Markup:
    """A file to choose."""
    return field(name, label, fault, hint, **({"type": "file"} | attributes))


def tick(name: str, label: str, chosen: bool = False, value: str = "true", **attributes: str | bool) -> Markup:
    """Something to say yes to; unique by name and value."""
    box = tag("input", type="checkbox", name=name, value=value, checked=chosen, **attributes)
    return tag("label", box, f" {label}", class_="tick")


def _named(name: str, fault: str, hint: str) -> dict[str, str | bool]:
    described = " ".join(each for each, there in ((f"{name}-hint", hint), (f"{name}-fault", fault)) if there)
    return {
        "id": name,
        "name": name,
        "aria_describedby": described or False,
        "aria_invalid": "true" if fault else False,
    }


def _labelled(name: str, label: str, control: Markup, fault: str, hint: str) -> Markup:
    return tag(
        "div",
        tag("label", label, for_=name),
        control,
        tag("p", hint, class_="hint", id=f"{name}-hint") if hint else "",
        tag("p", fault, class_="fault", id=f"{name}-fault", role="alert") if fault else "",
        class_="field",
    )


def confirm(summary: str, text: str, *forms: str, open: bool = False) -> Markup:
    """Something that should not happen by a slip: it opens, tells what will be, and asks."""
    return tag("details", tag("summary", summary), tag("p", text), *forms, class_="confirm", open=open)


def table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: int = 0) -> Markup:
    """A table; the last `numbers` columns hold numbers. On a phone each row is a card."""
    first = len(heads) - numbers

    def style(place: int) -> str | bool:
        return "number" if place >= first else False

    titles = [tag("th", each, scope="col", class_=style(place)) for place, each in enumerate(heads)]
    lines = [
        tag(
            "tr",
            *(
                tag("td", tag("div", each), class_=style(place), data_label=heads[place])
                for place, each in enumerate(row)
            ),
        )
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


def snippet(text: str) -> Markup:
    """Lines to be pasted as they are, with a button that copies them."""
    copy = tag("button", "Copy", type="button", class_="copy", data_copy=text)
    return tag("div", copy, tag("pre", tag("code", text), tabindex="0"), class_="snippet")


def status(word: str) -> Markup:
    """The status of something, in words and colour."""
    return tag("span", STATUS.get(word, word), class_=f"status {word.replace('_', '-')}")


def notice(text: str, kind: str = "note") -> Markup:
    """Something that has just been done ("said"), is wrong ("fault"), or is good to know."""
    return tag("p", text, class_=kind, role="alert" if kind == "fault" else "status")


def nothing(text: str, *next_steps: str) -> Markup:
    """What stands in place of an empty list: why it is empty, and what to do next."""
    return tag("div", tag("p", text), *next_steps, class_="nothing")


def progress(label: str, done: int, total: int, told: str = "") -> Markup:
    """How far some long work is, in numbers unless it is `told` otherwise; a `total` of 0 is not known."""
    told = told or (f"{done} of {total}" if total else str(done))
    known: dict[str, str | bool] = {"value": str(done), "max": str(total)} if total else {}
    return tag("p", tag("label", label, tag("progress", **known)), f" {told}", class_="progress")


def followed(id: str, *children: str, over: bool) -> Markup:
    """A part of the page that tells how far something is: it is told anew by itself until it is `over`."""
    return tag("div", *children, id=id, class_="followed", data_follow=not over)


def crumbs(above: Sequence[tuple[str, str]]) -> Markup:
    """The way back: paths and names of the pages above."""
    if not above:
        return Markup("")
    back = tag("span", "‹ ", aria_hidden="true")
    return tag("p", *(join(back, tag("a", name, href=path), " ") for path, name in above), class_="crumbs")


def tabs(label: str, pages: Sequence[tuple[str, str]], here: str) -> Markup:
    """Pages of one thing beside each other: their paths and names."""
    made = [tag("a", name, href=path, aria_current="page" if path == here else False) for path, name in pages]
    return tag("nav", *made, class_="tabs", aria_label=label)


def older(path: str, text: str = "Older") -> Markup:
    """The link to the next page of a list."""
    return tag("p", tag("a", text, href=path, rel="next", class_="button quiet"), class_="more")


def when(at: int, now: int, zone: tzinfo = UTC) -> Markup:
    """An instant in microseconds since 1970, told from `now`: "3 minutes ago", the exact one on hover."""
    told = _EPOCH + timedelta(microseconds=at)
    exact = told.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")
    return tag("time", _words(told, (now - at) // 1_000_000, zone), datetime=told.strftime("%Y-%m-%dT%H:%M:%SZ"),
               title=exact)  # fmt: skip


def after(at: int, begun: int, zone: tzinfo = UTC) -> Markup:
    """An instant in microseconds since 1970, told from another: "+ 1.24 s", the exact one on hover."""
    told = _EPOCH + timedelta(microseconds=at)
    seconds = max(at - begun, 0) / 1_000_000
    words = next(
        (f"+ {seconds / each:.0f} {unit}" for each, unit in ((86_400, "days"), (3600, "h"), (60, "min"))
         if seconds >= 2 * each),
        f"+ {seconds:.2f} s",
    )  # fmt: skip
    exact = told.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return tag("time", words, datetime=told.strftime("%Y-%m-%dT%H:%M:%SZ"), title=exact, class_="after")


def _words(told: datetime, seconds: int, zone: tzinfo) -> str:
    away = abs(seconds)
    if away >= _RELATIVE_DAYS * _UNITS[0][0]:
        return told.astimezone(zone).strftime("%Y-%m-%d")
    for length, unit in _UNITS:
        if away >= length:
            count = away // length
            words = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"{words} ago" if seconds > 0 else f"in {words}"
    return "just now" if seconds >= 0 else "in a moment"
