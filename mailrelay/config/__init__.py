"""The configuration: one TOML file, one checked class per section, every fault told at once.

`load` reads and checks a file; start-up and ``mailrelay check-config`` both call it, so they say the same. A `Config`
may also be made in code, as the sandbox does; `faults` then tells what `load` would have told. Nothing here opens a
socket, asks for the time or writes; files that the configuration names are read to be checked.
"""

from .loading import ConfigError, faults, load
from .sections import (
    Config,
    Console,
    Counters,
    Delivery,
    Dialects,
    Http,
    Limits,
    Listener,
    LoginGuard,
    Retention,
    Route,
    Server,
    State,
    Timeouts,
    Webhooks,
)

__all__ = [
    "Config",
    "ConfigError",
    "Console",
    "Counters",
    "Delivery",
    "Dialects",
    "Http",
    "Limits",
    "Listener",
    "LoginGuard",
    "Retention",
    "Route",
    "Server",
    "State",
    "Timeouts",
    "Webhooks",
    "faults",
    "load",
]
