"""What one port is told: how it is spoken to, who may enter, and how much one session may take.

Plain frozen values, given by the roof. They promise nothing by themselves and are never changed after start-up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .budget import Budget


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on sessions: counts, seconds, octets; a count of 0 means no bound where it says so."""

    #: protocol errors in a row, without an accepted message, that are still answered
    errors: int = 20
    #: NOOP, RSET, VRFY, HELP, EHLO without an accepted message between them
    junk: int = 100
    #: of these, one in so many seconds is never counted
    junk_period: float = 10.0
    #: refused logins in one session; the last of them is answered 421
    login_failures: int = 5
    #: seconds that the second refused login waits for its reply; each further one waits twice as long
    login_delay: float = 1.0
    #: transactions of one session (0: no bound)
    transactions: int = 10_000
    #: sessions of the listener, and of one address (0: no bound)
    connections: int = 0
    connections_per_address: int = 0
    #: seconds without a command, or without octets of a message (RFC 5321 4.5.3.2.7)
    idle: float = 300.0
    #: seconds from MAIL to the final dot, and from the beginning to a login
    transaction: float = 3600.0
    #: seconds for a whole TLS handshake
    handshake: float = 30.0
    #: seconds between our closing and the cutting of the line
    grace: float = 10.0
    #: octets a second below which a message is too slow, once `idle` seconds have passed (0: no bound)
    data_rate: int = 500


@dataclass(frozen=True, slots=True)
class Listener:
    """One port: `tls` is "none", "starttls" or "implicit"; `login` is "auth", or "address" where there is no AUTH."""

    name: str
    tls: str = "none"
    tls_required: bool = False
    login: str = "auth"
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a session needs of the world: our name, its port, the clock's reading in seconds, the switch that pauses
    everything, whether there is a certificate for STARTTLS, and the memory that it shares with all others."""

    hostname: str
    listener: Listener
    now: Callable[[], float]
    paused: Callable[[], bool]
    certificate: bool = False
    budget: Budget = field(default_factory=Budget)
