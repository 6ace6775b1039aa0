"""The sandbox: a whole installation on loopback that needs nothing but Python, with every dialect ready to be sent to.

It is the ordinary daemon under a configuration made here, with accounts, domains and connections that exist from the
first start on, a certificate of its own, and a sink at the far end of the one route. A second start finds everything
as it was. It binds loopback only, and nothing that it is given ever leaves the machine.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .. import __version__
from ..config import Config, Console, Delivery, Http, Limits, Listener, LoginGuard, Route, Server, State, Webhooks
from ..interfaces.people import ADMINISTRATOR, MEMBER
from ..interfaces.registry import Connection
from ..interfaces.templates import Template
from ..manage import Installation, accounts, connections, domains, files, routes, templates, users
from ..manage.credentials import Issued
from ..policy.dialect import Dialect, Dialects
from ..policy.reach import LOOPBACK as LOOPBACK_NETWORKS
from ..smtp.tls import CertificatePaths
from ..vault import Vault
from .ports import Address

LOOPBACK = "127.0.0.1"
HOSTNAME = "localhost"
SUPPORT = "help@relay.example"
HTTP_OFFSET = 8080  #: from the base port
PUBLIC_OFFSET = 8081  #: the public pages
OPENING_BALANCE = 1_000_000  #: sends
NETWORKS = ("127.0.0.0/8", "::1/128")
SINK = "sink"
ROUTE = "main"
FILE = "logo"
#: A picture of one pixel.
LOGO = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
TEMPLATE = "greeting"
GREETING = Template(
    account="",
    id=TEMPLATE,
    name="Greeting",
    subject="Hello {{ name }}",
    html="<h1>Hello {{ name }}</h1>\n{% for item in items %}<p>{{ item }}</p>\n{% endfor %}",
    text="Hello {{ name }}\n{% for item in items %}- {{ item }}\n{% endfor %}",
)
#: Retries come after one second and two, so that a soft bounce can be watched; then ever more slowly for an hour.
SCHEDULE = (1, 2, 5, 15, 60, 300)
EXPIRY = 3600
LOGIN_WINDOW = 10  #: seconds
PEOPLE = (("admin", ADMINISTRATOR), ("member", MEMBER))  #: who can sign in
PASSWORD = 20  #: hexadecimal digits of their passwords
MODES = (("STARTTLS", "starttls"), ("TLS", "tls"), ("plain", "plain"))  #: in words, and in ``ready.json``


def configuration(
    state: Path, base_port: int, dialects: Dialects, certificates: CertificatePaths, sink_port: int, token: str
) -> Config:
    """The sandbox as a configuration like any other."""
    return Config(
        server=Server(hostname=HOSTNAME),
        state=State(path=state),
        listeners=tuple(_listeners(base_port, dialects, certificates)),
        routes=(Route(name=SINK, hosts=(f"{LOOPBACK}:{sink_port}",), tls="none", default=True),),
        delivery=Delivery(
            schedule=SCHEDULE, jitter=0, expiry=EXPIRY, uncertain=SCHEDULE[2], shaping=state / "shaping.toml"
        ),
        console=Console(support=SUPPORT),
        webhooks=Webhooks(private_networks=LOOPBACK_NETWORKS, ports=()),
        http=Http(
            enabled=True,
            address=LOOPBACK,
            port=base_port + HTTP_OFFSET,
            api_token=token,
            requests_per_minute=0,  # those who try something out are not counted
            public_url=f"http://{LOOPBACK}:{base_port + PUBLIC_OFFSET}",
            public_address=LOOPBACK,
            public_port=base_port + PUBLIC_OFFSET,
        ),
        # a client that tries every mechanism must still fail five times within the window
        limits=Limits(login_delay=0),
        login_guard=LoginGuard(window=LOGIN_WINDOW),
    )


def _listeners(base_port: int, dialects: Dialects, certificates: CertificatePaths) -> Iterator[Listener]:
    for dialect in dialects:
        for port, offset in dialect.sandbox.items():
            implicit = port in dialect.ports.get("tls", ())
            yield Listener(
                name=f"{dialect.name}-{port}",
                address=LOOPBACK,
                port=base_port + offset,
                tls="implicit" if implicit else "starttls",
                tls_required=implicit or port not in dialect.ports.get("plain", ()),
                certificate=certificates.chain,
                key=certificates.key,
                dialect=dialect.name,
            )


async def furnish(installation: Installation, dialects: Dialects, sink_port: int) -> list[Issued]:
    """For each dialect an account with balance, a verified and an unverified domain, and an active connection; where
    messages can name a template, a file or a route, one of those, too.

    What exists is left as it is, but for the route, which leads to the sink where it is this time; fires with the
    connections and their logins.
    """
    existing = {each.name for each in await accounts.every(installation)}
    issued = []
    for dialect in dialects:
        if not dialect.sandbox:
            continue
        if dialect.name not in existing:
            await accounts.create(installation, dialect.name, OPENING_BALANCE)
        registered = {each.name for each in await domains.every(installation, dialect.name)}
        for domain, verified in ((verified_domain(dialect), True), (unverified_domain(dialect), False)):
            if domain not in registered:
                await domains.add(installation, dialect.name, domain, verified=verified)
        await _add_template(installation, dialect)
        await _add_file(installation, dialect)
        await _lead_route(installation, dialect, sink_port)
        owned: Sequence[Connection] = await connections.every(installation, dialect.name)
        found = [each for each in owned if each.name == dialect.name]
        if found:
            issued.append(await connections.reveal(installation, found[0].id))
            continue
        issued.append(
            await connections.create(
                installation,
                connections.Wanted(
                    account=dialect.name,
                    name=dialect.name,
                    dialect=dialect.name,
                    sender=f"app@{verified_domain(dialect)}",
                    networks=NETWORKS,
                    active=True,
                    api_key=bool(dialect.key_usernames),
                    short_password="*@{domain}" in dialect.key_usernames,
                ),
            )
        )
    return issued


async def people(installation: Installation, account: str) -> tuple[dict[str, str], ...]:
    """An administrator and a member of an account, made if nobody can sign in yet, with the passwords that they are
    made with; those are derived from the installation's key, so that they are told again at each start."""
    card = {name: {"name": name, "role": role} for name, role in PEOPLE}
    for name in card:
        card[name]["password"] = installation.vault.subkey(f"sandbox user {name}").hex()[:PASSWORD]
    if not await users.every(installation):
        for name, told in card.items():
            await users.add(installation, name, account if told["role"] == MEMBER else "", told["password"])
    return tuple(card.values())


async def _lead_route(installation: Installation, dialect: Dialect, sink_port: int) -> None:
    """The account's own route, to the sink where it is this time."""
    if not _knows(dialect, "route"):
        return
    if any(each.id == ROUTE for each in await routes.every(installation, dialect.name)):
        await routes.remove(installation, dialect.name, ROUTE)
    await routes.add(installation, routes.Wanted([f"{LOOPBACK}:{sink_port}"], ROUTE, dialect.name, "none"))


async def _add_file(installation: Installation, dialect: Dialect) -> None:
    if not _knows(dialect, "files"):
        return
    if all(each.key != FILE for each in await files.every(installation, dialect.name)):
        await files.add(installation, dialect.name, "logo.gif", LOGO, FILE)


async def _add_template(installation: Installation, dialect: Dialect) -> None:
    if not _knows(dialect, "template"):
        return
    if all(each.id != TEMPLATE for each in await templates.every(installation, dialect.name)):
        (owner,) = [each.id for each in await accounts.every(installation) if each.name == dialect.name]
        # as it is known to be sound, no child has to be started for it
        await installation.templates.save(replace(GREETING, account=owner, saved_at=installation.now()), True)


def _knows(dialect: Dialect, thing: str) -> bool:
    """Whether a control header of the dialect can name a "template", a "route" or "files"."""
    return any(thing in (header.sets, *header.members.values()) for header in dialect.headers)


def verified_domain(dialect: Dialect) -> str:
    return f"{dialect.name}.example"


def unverified_domain(dialect: Dialect) -> str:
    return f"unverified.{dialect.name}.example"


def api_token(vault: Vault) -> str:
    """The token of the sandbox's API: the same at every start of one installation."""
    return vault.subkey("sandbox api token").hex()


def facts(
    pid: int,
    config: Config,
    certificates: CertificatePaths,
    token: str,
    dialects: Dialects,
    issued: Sequence[Issued],
    people: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """What ``ready.json`` says."""
    return {
        "pid": pid,
        "version": __version__,
        "state": str(config.state.path.absolute()),
        "ca": str(certificates.authority.absolute()),
        "http": f"http://{Address(config.http.address, config.http.port)}",
        "public_url": config.http.public_url,
        "api_token": token,
        "users": list(people),
        "connections": [_card(config, dialects.get(each.connection.dialect), each) for each in issued],
    }


def _card(config: Config, dialect: Dialect, issued: Issued) -> dict[str, Any]:
    own = {listener.name: listener for listener in config.listeners if listener.dialect == dialect.name}
    ports = {str(port): own[f"{dialect.name}-{port}"] for port in dialect.sandbox}
    beside = {
        "api_key": issued.api_key,
        "short_username": issued.short_username,
        "short_password": issued.short_password,
    }
    return {
        "dialect": dialect.name,
        "name": issued.connection.name,
        "host": LOOPBACK,
        "starttls": [listener.port for listener in ports.values() if listener.tls == "starttls"],
        "tls": [listener.port for listener in ports.values() if listener.tls == "implicit"],
        "plain": [listener.port for listener in ports.values() if listener.plaintext],
        "ports": {port: listener.port for port, listener in ports.items()},
        "username": issued.username,
        "password": issued.password,
        **{name: text for name, text in beside.items() if text},
        "mail_from": issued.connection.sender,
        "unverified_from": f"app@{unverified_domain(dialect)}",
        **({"template": TEMPLATE} if _knows(dialect, "template") else {}),
        **({"routes": [ROUTE]} if _knows(dialect, "route") else {}),
        **({"file_key": FILE} if _knows(dialect, "files") else {}),
    }


def first_mail(facts: Mapping[str, Any]) -> str:
    """A shell line that sends a mail by SMTP through the first connection."""
    command = Path(sys.prefix) / "bin" / "mailrelay"
    connection = facts["connections"][0]["name"]
    return shlex.join(
        [str(command), "send-test", "--state", facts["state"], "--connection", connection, "--to", "you@example.net"]
    )


def welcome(facts: Mapping[str, Any]) -> str:
    """What ``ready.json`` says, for people."""
    lines = [f"mailrelay {facts['version']} listens; its state is in {facts['state']}", ""]
    for card in facts["connections"]:
        ports = [f"{mode} {', '.join(map(str, card[key]))}" for mode, key in MODES if card[key]]
        lines += [
            f"  {card['dialect']}: {card['host']}, {'; '.join(ports)}",
            f"    user name {card['username']}  password {card['password']}",
            f"    sender {card['mail_from']} (not verified: {card['unverified_from']})",
        ]
    lines += [
        "",
        f"  What arrives: {facts['http']}/sandbox  (token {facts['api_token']})",
        f"  Console: {facts['http']}/console",
        *(f"    {each['role']}: {each['name']}, password {each['password']}" for each in facts["users"]),
        f"  Certificate to trust: {facts['ca']}",
        "",
        "Send a mail:",
        f"  {first_mail(facts)}",
        "",
    ]
    return "\n".join(lines)
