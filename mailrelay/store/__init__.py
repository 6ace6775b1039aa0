"""Durable state: everything the relay knows, in SQLite or PostgreSQL, behind the interfaces of `mailrelay.interfaces`.

`open_store` is the only door. This package never sends, never judges, and imports no other wing.
"""

from __future__ import annotations

from .counters import MemoryCounters
from .engine import Unfit
from .report import Reports
from .store import Store, open_store

__all__ = ["MemoryCounters", "Reports", "Store", "Unfit", "open_store"]
