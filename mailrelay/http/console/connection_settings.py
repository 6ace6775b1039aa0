"""The page with what may be set of a connection: its sender, source addresses, rate, and the switches of its dialect.

Each part is a form of its own, so that a fault in one loses nothing of the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from klein import Klein
from twisted.web.server import Request

from ...interfaces.registry import Connection
from ...manage import connections
from ...manage.errors import Invalid, Unknown
from ...policy import vocabulary
from ...policy.dialect import Dialect
from ...policy.verdict import JSON
from ...policy.vocabulary import Option
from .. import query
from ..markup import Markup, tag
from . import card, look
from .card import HERE
from .faults import beside
from .frame import Console
from .visit import Visit

#: What an option is called, and what it does.
WORDS: Mapping[str, tuple[str, str]] = {
    "track_opens": ("Count opens", "Puts a picture into each mail."),
    "track_clicks": ("Count clicks", "Leads links by way of this relay."),
    "list_unsubscribe": ("Offer to unsubscribe", "Adds List-Unsubscribe where a mail says nothing of it."),
    "missing_tags": ("A body tag is missing", "What becomes of such a mail."),
    "sender": ("Who may send", "Whose addresses may stand in From."),
    "default_route": ("Route", "Of a mail that names none."),
    "bad_file_key": ("A file is not there", "What becomes of a mail that names it."),
    "bounce_address": ("Bounce address", "Who a mail is recorded to come from when its own return path is not yours."),
    "daily_limit": ("Recipients per day", "Of UTC; 0 is any number."),
    "block_minimum": ("Block by itself from", "Finished recipients in 24 hours; 0 is never."),
    "block_percent": ("Block by itself above", "Percent of them refused for good."),
    "sandbox": ("Sandbox", "Nothing leaves: the simulator says what becomes of each mail."),
    "replies": ("Forms of replies", "Names of forms, with commas between them."),
}  # fmt: skip
_PARTS = ("sender", "networks", "rate", "options")


@dataclass(frozen=True, slots=True)
class Filled:
    """What was sent by the form of one part, and what is wrong with it."""

    part: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)

    def value(self, part: str, name: str, now: str) -> str:
        """What stands in a field: what was sent, else what is set."""
        return self.given.get(name, now) if self.part == part else now

    def fault(self, part: str, name: str) -> str:
        """What stands beside it."""
        return self.wrong.get(name, "") if self.part == part else ""


def add_routes(app: Klein, console: Console) -> None:
    """Serve the page."""

    @app.route(f"{HERE}/<string:id>/settings", methods=["GET"])
    async def console_connection_settings(request: Request, id: str) -> bytes:
        visit = await console.visit(request)
        return show(request, visit, await connections.find(visit.installation, id), Filled())

    @app.route(f"{HERE}/<string:id>/settings/<string:part>", methods=["POST"])
    async def console_change_connection(request: Request, id: str, part: str) -> bytes:
        visit = await console.visit(request)
        found = await connections.find(visit.installation, id)
        if part not in _PARTS:
            raise Unknown("settings", part)
        given = {name.decode("ascii", "replace"): "" for name in request.args}
        given = {name: query.text(request, name) for name in given if name.isascii()}
        try:
            await _change(visit, found, part, given)
        except (Invalid, Unknown) as fault:
            request.setResponseCode(400)
            return show(request, visit, found, Filled(part, given, beside(fault, _fields(part), _FIRST[part])))
        return console.go(request, f"{HERE}/{found.id}/settings", "Saved.")

    def show(request: Request, visit: Visit, found: Connection, filled: Filled) -> bytes:
        body = view(visit, found, filled)
        above = [(card.HERE, "Connections")]
        return console.page(request, visit, found.name, *body, here=HERE, above=above)


#: The field that a fault stands beside when it is about none.
_FIRST = {"sender": "sender", "networks": "networks", "rate": "units", "options": "option_track_opens"}


def _fields(part: str) -> dict[str, str]:
    if part == "rate":
        return {"rate": "units", "units": "units", "period": "period", "burst": "burst"}
    return {name: f"option_{name}" for name in vocabulary.OPTIONS} if part == "options" else {}


async def _change(visit: Visit, found: Connection, part: str, given: Mapping[str, str]) -> None:
    place = visit.installation
    if part == "sender":
        await connections.set_sender(place, found.id, given.get("sender", ""))
    elif part == "networks":
        await connections.set_networks(place, found.id, given.get("networks", "").replace(",", " ").split())
    elif part == "rate":
        units, period, burst = (_number(name, given.get(name, "")) for name in ("units", "period", "burst"))
        await connections.set_rate(place, found.id, units, period, burst)
    else:
        now = {name: _text(found.options.get(name)) for name in vocabulary.OPTIONS}
        wanted = {name: given.get(f"option_{name}", now[name]) for name in now}
        changed = {name: text for name, text in wanted.items() if text != now[name]}
        if changed:
            await connections.set_options(place, found.id, changed)


def _number(name: str, text: str) -> int:
    if not text.isdecimal() or len(text) > 12:
        raise Invalid(name, "must be a whole number")
    return int(text)


def view(visit: Visit, found: Connection, filled: Filled) -> list[Markup]:
    """The whole page."""
    path = f"{HERE}/{found.id}/settings"
    known = found.dialect in visit.installation.dialects
    dialect = visit.installation.dialects.get(found.dialect) if known else None

    def part(name: str, title: str, *fields: Markup) -> Markup:
        form = look.form(f"{path}/{name}", visit.key, *fields, look.button("Save"), stacked=True)
        return tag("section", tag("h2", title), form, class_="settings")

    sender = look.field("sender", "Address", filled.fault("sender", "sender"), "The address that its mail comes from.",
                        type="email", value=filled.value("sender", "sender", found.sender), required=True)  # fmt: skip
    networks = look.area("networks", "Addresses and networks",
                         filled.value("networks", "networks", "\n".join(found.networks)),
                         filled.fault("networks", "networks"),
                         "One in a line, as 192.0.2.7 or 192.0.2.0/24; none is any.", 4)  # fmt: skip
    parts = [card.tabs(found, path), part("sender", "Sender", sender), part("networks", "May connect from", networks)]
    if visit.caller.administrator:
        parts.append(part("rate", "Rate", *_rate(found, filled)))
    parts.append(part("options", "Options", *_options(visit, found, dialect, filled)))
    if not visit.caller.administrator:
        told = (
            "The rate, who may send, recipients per day and when it is blocked by itself are set by an administrator."
        )
        parts.append(tag("p", told, class_="hint"))
    return parts


def _rate(found: Connection, filled: Filled) -> list[Markup]:
    periods = [("1", "second"), ("60", "minute"), ("3600", "hour"), ("86400", "day")]
    if str(found.rate_period) not in dict(periods):
        periods.append((str(found.rate_period), f"{found.rate_period} seconds"))

    def given(name: str, now: int) -> tuple[str, str]:
        return filled.fault("rate", name), filled.value("rate", name, str(now))

    fault, units = given("units", found.rate)
    odd, period = given("period", found.rate_period)
    wrong, burst = given("burst", found.rate_burst)
    return [
        look.field("units", "Messages", fault, "0 is as fast as they come.", inputmode="numeric", value=units),
        look.choice("period", "In each", periods, period, odd),
        look.field("burst", "At once", wrong, inputmode="numeric", value=burst),
    ]


def _options(visit: Visit, found: Connection, dialect: Dialect | None, filled: Filled) -> list[Markup]:
    """Those that the caller may set and that say something in the dialect."""
    shown: list[Markup] = []
    for name, option in vocabulary.OPTIONS.items():
        if option.kind == "forms" and (dialect is None or not dialect.variants):
            continue
        if name in connections.ADMINISTRATORS_OPTIONS and not visit.caller.administrator:
            continue
        now = filled.value("options", f"option_{name}", _text(found.options.get(name)))
        shown.append(_option(name, option, dialect, now, filled.fault("options", f"option_{name}")))
    return shown


def _option(name: str, option: Option, dialect: Dialect | None, now: str, fault: str) -> Markup:
    title, hint = WORDS.get(name, (name, ""))
    usual = _text(dialect.options[name]) if dialect is not None else ""
    name = f"option_{name}"
    if option.kind in ("switch", "word"):
        choices = {"true": "yes", "false": "no"} if option.kind == "switch" else {each: each for each in option.words}
        preset = [("", f"as its dialect: {choices.get(usual, usual)}" if usual else "as its dialect")]
        return look.choice(name, title, [*preset, *choices.items()], now, fault, hint)
    kind = "email" if option.kind == "address" else "text"
    return look.field(name, title, fault, hint, value=now, placeholder=usual or False, type=kind,
                      inputmode="numeric" if option.kind == "number" else False)  # fmt: skip


def _text(value: JSON) -> str:
    """The value of an option as a form has it; "" where it is not set."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
