"""Who is alive: by file locks on SQLite, by heart-beats on PostgreSQL."""

from __future__ import annotations

import os
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.ledger import Lane
from mailrelay.store.nodes import SILENCE, FileNodes

from .worlds import DatabaseWorld, Process, postgres_world, result, sqlite_world, submission


class NodeLaws:
    """What holds for both kinds."""

    def make(self) -> DatabaseWorld:
        raise NotImplementedError

    def setUp(self) -> None:
        self.world = self.make()
        self.account = self.world.account(10)
        self.connection = self.world.connection(self.account)
        self.one, self.two = self.world.start(), self.world.start()

    def tearDown(self) -> None:
        self.world.close()
        self.world = self.make()
        for id in self.world.rows(self.account):
            self.world.drop(id)
        self.assertEqual(self.world.audit(), [])
        self.world.close()

    def bury(self, process: Process) -> int:
        assert process.store is not None
        return int(result(process.store.nodes.bury()))

    def lease(self, process: Process) -> str:
        made = submission(self.account, self.connection, ["a@b.test"], self.world.now)
        result(process.ledger.accept(made, True))
        return made.recipients[0].id

    def claim(self, process: Process) -> list[str]:
        found = result(process.ledger.claim(Lane(self.account, "b.test", 0), 10, self.world.now))
        return [delivery.recipient for delivery in found]

    def test_burial_leaves_nothing_behind(self) -> None:
        """A lease of the living is no fault; after the death of its owner and the burial there is none left."""
        id = self.lease(self.one)
        self.assertEqual(self.world.audit(), [])
        self.world.crash(self.one)
        self.assertEqual(self.world.bury(self.two), 1)
        self.assertEqual(self.world.audit(), [])
        self.assertEqual(self.claim(self.two), [id])

    def test_a_node_that_never_joined_is_dead(self) -> None:
        """Leases in the name of nobody are given back."""
        assert self.one.store is not None
        id = self.lease(self.one)
        result(self.one.store.nodes.leave())
        with patch.object(self.two.store._writer, "_node", "ghost"):
            self.assertEqual(self.claim(self.two), [id])
        self.assertEqual(self.world.audit(), ["node ghost has recipients in hand but is dead"])
        self.assertEqual(self.bury(self.two), 1)
        self.assertEqual(self.claim(self.two), [id])


class FileNodeTests(NodeLaws, SynchronousTestCase):
    """SQLite: the kernel tells."""

    def make(self) -> DatabaseWorld:
        return sqlite_world()

    def test_death_needs_no_clock(self) -> None:
        """The first look after a crash finds it; a second finds nothing more."""
        self.lease(self.one)
        self.assertEqual(self.bury(self.two), 0)
        self.world.crash(self.one)
        self.assertEqual(len(self.world.audit()), 1)
        self.assertEqual((self.bury(self.two), self.bury(self.two)), (1, 0))

    def test_a_file_buried_before_its_lock_is_made_again(self) -> None:
        """A process that was buried between making its file and locking it joins with a new one."""
        assert self.two.store is not None
        nodes = FileNodes(self.two.store._writer, "late", self.two.store.nodes._folder.parent)
        real, removed = os.open, []

        def buried_meanwhile(path: os.PathLike[str], flags: int, mode: int = 0o777) -> int:
            file = real(path, flags, mode)
            if not removed:
                removed.append(path)
                os.unlink(path)
            return file

        with patch("mailrelay.store.nodes.os.open", buried_meanwhile):
            result(nodes.join())
        self.assertEqual(len(removed), 1)
        self.assertTrue(self.two.store.nodes.alive("late"))
        result(nodes.leave())
        self.assertFalse(self.two.store.nodes.alive("late"))


class BeatNodeTests(NodeLaws, SynchronousTestCase):
    """PostgreSQL: who is silent for too long is dead."""

    def make(self) -> DatabaseWorld:
        return postgres_world()

    def test_silence_is_measured_by_the_observer(self) -> None:
        """Death is declared only after a beat was seen unchanged for long enough, on the observer's own clock."""
        self.lease(self.one)
        self.world.crash(self.one)
        self.assertEqual(self.bury(self.two), 0)
        self.world.seconds += SILENCE
        self.assertEqual(self.bury(self.two), 0)
        self.world.seconds += 1
        self.assertEqual(self.bury(self.two), 1)

    def test_a_beat_proves_life(self) -> None:
        """Who beats in time is never buried, however long the observer watches."""
        self.lease(self.one)
        for _ in range(5):
            self.bury(self.one)
            self.assertEqual(self.bury(self.two), 0)
            self.world.seconds += SILENCE - 1
        self.assertEqual(self.world.audit(), [])

    def test_who_was_buried_alive_goes_on(self) -> None:
        """A node that was silent too long and comes back has lost its leases, and holds those it takes from then on."""
        lost = self.lease(self.one)
        self.bury(self.two)
        self.world.seconds += SILENCE + 1
        self.assertEqual(self.bury(self.two), 1)
        self.bury(self.one)
        kept = self.lease(self.one)
        self.assertEqual(self.bury(self.two), 0)
        self.assertEqual(self.claim(self.two), [lost])
        self.assertEqual(self.world.rows(self.account)[kept].lease, self.one.node)
