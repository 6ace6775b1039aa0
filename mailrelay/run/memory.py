"""The process's memory: large blocks go back to the system, and what lives as long as the process lies on large pages.

What large messages took is given back as soon as they are gone. glibc keeps freed blocks for itself once it has seen
large ones freed, by raising the size from which they are mapped one by one; between messages of many sizes such a heap
tears into pieces that are never given back. Fixing that size ends it. Where the C library knows no such thing nothing
happens.

The interpreter's objects lie scattered over tens of megabytes. On pages of 2 MiB the processor finds them with fewer
looks into its tables of pages: 3 to 5 % of what a message costs on a virtual machine.
"""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

_M_MMAP_THRESHOLD = -3  # <malloc.h>
#: Octets from which a block is mapped by itself: where glibc begins, and below the chunks in which large messages lie.
_LARGE = 128 * 1024


def give_back_large_blocks() -> bool:
    """Fix the size for the whole process; tells whether there is such a thing."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_MMAP_THRESHOLD, _LARGE))


_MADV_COLLAPSE = 25  # <linux/mman.h>, Linux 6.1
_HUGE = 2 << 20  #: octets of a large page
#: a line of proc(5)'s maps about memory that is written to and no file's: where it begins and ends
_ANONYMOUS = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw-p 00000000 00:00 0 +(?:\[heap\])?\n")


def lay_on_large_pages() -> int:
    """Lay what the process holds by now on large pages; gives how many octets lie on such, 0 where the system can't.

    Only what is there is moved, once: what comes and goes later keeps small pages, which go back one by one.
    """
    try:
        maps = Path("/proc/self/maps").read_text()
        madvise = ctypes.CDLL(None).madvise
    except (OSError, AttributeError):
        return 0
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    laid = 0
    for first, last in _ANONYMOUS.findall(maps):
        begin, end = -(-int(first, 16) // _HUGE) * _HUGE, int(last, 16) // _HUGE * _HUGE
        if begin < end and madvise(begin, end - begin, _MADV_COLLAPSE) == 0:
            laid += end - begin
    return laid
