"""The schema: made from nothing, equal to what the code means by it, and never touched when it is newer."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from unittest.mock import patch

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.store import Unfit, migrate, open_store
from mailrelay.store.engine import Database, locate, sqlite_module
from mailrelay.store.schema import REVISION, hour_counters, metadata, provider_counters
from tests.live.postgres import server

from .worlds import START


def _texts(options: Mapping[str, object] | None) -> list[tuple[str, str]]:
    return sorted((name, str(value)) for name, value in (options or {}).items())


class SchemaLaws:
    """What holds on both engines."""

    def place(self) -> str:
        raise NotImplementedError

    def shape(self, database: Database) -> dict[str, object]:
        """Every table with its columns, keys and indexes."""
        found: dict[str, object] = {}
        with database.open_reader() as connection:
            inspector = sa.inspect(connection)
            for name in inspector.get_table_names():
                columns = [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(name)]
                indexes = sorted(
                    (i["name"] or "", tuple(i["column_names"]), _texts(i.get("dialect_options")))
                    for i in inspector.get_indexes(name)
                )
                unique = sorted(str(u["name"]) for u in inspector.get_unique_constraints(name))
                checks = sorted((str(c["name"]), str(c["sqltext"])) for c in inspector.get_check_constraints(name))
                keys = inspector.get_pk_constraint(name)["constrained_columns"]
                found[name] = (columns, keys, indexes, unique, checks)
        return found

    def test_the_steps_lead_to_the_schema(self) -> None:
        """Migrated from nothing, the tables are those that the code means, column by column and index by index."""
        migrated, direct = Database(self.place()), Database(self.place())
        migrate.bring_up_to_date(migrated, 10)
        with direct.open_writer() as connection, connection.begin():
            metadata.create_all(connection)
        found = self.shape(migrated)
        found.pop("alembic_version")
        self.assertEqual(found, self.shape(direct))
        with migrated.open_reader() as connection:
            self.assertEqual(compare_metadata(MigrationContext.configure(connection), metadata), [])

    def test_sums_by_the_hour(self) -> None:
        """What was counted by the quarter hour before there were sums by the hour is in them behind the step."""
        database = Database(self.place())
        migrate._upgrade(database, "", "0032")
        with database.open_writer() as connection, connection.begin():
            for quarter, tag, number in ((0, "", 1), (900, "", 2), (3600, "", 4), (900, "news", 8)):
                values = f"'C', %s, {quarter * 1_000_000}, %s, 'N', {number}"
                connection.exec_driver_sql(f"INSERT INTO counters VALUES ({values % (repr(tag), repr('accepted'))})")
                values = f"'C', {quarter * 1_000_000}, %s, 'delivered', 'N', {number}"
                if not tag:
                    connection.exec_driver_sql(f"INSERT INTO provider_counters VALUES ({values % repr('google')})")
        migrate.bring_up_to_date(database, 10)
        with database.open_reader() as connection:
            found = [tuple(row) for row in connection.execute(sa.select(hour_counters).order_by(*hour_counters.c))]
            hour = 3_600_000_000
            self.assertEqual(
                found,
                [
                    ("C", "", 0, "accepted", "N", 3),
                    ("C", "", hour, "accepted", "N", 4),
                    ("C", "news", 0, "accepted", "N", 8),
                ],
            )
            found = [tuple(row) for row in connection.execute(sa.select(provider_counters).order_by("hour"))]
            self.assertEqual(
                found, [("C", 0, "google", "delivered", "N", 3), ("C", hour, "google", "delivered", "N", 4)]
            )

    def test_opening_again_changes_nothing(self) -> None:
        """A store that is up to date is opened without Alembic."""
        where = self.place()
        for _ in range(2):
            open_store(where, node="n", now=lambda: START, inline=True).close()
        with patch.object(migrate, "_upgrade", side_effect=AssertionError("migrated again")):
            open_store(where, node="n", now=lambda: START, inline=True).close()

    def test_a_newer_schema_is_refused(self) -> None:
        """U3: an older program leaves a newer schema alone and says why."""
        where = self.place()
        open_store(where, node="n", now=lambda: START, inline=True).close()
        with Database(where).open_writer() as connection, connection.begin():
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        with self.assertRaises(Unfit) as caught:
            open_store(where, node="n", now=lambda: START, inline=True)
        self.assertIn("9999", str(caught.exception))
        self.assertIn(REVISION, str(caught.exception))

    def test_a_step_that_breaks_off_leaves_nothing(self) -> None:
        """U2: a migration that fails in its midst leaves the schema that was, and the next start completes it."""
        where = self.place()
        with patch("alembic.op.create_index", side_effect=RuntimeError("killed")), self.assertRaises(RuntimeError):
            open_store(where, node="n", now=lambda: START, inline=True)
        left = set(self.shape(Database(where)))
        self.assertLessEqual(left, {"alembic_version"})
        open_store(where, node="n", now=lambda: START, inline=True).close()
        self.assertIn("recipients", self.shape(Database(where)))


class SqliteSchemaTests(SchemaLaws, SynchronousTestCase):
    """SQLite."""

    def place(self) -> str:
        return self.mktemp()

    def test_a_garbage_file_is_not_replaced(self) -> None:
        """D9: a file that is no database is an error, not a reason to make a new one."""
        folder = Path(self.mktemp())
        folder.mkdir()
        file = folder / "mailrelay.sqlite3"
        file.write_bytes(b"no database " * 1000)
        with self.assertRaises(Exception) as caught:
            open_store(folder, node="n", now=lambda: START, inline=True)
        self.assertIn("not a database", str(caught.exception))
        self.assertEqual(file.read_bytes(), b"no database " * 1000)

    def test_an_old_library_is_refused(self) -> None:
        """A SQLite before 3.51.3 is refused by its version, since two writers can corrupt its WAL (D12)."""
        with (
            patch("mailrelay.store.engine.OLDEST_SQLITE", (99, 0, 0)),
            self.assertRaises(Unfit) as caught,
        ):
            sqlite_module()
        self.assertIn("99.0.0", str(caught.exception))
        self.assertIn(sqlite3.sqlite_version, str(caught.exception))

    def test_places(self) -> None:
        """A folder, a file and a URL name the same place; another database is refused."""
        for where in ("/x/mailrelay.sqlite3", "/x", "sqlite:////x"):
            self.assertEqual(str(locate(where).file), "/x/mailrelay.sqlite3")
        self.assertIsNone(locate("postgres://u@h/d").folder)
        with self.assertRaises(Unfit):
            locate("mysql://u@h/d")


class PostgresSchemaTests(SchemaLaws, SynchronousTestCase):
    """PostgreSQL."""

    def place(self) -> str:
        return server().new_database()

    def test_a_server_that_does_not_sync_is_refused(self) -> None:
        """R8: with synchronous_commit off an accepted message could be lost, so the start is refused."""
        where = self.place()
        with Database(where).open_writer() as connection:
            name = connection.exec_driver_sql("SELECT current_database()").scalar()
            connection.exec_driver_sql(f"ALTER DATABASE {name} SET synchronous_commit = off")
            connection.commit()
        with self.assertRaises(Unfit) as caught:
            Database(where)
        self.assertIn("synchronous_commit", str(caught.exception))
