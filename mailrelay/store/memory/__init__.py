"""The memory twin: what the ledger, the nodes, the bodies and the directory promise, in plain dictionaries.

For unit tests of those who use them; the same tests run over it and over the databases. Several ledgers may share one
state, as processes share a database. It keeps nothing, knows no threads, and every Deferred has fired on return.
"""

from .directory import MemoryDirectory
from .engagement import MemoryEngagement
from .kept import MemoryBodies, MemoryRoutes, MemorySpool, MemoryTemplates
from .ledger import MemoryLedger, MemoryNodes
from .state import Entry, MemoryState

__all__ = [
    "Entry",
    "MemoryBodies",
    "MemoryDirectory",
    "MemoryEngagement",
    "MemoryLedger",
    "MemoryNodes",
    "MemoryRoutes",
    "MemorySpool",
    "MemoryState",
    "MemoryTemplates",
]
