"""How far the properties of this folder are searched: the same examples on every run, and not many of them."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

bounded = settings(
    max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
