"""Which installation a command works on, and opening it.

The installation is named by `--state` or `--config`, else by ``MAILRELAY_STATE``, else it is ``var/sandbox`` when that
exists, else what ``/etc/mailrelay.toml`` says. It is opened in this process beside a running daemon: the same database,
written under the same lock. Nothing here creates one; that is `init`.
"""

from __future__ import annotations

import json
import os
import pwd
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..manage import Installation, Invalid, accounts
from ..manage.caller import COMMAND_LINE, Caller
from ..policy import shaping
from ..policy.dialect import Dialects
from ..policy.personal import needs_pages
from ..policy.reach import SANDBOX as SANDBOX_REACH
from ..policy.reach import Reach
from ..vault import Vault
from .frame import CONFIG, STATE

if TYPE_CHECKING:
    from ..config import Config
    from ..store import Store

P = ParamSpec("P")
T = TypeVar("T")

SANDBOX = Path("var/sandbox")
SYSTEM = Path("/etc/mailrelay.toml")
VARIABLE = "MAILRELAY_STATE"

#: Seconds that a command waits for its turn to write beside a daemon that writes.
PATIENCE = 10.0

#: What stands in a state folder, besides the database.
KEY, CONFIGURATION, READY = "secret.key", "mailrelay.toml", "ready.json"


class NoInstallation(Invalid):
    """None was named, and there is none where one usually is."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an installation is: `state` is its folder, `database` that folder or the URL of a server."""

    state: Path
    database: str
    key: Path
    config: Config | None = None

    @property
    def hostname(self) -> str:
        """What the relay calls itself; a sandbox is "localhost"."""
        return (self.config.server.hostname or socket.getfqdn()) if self.config else "localhost"

    @property
    def public_url(self) -> str:
        """Where links in mail lead; a sandbox tells of it in ``ready.json``."""
        if self.config is not None:
            return self.config.http.public_url
        try:
            return str(json.loads((self.state / READY).read_text("utf-8")).get("public_url", ""))
        except (OSError, ValueError):
            return ""

    @property
    def shaping(self) -> shaping.Shaping:
        """The rules of shaping that are shipped, with those of the installation."""
        return shaping.installed(self.config.delivery.shaping if self.config else None)

    @property
    def dialects(self) -> Dialects:
        """The dialects shipped, and those of the installation."""
        return Dialects.shipped(self.config.dialects.directory if self.config else None)


@dataclass(frozen=True, slots=True)
class Opened:
    """An installation at work."""

    place: Place
    installation: Installation
    store: Store

    def owners(self) -> dict[str, str]:
        """The names of accounts by id."""
        return {each.id: each.name for each in wait(accounts.every(self.installation))}


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def wait(deferred: Deferred[T]) -> T:
    """The result of a Deferred that has fired, as all do on a store opened inline; raises what it failed with."""
    results: list[Any] = []
    deferred.addBoth(results.append)
    if not results:
        raise RuntimeError("the state did not answer")
    if isinstance(results[0], Failure):
        results[0].raiseException()
    found: T = results[0]
    return found


def place() -> Place:
    """The installation that is meant, from the options, the environment, or where one usually is."""
    meta = click.get_current_context().meta
    state, config = meta.get(STATE), meta.get(CONFIG)
    if state and config:
        raise Invalid("state", "give either --state or --config, not both")
    if not state and not config:
        state = os.environ.get(VARIABLE) or (str(SANDBOX) if SANDBOX.is_dir() else "")
    if state:
        folder = Path(state).absolute()
        own = folder / CONFIGURATION
        found = Place(folder, str(folder), folder / KEY)
        return replace(found, config=_load(own)) if own.is_file() else found
    if not config and not SYSTEM.is_file():
        raise NoInstallation("state", f"no installation here: give --state DIR or --config FILE, or set {VARIABLE}")
    return _of_config(_load(Path(config or SYSTEM)))


@contextmanager
def opened() -> Iterator[Opened]:
    """The installation that is meant, opened for one command."""
    found = place()
    if not found.key.is_file():
        raise Invalid("state", f"{found.state} is not initialised: run 'mailrelay init --state {found.state}' first")
    vault = Vault.open(found.key)
    from ..mail.envelope import ulid
    from ..relay.render_once import RenderOnce
    from ..store import open_store

    store = open_store(
        found.database,
        node=ulid(now(), os.urandom(10)),
        now=now,
        inline=True,
        patience=PATIENCE,
        pseudonym=vault.pseudonym,
        provider_of=found.shaping.provider,
        options=found.dialects.options,
    )
    try:
        yield Opened(
            found,
            Installation.over(
                store,
                renderer=RenderOnce(),
                vault=vault,
                dialects=found.dialects,
                now=now,
                random=os.urandom,
                caller=Caller(COMMAND_LINE, _login()),
                reveal_secrets=found.config.server.reveal_secrets if found.config else True,
                public_pages=bool(found.config.http.public_url) if found.config else True,
                reach=_reach(found),
                route_names=frozenset(route.name for route in found.config.routes) if found.config else frozenset(),
            ),
            store,
        )
    finally:
        wait(store.close())


def _login() -> str:
    """Whose shell it is."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _reach(found: Place) -> Reach:
    """Where webhooks may lead; those of a sandbox to this machine, too."""
    if found.config is None:
        return SANDBOX_REACH
    return Reach.of(found.config.webhooks.private_networks, found.config.webhooks.ports)


def installed(function: Callable[Concatenate[Opened, P], T]) -> Callable[P, T]:
    """Give a command the installation that is meant as its first argument."""

    @wraps(function)
    def command(*args: P.args, **kwargs: P.kwargs) -> T:
        with opened() as found:
            return function(found, *args, **kwargs)

    return command


def options_of(settings: Iterable[str]) -> dict[str, str]:
    """Settings written as OPTION=VALUE; fails with `Invalid`."""
    found: dict[str, str] = {}
    for each in settings:
        option, sign, text = each.partition("=")
        if not sign:
            raise Invalid("option", f"{each!r} is not OPTION=VALUE")
        found[option.strip()] = text.strip()
    return found


def read_secret(prompt: str) -> str:
    """A secret from standard input: asked for without echo on a terminal, else all that comes but its last line end."""
    if sys.stdin.isatty():
        asked: str = click.prompt(prompt, hide_input=True, err=True)
        return asked
    try:
        text = sys.stdin.buffer.read(8192).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(prompt.lower(), "is not UTF-8") from error
    return text.removesuffix("\n").removesuffix("\r")


def known_dialects(folder: Path) -> dict[str, bool]:
    """Names and aliases of the dialects shipped and of those in a folder, and whether their mail needs public pages;
    fails with `DialectError`."""
    return {name: needs_pages(each) for each in Dialects.shipped(folder) for name in (each.name, *each.aliases)}


def _load(path: Path) -> Config:
    from ..config import load

    return load(path, known_dialects, shaping.installed)


def _of_config(config: Config) -> Place:
    folder = config.state.path.absolute()
    return Place(folder, config.state.url or str(folder), config.state.key_file.absolute(), config)
