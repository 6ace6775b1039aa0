"""Starting: one line for each reason not to, ports before state, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import succeed
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.manage import Installation, accounts, connections, domains
from mailrelay.policy.dialect import Dialects
from mailrelay.run import start
from mailrelay.run.alone import occupy
from mailrelay.run.daemon import Daemon
from mailrelay.run.ports import Address, PortTaken, address_of, close_all, listen, listen_all
from mailrelay.run.start import CannotStart
from mailrelay.run.worker import now
from mailrelay.store import open_store
from mailrelay.vault import Vault
from tests.fresh import fresh_folder
from tests.rendering import RenderHere

from ..mail.signatures import private_key

ROUTE = '[[routes]]\nname = "out"\nhosts = ["127.0.0.1:25"]\ndefault = true\n'


def listener(port: int, more: str = "") -> str:
    return f'[[listeners]]\nname = "in"\nport = {port}\ntls = "none"\n{more}'


class Starting(SynchronousTestCase):
    """Whoever starts in this process can end again: what is held for life is let go of."""

    def setUp(self) -> None:
        self.held: list[int] = []
        self.patch(start, "occupy", self.occupy)
        self.addCleanup(self.let_go)

    def occupy(self, state: Path) -> int:
        self.held.append(occupy(state))
        return self.held[-1]

    def let_go(self) -> None:
        """The daemon that was made ends."""
        while self.held:
            os.close(self.held.pop())

    def refusal(self, begin: Callable[..., Daemon], *arguments: Any) -> tuple[str, ...]:
        """Why it may not start; by then nothing is held."""
        error = self.assertRaises(CannotStart, begin, *arguments)
        for held in self.held:
            self.assertRaises(OSError, os.fstat, held)
        self.held.clear()
        return tuple(error.reasons)


class StartTests(Starting):
    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.mktemp()).absolute()
        self.state = self.folder / "state"
        self.state.mkdir(parents=True, mode=0o700)
        self.file = self.folder / "mailrelay.toml"
        self.bound: list[socket.socket] = []
        self.addCleanup(lambda: close_all(self.bound))

    def listen_all(
        self, addresses: Mapping[str, Address], passed: Mapping[str, socket.socket] | None = None
    ) -> dict[str, socket.socket]:
        """As it is, but the test knows the sockets, and that nobody touched the state before."""
        self.assertFalse((self.state / "mailrelay.sqlite3").exists())
        sockets = listen_all(addresses, passed)
        self.bound += sockets.values()
        return sockets

    def configured(self, text: str) -> Daemon:
        self.file.write_text(f'{text}\n[state]\npath = "state"\n')
        with patch.object(start, "listen_all", self.listen_all):
            return start.configured(MemoryReactorClock(), self.file)

    def reasons(self, text: str) -> list[str]:
        """Why a configuration may not start; its sockets are closed by then."""
        reasons = self.refusal(self.configured, text)
        self.assertEqual([sock.fileno() for sock in self.bound], [-1] * len(self.bound))
        for reason in reasons:
            self.assertNotIn("\n", reason)
        return list(reasons)

    def make_key(self) -> None:
        Vault.create(self.state / "secret.key")

    def test_starts(self) -> None:
        """With a sound file and a key every port listens, the API's too; the daemon is made and not yet started."""
        self.make_key()
        http = '[http]\nenabled = true\nport = 0\napi_token = "0123456789abcdefghij"\n'
        self.assertIsInstance(self.configured(listener(0) + ROUTE + http), Daemon)
        self.assertEqual(len(self.bound), 2)
        for sock in self.bound:
            socket.create_connection(sock.getsockname()[:2], timeout=5).close()
        self.assertEqual(set(os.listdir(self.state)), {"secret.key", "daemon.lock"})

    def test_faulty_file(self) -> None:
        """Every fault of the file is a line of its own, and nothing was bound."""
        found = self.reasons(listener(70000) + ROUTE + '[server]\nhostnam = "x"\n')
        self.assertEqual(len(found), 2)
        for reason in found:
            self.assertTrue(reason.startswith(f"{self.file}: "), reason)
        self.assertEqual(self.bound, [])

    def test_missing_file(self) -> None:
        """A file that is not there is one line."""
        (reason,) = self.refusal(start.configured, MemoryReactorClock(), self.folder / "nothing.toml")
        self.assertIn("nothing.toml", reason)

    def test_key(self) -> None:
        """A key that is missing, or that others can read, is one line that names the file."""
        key = self.state / "secret.key"
        for reason in ("No such file or directory", "readable by others", "not a key"):
            (line,) = self.reasons(listener(0) + ROUTE)
            self.assertIn(f"{key}: {reason}", line)
            self.assertEqual(self.bound, [])
            key.write_text("x")
            key.chmod(0o644 if reason.startswith("No") else 0o600)

    def test_taken_port(self) -> None:
        """A taken port is one line; the state is not touched, so a second daemon harms no first."""
        self.make_key()
        with listen(Address("127.0.0.1", 0)) as taken:
            port = address_of(taken).port
            self.assertEqual(
                self.reasons(listener(port) + ROUTE), [f"cannot listen on 127.0.0.1:{port}: Address already in use"]
            )
        self.assertEqual(set(os.listdir(self.state)), {"secret.key", "daemon.lock"})

    def test_login_by_address(self) -> None:
        """A listener whose connection does not exist is one line; by its name or id it is found."""
        self.make_key()
        more = 'login = "address"\ntrusted = ["127.0.0.0/8"]\nconnection = "%s"\n'
        self.assertEqual(
            self.reasons(listener(0, more % "shop") + ROUTE), ["listener in: there is no connection 'shop'"]
        )
        del self.bound[:]
        store = open_store(fresh_folder(str(self.state)), node="N1", now=now, inline=True)
        place = Installation.over(
            store,
            renderer=RenderHere(),
            vault=Vault.open(self.state / "secret.key"),
            dialects=Dialects.shipped(),
            now=now,
            random=os.urandom,
            new_private_key=lambda algorithm: succeed(private_key(algorithm)),
        )
        self.successResultOf(accounts.create(place, "acme", 1))
        self.successResultOf(domains.add(place, "acme", "acme.test"))
        wanted = connections.Wanted("acme", "shop", "standard", "app@acme.test")
        id = self.successResultOf(connections.create(place, wanted)).connection.id
        self.successResultOf(store.close())
        with patch.object(start, "Worker") as worker, patch.object(self, "listen_all", listen_all):
            for name in ("shop", id):
                self.configured(listener(0, more % name) + ROUTE)
                self.let_go()
                made = worker.call_args
                self.bound += made.args[1].values()
                self.assertEqual(made.kwargs["connections"], {"in": id})

    def test_state_of_others(self) -> None:
        """A state that cannot be read is one line, and the ports are free again."""
        self.make_key()
        more = 'login = "address"\ntrusted = ["127.0.0.0/8"]\nconnection = "shop"\n'
        with patch.object(start, "open_store", side_effect=PermissionError(13, "Permission denied", "state")):
            (line,) = self.reasons(listener(0, more) + ROUTE)
        self.assertIn("Permission denied", line)
        self.assertEqual(len(self.bound), 1)


class SandboxTests(Starting):
    def setUp(self) -> None:
        super().setUp()
        self.state = Path(self.mktemp()).absolute()
        self.sign = self.state / "ready.json"
        self.bound: list[socket.socket] = []
        self.patch(start, "listen", self.listen)
        self.patch(start, "listen_all", self.listen_all)

    def listen(self, address: Address) -> socket.socket:
        sock = listen(address)
        self.bound.append(sock)
        self.addCleanup(sock.close)
        return sock

    def listen_all(
        self, addresses: Mapping[str, Address], passed: Mapping[str, socket.socket] | None = None
    ) -> dict[str, socket.socket]:
        """The same names on free ports."""
        self.assertFalse(self.sign.exists())
        return {name: self.listen(Address(address.host, 0)) for name, address in addresses.items()}

    def facts(self) -> Any:
        return json.loads(self.sign.read_text("utf-8"))

    def announce(self, daemon: Daemon) -> str:
        """What a daemon prints once it has started."""
        with patch("sys.__stdout__") as stdout:
            daemon._announce()
        return "".join(call.args[0] for call in stdout.write.call_args_list)

    def test_sandbox(self) -> None:
        """All it needs is made on the way; once it listens a file and a text say where, for the owner alone; another
        start tells the same logins; the sign is gone before ports are bound, and when it stops."""
        reactor = MemoryReactorClock()
        daemon = start.sandbox(reactor, self.state, 10000)
        self.assertEqual(stat.S_IMODE(self.state.stat().st_mode), 0o700)
        self.assertFalse(self.sign.exists())
        told = self.announce(daemon)
        first = self.facts()
        self.assertEqual(stat.S_IMODE(self.sign.stat().st_mode), 0o600)
        self.assertEqual((first["pid"], first["state"]), (os.getpid(), str(self.state)))
        self.assertEqual(
            [card["dialect"] for card in first["connections"]],
            [each.name for each in Dialects.shipped() if each.sandbox],
        )
        for card in first["connections"]:
            self.assertIn(card["username"], told)
            self.assertIn(card["password"], told)
        self.let_go()
        again = start.sandbox(reactor, self.state, 10000)
        self.assertFalse(self.sign.exists())
        self.announce(again)
        self.assertEqual(self.facts(), first)
        self.patch(signal, "signal", lambda number, handler: None)
        self.successResultOf(again.stopService())
        self.assertFalse(self.sign.exists())

    def test_nothing_left_behind(self) -> None:
        """What keeps it from starting is one line; every socket is let go of."""
        for fault in (PortTaken("cannot listen on 127.0.0.1:587: Permission denied"), OSError(28, "No space left")):
            with patch.object(start, "_with_store", side_effect=fault):
                reasons = self.refusal(start.sandbox, MemoryReactorClock(), self.state, 10000)
            self.assertEqual(reasons, (str(fault),))
        self.assertEqual({sock.fileno() for sock in self.bound}, {-1})

    def test_folder_that_is_none(self) -> None:
        """A state folder that is a file is one line."""
        self.state.write_text("x")
        self.assertEqual(len(self.refusal(start.sandbox, MemoryReactorClock(), self.state, 10000)), 1)
        self.assertEqual(self.bound, [])
