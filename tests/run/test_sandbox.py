"""The sandbox: a sound installation of its own, the same at every start."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.config import Config, faults
from mailrelay.interfaces.registry import Connection, IRegistry
from mailrelay.manage import accounts, connections, domains, files, routes, sessions, templates
from mailrelay.manage.credentials import Issued
from mailrelay.policy.dialect import Dialects
from mailrelay.run import sandbox
from mailrelay.smtp.tls import make_certificate
from mailrelay.vault import Vault

from ..manage.place import InstallationTestCase

DIALECTS = Dialects.shipped()
#: Those that the sandbox has a port for.
SHOWN = tuple(each.name for each in DIALECTS if each.sandbox)
TOKEN = "t0ken-of-the-sandbox-api"


class ConfigurationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = Path(self.mktemp())
        self.state.mkdir(mode=0o700)
        self.certificates = make_certificate(self.state)

    def configuration(self, base_port: int = 10000) -> Config:
        return sandbox.configuration(self.state, base_port, DIALECTS, self.certificates, 12345, TOKEN)

    def test_sound(self) -> None:
        """It passes every check that an installation's file must pass, wherever its ports begin."""
        for base_port in (0, 10000, 55000):
            config = self.configuration(base_port)
            self.assertEqual(list(faults(config, lambda folder: dict.fromkeys(DIALECTS.names, True))), [])
            self.assertEqual(config.warnings, ())

    def test_loopback_only(self) -> None:
        """Nothing is bound or sent to but loopback; mail leaves for the sink alone."""
        config = self.configuration()
        hosts = [each.address for each in config.listeners] + [config.http.address]
        hosts += [host for route in config.routes for host, _ in route.addresses]
        self.assertTrue(all(ip_address(host).is_loopback for host in hosts))
        self.assertEqual([route.addresses for route in config.routes], [(("127.0.0.1", 12345),)])

    def test_ports(self) -> None:
        """Every dialect has its group of ports, each in the modes of the service's own, and no two are the same."""
        config = self.configuration(20000)
        found = {each.name: (each.port, each.tls, each.plaintext) for each in config.listeners}
        self.assertEqual(found["standard-25"], (20025, "starttls", True))
        self.assertEqual(found["standard-587"], (20587, "starttls", True))
        self.assertEqual(found["standard-465"], (20465, "implicit", False))
        self.assertEqual(found["emailmassivo-25"], (21025, "starttls", True))
        self.assertEqual(found["emailmassivo-587"], (21587, "starttls", True))
        self.assertEqual(found["emailmassivo-465"], (21465, "implicit", False))
        self.assertEqual(config.http.port, 28080)
        ports = [each.port for each in config.listeners] + [config.http.port]
        self.assertEqual(len(set(ports)), len(ports))

    def test_patience(self) -> None:
        """A soft bounce is tried again after one second and after two; a locked-out client waits ten."""
        config = self.configuration()
        self.assertEqual(config.delivery.schedule[:2], (1, 2))
        self.assertEqual((config.delivery.jitter, config.login_guard.window), (0, 10))

    def test_token(self) -> None:
        """The API's token is the same at every start of an installation, another for another, long enough for both."""
        first = sandbox.api_token(Vault(b"a" * 32))
        self.assertEqual(first, sandbox.api_token(Vault(b"a" * 32)))
        self.assertNotEqual(first, sandbox.api_token(Vault(b"b" * 32)))
        self.assertGreaterEqual(len(first), 32)

    def test_facts(self) -> None:
        """What programs are told names every port by mode and by the service's own number; people are told the same."""
        config = self.configuration()
        connection = Connection(
            "C1", "A1", "emailmassivo", "emailmassivo", "app@x.example", "active", "", (), 0, 60, 1, 0
        )
        issued = [Issued(connection, "user@x.example", "s3cret")]
        facts: dict[str, Any] = sandbox.facts(7, config, self.certificates, TOKEN, DIALECTS, issued)
        (card,) = facts.pop("connections")
        self.assertEqual((facts["pid"], facts["api_token"], facts["http"]), (7, TOKEN, "http://127.0.0.1:18080"))
        self.assertTrue(Path(facts["ca"]).is_absolute() and Path(facts["ca"]).is_file())
        self.assertEqual(card["ports"], {"587": 11587, "25": 11025, "465": 11465})
        self.assertEqual((card["starttls"], card["tls"], card["plain"]), ([11587, 11025], [11465], [11587, 11025]))
        self.assertEqual((card["username"], card["password"]), ("user@x.example", "s3cret"))
        self.assertEqual(
            (card["dialect"], card["host"], card["mail_from"]), ("emailmassivo", "127.0.0.1", "app@x.example")
        )
        self.assertEqual(card["unverified_from"], "app@unverified.emailmassivo.example")
        told = sandbox.welcome({**facts, "connections": [card]})
        for text in ("11587, 11025", "11465", "user@x.example", "s3cret", TOKEN, facts["ca"], "http://127.0.0.1:18080"):
            self.assertIn(text, told)

    def test_line_to_paste(self) -> None:
        """The line that sends a mail survives any folder name."""
        facts = {"state": "/tmp/a folder; rm -rf $HOME", "connections": [{"name": "standard"}]}
        words = shlex.split(sandbox.first_mail(facts))
        self.assertEqual(words[0], str(Path(sys.prefix) / "bin" / "mailrelay"))
        self.assertEqual(words[words.index("--state") + 1], facts["state"])


class CutShort:
    """A registry that carries out one write, and no other."""

    def __init__(self, registry: IRegistry) -> None:
        self._registry = registry
        self._writes = iter([True])

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._registry, name)
        if name not in ("add_account", "put_domain", "add_sender", "add_connection"):
            return asked
        return lambda *what: asked(*what) if next(self._writes, False) else fail(InterruptedError())


class FurnishTests(InstallationTestCase):
    def furnish(self, sink: int = 2525) -> list[tuple[str, str, str]]:
        """Each connection's id and login."""
        issued = self.done(sandbox.furnish(self.place, DIALECTS, sink))
        return [(each.connection.id, each.username, each.password) for each in issued]

    def seen(self) -> tuple[list[object], ...]:
        """Everything that there is."""
        return tuple(
            list(self.done(each(self.place)))
            for each in (accounts.every, domains.every, domains.senders, connections.every)
        )

    def test_every_dialect(self) -> None:
        """Each dialect gets an account with balance, a verified and an unverified domain, and an active connection."""
        self.furnish()
        owners, owned, _, logins = self.seen()
        self.assertEqual({each.name for each in owners}, set(SHOWN))
        self.assertTrue(all(each.available == sandbox.OPENING_BALANCE for each in owners))
        self.assertEqual(len(logins), len(owners))
        for connection in logins:
            (account,) = [each for each in owners if each.id == connection.account]
            statuses = sorted(each.status for each in owned if each.account == account.id)
            self.assertEqual(statuses, ["unverified", "verified"])
            self.assertEqual(connection.dialect, account.name)
            self.assertEqual((connection.status, connection.rate), ("active", 0))
            self.assertEqual(connection.networks, sandbox.NETWORKS)
            self.assertIn(f"{connection.sender.partition('@')[2]}", {each.name for each in owned})

    def test_what_messages_name(self) -> None:
        """Where messages can name a route it leads to the sink, wherever that is this time; a file is there, too."""
        for sink in (2525, 2526):
            self.furnish(sink)
            (route,) = self.done(routes.every(self.place, "emaildelivery"))
            self.assertEqual(route.hosts, ((sandbox.LOOPBACK, sink),))
            (file,) = self.done(files.every(self.place, "zeptomail"))
            self.assertEqual((file.key, file.type), (sandbox.FILE, "image/gif"))

    def test_people(self) -> None:
        """An administrator and a member can sign in with what is told at each start, and a second start makes none."""
        account = self.done(accounts.create(self.place, "anybody")).id
        told = self.done(Deferred.fromCoroutine(sandbox.people(self.place, account)))
        again = self.done(Deferred.fromCoroutine(sandbox.people(self.place, account)))
        self.assertEqual(told, again)
        self.assertEqual([each["role"] for each in told], ["administrator", "member"])
        for each in told:
            signed = self.done(sessions.sign_in(self.place, each["name"], each["password"]))
            self.assertEqual(signed.caller.account, "" if each["role"] == "administrator" else account)

    def test_templates(self) -> None:
        """Where messages can name a template there is one, once, and it can be rendered."""
        for _ in range(2):
            self.furnish()
        found = self.done(templates.every(self.place))
        owners = {each.id: each.name for each in self.done(accounts.every(self.place))}
        self.assertLessEqual({"standard", "emaildelivery"}, {owners[each.account] for each in found})
        self.assertEqual({(each.id, each.version) for each in found}, {(sandbox.TEMPLATE, 1)})
        rendering = templates.render(self.place, "standard", sandbox.TEMPLATE, '{"name": "Ann", "items": [1]}')
        self.assertEqual(self.done(rendering)["text"], "Hello Ann\n- 1\n")

    def test_twice(self) -> None:
        """A second start finds everything as it was, changes made meanwhile included, and tells the same logins."""
        first = self.furnish()
        self.done(accounts.set_balance(self.place, "standard", 7))
        self.done(connections.block(self.place, first[0][0]))
        before = self.seen()
        self.assertEqual(self.furnish(), first)
        self.assertEqual(self.seen(), before)

    def test_interrupted(self) -> None:
        """A first start that is cut short after any write is taken up by the next, until all is there."""
        starts, issued = 0, None
        while not isinstance(issued, list):
            starts += 1
            once = replace(self.place, registry=CutShort(self.place.registry))
            furnishing = Deferred.fromCoroutine(sandbox.furnish(once, DIALECTS, 2525))
            issued = self.done(furnishing.addErrback(lambda failure: failure.trap(InterruptedError)))
        self.assertEqual(starts, 5 * len(SHOWN))
        self.assertEqual([len(each) for each in self.seen()], [len(SHOWN) * n for n in (1, 2, 1, 1)])
        self.test_twice()
