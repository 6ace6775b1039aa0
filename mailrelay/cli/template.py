"""Commands about stored templates."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from ..interfaces.templates import SYNTAXES, Template
from ..mail.rendering import MAX_SOURCE, MAX_VARIABLES
from ..manage import Invalid, plain, templates
from . import output
from .frame import Group
from .opening import Opened, installed, wait

COLUMNS = ("id", "account", "version", "name", "subject", "tag", "strict", "priority", "saved_at")
VERSION_COLUMNS = ("version", "name", "subject", "tag", "strict", "saved_at")

#: Octets of a file that is read: as many as its letters could have.
_MOST = 4 * (MAX_SOURCE + MAX_VARIABLES)

_PATH = click.Path(path_type=Path)
_account = click.option("--account", default="", help="Whose it is; left out, it serves every account.")
_which = click.option("--account", default="", help="Whose it is; may be left out while only one can be meant.")
_version = click.option("--version", default=0, help="Of this version instead of the newest.")
_variables = click.option("--variables", default="{}", metavar="JSON", help="An object, as the header has it.")


def _fields(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what a template holds."""
    lines = {
        "name": "What people call it.",
        "from_name": "Display name of From.",
        "from_address": "Address of From.",
        "return_path": "Address that reports go to.",
        "reply_to": "Address of Reply-To.",
        "subject": "Subject.",
        "tag": "Tag; goes before the message's own.",
        "priority": "high, normal or low, of messages that do not say; empty for none.",
    }
    options = [
        click.option(f"--{field.replace('_', '-')}", field, default=None, help=line) for field, line in lines.items()
    ]
    options += [
        click.option("--html", type=_PATH, default=None, metavar="FILE", help='HTML body; "-" is standard input.'),
        click.option("--text", type=_PATH, default=None, metavar="FILE", help='Text body; "-" is standard input.'),
        click.option(
            "--fields",
            type=_PATH,
            default=None,
            metavar="FILE",
            help='Any of these in one JSON object; "-" is standard input.',
        ),
        click.option("--syntax", default=None, help=f"How it is read: {' or '.join(SYNTAXES)}."),
        click.option(
            "--strict/--lenient", "strict", default=None, help="Refuse a message that lacks a variable; or take it."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group(cls=Group)
def template() -> None:
    """Stored templates: Jinja2 in HTML, text, subject and names; every save is a version."""


@template.command()
@_account
@click.option("--id", default="", help="The id, where applications know one already; else one is made of the name.")
@_fields
@installed
def create(opened: Opened, /, account: str, id: str, **given: Any) -> None:
    """Create a template; it can be used within two seconds.

    \b
    Example:
      mailrelay template create --account shop --id welcome \\
          --subject 'Welcome, {{ name }}' --html welcome.html
    """
    _show(opened, wait(templates.create(opened.installation, account, _given(given), id)))


@template.command()
@click.argument("id")
@_which
@_fields
@installed
def edit(opened: Opened, /, id: str, account: str, **given: Any) -> None:
    """Save a new version of the template ID, which differs in what is given."""
    fields = _given(given)
    if not fields:
        raise Invalid("template", "say what is to be changed")
    _show(opened, wait(templates.edit(opened.installation, account, id, fields)))


@template.command()
@click.argument("id")
@_which
@_version
@installed
def show(opened: Opened, id: str, account: str, version: int) -> None:
    """Show the template ID whole."""
    _show(opened, wait(templates.find(opened.installation, account, id, version)))


@template.command("list")
@click.option("--account", default="", help="Only of this account.")
@installed
def list_(opened: Opened, account: str) -> None:
    """List templates in their newest versions."""
    owners = opened.owners()
    found = wait(templates.every(opened.installation, account))
    output.table([plain.template(each, owners) for each in found], COLUMNS)


@template.command()
@click.argument("id")
@_which
@installed
def versions(opened: Opened, id: str, account: str) -> None:
    """List the versions of the template ID, the newest first."""
    owners = opened.owners()
    found = wait(templates.versions(opened.installation, account, id))
    output.table([plain.template(each, owners) for each in found], VERSION_COLUMNS)


@template.command()
@click.argument("id")
@click.argument("version", type=int)
@_which
@installed
def restore(opened: Opened, id: str, version: int, account: str) -> None:
    """Save an older VERSION of the template ID again, as the newest."""
    _show(opened, wait(templates.restore(opened.installation, account, id, version)))


@template.command()
@click.argument("id")
@_which
@installed
def delete(opened: Opened, id: str, account: str) -> None:
    """Forget the template ID with all its versions."""
    found = wait(templates.remove(opened.installation, account, id))
    output.done(f"{found.id} is forgotten.", {"id": found.id})


@template.command()
@click.argument("id")
@_which
@_version
@_variables
@installed
def render(opened: Opened, id: str, account: str, version: int, variables: str) -> None:
    """Show what comes of the template ID with variables.

    \b
    Example:
      mailrelay template render welcome --variables '{"name": "Ann"}'
    """
    _show_texts(wait(templates.render(opened.installation, account, id, variables, version)))


@template.command()
@_fields
@click.option("--variables", default=None, metavar="JSON", help="Render with these, too.")
@installed
def check(opened: Opened, /, variables: str | None, **given: Any) -> None:
    """Say what is wrong with a template, without keeping it; with variables show what comes of it.

    \b
    Example:
      mailrelay template check --html welcome.html --strict --variables '{"name": "Ann"}'
    """
    fields = _given(given)
    texts = wait(templates.try_out(opened.installation, fields, variables))
    if variables is None:
        used: Sequence[str] = wait(templates.variables(opened.installation, fields))
        asks = f" It asks for {', '.join(used)}." if used else ""
        output.done(f"Nothing is wrong with it.{asks}", {"correct": True, "variables": [*used]})
    else:
        _show_texts(texts)


def _given(given: dict[str, Any]) -> dict[str, Any]:
    """What is said by options, and by the file of fields where an option says nothing."""
    paths = [given[name] for name in ("html", "text", "fields") if given[name] is not None]
    if [str(path) for path in paths].count("-") > 1:
        raise Invalid("template", "standard input can be read once only")
    said: dict[str, Any] = {}
    if (path := given.pop("fields")) is not None:
        try:
            said = json.loads(_read("fields", path))
        except (ValueError, RecursionError) as error:
            raise Invalid("fields", f"{path} is not JSON: {error}") from None
        if not isinstance(said, dict):
            raise Invalid("fields", f"{path} is not a JSON object")
    for name in ("html", "text"):
        if given[name] is not None:
            given[name] = _read(name, given[name])
    return said | {name: value for name, value in given.items() if value is not None}


def _read(field: str, path: Path) -> str:
    if str(path) == "-":
        octets = sys.stdin.buffer.read(_MOST + 1)
    else:
        with path.open("rb") as source:
            octets = source.read(_MOST + 1)
    if len(octets) > _MOST:
        raise Invalid(field, f"{path} is too large")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid(field, f"{path} is not UTF-8") from None


def _show(opened: Opened, found: Template) -> None:
    """A template; people read its texts below the rest."""
    card = plain.template(found, opened.owners())
    if output.wants_json():
        return output.as_json(card)
    bodies = {name: str(card.pop(name)) for name in ("html", "text")}
    output.card(card, _bodies(bodies))


def _show_texts(texts: Any) -> None:
    if output.wants_json():
        return output.as_json(dict(texts))
    output.card({name: text for name, text in texts.items() if name not in ("html", "text")}, _bodies(texts))


def _bodies(texts: Any) -> str:
    """The bodies for people, line for line, without anything that a terminal would obey."""
    lines: list[str] = []
    for name in ("html", "text"):
        if texts.get(name):
            lines += ["", f"{name}:", *("  " + output.cell(line.expandtabs(4)) for line in texts[name].splitlines())]
    return "\n".join(lines)
