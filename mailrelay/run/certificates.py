"""The certificates of the listeners while the daemon runs: exchanged when asked, and watched for their end.

A file that is of no use changes nothing but the log: the listener goes on with what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ..smtp.tls import CertificateError, ServerTls

log = Logger()

#: How long before its end a certificate is complained about.
NOTICE = timedelta(days=14)
DAY = 86_400.0


class Certificates:
    """The certificates of one worker; `now` reads the wall clock in microseconds since 1970."""

    def __init__(self, served: Sequence[ServerTls], clock: IReactorTime, now: Callable[[], int]) -> None:
        self._served = served
        self._now = now
        self._daily = LoopingCall(self.watch)
        self._daily.clock = clock

    def start(self) -> None:
        """Watch them, now and each day."""
        self._daily.start(DAY)

    def stop(self) -> None:
        """Watch them no longer."""
        if self._daily.running:
            self._daily.stop()

    def reload(self) -> None:
        """Read all files again; whoever shakes hands from now on is shown what they hold."""
        for tls in self._served:
            try:
                tls.reload()
            except CertificateError as error:
                log.error("the certificate was not exchanged: {reason}", reason=error)
            else:
                log.info("{certificate} is in use until {end}", certificate=tls.certificate_chain, end=tls.expires)
        self.watch()

    def watch(self) -> None:
        """Complain about those that end soon, or have ended."""
        now = datetime.fromtimestamp(self._now() / 1_000_000, UTC)
        for tls in self._served:
            if tls.expires <= now:
                log.error("{certificate} expired on {end}", certificate=tls.certificate_chain, end=tls.expires)
            elif tls.expires - now <= NOTICE:
                log.warn("{certificate} expires on {end}", certificate=tls.certificate_chain, end=tls.expires)
