"""What every use case works on: the state, the secrets and the dialects of one installation, and the clock.

The roof makes one `Installation` and hands it to each use case. A use case is a coroutine function under `use_case`:
called, it starts at once and gives a Deferred of a frozen value. It never blocks, opens or closes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import cache, wraps
from typing import Any, ParamSpec, Protocol, Self, TypeVar

from twisted.internet.defer import Deferred, execute

from ..interfaces.answers import IAnswers
from ..interfaces.bodies import IBodies
from ..interfaces.books import IBooks
from ..interfaces.changes import IChanges
from ..interfaces.counters import ICounters
from ..interfaces.directory import IDirectory
from ..interfaces.erasure import IErasure
from ..interfaces.events import IEvents
from ..interfaces.files import IFiles
from ..interfaces.history import IHistory
from ..interfaces.ledger import ILedger
from ..interfaces.orders import IOrders, IPrices
from ..interfaces.people import IPeople
from ..interfaces.plans import IPlans
from ..interfaces.posting import IPostOffice
from ..interfaces.registry import IRegistry
from ..interfaces.renderer import IRenderer
from ..interfaces.resolver import IResolver
from ..interfaces.route_tests import IRouteTests
from ..interfaces.routes import IRoutes
from ..interfaces.statistics import IStatistics
from ..interfaces.templates import ITemplates
from ..interfaces.tls_reports import ITlsReports
from ..interfaces.tokens import ITokens
from ..interfaces.web_version import IWebVersions
from ..interfaces.webhooks import IWebhooks
from ..mail.envelope import ulid
from ..policy.dialect import Dialects
from ..policy.domain_check import Relay
from ..policy.reach import PUBLIC, Reach
from ..policy.shaping import Shaping, shaping_of, shipped
from ..vault import Vault, generate_secret, hash_password, verify_password
from .caller import HERE, Caller
from .signing import new_private_key
from .tenant import narrowed

P = ParamSpec("P")
T = TypeVar("T")


def _hash_here(password: str) -> Deferred[str]:
    return execute(hash_password, password)


@cache
def _nothing() -> str:
    """Argon2id text that no password fits."""
    return hash_password(generate_secret())


def _verify_here(name: str, digest: str, password: str, address: str) -> Deferred[bool]:
    return execute(lambda: verify_password(digest or _nothing(), password) and bool(digest))


def _private_key_here(algorithm: str) -> Deferred[str]:
    return execute(new_private_key, algorithm)


@cache
def _shipped_shaping() -> Shaping:
    return shaping_of(shipped())


#: What an installation takes from its store.
_STORED = (
    "registry",
    "history",
    "statistics",
    "erasure",
    "files",
    "templates",
    "routes",
    "events",
    "webhooks",
    "tls_reports",
    "people",
    "tokens",
    "answers",
    "plans",
    "prices",
    "orders",
    "books",
    "changes",
    "ledger",
    "directory",
    "bodies",
)


class Stored(Protocol):
    """A store, whose attributes are the interfaces."""

    @property
    def registry(self) -> IRegistry: ...

    @property
    def history(self) -> IHistory: ...

    @property
    def statistics(self) -> IStatistics: ...

    @property
    def ledger(self) -> ILedger: ...

    @property
    def directory(self) -> IDirectory: ...

    @property
    def bodies(self) -> IBodies: ...

    @property
    def erasure(self) -> IErasure: ...

    @property
    def files(self) -> IFiles: ...

    @property
    def templates(self) -> ITemplates: ...

    @property
    def routes(self) -> IRoutes: ...

    @property
    def events(self) -> IEvents: ...

    @property
    def webhooks(self) -> IWebhooks: ...

    @property
    def tls_reports(self) -> ITlsReports: ...

    @property
    def people(self) -> IPeople: ...

    @property
    def tokens(self) -> ITokens: ...

    @property
    def answers(self) -> IAnswers: ...

    @property
    def plans(self) -> IPlans: ...

    @property
    def prices(self) -> IPrices: ...

    @property
    def orders(self) -> IOrders: ...

    @property
    def books(self) -> IBooks: ...

    @property
    def changes(self) -> IChanges: ...


@dataclass(frozen=True, slots=True)
class Installation:
    """`now` gives microseconds since 1970, `random` that many octets; `reveal_secrets` tells whether secrets are
    kept sealed, so that they can be shown again; `public_pages` whether links in mail have pages to lead to, and
    `public_url` where those are; `route_names` are the routes of the configuration, `mx_routes` those of them that
    go by MX, and `route_tests` tries any. `hash_password` and `new_private_key` are slow: a daemon gives some that
    run in a thread, and `aside`, which calls a function in one. `posts` takes messages, where a daemon runs,
    `resolver` asks the DNS where there is any to ask, and `relay` is who sends. `verify_password` judges a person's
    password by name, Argon2id text ("" where there is nobody of the name; it takes as long), password and address;
    `counters` hold back who guesses, and `web_versions` show mail as it was sent, where a daemon runs. `shaping` are
    the rules for large receivers, `caller` is who asks."""

    registry: IRegistry
    history: IHistory
    statistics: IStatistics
    erasure: IErasure
    files: IFiles
    templates: ITemplates
    routes: IRoutes
    events: IEvents
    webhooks: IWebhooks
    tls_reports: ITlsReports
    people: IPeople
    tokens: ITokens
    answers: IAnswers
    plans: IPlans
    prices: IPrices
    orders: IOrders
    books: IBooks
    changes: IChanges
    ledger: ILedger
    directory: IDirectory
    bodies: IBodies
    renderer: IRenderer
    vault: Vault
    dialects: Dialects
    now: Callable[[], int]
    random: Callable[[int], bytes]
    reveal_secrets: bool = True
    public_pages: bool = True
    public_url: str = ""
    reach: Reach = PUBLIC
    route_names: frozenset[str] = frozenset()
    mx_routes: frozenset[str] = frozenset()
    route_tests: IRouteTests | None = None
    hash_password: Callable[[str], Deferred[str]] = _hash_here
    new_secret: Callable[[], str] = generate_secret
    new_private_key: Callable[[str], Deferred[str]] = _private_key_here
    posts: IPostOffice | None = None
    resolver: IResolver | None = None
    relay: Relay | None = None
    aside: Callable[..., Deferred[Any]] = execute
    verify_password: Callable[[str, str, str, str], Deferred[bool]] = _verify_here
    counters: ICounters | None = None
    web_versions: IWebVersions | None = None
    shaping: Shaping = field(default_factory=_shipped_shaping)
    caller: Caller = HERE
    #: the installation of which this is one account's view
    whole: Installation | None = None

    @classmethod
    def over(cls, store: Stored, **more: Any) -> Self:
        """The installation whose state a store holds; `more` are the other fields, by their names."""
        return cls(**{name: getattr(store, name) for name in _STORED}, **more)

    def asked_by(self, caller: Caller) -> Installation:
        """The same installation, asked by another: as their account sees it, where they are bound to one."""
        asked = replace(self.whole or self, caller=caller)
        return narrowed(asked, caller.bound) if caller.bound else asked

    def new_id(self) -> str:
        """A fresh ULID."""
        return ulid(self.now(), self.random(10))


def use_case(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Deferred[T]]:
    """Let a coroutine function give a Deferred instead, as the borders of the house ask."""

    @wraps(function)
    def started(*args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        return Deferred.fromCoroutine(function(*args, **kwargs))

    started.use_case = True  # type: ignore[attr-defined]
    return started
