"""What the use cases (`manage`) need to keep: accounts, connections, domains, senders, suppressions, switches.

Every write is one transaction. Names in texts (an account, a connection, a domain) are resolved by the use cases;
here ids count. An unknown id fails with `KeyError`, a name already taken with `Taken`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from ..policy.verdict import JSON


class Taken(Exception):
    """A name or address that must be unique exists already."""


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant. `balance` counts sends; `reserved` those promised to accepted recipients but not yet charged; `weight`
    is how much of its mail goes out for each of another's whose weight is 1; `zone` the time zone (IANA name) of its
    days."""

    id: str
    name: str
    balance: int
    reserved: int
    created_at: int
    weight: int = 1
    zone: str = "UTC"

    @property
    def available(self) -> int:
        return self.balance - self.reserved


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A credential to be kept (`interfaces.directory.Credential`); `sealed` the secret under the vault, or "". One that
    is found `by_itself` is looked up by its digest; its `username` is only shown."""

    id: str
    username: str
    kind: str
    digest: str
    sealed: str
    by_itself: bool = False


@dataclass(frozen=True, slots=True)
class Connection:
    """A named SMTP credential of a tenant with its sender and limits; `status_reason` says why it is blocked."""

    id: str
    account: str
    name: str
    dialect: str
    sender: str
    status: str
    status_reason: str
    networks: tuple[str, ...]
    rate: int
    rate_period: int
    rate_burst: int
    created_at: int
    credentials: tuple[NewCredential, ...] = ()
    #: what was set for the connection itself (`policy.options`)
    options: Mapping[str, JSON] = field(default_factory=dict)
    #: when it was activated last, 0 where it was from the first
    active_since: int = 0


@dataclass(frozen=True, slots=True)
class Domain:
    """A sending domain of an account, in A-labels; `status` is "verified" or "unverified", `proof` "dns" where it was
    verified by what it publishes, and "" where by somebody's word; `checked_at` is when that was looked at last, and
    `drifted_at` since when something is missing, or 0."""

    account: str
    name: str
    status: str
    created_at: int
    proof: str = ""
    checked_at: int = 0
    drifted_at: int = 0


@dataclass(frozen=True, slots=True)
class DomainKey:
    """A key by which a domain signs while `active`: `algorithm` as DKIM says it, the private key in PEM `sealed`, and
    `dns_text` what the domain publishes under the selector."""

    account: str
    domain: str
    selector: str
    algorithm: str
    dns_text: str
    sealed: str = field(repr=False)
    active: bool
    created_at: int


@dataclass(frozen=True, slots=True)
class Sender:
    """A sender address of an account, its canonical `key`; `status` is "requested" until it is "confirmed"."""

    account: str
    address: str
    created_at: int
    key: str
    status: str = "confirmed"


@dataclass(frozen=True, slots=True)
class Suppression:
    """An address not to send to, until `expires_at` (0: no end); `reason` is "unsubscribe", "complaint", "hard_bounce"
    or "manual", `origin` a recipient's id or words for who put it there."""

    account: str
    key: str
    address: str
    reason: str
    origin: str
    created_at: int
    expires_at: int = 0


@dataclass(frozen=True, slots=True)
class Searched:
    """Which suppressions of an account ("": of all) are looked for: `text` is a part of the address as it is written,
    and every word that is not "" must fit; `before` is where the last page ended, as `place_of` tells it."""

    account: str = ""
    text: str = ""
    reason: str = ""
    origin: str = ""
    before: tuple[int, str, str] | None = None

    @staticmethod
    def place_of(last: Suppression) -> tuple[int, str, str]:
        """Where a page ends that has this as its last."""
        return last.created_at, last.account, last.key


@dataclass(frozen=True, slots=True)
class Imported:
    """What is left of a list that came in: its origin, how many addresses, and when the newest of them begins."""

    account: str
    origin: str
    count: int
    at: int


class IRegistry(Interface):
    """The tenants and what is theirs."""

    only = Attribute('the id of the one account that is seen, "" where all are')

    def accounts() -> Deferred[Sequence[Account]]:
        """All accounts, oldest first."""

    def add_account(account: Account) -> Deferred[None]:
        """Create an account; its opening balance is a ledger entry of kind "opening"."""

    def change_account(account: str, changes: Mapping[str, object]) -> Deferred[Account]:
        """Change the fields named of an account: "weight", "zone"."""

    def move_balance(account: str, amount: int, kind: str, note: str, now: int) -> Deferred[Account]:
        """Add `amount` (may be negative) with an entry; fails with `ValueError` if available would fall below zero."""

    def set_balance(account: str, balance: int, note: str, now: int) -> Deferred[Account]:
        """As `move_balance` by the difference to `balance` sends available, judged in the same transaction."""

    def connections(account: str = "") -> Deferred[Sequence[Connection]]:
        """The connections of an account, or all, oldest first, with their credentials."""

    def holders(digest: str) -> Deferred[Sequence[Connection]]:
        """The connections that have a credential of that digest, with their credentials."""

    def add_connection(connection: Connection) -> Deferred[None]:
        """Create a connection with its credentials; a user name is unique in the installation, in any case."""

    def change_connection(id: str, changes: Mapping[str, object]) -> Deferred[Connection]:
        """Set some fields: name, sender, status, status_reason, networks, rate, rate_period, rate_burst, options."""

    def replace_credential(connection: str, credential: NewCredential) -> Deferred[None]:
        """Put a credential in place of the one with the same id, or add it."""

    def remove_credential(connection: str, id: str) -> Deferred[None]:
        """Take a credential from a connection: nobody logs in by it any more."""

    def domains(account: str = "") -> Deferred[Sequence[Domain]]:
        """Sending domains of an account, or all."""

    def put_domain(domain: Domain, keys: Sequence[DomainKey] = ()) -> Deferred[None]:
        """Create a domain, or set status and proof of the one of that account and name; add these keys of it, or set
        whether they are active."""

    def remove_domain(account: str, name: str) -> Deferred[None]:
        """Remove a domain with its keys and the senders on it; fails with `KeyError`."""

    def domain_keys(account: str = "") -> Deferred[Sequence[DomainKey]]:
        """The keys of an account's domains, or all, oldest first."""

    def senders(account: str = "") -> Deferred[Sequence[Sender]]:
        """Sender addresses of an account, or all."""

    def add_sender(sender: Sender) -> Deferred[None]:
        """Create a sender; `Taken` when the account has it."""

    def confirm_sender(account: str, address: str) -> Deferred[None]:
        """The address, as it was given or in its canonical form, is proven to be its owner's."""

    def remove_sender(account: str, address: str) -> Deferred[None]:
        """Remove a sender."""

    def suppressions(account: str = "") -> Deferred[Sequence[Suppression]]:
        """Suppressed addresses of an account, or all, newest first."""

    def add_suppression(suppression: Suppression) -> Deferred[None]:
        """Suppress an address; an existing one keeps its date and gets the new reason."""

    def put_suppressions(suppressions: Sequence[Suppression]) -> Deferred[None]:
        """The same for several, in one transaction."""

    def undo_suppressions(account: str, reason: str, origin: str, since: int, until: int) -> Deferred[int]:
        """Let some hundreds of addresses of an account be sent to again of which every argument that is given fits:
        reason, origin, created from `since` until before `until`; fires with how many, 0 when none is left."""

    def search_suppressions(wanted: Searched, limit: int) -> Deferred[Sequence[Suppression]]:
        """Those that fit, the newest first."""

    def add_suppressions(suppressions: Sequence[Suppression], now: int) -> Deferred[Sequence[str]]:
        """Suppress those of one account that are not suppressed at this instant, and let the others be as they are;
        gives the keys that were added, each once."""

    def suppression_imports(account: str, limit: int) -> Deferred[Sequence[Imported]]:
        """The lists that came in (whose origin begins with "import"), the newest first; of all accounts for ""."""

    def remove_suppression(account: str, key: str) -> Deferred[None]:
        """Let an address be sent to again."""

    def setting(key: str) -> Deferred[str]:
        """A setting of the whole installation, "" for one that was never put."""

    def put_setting(key: str, value: str) -> Deferred[None]:
        """Move a switch of the installation; the daemon reads it within a second."""
