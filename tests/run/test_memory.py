"""Large blocks of memory go back to the system."""

from __future__ import annotations

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

PROGRAM = """
import os, random
from mailrelay.run.memory import give_back_large_blocks

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20

assert give_back_large_blocks()
chance, before = random.Random(1), resident()
for _ in range(20):
    large, small = [], []
    for _ in range(20):
        large.append(bytes(chance.randint(2 << 20, 25 << 20)))
        small.append(bytearray(100_000))
    kept = small[-1]
    del large, small
print(resident() - before)
"""


class MemoryTests(SynchronousTestCase):
    def test_given_back(self) -> None:
        """After many large messages a process is hardly larger than before (L5)."""
        ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.assertLess(int(ended.stdout), 20)


LARGE_PAGES = """
import re
from mailrelay.run.memory import lay_on_large_pages

def large():
    return int(re.search(r"AnonHugePages: +([0-9]+) kB", open("/proc/self/smaps_rollup").read())[1]) << 10

held, before = [str(number).encode() for number in range(1_000_000)], large()
laid = lay_on_large_pages()
print(laid, large() - before, sum(map(len, held)))
"""


class LargePagesTests(SynchronousTestCase):
    def test_laid(self) -> None:
        """As much lies on large pages as is told, and it is still what it was; nothing where the kernel can't."""
        ended = subprocess.run([sys.executable, "-c", LARGE_PAGES], capture_output=True, text=True, timeout=60)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        laid, grown, length = map(int, ended.stdout.split())
        self.assertEqual((grown, length), (laid, 5_888_890))
        self.assertEqual(laid % (2 << 20), 0)
