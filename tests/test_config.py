"""The configuration file: what is refused and in which words, and what the example promises."""

from __future__ import annotations

import datetime
import os
import re
import tomllib
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic_core import PydanticUndefined
from twisted.trial.unittest import SynchronousTestCase

from mailrelay import config
from mailrelay.config import Config, ConfigError, Listener, Route
from mailrelay.config.sections import REPEATED, SINGLE, Section

from .examples import at_most

EXAMPLE = Path(__file__).parent.parent / "etc" / "mailrelay.toml"

LISTENER = '[[listeners]]\nname = "a"\nport = 2525\ntls = "none"\n'
ROUTE = '[[routes]]\nname = "r"\nhosts = ["localhost:25"]\ndefault = true\n'
MINIMAL = LISTENER + ROUTE


def make_certificate(folder: Path, name: str = "tls") -> tuple[str, str]:
    """A certificate and its key in PEM files of a folder; their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1, start, start + datetime.timedelta(days=1))
    ).sign(key, SHA256())
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    paths[1].chmod(0o600)
    return str(paths[0]), str(paths[1])


class ConfigCase(SynchronousTestCase):
    """A folder, and a file in it."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.file = self.folder / "mailrelay.toml"

    def load(self, text: str, dialects: config.loading.KnownDialects | None = None) -> Config:
        self.file.write_text(text)
        return config.load(self.file, dialects)

    def faults(self, text: str, dialects: config.loading.KnownDialects | None = None) -> list[str]:
        """The faults of a text, each without the file's name, which it must begin with."""
        with self.assertRaises(ConfigError) as caught:
            self.load(text, dialects)
        prefix = f"{self.file}: "
        for fault in caught.exception.faults:
            self.assertTrue(fault.startswith(prefix), fault)
            self.assertNotIn("\n", fault)
        self.assertEqual(str(caught.exception), "\n".join(caught.exception.faults))
        return [fault.removeprefix(prefix) for fault in caught.exception.faults]

    def write(self, name: str, text: str, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path


#: (what is put after a sound configuration's listener and route, the fault)
VALUES = [
    ("[server]\nhostname = 1", "server.hostname: must be text"),
    ('[server]\nhostname = "a_b"', "server.hostname: must be a host name"),
    ('[server]\nhostname = "-a"', "server.hostname: must be a host name"),
    ('[server]\nhostname = "a..b"', "server.hostname: must be a host name"),
    ('[server]\nworkers = "1"', "server.workers: must be a whole number"),
    ("[server]\nworkers = 0", "server.workers: must be at least 1"),
    ("[server]\nworkers = 2", "server.workers: only 1 is possible so far"),
    ("[server]\nworkers = true", "server.workers: must be a whole number"),
    ("[server]\nreveal_secrets = 1", "server.reveal_secrets: must be true or false"),
    ("[server]\nhostnames = 1", "server.hostnames: unknown key"),
    ('[server]\n"odd key" = 1', 'server."odd key": unknown key'),
    ("[state]\npath = 1", "state.path: must be text"),
    ('[state]\npath = ""', "state.path: must not be empty"),
    ('[state]\npath = "a\\u0000"', "state.path: must not hold control characters"),
    ("[state]\nkey = []", "state.key: must be text"),
    ("[state]\nurl = 1", "state.url: must be text"),
    ('[state]\nurl = "sqlite://"', "state.url: must begin with postgresql+psycopg://"),
    (
        '[state]\nurl = "postgresql+psycopg://u:hush@h/d"',
        "state.url: the daemon does not run on PostgreSQL so far; leave it out to keep state in path",
    ),
    ('[resolver]\nservers = ["ns.example"]', "resolver.servers[0]: must be an IPv4 or IPv6 address"),
    ("[resolver]\nport = 0", "resolver.port: must be at least 1"),
    ("[resolver]\ntimeout = 0", "resolver.timeout: must be at least 1"),
    ("[resolver]\ntries = 11", "resolver.tries: must be at most 10"),
    ('[scanner]\nclamd = "clamd.ctl"', "scanner.clamd: must be the path of a socket, host:port or [IPv6 address]:port"),
    ("[scanner]\ntimeout = 0", "scanner.timeout: must be at least 1"),
    ("[scanner]\nat_once = 0", "scanner.at_once: must be at least 1"),
    ('[counters]\nbackend = "disk"', "counters.backend: must be 'memory' or 'redis'"),
    ('[counters]\nbackend = "redis"', 'counters.url: required with backend = "redis"'),
    ('[counters]\nurl = "redis://h"', 'counters.url: only with backend = "redis"'),
    *[
        (
            f'[counters]\nbackend = "redis"\nurl = "{url}"',
            "counters.url: must be redis://[[user]:password@]host[:port][/database]"
            " or unix://[[user]:password@]/path[?db=database]",
        )
        for url in (
            "h:6379",
            "http://h",
            "rediss://h",
            "redis://",
            "redis://h:0x",
            "redis://h:65536",
            "redis://h/x",
            "redis://h/1/2",
            "redis://h?db=1",
            "redis://h#x",
            "redis://:%ff@h",
            "unix://",
            "unix://h/s",
            "unix:///s?db=x",
            "unix:///s?d=1",
        )
    ],
    ("[counters]\nprefix = 1", "counters.prefix: must be text"),
    ("[counters]\ntimeout_ms = 9", "counters.timeout_ms: must be at least 10"),
    ("[delivery]\nschedule = 60", "delivery.schedule: must be a list"),
    ("[delivery]\nschedule = []", "delivery.schedule: must not be empty"),
    ("[delivery]\nschedule = [60, 0]", "delivery.schedule[1]: must be at least 1"),
    ("[delivery]\nschedule = [1.5]", "delivery.schedule[0]: must be a whole number"),
    ("[delivery]\njitter = 101", "delivery.jitter: must be at most 100"),
    ("[delivery]\nexpiry = 0", "delivery.expiry: must be at least 1"),
    ("[delivery]\nuncertain = 0", "delivery.uncertain: must be at least 1"),
    ("[delivery]\nexpiry = 99999999", "delivery.expiry: must be at most 31622400"),
    ("[delivery]\nconcurrency = 0", "delivery.concurrency: must be at least 1"),
    ("[delivery]\nconnections_per_host = 0", "delivery.connections_per_host: must be at least 1"),
    ("[delivery]\nmessages_per_connection = 0", "delivery.messages_per_connection: must be at least 1"),
    ("[delivery]\nidle = 0", "delivery.idle: must be at least 1"),
    ('[delivery]\nbounce_domain = "@x"', "delivery.bounce_domain: must be a host name"),
    ("[delivery]\nbounce_lifetime = 0", "delivery.bounce_lifetime: must be at least 1"),
    (
        '[delivery]\ncomplaint_names = ["a@b"]',
        "delivery.complaint_names[0]: must be 1 to 64 letters, digits, dots, hyphens or underscores, without @",
    ),
    ("[resolver]\nvalidates = 1", "resolver.validates: must be true or false"),
    ("[delivery]\nmta_sts = 1", "delivery.mta_sts: must be true or false"),
    ("[delivery]\nstarttls_memory = 0", "delivery.starttls_memory: must be at least 1"),
    ("[delivery]\nsign = 1", "delivery.sign: must be true or false"),
    ("[delivery]\nuncertain_retries = -1", "delivery.uncertain_retries: must be at least 0"),
    ("[delivery]\nshaping = 1", "delivery.shaping: must be text"),
    ("[delivery.timeouts]\nconnect = 0", "delivery.timeouts.connect: must be at least 1"),
    ("[delivery.timeouts]\nquit = 1", "delivery.timeouts.quit: unknown key"),
    ("[delivery]\ntimeouts = 1", "delivery.timeouts: must be a table"),
    ('[http]\nenabled = "yes"', "http.enabled: must be true or false"),
    ('[http]\naddress = "localhost"', "http.address: must be an IPv4 or IPv6 address"),
    ("[http]\nport = 65536", "http.port: must be at most 65535"),
    ("[http]\nport = -1", "http.port: must be at least 0"),
    ("[http]\napi_token = 1", "http.api_token: must be text"),
    ('[http]\npublic_address = "localhost"', "http.public_address: must be an IPv4 or IPv6 address"),
    ("[http]\npublic_port = 65536", "http.public_port: must be at most 65535"),
    ('[http]\nmetrics_address = ""', "http.metrics_address: must be an IPv4 or IPv6 address"),
    ("[http]\nmetrics_port = -1", "http.metrics_port: must be at least 0"),
    ("[http]\nrequests_per_minute = -1", "http.requests_per_minute: must be at least 0"),
    ("[http]\nrequests_at_once = 0", "http.requests_at_once: must be at least 1"),
    (
        "[http]\ntrusted_proxies = ['10.0.0.1/8']",
        "http.trusted_proxies[0]: must be a network such as 10.0.0.0/8, without host bits",
    ),
    ("[http]\npublic_url = 1", "http.public_url: must be text"),
    *(
        (
            f"[http]\npublic_url = {url!r}",
            "http.public_url: must be http:// or https:// and a host, perhaps with port and path",
        )
        for url in (
            "go.example",
            "ftp://go.example",
            "https://",
            "https://a b",
            "https://x/?q",
            "https://x/%20",
            "https://-",
        )
    ),
    ("[http]\nenabled = true", "http.api_token: required with enabled = true, at least 20 characters"),
    (
        '[http]\nenabled = true\napi_token = "nineteen-characters"',
        "http.api_token: required with enabled = true, at least 20 characters",
    ),
    ("[retention]\nbodies = -1", "retention.bodies: must be at least 0"),
    ("[retention]\nevents = -1", "retention.events: must be at least 0"),
    (
        "[webhooks]\nprivate_networks = ['10.0.0.1/8']",
        "webhooks.private_networks[0]: must be a network such as 10.0.0.0/8, without host bits",
    ),
    ("[tls_reports]\nenabled = 1", "tls_reports.enabled: must be true or false"),
    ("[tls_reports]\norganization = 1", "tls_reports.organization: must be text"),
    ("[tls_reports]\ncontact = 1", "tls_reports.contact: must be text"),
    ("[tls_reports]\nsender = 'tls'", "tls_reports.sender: must be an address such as reports@example.com"),
    ("[tls_reports]\nsender = 'a@b c.test'", "tls_reports.sender: must be an address such as reports@example.com"),
    ("[tls_reports]\nsender = 'ä@b.test'", "tls_reports.sender: must be an address such as reports@example.com"),
    ("[console]\nsupport = 'nobody'", "console.support: must be an address such as reports@example.com"),
    ("[console]\nsupport = 'ftp://help'", "console.support: must be an address such as help@example.com, or a URL"),
    ("[webhooks]\nprivate_networks = 1", "webhooks.private_networks: must be a list"),
    ("[webhooks]\nports = 1", "webhooks.ports: must be a list"),
    ("[webhooks]\nports = [0]", "webhooks.ports[0]: must be at least 1"),
    ("[webhooks]\ntimeout = 61", "webhooks.timeout: must be at most 60"),
    ("[webhooks]\ngive_up_hours = 23", "webhooks.give_up_hours: must be at least 24"),
    ("[retention]\nhistory = -1", "retention.history: must be at least 0"),
    ("[retention]\nrefusals = nan", "retention.refusals: must be a whole number"),
    ("[retention]\nchanges = -1", "retention.changes: must be at least 0"),
    ("[limits]\nrecipients = -1", "limits.recipients: must be at least 0"),
    ("[limits]\nsize = 1_000_000_001", "limits.size: must be at most 1000000000"),
    ("[limits]\nerrors = 0", "limits.errors: must be at least 1"),
    ("[limits]\nlogin_delay = 31", "limits.login_delay: must be at most 30"),
    ("[limits]\ntransaction = 43_201", "limits.transaction: must be at most 43200"),
    ("[limits]\nhandshake = 0", "limits.handshake: must be at least 1"),
    ("[limits]\ntransactions = -1", "limits.transactions: must be at least 0"),
    ("[limits]\nin_flight = -1", "limits.in_flight: must be at least 0"),
    ("[limits]\nmailbox_full_hours = 1979-05-27", "limits.mailbox_full_hours: must be a whole number"),
    ("[limits]\nfree_megabytes = -1", "limits.free_megabytes: must be at least 0"),
    ("[login_guard]\nfailures_per_user = 0", "login_guard.failures_per_user: must be at least 1"),
    ("[login_guard]\nfailures_per_address = 0", "login_guard.failures_per_address: must be at least 1"),
    ("[login_guard]\nunproven_transactions = 0", "login_guard.unproven_transactions: must be at least 1"),
    ("[login_guard]\nunproven_recipients = 0", "login_guard.unproven_recipients: must be at least 1"),
    ("[login_guard]\nunproven_megabytes = 0", "login_guard.unproven_megabytes: must be at least 1"),
    ("[login_guard]\nwindow = 0", "login_guard.window: must be at least 1"),
    ("[dialects]\ndirectory = 1", "dialects.directory: must be text"),
    ("[colour]", "colour: unknown key"),
    ('["a.b\\n"]', '"a.b\\n": unknown key'),
]

#: (a line of a listener, the fault); later lines win over LISTENER's through replacement
LISTENERS = [
    ('name = "http-public"', "name: http-public is the name of a web listener"),
    ('name = "http"', "name: http is the name of a web listener"),
    ('name = ""', "name: must be 1 to 64 letters, digits, dots, hyphens or underscores"),
    ("name = 1", "name: must be text"),
    ('address = "localhost"', "address: must be an IPv4 or IPv6 address"),
    ('address = "fe80::1%"', "address: must be an IPv4 or IPv6 address"),
    ('port = "25"', "port: must be a whole number"),
    ("port = 65536", "port: must be at most 65535"),
    ("port = -1", "port: must be at least 0"),
    ('role = "relay"', "role: must be 'submission' or 'feedback'"),
    ('tls = "ssl"', "tls: must be 'none', 'starttls' or 'implicit'"),
    ("tls_required = 0", "tls_required: must be true or false"),
    ("tls_required = true", 'tls_required: only tls = "starttls" leaves a choice'),
    ('certificate = "x.pem"', 'certificate: only with tls = "starttls" or "implicit"'),
    ('key = "x.pem"', 'key: only with tls = "starttls" or "implicit"'),
    ('dialect = ""', "dialect: must be 1 to 64 letters, digits, dots, hyphens or underscores"),
    ('login = "none"', "login: must be 'auth' or 'address'"),
    ('trusted = ["127.0.0.0/8"]', 'trusted: only with login = "address"'),
    ('trusted = ["10.0.0.1/8"]', "trusted[0]: must be a network such as 10.0.0.0/8, without host bits"),
    ('trusted = "10.0.0.0/8"', "trusted: must be a list"),
    ('connection = "x"', 'connection: only with login = "address"'),
    ('connection = "x\\n"', "connection: must not hold control characters"),
    ("dialect_by_name = 1", "dialect_by_name: must be a table"),
    ('dialect_by_name = { "a b" = "standard" }', 'dialect_by_name."a b"."[key]": must be a host name'),
    ("max_connections = -1", "max_connections: must be at least 0"),
    ("max_connections_per_address = -1", "max_connections_per_address: must be at least 0"),
    ("limit = 1", "limit: unknown key"),
]

#: (a line of a route, the fault)
ROUTES = [
    ("name = []", "name: must be text"),
    ("hosts = []", "hosts: must not be empty"),
    ('hosts = "localhost:25"', "hosts: must be a list"),
    ('hosts = ["localhost"]', "hosts[0]: must be host:port or [IPv6 address]:port"),
    ('hosts = ["a:25", "a:0"]', "hosts[1]: must be host:port or [IPv6 address]:port"),
    ('hosts = ["a:65536"]', "hosts[0]: must be host:port or [IPv6 address]:port"),
    ('hosts = ["::1:25"]', "hosts[0]: must be host:port or [IPv6 address]:port"),
    ('hosts = ["[127.0.0.1]:25"]', "hosts[0]: must be host:port or [IPv6 address]:port"),
    ('hosts = ["[::g]:25"]', "hosts[0]: must be an IPv4 or IPv6 address"),
    ("mx = true", "hosts: not with mx = true"),
    ("mx = 1", "mx: must be true or false"),
    ("port = 0", "port: must be at least 1"),
    ("port = 2525", "port: only with mx = true"),
    ("allow_private = true", "allow_private: only with mx = true"),
    ('tls = "always"', "tls: must be 'none', 'may', 'require' or 'verify'"),
    ("weights = [1, 2]", "weights: one for each of the hosts, not all of them 0"),
    ("weights = [0]", "weights: one for each of the hosts, not all of them 0"),
    ("weights = [-1]", "weights[0]: must be at least 0"),
    ("fallback = 1", "fallback: must be text"),
    ('fallback = "r"', "fallback: a route cannot take over from itself"),
    ('sources = ["192.0.2.1"]', "sources: only with mx = true"),
    ('sources = ["eth0"]', "sources[0]: must be an IPv4 or IPv6 address"),
    ("rotate = true", "rotate: only with mx = true"),
    ('domains = ["*"]', "domains[0]: must be a domain, or *. and a domain for all below it"),
    ('username = "u"', "password: required with username"),
    ('password = "hush"', "username: required with password"),
    ('password_path = ""', "password_path: must not be empty"),
    ("password_path = 1", "password_path: must be text"),
    ("default = 1", "default: must be true or false"),
    ("proxy = 1", "proxy: unknown key"),
]


def replaced(table: str, line: str) -> str:
    """A table of the file with one line put in place of the one with the same key, or added."""
    key = line.split(" =")[0]
    kept = [old for old in table.splitlines() if not old.startswith(f"{key} =")]
    return "\n".join([*kept, line, ""])


class FaultTests(ConfigCase):
    """What is refused, word for word (G1)."""

    def test_values(self) -> None:
        """Each setting of a wrong type, out of range, or unknown, is one fault that names it and nothing else."""
        for text, fault in VALUES:
            self.assertEqual(self.faults(MINIMAL + text), [fault])

    def test_listeners(self) -> None:
        """The same for each setting of a listener."""
        for line, fault in LISTENERS:
            self.assertEqual(self.faults(replaced(LISTENER, line) + ROUTE), [f"listeners[0].{fault}"])

    def test_routes(self) -> None:
        """The same for each setting of a route."""
        for line, fault in ROUTES:
            self.assertEqual(self.faults(LISTENER + replaced(ROUTE, line)), [f"routes[0].{fault}"])

    def test_every_setting_is_tried(self) -> None:
        """The tables above leave no setting out."""
        tried = {re.split(r"[:\[]", fault)[0] for _, fault in VALUES}
        for name, kind in SINGLE.items():
            for field in set(kind.model_fields) - {"timeouts", "junk", "login_failures", "in_hand", "data_rate"}:
                if field not in ("url_path", "api_token_path", "idle"):
                    self.assertIn(f"{name}.{field}", tried)
        for kind, table in ((Listener, LISTENERS), (Route, ROUTES)):
            self.assertLessEqual(set(kind.model_fields), {line.split(" =")[0] for line, _ in table})

    def test_required(self) -> None:
        """What has no default must be said."""
        self.assertEqual(
            self.faults("[[listeners]]\n[[routes]]"),
            [
                "listeners[0].name: required",
                "listeners[0].port: required",
                "routes[0].name: required",
            ],
        )

    def test_empty(self) -> None:
        """An empty file lacks a way in and a way out."""
        self.assertEqual(
            self.faults(""),
            [
                "listeners: at least one is required",
                "routes: exactly one must have default = true, none of 0 has it",
            ],
        )

    def test_all_at_once(self) -> None:
        """Faults in many places are told together, each with its place."""
        text = (
            "[server]\nworkers = 0\nhostname = 1\n"
            + replaced(LISTENER, "port = 70000")
            + '[[listeners]]\nname = "b"\nport = 25\ntls = "none"\nlogin = "address"\n'
            + replaced(ROUTE, "default = false")
            + "[nonsense]\n"
        )
        self.assertEqual(
            sorted(self.faults(text)),
            [
                "listeners[0].port: must be at most 65535",
                'listeners[1].connection: required with login = "address"',
                'listeners[1].trusted: required with login = "address", else this is an open relay',
                "nonsense: unknown key",
                "routes: exactly one must have default = true, none of 1 has it",
                "server.hostname: must be text",
                "server.workers: must be at least 1",
            ],
        )

    def test_shapes(self) -> None:
        """A table where a list of tables belongs, and the other way round, are named as such."""
        self.assertEqual(
            self.faults("server = 1\n[listeners]\n[[routes]]"),
            [
                "server: must be a table",
                "listeners: must be a list of tables, [[listeners]]",
                "routes[0].name: required",
            ],
        )
        self.assertEqual(self.faults(f"listeners = [1]\n{ROUTE}"), ["listeners[0]: must be a table"])

    def test_not_toml(self) -> None:
        """A file that is not TOML is told with the line."""
        for text, fault in (
            ("\n\n[server\n", "line 3: Expected ']' at the end of a table declaration"),
            ("a = 1\na = 2\n", "line 2: Cannot overwrite a value"),
            ("a = 1\nb = '''", "line 2: Expected \"'''\""),
            ("a = " + "[" * 10_000, "nested too deeply"),
        ):
            self.assertEqual(self.faults(text), [fault])

    def test_not_text(self) -> None:
        """A file that is not UTF-8 is told with the line."""
        self.file.write_bytes(b"# ok\n# \xff\n")
        self.assertRaisesRegex(ConfigError, re.escape(f"{self.file}: line 2: not UTF-8"), config.load, self.file)

    def test_unreadable(self) -> None:
        """A missing file, a folder and a pipe are told by name, once, and are never waited for."""
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        self.assertEqual(str(self.failure(pipe)), f"{pipe}: not a file")
        self.assertEqual(str(self.failure(self.file)), f"{self.file}: No such file or directory")
        self.assertEqual(str(self.failure(self.folder)), f"{self.folder}: Is a directory")

    def failure(self, path: Path) -> ConfigError:
        with self.assertRaises(ConfigError) as caught:
            config.load(path)
        return caught.exception


class AcrossTests(ConfigCase):
    """Checks that need more than one section."""

    def test_names(self) -> None:
        """Two listeners, or two routes, of one name are refused."""
        text = MINIMAL + replaced(LISTENER, "port = 26") + replaced(ROUTE, "default = false")
        self.assertEqual(
            self.faults(text),
            ["listeners[1].name: a is the name of listeners[0]", "routes[1].name: r is the name of routes[0]"],
        )

    def test_mx_route(self) -> None:
        """A route leads to hosts or by MX: one of both, and strangers are shown no login."""
        self.assertEqual(
            self.faults(LISTENER + '[[routes]]\nname = "r"\ndefault = true\n'),
            ["routes[0].hosts: required, or mx = true"],
        )
        by_mx = '[[routes]]\nname = "r"\nmx = true\nport = 2525\nallow_private = true\ndefault = true\n'
        self.assertEqual(
            self.faults(LISTENER + by_mx + 'username = "u"\npassword = "hush"\n'),
            ["routes[0].username: not with mx = true", "routes[0].password: not with mx = true"],
        )
        (route,) = self.load(LISTENER + by_mx).routes
        self.assertEqual((route.mx, route.port, route.allow_private, route.addresses), (True, 2525, True, ()))

    def test_redis(self) -> None:
        """A Redis is named by host or by socket, as other programs write it, and its password is never shown."""

        def found(url: str) -> config.redis_url.RedisUrl:
            return self.load(f'{MINIMAL}[counters]\nbackend = "redis"\nurl = "{url}"\n').counters.redis

        Url = config.redis_url.RedisUrl
        for url, expected, name in (
            ("redis://localhost", Url("localhost", 6379), "localhost:6379"),
            ("redis://[::1]:1234/3", Url("::1", 1234, database=3), "[::1]:1234"),
            ("redis://:p%40%2fx@h/", Url("h", 6379, password="p@/x"), "h:6379"),
            ("redis://u:p@10.0.0.1:80/15", Url("10.0.0.1", 80, "", "u", "p", 15), "10.0.0.1:80"),
            ("unix:///run/redis/redis.sock", Url(path="/run/redis/redis.sock"), "/run/redis/redis.sock"),
            ("unix://u:p@/run/a%20b?db=2", Url("", 0, "/run/a b", "u", "p", 2), "/run/a b"),
        ):
            self.assertEqual(found(url), expected)
            self.assertEqual(found(url).name, name)
        self.assertNotIn("hush", repr(found("redis://u:hush@h")))
        self.write("redis-url", "redis://:hush@h:1\n")
        text = MINIMAL + '[counters]\nbackend = "redis"\nurl_path = "redis-url"\n'
        self.assertEqual(self.load(text).counters.redis, Url("h", 1, password="hush"))

    def test_default_route(self) -> None:
        """Exactly one route is the default."""
        self.assertEqual(
            self.faults(MINIMAL + replaced(ROUTE, 'name = "s"')),
            ["routes: exactly one must have default = true, 2 of 2 has it"],
        )

    def test_ports(self) -> None:
        """One port of one address is listened on once; an address for all machines takes the port from every other."""

        def second(address: str, port: int = 2525) -> str:
            return MINIMAL + f'[[listeners]]\nname = "b"\naddress = "{address}"\nport = {port}\ntls = "none"\n'

        for address, shown in (("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0")):
            self.assertEqual(
                self.faults(second(address)), [f"listeners[1].port: {shown}:2525 is taken by listeners[0]"]
            )
        web = '[http]\nenabled = true\napi_token = "twenty characters at least"\n'
        self.assertEqual(
            self.faults(second("127.0.0.1", 8080) + web), ["http.port: 127.0.0.1:8080 is taken by listeners[1]"]
        )
        public = '[http]\npublic_url = "https://go.example/"\n'
        self.assertEqual(
            self.faults(second("127.0.0.1", 8081) + public),
            ["http.public_port: 127.0.0.1:8081 is taken by listeners[1]"],
        )
        self.load(second("127.0.0.1", 8080) + public)
        self.load(second("127.0.0.1", 8081))
        self.load(second("127.0.0.2"))
        self.load(second("::"))
        self.load(second("127.0.0.1", 0) + web + "port = 0")

    def test_dialects(self) -> None:
        """A listener speaks a dialect that is shipped or stands in the configured folder; a bad folder is a fault."""
        asked: list[Path] = []

        def names(folder: Path) -> dict[str, bool]:
            asked.append(folder)
            return {"standard": False, "own": False, "tracked": True}

        text = replaced(LISTENER, 'dialect = "own"') + ROUTE + '[dialects]\ndirectory = "d"\n'
        self.assertEqual(self.load(text, names).listeners[0].dialect, "own")
        self.assertEqual(asked, [self.folder / "d"])
        self.assertEqual(
            self.faults(text.replace('"own"', '"owl"'), names),
            ["listeners[0].dialect: unknown, must be one of: own, standard, tracked"],
        )

        tracked = text.replace('"own"', '"tracked"')
        self.assertEqual(
            self.faults(tracked, names),
            ["http.public_url: required, for links in mail by listeners[0] (tracked) lead there"],
        )
        self.load(tracked + '[http]\npublic_url = "https://go.example"\n', names)

        def bad(folder: Path) -> dict[str, bool]:
            raise ConfigError(["x.toml: size: too large", "x.toml: name: required"])

        self.assertEqual(
            self.faults(text, bad),
            ["dialects.directory: x.toml: size: too large", "dialects.directory: x.toml: name: required"],
        )


class OpenRelayTests(ConfigCase):
    """Nobody's configuration sends for strangers (G3)."""

    def by_address(self, trusted: str, address: str = "127.0.0.1") -> str:
        return f'{LISTENER}address = "{address}"\nlogin = "address"\nconnection = "c"\ntrusted = [{trusted}]\n{ROUTE}'

    def test_own_networks(self) -> None:
        """Loopback and private networks may be trusted, on any listener."""
        for network in ("127.0.0.0/8", "10.1.0.0/16", "192.168.1.7/32", "172.16.0.0/12", "::1/128", "fd00::/8"):
            loaded = self.load(self.by_address(f'"{network}"', "0.0.0.0"))
            self.assertEqual(loaded.listeners[0].trusted, (network,))

    def test_strangers(self) -> None:
        """Any other network is refused, however it is written."""
        for network in (
            "0.0.0.0/0",
            "::/0",
            "8.8.8.8/32",
            "172.0.0.0/8",
            "128.0.0.0/1",
            "::ffff:0:0/96",
            "100.64.0.0/10",
        ):
            self.assertEqual(
                self.faults(self.by_address(f'"127.0.0.0/8", "{network}"')),
                [
                    f"listeners[0].trusted[1]: {network} is not loopback or private, this would be an open relay",
                ],
            )

    def test_return_path(self) -> None:
        """Where reports are taken nobody logs in, and any mail host may speak without TLS."""
        returns = f'{LISTENER}role = "feedback"\naddress = "0.0.0.0"\n'
        self.assertEqual(self.load(returns + ROUTE).warnings, ())
        for line in ('login = "auth"', 'dialect = "standard"', 'connection = "c"', 'trusted = ["127.0.0.0/8"]'):
            self.assertEqual(
                self.faults(f"{returns}{line}\n{ROUTE}"),
                [f'listeners[0].{line.split()[0]}: not with role = "feedback"'],
            )
        secure = returns.replace('tls = "none"', 'tls = "{}"')
        self.assertIn(
            'listeners[0].tls: mail hosts speak "starttls" or "none" with role = "feedback"',
            self.faults(secure.replace("{}", "implicit") + ROUTE),
        )
        self.assertIn(
            'listeners[0].tls_required: not with role = "feedback", for any mail host may have something to report',
            self.faults(secure.replace("{}", "starttls") + "tls_required = true\n" + ROUTE),
        )

    def test_nobody(self) -> None:
        """Without trusted networks a login by address is refused, even on loopback."""
        self.assertEqual(
            self.faults(self.by_address("")),
            ['listeners[0].trusted: required with login = "address", else this is an open relay'],
        )

    def test_made_in_code(self) -> None:
        """A configuration made in code is judged by the same checks."""
        listener = Listener(name="a", port=25, tls="none", login="address", connection="c", trusted=("0.0.0.0/0",))
        route = Route(name="r", hosts=("localhost:25",), default=True)
        self.assertEqual(
            config.faults(Config(listeners=(listener,), routes=(route,))),
            ("listeners[0].trusted[0]: 0.0.0.0/0 is not loopback or private, this would be an open relay",),
        )
        sound = listener.model_copy(update={"trusted": ("127.0.0.0/8",)})
        self.assertEqual(config.faults(Config(listeners=(sound,), routes=(route,))), ())


class CertificateTests(ConfigCase):
    """A listener with TLS."""

    def with_tls(self, *lines: str, tls: str = "starttls") -> str:
        return "\n".join((replaced(LISTENER, f'tls = "{tls}"'), *lines, ROUTE))

    def pair(self, certificate: object, key: object) -> str:
        return self.with_tls(f'certificate = "{certificate}"', f'key = "{key}"')

    def test_sound(self) -> None:
        """A certificate and its key are taken, also by paths that start at the file's folder."""
        certificate, key = make_certificate(self.folder)
        loaded = self.load(self.pair("tls.pem", "tls.key"))
        self.assertEqual((str(loaded.listeners[0].certificate), str(loaded.listeners[0].key)), (certificate, key))
        self.assertTrue(loaded.listeners[0].tls_required)

    def test_required(self) -> None:
        """Both are needed."""
        for tls in ("starttls", "implicit"):
            self.assertEqual(
                self.faults(self.with_tls(tls=tls)),
                [
                    f'listeners[0].certificate: required with tls = "{tls}"',
                    f'listeners[0].key: required with tls = "{tls}"',
                ],
            )

    def test_implicit_is_required(self) -> None:
        """TLS from the first octet leaves no choice."""
        make_certificate(self.folder)
        text = self.with_tls('certificate = "tls.pem"', 'key = "tls.key"', tls="implicit")
        self.load(text)
        self.assertEqual(
            self.faults(text.replace('name = "a"', 'name = "a"\ntls_required = false')),
            ['listeners[0].tls_required: only tls = "starttls" leaves a choice'],
        )

    def test_unusable(self) -> None:
        """Missing, foreign, exposed and mismatched files are told by name."""
        certificate, key = make_certificate(self.folder)
        other = make_certificate(self.folder, "other")[1]
        text = self.write("text", "hello")
        exposed = self.write("exposed", Path(key).read_text(), 0o604)
        missing = self.folder / "missing"
        for files, faults in (
            (
                (missing, missing),
                [f"certificate: {missing}: No such file or directory", f"key: {missing}: No such file or directory"],
            ),
            (
                (text, text),
                [
                    f"certificate: {text}: not a certificate in PEM",
                    f"key: {text}: not a private key in PEM without a pass phrase",
                ],
            ),
            ((self.folder, key), [f"certificate: {self.folder}: Is a directory"]),
            ((certificate, exposed), [f"key: {exposed}: open to everybody (mode 0604)"]),
            ((certificate, other), ["key: does not belong to the certificate"]),
        ):
            self.assertEqual(self.faults(self.pair(*files)), [f"listeners[0].{fault}" for fault in faults])


class SecretTests(ConfigCase):
    """Secrets in files of their own (G4)."""

    def with_path(self, path: object, *more: str) -> str:
        return "\n".join((MINIMAL, 'username = "u"', f'password_path = "{path}"', *more))

    def test_read(self) -> None:
        """The file's content counts, without the space around it; a relative path starts at the file's folder."""
        self.write("password", "  hush\n")
        self.assertEqual(self.load(self.with_path("password")).routes[0].password, "hush")

    def test_never_shown(self) -> None:
        """Neither the representation of a configuration nor a fault shows a secret."""
        self.write("password", "hush")
        self.assertNotIn("hush", repr(self.load(self.with_path("password"))))
        for text in (
            MINIMAL + 'password = "hush"',
            MINIMAL + 'username = "u"\npassword = "hush\\n"',
            MINIMAL + '[state]\nurl = "mysql://hush"',
        ):
            self.assertNotIn("hush", "".join(self.faults(text)))

    def test_unusable(self) -> None:
        """Given twice, missing, open to everybody, empty or not text: each is told."""
        good = self.write("password", "hush")
        exposed = self.write("exposed", "hush", 0o644)
        binary = self.folder / "binary"
        binary.write_bytes(b"\xff")
        binary.chmod(0o600)
        missing = self.folder / "missing"
        for text, fault in (
            (self.with_path(good, 'password = "x"'), "password_path: given beside password, only one may be"),
            (self.with_path(missing), f"password_path: {missing}: No such file or directory"),
            (self.with_path(exposed), f"password_path: {exposed}: open to everybody (mode 0644)"),
            (self.with_path(binary), f"password_path: {binary}: not UTF-8"),
            (self.with_path(self.write("empty", "\n")), "password: required with username"),
        ):
            self.assertEqual(self.faults(text), [f"routes[0].{fault}"])


class ValueTests(ConfigCase):
    """What a sound file gives."""

    def test_derived(self) -> None:
        """Paths start at the file's folder, hosts are split, and the default route is at hand."""
        loaded = self.load(
            LISTENER + '[state]\npath = "s"\n[[routes]]\nname = "x"\nhosts = ["MX.example:25", "[0::1]:26"]\n' + ROUTE
        )
        self.assertEqual(loaded.state.key_file, self.folder / "s" / "secret.key")
        self.assertEqual(loaded.routes[0].addresses, (("mx.example", 25), ("::1", 26)))
        self.assertEqual(loaded.default_route.name, "r")
        keyed = self.load(MINIMAL + '[state]\nkey = "/k"\n')
        self.assertEqual(keyed.state.key_file, Path("/k"))

    def test_public_url(self) -> None:
        """Where the public pages are is kept without a slash at its end, so that links are put together in one way."""
        for written, kept in (
            ("https://go.example/", "https://go.example"),
            ("http://127.0.0.1:8081", "http://127.0.0.1:8081"),
            ("https://[::1]:8081/mail/x/", "https://[::1]:8081/mail/x"),
            ("", ""),
        ):
            loaded = self.load(MINIMAL + f'[http]\npublic_url = "{written}"\n')
            self.assertEqual(loaded.http.public_url, kept)

    def test_warnings(self) -> None:
        """What is allowed but hardly meant is told with its place; what stays on this machine is not."""
        make_certificate(self.folder)
        text = (
            replaced(LISTENER, 'address = "0.0.0.0"')
            + '[[listeners]]\nname = "b"\naddress = "::"\nport = 587\ntls_required = false\n'
            + 'certificate = "tls.pem"\nkey = "tls.key"\n'
            + '[[routes]]\nname = "x"\nhosts = ["mx.example:25"]\nusername = "u"\npassword = "p"\n'
            + ROUTE
            + '[http]\nenabled = true\naddress = "0.0.0.0"\napi_token = "twenty characters at least"\n'
            + 'public_url = "http://go.example"\n'
        )
        self.assertEqual(
            self.load(text).warnings,
            (
                "listeners[0].tls: a takes passwords without TLS from other machines",
                "listeners[1].tls: b takes passwords without TLS from other machines",
                "routes[0].tls: the password of x may be asked for without TLS",
                "http.address: the API is reachable from other machines without TLS",
                "http.public_url: without https, mail programs do not unsubscribe at one click",
            ),
        )
        quiet = (
            text.replace("http://go.example", "http://localhost:8081")
            .replace("0.0.0.0", "127.0.0.1")
            .replace('"::"', '"::1"')
            .replace("mx.example", "localhost")
        )
        self.assertEqual(self.load(quiet).warnings, ())

    def test_frozen(self) -> None:
        """A loaded configuration does not change."""
        with self.assertRaises(ValueError):
            self.load(MINIMAL).http.port = 1  # type: ignore[misc]


class ExampleTests(SynchronousTestCase):
    """etc/mailrelay.toml."""

    def test_loads(self) -> None:
        """It is sound as it stands, warns of nothing, and lets nobody in without AUTH (G6)."""
        loaded = config.load(EXAMPLE, lambda folder: {"standard": False})
        self.assertEqual(loaded.warnings, ())
        self.assertEqual({listener.login for listener in loaded.listeners}, {"auth"})
        self.assertEqual({listener.loopback for listener in loaded.listeners}, {True})

    def test_shows_every_setting(self) -> None:
        """With its commented lines it holds every setting with its default, and nothing else."""
        text = re.sub(r"^#(?! |$)", "", EXAMPLE.read_text(), flags=re.MULTILINE)
        data = tomllib.loads(text)
        self.assertEqual(set(data), set(SINGLE) | set(REPEATED))
        for name, kind in SINGLE.items():
            self.complete(kind, data[name])
        for name, kind in REPEATED.items():
            self.complete(kind, data[name][-1])

    def complete(self, kind: type[Section], table: dict[str, object]) -> None:
        self.assertEqual(set(table), set(kind.model_fields), kind.__name__)
        for name, field in kind.model_fields.items():
            value, default = table[name], field.default
            if isinstance(default, Section):
                self.complete(type(default), value)  # type: ignore[arg-type]
            elif default is not PydanticUndefined and default is not None:
                shown = tuple(value) if isinstance(value, list) else value
                self.assertEqual(shown, str(default) if isinstance(default, Path) else default, name)

    def test_explains_every_section(self) -> None:
        """Every setting stands under a line of explanation, its own or one it shares with its neighbours."""
        explained = False
        for line in EXAMPLE.read_text().splitlines():
            if line.startswith("# "):
                explained = True
            elif not line.strip() or line.lstrip("#").startswith("[["):
                explained = explained and "[[" in line
            elif line.startswith("#") and "=" in line:
                self.assertTrue(explained or line[1:].split(" =")[0] in OBVIOUS, line)


#: Settings whose names say it all beside their section's explanation.
OBVIOUS = {"connect", "banner", "ehlo", "mail", "rcpt", "data", "name"}


_keys = st.sampled_from(
    sorted({name for kind in (*SINGLE.values(), *REPEATED.values()) for name in kind.model_fields} | {"x", 'é"\n'})
)
_values = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(),
        st.sampled_from(["1.5", "nan", "inf", "1979-05-27", "07:32:00"]),
        st.sampled_from(["", "a", "\x00", "starttls", "address", "0.0.0.0", "10.0.0.0/8", "a:25", "/", "/dev/null"]),
        st.text(max_size=8),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3),
    max_leaves=5,
)


def toml(value: object) -> str:
    """A value as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)} = {toml(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, str) and value not in ("1.5", "nan", "inf", "1979-05-27", "07:32:00"):
        return quoted(value)
    return str(value)


def quoted(text: str) -> str:
    """A basic string of TOML."""
    return '"' + "".join(f"\\U{ord(letter):08X}" for letter in text) + '"'


class AnyFileTests(ConfigCase):
    """Whatever stands in the file (G5)."""

    def attempt(self, content: bytes) -> None:
        """Loading gives a configuration or `ConfigError`, whose faults name the file and are one line each."""
        self.file.write_bytes(content)
        try:
            config.load(self.file, lambda folder: {"standard": False})
        except ConfigError as error:
            self.assertTrue(error.faults)
            for fault in error.faults:
                self.assertTrue(fault.startswith(f"{self.file}: "))
                self.assertEqual(len(fault.splitlines()), 1, fault)

    @at_most(150)
    @given(st.binary(max_size=200))
    @example(b"a = " + b"9" * 5000)
    @example(b"a = {" * 2000)
    def test_octets(self, content: bytes) -> None:
        """Any octets."""
        self.attempt(content)

    @at_most(250)
    @given(
        st.dictionaries(st.sampled_from([*SINGLE, *REPEATED, "x"]), st.dictionaries(_keys, _values, max_size=5)),
        st.booleans(),
    )
    def test_structures(self, data: dict[str, dict[str, object]], repeated: bool) -> None:
        """Known sections and keys with values of every kind."""
        wrapped = {name: [table] if repeated and name in REPEATED else table for name, table in data.items()}
        self.attempt("\n".join(f"{name} = {toml(value)}" for name, value in wrapped.items()).encode())
