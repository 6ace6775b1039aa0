"""The twistd plugin: its options, and the end of a process that may not run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay import tap
from mailrelay.run.daemon import Daemon
from mailrelay.run.start import CannotStart


class OptionsTests(SynchronousTestCase):
    def options(self, *words: str) -> tap.Options:
        options = tap.Options()
        options.parseOptions(list(words))
        return options

    def test_defaults(self) -> None:
        """Without a word it is the installation of this machine; the sandbox keeps its state below the folder."""
        options = self.options()
        self.assertEqual((options["sandbox"], options["config"]), (0, "/etc/mailrelay.toml"))
        self.assertEqual((options["state"], options["base-port"]), ("var/sandbox", 10000))

    def test_given(self) -> None:
        """Each can be given, by its long name or its short one."""
        options = self.options("--sandbox", "--state", "x", "--base-port", "20000")
        self.assertEqual((options["sandbox"], options["state"], options["base-port"]), (1, "x", 20000))
        options = self.options("-c", "a.toml", "-s", "y", "-p", "0")
        self.assertEqual((options["config"], options["state"], options["base-port"]), ("a.toml", "y", 0))

    def test_refused(self) -> None:
        """What makes no sense is a usage error."""
        for words in (["--base-port", "x"], ["--base-port", "-1"], ["--base-port", "55001"], ["--nothing"], ["word"]):
            self.assertRaises(UsageError, self.options, *words)

    def test_plugin(self) -> None:
        """Twistd finds the sub-command, and it leads to these options and this service."""
        (maker,) = [each for each in getPlugins(IServiceMaker) if each.tapname == "mailrelay"]
        verifyObject(IServiceMaker, maker)
        self.assertIs(maker.options, tap.Options)
        self.assertIs(maker.makeService, tap.makeService)


class ServiceTests(SynchronousTestCase):
    def make(self, *words: str, twistd: dict[str, Any] | None = None, **halves: Callable[..., Daemon]) -> Any:
        """The service made of command line words, and what its half was asked for."""
        asked: list[tuple[object, ...]] = []

        def half(reactor: object, *what: object) -> Daemon:
            asked.append(what)
            return Daemon(reactor, (), lambda: None, lambda: None)

        options = tap.Options()
        options.parseOptions(list(words))
        if twistd is not None:
            options.parent = twistd
        with patch.multiple(tap, **{"sandbox": half, "configured": half, **halves}):
            return tap.makeService(options), asked

    def test_halves(self) -> None:
        """It is the sandbox or the installation, as asked."""
        self.assertEqual(self.make("--sandbox", "-s", "x", "-p", "20000")[1], [(Path("x"), 20000)])
        self.assertEqual(self.make("-c", "a.toml")[1], [(Path("a.toml"),)])

    def test_cannot_start(self) -> None:
        """What keeps it from running ends the process with a line for each reason and status 1, nothing more."""

        def refused(reactor: object, *what: object) -> Daemon:
            raise CannotStart(["a.toml: in: taken", "a.toml: out: missing"])

        for words in (["-c", "a.toml"], ["--sandbox"]):
            ended = self.assertRaises(SystemExit, self.make, *words, sandbox=refused, configured=refused)
            # a text as the code of an exit is printed on stderr, and the status is 1
            self.assertEqual(ended.code, "mailrelay: a.toml: in: taken\nmailrelay: a.toml: out: missing")

    def test_log(self) -> None:
        """The log goes to the standard output in the foreground, unless twistd was told to put it elsewhere."""
        foreground = {"nodaemon": 1, "logfile": None, "syslog": 0}
        for twistd, expected in (
            (foreground, sys.stdout),
            ({**foreground, "logfile": "-"}, sys.stdout),
            ({**foreground, "logfile": "x.log"}, None),
            ({**foreground, "syslog": 1}, None),
            ({**foreground, "nodaemon": 0}, None),
            (None, None),
        ):
            daemon, _ = self.make(twistd=twistd)
            self.assertIs(daemon.log_stream, expected)
