"""The tests: this folder mirrors the package; `tests.live` holds what needs real sockets and processes.

Hypothesis is set up here, for trial and pytest alike: the same bounded examples on every run, no deadline, nothing
kept.
"""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "mailrelay", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("mailrelay")
