"""What is spared changes nothing but how often the system is asked."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.run.spared import SECOND, STOCK, drawn, free_space


class DrawnTests(SynchronousTestCase):
    def test_every_octet_is_given_once(self) -> None:
        """Octets come in the order of their source, in the number asked for, none of them twice."""
        asked: list[int] = []

        def source(count: int) -> bytes:
            asked.append(count)
            return bytes((len(asked) + number // 256) % 256 for number in range(count))

        random = drawn(source)
        self.assertEqual([len(random(count)) for count in (10, 0, 16, STOCK)], [10, 0, 16, STOCK])
        self.assertEqual(asked, [STOCK, STOCK])
        self.assertEqual(len(random(2 * STOCK)), 2 * STOCK)
        self.assertEqual(asked, [STOCK, STOCK, 2 * STOCK])

    def test_ids_differ(self) -> None:
        """The kernel's randomness makes no id twice."""
        random = drawn()
        self.assertEqual(len({random(10) for _ in range(2 * STOCK)}), 2 * STOCK)


class FreeSpaceTests(SynchronousTestCase):
    def test_is_a_second_old_at_most(self) -> None:
        """The disk is looked at once a second, and at once when the clock was set back."""
        at = 10 * SECOND
        with patch.object(os, "statvfs", side_effect=os.statvfs) as looked:
            free = free_space(Path("/"), lambda: at)
            self.assertGreater(free(), 0)
            at += SECOND - 1
            free()
            self.assertEqual(looked.call_count, 1)
            at += 1
            free()
            self.assertEqual(looked.call_count, 2)
            at -= 2
            free()
            self.assertEqual(looked.call_count, 3)
