"""Commands about connections: the SMTP logins of an account."""

from __future__ import annotations

import click

from ..interfaces.registry import Connection
from ..manage import Invalid, connections, plain
from ..manage.connections import Wanted
from ..manage.credentials import Issued
from . import output
from .frame import Group
from .opening import Opened, installed, options_of, read_secret, wait

COLUMNS = ("name", "account", "dialect", "status", "sender", "username", "networks", "rate", "id")

_stdin = click.option("--password-stdin", is_flag=True, help="Take the password from standard input.")


_key_stdin = click.option("--api-key-stdin", is_flag=True, help="Take over the key from standard input.")


@click.group(cls=Group)
def connection() -> None:
    """Connections: named SMTP logins, each with a sender, a dialect, source addresses and a rate.

    A connection is named by its name, by account/name where two have the same, or by its id.
    """


@connection.command()
@click.argument("name")
@click.option("--account", default="", help="Whose it is; may be left out while there is only one account.")
@click.option("--dialect", required=True, help="Which service it replaces: see 'mailrelay dialect list'.")
@click.option("--sender", required=True, help="The address that mail comes from, on a domain of the account.")
@click.option("--username", default="", help="The user name of an existing login; generated when left out.")
@_stdin
@click.option("--api-key", "--token", "api_key", is_flag=True, help="Make a key, too, that is itself the look-up.")
@_key_stdin
@click.option("--short-password", is_flag=True, help="Make a short password, too, with a user name of its own.")
@click.option("--ip", "networks", multiple=True, metavar="CIDR", help="Take logins from here only; may be repeated.")
@click.option("--active", is_flag=True, help="Activate it at once.")
@installed
def create(
    opened: Opened,
    name: str,
    account: str,
    dialect: str,
    sender: str,
    username: str,
    password_stdin: bool,
    api_key: bool,
    api_key_stdin: bool,
    short_password: bool,
    networks: tuple[str, ...],
    active: bool,
) -> None:
    """Create a connection and show its login; a password or key that is not given is generated.

    \b
    Examples:
      mailrelay connection create web --account shop --dialect standard --sender news@shop.example
      printf %s "$OLD" | mailrelay connection create web --dialect standard \\
          --sender news@shop.example --username web@shop.example --password-stdin
    """
    if password_stdin and api_key_stdin:
        raise Invalid("api-key-stdin", "standard input holds one secret: give the other one afterwards")
    password, key = _given_password(password_stdin), _given_key(api_key_stdin)
    wanted = Wanted(
        account,
        name,
        dialect,
        sender,
        username,
        password,
        networks,
        active,
        api_key=api_key,
        key=key,
        short_password=short_password,
    )
    issued = wait(connections.create(opened.installation, wanted))
    note = "" if active else f"\nNot activated yet: mailrelay connection activate {issued.connection.id}"
    _show_issued(opened, issued, note)


@connection.command("list")
@click.option("--account", default="", help="Only of this account.")
@installed
def list_(opened: Opened, account: str) -> None:
    """List connections."""
    owners = opened.owners()
    rows = [plain.connection(each, owners) for each in wait(connections.every(opened.installation, account))]
    output.table(rows, COLUMNS)


@connection.command()
@click.argument("name")
@click.option("--reveal", is_flag=True, help="Show the password, too.")
@installed
def show(opened: Opened, name: str, reveal: bool) -> None:
    """Show a connection."""
    if reveal:
        _show_issued(opened, wait(connections.reveal(opened.installation, name)))
    else:
        _show(opened, wait(connections.find(opened.installation, name)))


@connection.command()
@click.argument("name")
@installed
def activate(opened: Opened, name: str) -> None:
    """Let a connection carry mail; lifts a block, too."""
    _show(opened, wait(connections.activate(opened.installation, name)))


@connection.command()
@click.argument("name")
@click.option("--reason", default="", help="Shown on the card and in the log.")
@installed
def block(opened: Opened, name: str, reason: str) -> None:
    """Let a connection carry no more mail; its login is refused like a wrong password."""
    _show(opened, wait(connections.block(opened.installation, name, reason)))


@connection.command("new-password")
@click.argument("name")
@_stdin
@installed
def new_password(opened: Opened, name: str, password_stdin: bool) -> None:
    """Give a connection another password, and show it."""
    password = _given_password(password_stdin)
    _show_issued(opened, wait(connections.new_password(opened.installation, name, password)))


@connection.command("new-api-key")
@click.argument("name")
@_key_stdin
@installed
def new_api_key(opened: Opened, name: str, api_key_stdin: bool) -> None:
    """Give a connection another key, or a first one, and show it: an API key or token that is itself the look-up."""
    key = _given_key(api_key_stdin)
    _show_issued(opened, wait(connections.new_api_key(opened.installation, name, key)))


@connection.command("short-password")
@click.argument("name")
@click.option(
    "--username",
    type=click.Choice(["generated", "from-address"]),
    default="generated",
    show_default=True,
    help="A user name of its own, or any address that the connection may send from.",
)
@installed
def short_password(opened: Opened, name: str, username: str) -> None:
    """Give a connection a short password of 16 characters, for an application that takes no longer one."""
    own_name = username == "generated"
    _show_issued(opened, wait(connections.short_password(opened.installation, name, own_name=own_name)))


@connection.command()
@click.argument("name")
@click.argument("kind", type=click.Choice(list(connections.REVOCABLE)))
@installed
def revoke(opened: Opened, name: str, kind: str) -> None:
    """Take the key or the short password from a connection: it is refused from the next login on."""
    _show(opened, wait(connections.revoke(opened.installation, name, kind)))


@connection.command("set-rate", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("units", type=int)
@click.option("--period", type=int, default=60, show_default=True, metavar="SECONDS", help="The time for UNITS.")
@click.option("--burst", type=int, default=1, show_default=True, help="How many may come at once.")
@installed
def set_rate(opened: Opened, name: str, units: int, period: int, burst: int) -> None:
    """Let at most UNITS messages pass in a period; 0 lifts the limit.

    \b
    Example:
      mailrelay connection set-rate web 100 --period 60 --burst 20
    """
    _show(opened, wait(connections.set_rate(opened.installation, name, units, period, burst)))


@connection.command("set-sender")
@click.argument("name")
@click.argument("address")
@installed
def set_sender(opened: Opened, name: str, address: str) -> None:
    """Give a connection another sender ADDRESS, on a domain of its account."""
    _show(opened, wait(connections.set_sender(opened.installation, name, address)))


@connection.command("set")
@click.argument("name")
@click.argument("settings", nargs=-1, required=True, metavar="OPTION=VALUE...")
@installed
def set_(opened: Opened, name: str, settings: tuple[str, ...]) -> None:
    """Set options of a connection; OPTION= goes back to what its dialect sets.

    \b
    track_opens, track_clicks, list_unsubscribe   true or false
    missing_tags      append, reject or refuse: what becomes of a body without its tags
    sender            domain, connection or address: whose addresses may send
    default_route     the route of a message that names none
    bad_file_key      refuse or fail: what becomes of a message with a key of no file
    bounce_address    who a message comes from when its own reverse path is not the account's
    sandbox           true or false: nothing leaves, the simulator plays what becomes of it
    replies           other forms of the dialect's replies, between commas

    \b
    Example:
      mailrelay connection set web track_opens=true default_route=eu
    """
    _show(opened, wait(connections.set_options(opened.installation, name, options_of(settings))))


@connection.group("ip-list")
def ip_list() -> None:
    """From where a connection may log in; an empty list means from anywhere.

    \b
    Examples:
      mailrelay connection ip-list set web 192.0.2.0/24 2001:db8::/32
      mailrelay connection ip-list clear web
    """


@ip_list.command("set")
@click.argument("name")
@click.argument("networks", nargs=-1, required=True, metavar="CIDR...")
@installed
def ip_set(opened: Opened, name: str, networks: tuple[str, ...]) -> None:
    """Take logins from these networks only."""
    _show(opened, wait(connections.set_networks(opened.installation, name, networks)))


@ip_list.command("add")
@click.argument("name")
@click.argument("networks", nargs=-1, required=True, metavar="CIDR...")
@installed
def ip_add(opened: Opened, name: str, networks: tuple[str, ...]) -> None:
    """Take logins from these networks, too."""
    _show(opened, wait(connections.add_networks(opened.installation, name, networks)))


@ip_list.command("remove")
@click.argument("name")
@click.argument("networks", nargs=-1, required=True, metavar="CIDR...")
@installed
def ip_remove(opened: Opened, name: str, networks: tuple[str, ...]) -> None:
    """Take no more logins from these networks."""
    _show(opened, wait(connections.remove_networks(opened.installation, name, networks)))


@ip_list.command("clear")
@click.argument("name")
@installed
def ip_clear(opened: Opened, name: str) -> None:
    """Take logins from anywhere."""
    _show(opened, wait(connections.set_networks(opened.installation, name, ())))


def _given_password(password_stdin: bool) -> str:
    """The password from standard input, or "" to have one generated."""
    if not password_stdin:
        return ""
    password = read_secret("Password")
    if not password:
        raise Invalid("password", "must not be empty")
    return password


def _given_key(key_stdin: bool) -> str:
    """The key from standard input, or "" to have one generated where one is needed."""
    if not key_stdin:
        return ""
    key = read_secret("API key")
    if not key:
        raise Invalid("api-key", "must not be empty")
    return key


def _show(opened: Opened, connection: Connection) -> None:
    output.card(_merged(opened, connection, plain.connection(connection, opened.owners())))


def _show_issued(opened: Opened, issued: Issued, note: str = "") -> None:
    output.card(_merged(opened, issued.connection, plain.issued(issued, opened.owners())), note)


def _merged(opened: Opened, connection: Connection, card: plain.Plain) -> plain.Plain:
    """The card with every option, those of the dialect too."""
    merged = opened.installation.dialects.options(connection.dialect, connection.options)
    return card | {"options": {name: list(each) if isinstance(each, tuple) else each for name, each in merged.items()}}
