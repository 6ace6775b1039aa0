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
