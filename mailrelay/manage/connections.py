"""Connections: the named SMTP credentials of an account, with their sender, source addresses, rate and status.

A connection is made Not Activated and carries mail only when Active; Blocked it is refused like a wrong password. Its
login is shown once when it is made, and again on request while the installation keeps secrets sealed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..interfaces import registry as registry_border
from ..interfaces.registry import Connection, NewCredential
from ..policy import options
from ..policy.dialect import Dialect
from ..policy.personal import LINKED
from . import checked, credentials, domains, names
from .audited import audited
from .credentials import Issued
from .errors import Invalid, Taken, Unknown
from .installation import Installation, use_case
from .rights import administrators_only, require_administrator

ACTIVE, BLOCKED, NOT_ACTIVATED = "active", "blocked", "not_activated"

#: What can be taken from a connection without anything in its place, by the kind of the credential.
REVOCABLE = {"api-key": "api_key", "short-password": "short"}

#: Options that bound what a connection may do to the name of the whole installation.
ADMINISTRATORS_OPTIONS = frozenset({"sender", "daily_limit", "block_minimum", "block_percent"})

#: Longest period of a rate, in seconds: one day.
MAX_PERIOD = 86_400
#: Most units of a rate, and most at once.
MAX_RATE = 10**9


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a connection shall be; an empty `username` or `password` is generated. `password` is the one taken over.

    It has a login with a password, or a key in its place where the dialect says so and no password is given; with
    `api_key` a key beside it, or the one `key` that is taken over; with `short_password` that, with a user name of its
    own."""

    account: str
    name: str
    dialect: str
    sender: str
    username: str = ""
    password: str = field(default="", repr=False)
    networks: tuple[str, ...] = ()
    active: bool = False
    api_key: bool = False
    key: str = field(default="", repr=False)
    short_password: bool = False


@audited("connection.create")
async def create(installation: Installation, wanted: Wanted) -> Issued:
    """A new connection and its login; the sender becomes a sender of the account on the way."""
    registry = installation.registry
    owner = await names.account(registry, wanted.account)
    name = checked.name("connection", wanted.name)
    dialect = dialect_named(installation, wanted.dialect)
    networks = tuple(dict.fromkeys(checked.network(each) for each in wanted.networks))
    username = checked.username(wanted.username) if wanted.username else ""
    domain = (await names.sender(registry, owner, wanted.sender)).domain
    everyone = await registry.connections("")
    if any(name in (each.name, each.id) for each in everyone if each.account == owner.id):
        raise Taken("connection", name)
    taken = credentials.usernames(everyone)
    if username.casefold() in {each.casefold() for each in taken}:
        raise Taken("username", username)
    while True:
        made_of = await _logins(installation, wanted, dialect, username, name, domain, taken)
        made = Connection(
            id=installation.new_id(),
            account=owner.id,
            name=name,
            dialect=dialect.name,
            sender=await domains.ensure_sender(installation, owner, wanted.sender),
            status=ACTIVE if wanted.active else NOT_ACTIVATED,
            status_reason="",
            networks=networks,
            rate=0,
            rate_period=60,
            rate_burst=1,
            created_at=installation.now(),
            credentials=tuple(made_of),
        )
        try:
            await registry.add_connection(made)
            break
        except registry_border.Taken as error:
            if username:
                raise Taken("username", username) from error
            if wanted.key or not credentials.usernames([made]):
                raise Invalid("api-key", "belongs to another connection") from error
            # somebody has it whom the caller does not see, or since this very moment
            taken += credentials.usernames([made])
    issued = credentials.issued(made, {credential.id: secret for credential, secret in made_of.items()})
    return credentials.told(installation, issued)


async def _logins(
    installation: Installation,
    wanted: Wanted,
    dialect: Dialect,
    username: str,
    name: str,
    domain: str,
    taken: list[str],
) -> dict[NewCredential, str]:
    """What a connection shall log in by, each with its secret in clear, the first first."""
    by_key = dialect.credential == "api_key" and not wanted.password
    if wanted.password and dialect.credentials_at == "data":
        raise Invalid("password", f"the dialect {dialect.name!r} knows keys only: give one as --api-key-stdin")
    if username and by_key:
        raise Invalid("username", f"the dialect {dialect.name!r} goes by a key: give a password, or leave it out")
    made: dict[NewCredential, str] = {}
    if not by_key:
        username = username or credentials.free_username(dialect.username, name, domain, taken)
        credential, secret = await credentials.make(installation, installation.new_id(), username, wanted.password)
        made[credential] = secret
    if by_key or wanted.api_key or wanted.key:
        credential, secret = credentials.make_key(installation, installation.new_id(), dialect, wanted.key)
        made[credential] = secret
    if wanted.short_password:
        sender = checked.mailbox("sender", wanted.sender).address
        credential, secret = credentials.make_short(installation, installation.new_id(), sender, own_name=True)
        made[credential] = secret
    return made


@use_case
async def every(installation: Installation, account: str = "") -> Sequence[Connection]:
    """The connections of an account, or of all, oldest first."""
    return await installation.registry.connections(await names.account_id(installation.registry, account))


@use_case
async def find(installation: Installation, name: str) -> Connection:
    """One connection by id or name."""
    return await names.connection(installation.registry, name)


@audited("connection.reveal")
async def reveal(installation: Installation, name: str) -> Issued:
    """A connection with its login in clear."""
    return credentials.reveal(installation, await names.connection(installation.registry, name))


@audited("connection.activate")
async def activate(installation: Installation, name: str) -> Connection:
    """Let a connection carry mail, whether it was never activated or is blocked; of one that is blocked only an
    administrator can."""
    connection = await names.connection(installation.registry, name)
    if connection.status == BLOCKED:
        require_administrator(installation.caller, "activate a connection that is blocked")
    return await _change(
        installation, connection.id, {"status": ACTIVE, "status_reason": "", "active_since": installation.now()}
    )


@audited("connection.block")
async def block(installation: Installation, name: str, reason: str = "") -> Connection:
    """Let a connection carry no mail until it is activated again."""
    reason = checked.printable("reason", reason.strip(), 200)
    return await _change(installation, name, {"status": BLOCKED, "status_reason": reason})


@audited("connection.new-password")
async def new_password(installation: Installation, name: str, password: str = "") -> Issued:
    """Another password under the same user name; the old one is refused from the next login on."""
    connection = await names.connection(installation.registry, name)
    old = credentials.find(connection, "password", "generated")
    if old is None:
        raise Invalid("connection", f"{connection.name!r} has no login with a password")
    credential, secret = await credentials.make(installation, old.id, old.username, password)
    return await _put(installation, connection, credential, secret)


@audited("connection.new-api-key")
async def new_api_key(installation: Installation, name: str, key: str = "") -> Issued:
    """Another key, or a first one, that is itself the look-up: generated, or taken over; an old one is refused from the
    next login on."""
    connection = await names.connection(installation.registry, name)
    old = credentials.find(connection, "api_key")
    dialect = dialect_named(installation, connection.dialect)
    credential, secret = credentials.make_key(installation, old.id if old else installation.new_id(), dialect, key)
    return await _put(installation, connection, credential, secret)


@audited("connection.short-password")
async def short_password(installation: Installation, name: str, *, own_name: bool = True) -> Issued:
    """Another short password, or a first one, with a user name of its own, or for any address that may send."""
    connection = await names.connection(installation.registry, name)
    old = credentials.find(connection, "short")
    id = old.id if old else installation.new_id()
    credential, secret = credentials.make_short(installation, id, connection.sender, own_name=own_name)
    return await _put(installation, connection, credential, secret)


@audited("connection.revoke")
async def revoke(installation: Installation, name: str, kind: str) -> Connection:
    """Take the key ("api-key") or the short password ("short-password") from a connection; it is refused from the next
    login on. The last way to log in cannot be taken: block the connection, or make a new one of it."""
    if kind not in REVOCABLE:
        raise Invalid("kind", f"must be one of {', '.join(REVOCABLE)}, not {kind!r}")
    connection = await names.connection(installation.registry, name)
    found = credentials.find(connection, REVOCABLE[kind])
    if found is None:
        raise Unknown(kind, connection.name)
    if len(connection.credentials) == 1:
        raise Invalid(kind, "is the only way to log in: block the connection, or give it a new one")
    await installation.registry.remove_credential(connection.id, found.id)
    return await names.connection(installation.registry, connection.id)


async def _put(installation: Installation, connection: Connection, credential: NewCredential, secret: str) -> Issued:
    try:
        await installation.registry.replace_credential(connection.id, credential)
    except registry_border.Taken as error:
        raise Invalid(credential.kind.replace("_", "-"), "belongs to another connection") from error
    changed = await names.connection(installation.registry, connection.id)
    return credentials.told(installation, credentials.issued(changed, {credential.id: secret}))


@audited("connection.set-rate")
@administrators_only
async def set_rate(installation: Installation, name: str, units: int, period: int = 60, burst: int = 1) -> Connection:
    """At most `units` messages per `period` seconds, `burst` of them at once; 0 units lift the limit."""
    changes = {
        "rate": checked.number("rate", units, 0, MAX_RATE),
        "rate_period": checked.number("period", period, 1, MAX_PERIOD),
        "rate_burst": checked.number("burst", burst, 1, MAX_RATE),
    }
    return await _change(installation, name, changes)


@audited("connection.set-networks")
async def set_networks(installation: Installation, name: str, networks: Sequence[str]) -> Connection:
    """Take logins from these networks only; none: from anywhere."""
    return await _change(installation, name, {"networks": tuple(dict.fromkeys(map(checked.network, networks)))})


@audited("connection.add-networks")
async def add_networks(installation: Installation, name: str, networks: Sequence[str]) -> Connection:
    """Take logins from these networks, too."""
    connection = await names.connection(installation.registry, name)
    added = dict.fromkeys([*connection.networks, *map(checked.network, networks)])
    return await _change(installation, connection.id, {"networks": tuple(added)})


@audited("connection.remove-networks")
async def remove_networks(installation: Installation, name: str, networks: Sequence[str]) -> Connection:
    """Take no more logins from these networks; the last one cannot be removed this way, since none means any."""
    connection = await names.connection(installation.registry, name)
    removed = {checked.network(each) for each in networks}
    for each in sorted(removed - set(connection.networks)):
        raise Unknown("ip-list", each)
    left = tuple(each for each in connection.networks if each not in removed)
    if not left:
        raise Invalid("ip-list", "would be empty and let every address in; clear it if you mean that")
    return await _change(installation, connection.id, {"networks": left})


@audited("connection.set-sender")
async def set_sender(installation: Installation, name: str, address: str) -> Connection:
    """Another sender, made a sender of the account on the way."""
    connection = await names.connection(installation.registry, name)
    owner = await names.account(installation.registry, connection.account)
    sender = await domains.ensure_sender(installation, owner, address)
    return await _change(installation, connection.id, {"sender": sender})


@audited("connection.set-options")
async def set_options(installation: Installation, name: str, changes: Mapping[str, str]) -> Connection:
    """Set options of a connection, each by its text; an empty text goes back to what the dialect sets."""
    connection = await names.connection(installation.registry, name)
    dialect = dialect_named(installation, connection.dialect)
    kept = dict(connection.options)
    for option, text in changes.items():
        if option in ADMINISTRATORS_OPTIONS:
            require_administrator(installation.caller, f"set the option {option}")
        if not text and option in kept:
            del kept[option]
            continue
        try:
            value = options.parse(option, text, dialect.variants)
            if value is True and option in LINKED and not installation.public_pages:
                raise ValueError("needs public pages to lead to: set http.public_url first")
        except ValueError as error:
            raise Invalid(option, str(error)) from error
        kept[option] = value
    return await _change(installation, connection.id, {"options": kept})


def dialect_named(installation: Installation, name: str) -> Dialect:
    """A dialect by its name or alias."""
    try:
        return installation.dialects.get(name)
    except KeyError as error:
        raise Unknown("dialect", name) from error


async def _change(installation: Installation, name: str, changes: Mapping[str, object]) -> Connection:
    connection = await names.connection(installation.registry, name)
    return await installation.registry.change_connection(connection.id, changes)
