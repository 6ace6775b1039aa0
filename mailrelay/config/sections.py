"""The sections of the configuration: one frozen class each, with every default.

A class takes only the keys it has and only values that make sense by themselves; what takes a look at other sections or
at files stands in `checks`. Durations are whole seconds unless the key's name says otherwise, sizes are octets.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from .kinds import (
    Count,
    CountOrNone,
    DatabaseUrl,
    Days,
    DomainPattern,
    FilePath,
    Host,
    HostAndPort,
    IpAddress,
    LocalPart,
    Mailbox,
    Name,
    Network,
    Percent,
    Port,
    PublicUrl,
    RedisText,
    RemotePort,
    Seconds,
    Socket,
    Support,
    Text,
    Workers,
    is_loopback,
    some,
    split_host,
)
from .redis_url import RedisUrl, parse_redis_url


class Section(BaseModel):
    """One table of the file: unknown keys are refused, values never bent to fit. `SECRETS` may come by ``*_path``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)
    SECRETS: ClassVar[tuple[str, ...]] = ()


class Server(Section):
    """``[server]``: the daemon as a whole. An empty host name means the machine's own."""

    hostname: Host = ""
    workers: Workers = 1
    reveal_secrets: bool = True


class Listener(Section):
    """``[[listeners]]``: one port. With ``login = "address"`` whoever comes from `trusted` sends as `connection`; with
    ``role = "feedback"`` nobody sends, and what comes back to the bounce domain is taken.

    `dialect_by_name` gives the dialect for clients that ask for a host name when TLS begins (SNI)."""

    name: Name
    address: IpAddress = "127.0.0.1"
    port: Port
    role: Literal["submission", "feedback"] = "submission"
    tls: Literal["none", "starttls", "implicit"] = "starttls"
    tls_required: bool = True
    certificate: FilePath | None = None
    key: FilePath | None = None
    dialect: Name = "standard"
    dialect_by_name: dict[Host, Name] = Field(default_factory=dict)
    login: Literal["auth", "address"] = "auth"
    trusted: tuple[Network, ...] = ()
    connection: Text = ""
    max_connections: CountOrNone = 1000
    max_connections_per_address: CountOrNone = 100

    @property
    def feedback(self) -> bool:
        """Does it take what comes back, and no mail that is to be sent?"""
        return self.role == "feedback"

    @property
    def loopback(self) -> bool:
        """Can only this machine reach it?"""
        return is_loopback(self.address)

    @property
    def plaintext(self) -> bool:
        """Can mail and credentials come without TLS?"""
        return self.tls == "none" or (self.tls == "starttls" and not self.tls_required)


class State(Section):
    """``[state]``: where everything durable lives; a folder with SQLite, or a PostgreSQL URL."""

    SECRETS = ("url",)

    path: FilePath = Path("/var/lib/mailrelay")
    key: FilePath | None = None
    url: DatabaseUrl = Field(default="", repr=False)
    url_path: FilePath | None = None

    @property
    def key_file(self) -> Path:
        """The file of the installation's key."""
        return self.key or self.path / "secret.key"


class Counters(Section):
    """``[counters]``: where throttles and login failures are counted; `timeout_ms` is for each question to Redis."""

    SECRETS = ("url",)

    backend: Literal["memory", "redis"] = "memory"
    url: RedisText = Field(default="", repr=False)
    url_path: FilePath | None = None
    prefix: Text = "mailrelay:"
    timeout_ms: Annotated[int, Field(ge=10, le=10_000)] = 250

    @property
    def redis(self) -> RedisUrl:
        """Where Redis is."""
        return parse_redis_url(self.url)


class Route(Section):
    """``[[routes]]``: smart hosts, tried in this order, or with `mx` the hosts of each recipient's domain, reached from
    our own addresses `sources`."""

    SECRETS = ("password",)

    name: Name
    hosts: Annotated[tuple[HostAndPort, ...], AfterValidator(some)] = Field(default_factory=tuple)
    mx: bool = False
    port: RemotePort = 25
    allow_private: bool = False
    tls: Literal["none", "may", "require", "verify"] = "may"
    username: Text = ""
    password: Text = Field(default="", repr=False)
    password_path: FilePath | None = None
    weights: tuple[Annotated[int, Field(ge=0, le=1000)], ...] = ()
    sources: tuple[IpAddress, ...] = ()
    rotate: bool = False
    domains: tuple[DomainPattern, ...] = ()
    fallback: Annotated[str, Field(max_length=64)] = ""
    default: bool = False

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of each."""
        return tuple(map(split_host, self.hosts))


class Resolver(Section):
    """``[resolver]``: the name servers that MX routes ask. None means those of ``/etc/resolv.conf``. With `validates`
    they check DNSSEC, on a way that nobody else has a hand in."""

    servers: tuple[IpAddress, ...] = ()
    port: RemotePort = 53
    timeout: Seconds = 5
    tries: Annotated[int, Field(ge=1, le=10)] = 2
    validates: bool = False


class Scanner(Section):
    """``[scanner]``: ClamAV's daemon looks into each message, where one is named; `at_once` messages at a time."""

    clamd: Socket = ""
    timeout: Seconds = 30
    at_once: Count = 8

    @property
    def address(self) -> tuple[str, int] | str:
        """Where clamd listens: host and port, or the path of its socket."""
        return self.clamd if self.clamd.startswith("/") else split_host(self.clamd)


class Timeouts(Section):
    """``[delivery.timeouts]``: how long each phase may take (RFC 5321 4.5.3.2)."""

    connect: Seconds = 30
    banner: Seconds = 300
    ehlo: Seconds = 300
    mail: Seconds = 300
    rcpt: Seconds = 300
    data: Seconds = 120
    block: Seconds = 180
    dot: Seconds = 600


class Delivery(Section):
    """``[delivery]``: attempts, and how many at once. An empty bounce domain means `bounces.<host name>`."""

    schedule: Annotated[tuple[Seconds, ...], AfterValidator(some)] = (60, 300, 900, 1800, 3600, 7200, 14400)
    jitter: Percent = 10
    expiry: Seconds = 432000
    uncertain: Seconds = 1800
    uncertain_retries: Annotated[int, Field(ge=0, le=1000)] = 1
    concurrency: Count = 100
    connections_per_host: Count = 20
    messages_per_connection: Count = 100
    idle: Seconds = 30
    bounce_domain: Host = ""
    bounce_lifetime: Seconds = 2_592_000
    complaint_names: tuple[LocalPart, ...] = ("abuse", "fbl", "complaints")
    sign: bool = True
    mta_sts: bool = True
    starttls_memory: Seconds = 3600
    shaping: FilePath = Path("/etc/mailrelay/shaping.toml")
    timeouts: Timeouts = Timeouts()


class Http(Section):
    """``[http]``: the API, for who shows the token; and the public pages that links in mail lead to, for everybody.

    The public pages listen where `public_address` and `public_port` say when `public_url` is set, which is how the
    world sees them, as a rule by way of a proxy with TLS. Figures for Prometheus and the state of health are told where
    `metrics_address` and `metrics_port` say, unless the port is 0, to everybody who asks there. Each token
    may send so many requests to the API, 0 for any number.

    Proxies in the networks of `trusted_proxies` are believed about where requests come from, and whether by TLS.
    """

    SECRETS = ("api_token",)

    enabled: bool = False
    address: IpAddress = "127.0.0.1"
    port: Port = 8080
    api_token: Text = Field(default="", repr=False)
    api_token_path: FilePath | None = None
    public_url: PublicUrl = ""
    public_address: IpAddress = "127.0.0.1"
    public_port: Port = 8081
    metrics_address: IpAddress = "127.0.0.1"
    metrics_port: Port = 0
    requests_per_minute: Annotated[int, Field(ge=0, le=1_000_000)] = 600
    requests_at_once: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    trusted_proxies: tuple[Network, ...] = ()


class Console(Section):
    """``[console]``: whom a person in front of the console turns to when a connection is blocked or not activated: an
    address, or the URL of a page."""

    support: Support = ""


class Webhooks(Section):
    """``[webhooks]``: how events are pushed. Receivers are on the public internet, and in these private networks; on
    one of these ports, none for any. One that took nothing for `give_up_hours` is disabled."""

    private_networks: tuple[Network, ...] = ()
    ports: tuple[RemotePort, ...] = (80, 443, 8080, 8443)
    timeout: Annotated[int, Field(ge=1, le=60)] = 15
    give_up_hours: Annotated[int, Field(ge=24, le=720)] = 72


class TlsReports(Section):
    """``[tls_reports]``: reports about TLS to the domains that ask for them (RFC 8460), from the address `sender`. Its
    domain must be one that mail is signed by; none are sent without it. Where `organization` and `contact` are left
    out, they are that domain and that address."""

    enabled: bool = True
    sender: Mailbox = ""
    organization: Text = ""
    contact: Text = ""

    @property
    def why_not(self) -> str:
        """Why none are sent, "" where they are."""
        if not self.enabled:
            return "[tls_reports] enabled = false"
        return "" if self.sender else "[tls_reports] sender is not set"


class Retention(Section):
    """``[retention]``: days to keep what is finished; 0 keeps it for ever."""

    bodies: Days = 0
    history: Days = 0
    refusals: Days = 0
    changes: Days = 0
    events: Annotated[int, Field(ge=0, le=3650)] = 30


class Limits(Section):
    """``[limits]``: what one session and one message may take. Recipients and size of 0: what the dialect says.

    A transaction ends before the store sweeps what was put away for it.
    """

    recipients: CountOrNone = 0
    size: CountOrNone = 0
    errors: Count = 20
    junk: Count = 100
    login_failures: Count = 5
    login_delay: Annotated[int, Field(ge=0, le=30)] = 1
    transactions: CountOrNone = 10_000
    handshake: Seconds = 30
    idle: Seconds = 300
    transaction: Annotated[int, Field(ge=1, le=43_200)] = 3600
    data_rate: CountOrNone = 500
    in_flight: CountOrNone = 268_435_456
    in_hand: Count = 2000
    mailbox_full_hours: CountOrNone = 24
    free_megabytes: CountOrNone = 100


class LoginGuard(Section):
    """``[login_guard]``: failed sessions within `window` after which an address has to wait, and what one may have
    under way before it is known who it is, where credentials are judged with the message."""

    failures_per_user: Count = 5
    failures_per_address: Count = 50
    window: Seconds = 600
    unproven_transactions: Count = 1000
    unproven_recipients: Count = 10_000
    unproven_megabytes: Count = 256


class Dialects(Section):
    """``[dialects]``: a folder with dialects of one's own beside those that are shipped."""

    directory: FilePath = Path("/etc/mailrelay/dialects")


class Config(Section):
    """The whole file."""

    server: Server = Server()
    listeners: tuple[Listener, ...] = ()
    state: State = State()
    counters: Counters = Counters()
    routes: tuple[Route, ...] = ()
    resolver: Resolver = Resolver()
    scanner: Scanner = Scanner()
    delivery: Delivery = Delivery()
    http: Http = Http()
    console: Console = Console()
    webhooks: Webhooks = Webhooks()
    tls_reports: TlsReports = TlsReports()
    retention: Retention = Retention()
    limits: Limits = Limits()
    login_guard: LoginGuard = LoginGuard()
    dialects: Dialects = Dialects()

    @cached_property
    def default_route(self) -> Route:
        """The route of mail that names none."""
        return next(route for route in self.routes if route.default)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed but hardly meant, each as ``key: reason``."""
        found = [
            f"listeners[{index}].tls: {listener.name} takes passwords without TLS from other machines"
            for index, listener in enumerate(self.listeners)
            if listener.login == "auth" and listener.plaintext and not (listener.loopback or listener.feedback)
        ]
        found += [
            f"routes[{index}].tls: the password of {route.name} may be asked for without TLS"
            for index, route in enumerate(self.routes)
            if route.username
            and route.tls in ("none", "may")
            and not all(is_loopback(host) for host, _ in route.addresses)
        ]
        if self.http.enabled and not is_loopback(self.http.address):
            found.append("http.address: the API is reachable from other machines without TLS")
        if self.http.public_url.startswith("http:") and not is_loopback(urlsplit(self.http.public_url).hostname or ""):
            found.append("http.public_url: without https, mail programs do not unsubscribe at one click")
        return tuple(found)


#: The tables that may be repeated, with the class of one entry.
REPEATED: Final[dict[str, type[Section]]] = {"listeners": Listener, "routes": Route}
#: The other tables.
SINGLE: Final[dict[str, type[Section]]] = {
    name: field.annotation
    for name, field in Config.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}
