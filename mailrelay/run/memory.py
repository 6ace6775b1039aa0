"""The process's memory: what large messages took goes back to the system as soon as they are gone.

glibc keeps freed blocks for itself once it has seen large ones freed, by raising the size from which they are mapped
one by one; between messages of many sizes such a heap tears into pieces that are never given back. Fixing that size
ends it. Where the C library knows no such thing nothing happens.
"""

from __future__ import annotations

import ctypes

_M_MMAP_THRESHOLD = -3  # <malloc.h>
#: Octets from which a block is mapped by itself: where glibc begins, and below the chunks in which large messages lie.
_LARGE = 128 * 1024


def give_back_large_blocks() -> bool:
    """Fix the size for the whole process; tells whether there is such a thing."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_MMAP_THRESHOLD, _LARGE))
