"""What stands on the pages of templates: the list, the editor, what came of a preview, versions and what differs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff
from urllib.parse import urlencode

from ...interfaces.templates import Template
from ...mail.envelope import PRIORITIES
from ...manage import templates
from ...manage.errors import Invalid, Unknown
from ..markup import Markup, join, tag
from . import faults, look
from .visit import Visit

HERE = "/console/templates"
ONE = "/console/template"
#: Lines of texts that are compared.
MOST_LINES = 2000

_EMPTY = "There is no template yet. Applications name one in a message, and give it the values of its variables."
_LINES = (
    ("subject", "Subject", ""),
    ("from_name", "Name of the sender", "Empty: what the message says, as in all that follow."),
    ("from_address", "Address of the sender", ""),
    ("reply_to", "Replies go to", ""),
    ("return_path", "Reports go to", ""),
    ("tag", "Tag", "By which statistics tell mail of it apart."),
)
_SYNTAXES = [("jinja", "Jinja2: variables, conditions, loops"), ("literal", "Only {{name}} is replaced")]
_PRIORITIES = [("", "What the message says"), ("high", "High"), ("normal", "Normal"), ("low", "Low")]


def path_of(template: Template, **more: str) -> str:
    """The page of a template."""
    return f"{ONE}?{urlencode({'account': template.account, 'id': template.id} | more)}"


def given(template: Template) -> dict[str, str]:
    """What the fields of the editor hold for a template."""
    texts = {name: str(getattr(template, name)) for name in templates.FIELDS if name not in ("strict", "priority")}
    words = {number: word for word, number in PRIORITIES.items()}
    urgent = "" if template.priority is None else words[template.priority]
    return texts | {"strict": "true" if template.strict else "", "priority": urgent, "id": template.id}


def listed(visit: Visit, found: Sequence[Template], accounts: Mapping[str, str]) -> Markup:
    """The list."""
    create = tag("a", "New template", href=f"{HERE}/new", class_="button")
    if not found:
        return look.nothing(_EMPTY, create)
    whose = not visit.caller.bound
    heads = ("Name", "Id", *(("Account",) if whose else ()), "Subject", "Version", "Saved")
    rows = [
        (
            tag("a", each.name or each.id, href=path_of(each)),
            tag("code", each.id),
            *((accounts.get(each.account, "everybody"),) if whose else ()),
            each.subject,
            str(each.version),
            look.when(each.saved_at, visit.now, visit.zone),
        )
        for each in found
    ]
    return join(tag("p", create), look.table("Templates", heads, rows))


def editor(
    visit: Visit, action: str, fields: Mapping[str, str], *before: str, fault: Invalid | Unknown | None = None
) -> Markup:
    """The form in which a template is written; `before` are the first fields of it."""
    wrong = {_place(fault): _words(fault)} if fault is not None else {}

    def line(name: str, label: str, hint: str) -> Markup:
        return look.field(name, label, wrong.get(name, ""), hint, value=fields.get(name, ""), autocomplete="off")

    variables = fields.get("variables", "{}")
    texts = [
        look.area(name, label, fields.get(name, ""), wrong.get(name, ""), rows=rows, spellcheck="false")
        for name, label, rows in (("html", "HTML", 16), ("text", "Text", 8))
    ]
    return look.form(
        action,
        visit.key,
        look.notice(wrong[""], "fault") if "" in wrong else "",
        *before,
        line("name", "Name", "What people call it."),
        line(*_LINES[0]),
        *texts,
        tag(
            "details",
            tag("summary", "Sender, tag and how it is read"),
            *(line(*each) for each in _LINES[1:]),
            look.choice("priority", "Priority", _PRIORITIES, fields.get("priority", ""), wrong.get("priority", "")),
            look.choice("syntax", "Syntax", _SYNTAXES, fields.get("syntax", "jinja"), wrong.get("syntax", "")),
            look.tick("strict", "Refuse a message that lacks a variable", fields.get("strict") == "true"),
            open=bool({name for name, *_ in _LINES[1:]} & wrong.keys()),
        ),
        tag(
            "div",
            look.answer("act", "save", "Save"),
            look.answer("act", "preview", "Preview", "quiet"),
            class_="buttons",
        ),
        look.area("variables", "Example values", variables, wrong.get("variables", ""),
                  "JSON of an object, for the preview; nothing of it is kept.", 4, spellcheck="false"),
        stacked=True,
        upload=True,
    )  # fmt: skip


def _place(fault: Invalid | Unknown) -> str:
    """Beside which field a fault stands."""
    if isinstance(fault, templates.Wrong):
        return fault.source or ("variables" if "variables" in fault.reason else "")
    about = faults.about(fault)
    return about if about in ("id", "account", "variables", *templates.FIELDS) else ""


def _words(fault: Invalid | Unknown) -> str:
    words = faults.words(fault)
    if isinstance(fault, templates.Wrong) and fault.source:
        return words.removeprefix(fault.source).lstrip(",: ")
    return words


def asked(names: Sequence[str]) -> Markup:
    """The variables that a template asks for."""
    if not names:
        return tag("p", "It asks for no variables.")
    return tag("p", "It asks for ", *_between(tag("code", each) for each in names), ".")


def example(names: Sequence[str], before: str) -> str:
    """Example values for all that is asked for, those that were given kept."""
    try:
        known = json.loads(before or "{}")
    except (ValueError, RecursionError):
        return before
    if not isinstance(known, dict) or not names:
        return before or "{}"
    return json.dumps({each: f"({each})" for each in names} | known, ensure_ascii=False, indent=1)


def _between(parts: Iterator[Markup]) -> Iterator[str]:
    for number, each in enumerate(parts):
        yield ", " if number else ""
        yield each


def shown(texts: Mapping[str, str], frame: Markup | str) -> Markup:
    """What came of a preview; `frame` shows the HTML."""
    lines = [(label, texts[name]) for name, label, _ in _LINES if texts.get(name)]
    text = [tag("h3", "Text"), tag("pre", texts["text"], tabindex="0")] if texts.get("text") else []
    return tag(
        "section",
        tag("h2", "Preview", id="preview"),
        look.facts(lines) if lines else "",
        *([tag("h3", "HTML"), frame] if frame else []),
        *text,
    )


def versions(visit: Visit, newest: Template, found: Sequence[Template]) -> Markup:
    """All versions, the newest first."""
    rows = [
        (
            tag("a", f"Version {each.version}", href=path_of(newest, version=str(each.version)))
            if each.version != newest.version
            else f"Version {each.version}, in use",
            each.subject,
            look.when(each.saved_at, visit.now, visit.zone),
        )
        for each in found
    ]
    return join(tag("h2", "Versions"), look.table("Versions", ("Version", "Subject", "Saved"), rows))


def older(visit: Visit, newest: Template, old: Template) -> Iterator[Markup]:
    """An older version: what differs in it from the one in use, and how to have it back."""
    differing = [(name, *_compared(getattr(old, name), getattr(newest, name))) for name in templates.FIELDS]
    differing = [each for each in differing if len(each) > 1]
    yield tag("p", "Saved ", look.when(old.saved_at, visit.now, visit.zone), ".")
    yield look.form(
        f"{ONE}/restore",
        visit.key,
        hidden("account", newest.account),
        hidden("id", newest.id),
        hidden("version", str(old.version)),
        look.button(f"Use version {old.version} again"),
    )
    if not differing:
        yield look.notice("It does not differ from the version in use.")
    for name, *lines in differing:
        yield tag("h2", name.replace("_", " ").capitalize())
        yield tag("pre", *lines, class_="differs", tabindex="0")


def _compared(old: object, new: object) -> list[Markup]:
    """The lines in which a text differs; what only the older has is `ins`, as it would come back."""
    before, after = str(new).splitlines(), str(old).splitlines()
    if old == new:
        return []
    if len(before) + len(after) > MOST_LINES:
        return [tag("span", f"It differs, and is too long to be compared here: {len(after)} lines.")]
    made = []
    for line in list(unified_diff(before, after, lineterm="", n=2))[3:]:
        kind = {"+": "ins", "-": "del"}.get(line[:1], "span")
        made.append(tag(kind, ("…" if line.startswith("@@") else line) + "\n"))
    return made


def hidden(name: str, value: str) -> Markup:
    """A field that nobody sees."""
    return tag("input", type="hidden", name=name, value=value)
