"""Trying a route for one command: connections need a reactor, and a command has none, so it runs one of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.python.failure import Failure

from ..interfaces.route_tests import RouteTest
from ..manage import Invalid, route_test
from .opening import Opened, now


def tried(opened: Opened, account: str, name: str, to: str, sender: str) -> RouteTest:
    """What came of trying the route, as the configuration has it."""
    config = opened.place.config
    if config is None:
        raise Invalid("name", "a sandbox sends nothing out: its API tries its routes")
    from twisted.internet.epollreactor import EPollReactor

    from ..relay.route_tests import RouteTests
    from ..run.ways import prober_of, ways_out

    reactor: Any = EPollReactor()  # type: ignore[no-untyped-call]
    hostname = opened.place.hostname
    ways, _, resolver, _ = ways_out(
        config, opened.store, opened.installation.vault, reactor, hostname, (), _untold, now
    )
    installation = replace(
        opened.installation,
        mx_routes=frozenset(route.name for route in config.routes if route.mx),
        route_tests=RouteTests(ways, prober_of(config, reactor, hostname)),
    )
    results: list[RouteTest | Failure] = []

    def begin() -> None:
        testing = route_test.test(installation, account, name, to, sender)
        testing.addBoth(results.append)
        testing.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    try:
        reactor.run(installSignalHandlers=False)
    finally:
        resolver.close()
    (result,) = results
    if isinstance(result, Failure):
        result.raiseException()
    assert isinstance(result, RouteTest)
    return result


def _untold(*_: object) -> None:
    """Nobody reports on a trial."""
