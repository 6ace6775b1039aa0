"""Commands about people who sign in to the console."""

from __future__ import annotations

from typing import Any

import click

from ..manage import plain_people, sessions, users
from . import output
from .frame import Group
from .opening import Opened, installed, read_secret, wait

COLUMNS = ("name", "role", "account", "status", "totp", "created_at", "id")
SESSION_COLUMNS = ("created_at", "seen_at", "address", "agent")


def _plain(opened: Opened, user: Any) -> dict[str, object]:
    return plain_people.user(user, opened.owners())


@click.group(cls=Group)
def user() -> None:
    """Users: people who sign in to the console."""


@user.command()
@click.argument("name")
@click.option("--account", default="", help="A member of this account; without it an administrator.")
@click.option("--password-stdin", is_flag=True, help="Read the password; without it one is made and shown.")
@installed
def add(opened: Opened, name: str, account: str, password_stdin: bool) -> None:
    """Let a person sign in, under an e-mail address or a NAME.

    \b
    Example:
      mailrelay user add ann@shop.example --account shop
    """
    password = read_secret("Password") if password_stdin else ""
    made = wait(users.add(opened.installation, name, account, password))
    shown = {} if password else {"password": made.password}
    output.card(_plain(opened, made.user) | shown, "" if password else "The password is not shown again.")


@user.command("list")
@click.option("--account", default="", help="The members of this account.")
@installed
def list_(opened: Opened, account: str) -> None:
    """List the users."""
    found = wait(users.every(opened.installation, account))
    owners = opened.owners()
    output.table([plain_people.user(each, owners) for each in found], COLUMNS)


@user.command()
@click.argument("name")
@installed
def show(opened: Opened, name: str) -> None:
    """Show a user."""
    output.card(_plain(opened, wait(users.find(opened.installation, name))))


@user.command("sessions")
@click.argument("name")
@click.option("--end", is_flag=True, help="End them all.")
@installed
def sessions_(opened: Opened, name: str, end: bool) -> None:
    """List where a user is signed in."""
    if end:
        wait(sessions.end_all(opened.installation, name))
    found = wait(sessions.every(opened.installation, name))
    output.table([plain_people.session(each) for each in found], SESSION_COLUMNS)


@user.command()
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password; without it one is made and shown.")
@installed
def password(opened: Opened, name: str, password_stdin: bool) -> None:
    """Give a user another password; their sessions end."""
    given = read_secret("Password") if password_stdin else ""
    made = wait(users.set_password(opened.installation, name, given))
    shown = {} if given else {"password": made.password}
    output.card(_plain(opened, made.user) | shown, "" if given else "The password is not shown again.")


@user.command()
@click.argument("name")
@click.option("--account", default="", help="A member of this account; without it an administrator.")
@installed
def role(opened: Opened, name: str, account: str) -> None:
    """Make a user an administrator, or a member of an account; their sessions end."""
    output.card(_plain(opened, wait(users.set_role(opened.installation, name, account))))


@user.command()
@click.argument("name")
@installed
def block(opened: Opened, name: str) -> None:
    """Let a user sign in no more; their sessions end."""
    output.card(_plain(opened, wait(users.block(opened.installation, name))))


@user.command()
@click.argument("name")
@installed
def activate(opened: Opened, name: str) -> None:
    """Let a blocked user sign in again."""
    output.card(_plain(opened, wait(users.activate(opened.installation, name))))


@user.command()
@click.argument("name")
@installed
def remove(opened: Opened, name: str) -> None:
    """Forget a user."""
    gone = wait(users.remove(opened.installation, name))
    output.done(f"User {gone.name} is removed.", _plain(opened, gone))


@user.group(cls=Group)
def totp() -> None:
    """One-time codes as a second factor."""


@totp.command()
@click.argument("name")
@installed
def begin(opened: Opened, name: str) -> None:
    """Show a secret for the application of a user; `totp confirm` puts it in force."""
    offered = wait(users.begin_totp(opened.installation, name))
    output.card({"secret": offered.secret, "uri": offered.uri}, "In force once a code of it is confirmed.")


@totp.command()
@click.argument("name")
@click.argument("code")
@installed
def confirm(opened: Opened, name: str, code: str) -> None:
    """Ask a user for one-time codes from now on, and show the recovery codes."""
    codes = wait(users.confirm_totp(opened.installation, name, code))
    output.card({"recovery_codes": list(codes)}, "Each serves once, in place of a code; they are not shown again.")


@totp.command("remove")
@click.argument("name")
@installed
def remove_(opened: Opened, name: str) -> None:
    """Ask a user for no one-time codes any more; their sessions end."""
    output.card(_plain(opened, wait(users.remove_totp(opened.installation, name))))
