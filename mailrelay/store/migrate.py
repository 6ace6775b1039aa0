"""Bringing a database to the schema this code knows, or refusing one that is newer (U3).

Alembic is imported only when there is something to do. A migration is one transaction on both engines: a crash in its
midst leaves the schema that was (U2). This module never goes back.
"""

from __future__ import annotations

import sqlalchemy as sa

from .engine import Database, Unfit, WriterLock
from .schema import REVISION


def bring_up_to_date(database: Database, patience: float) -> None:
    """Create or upgrade the tables; `Unfit` when they are newer than this code."""
    if _revision(database) == REVISION:
        return
    lock = WriterLock(database.place.folder, patience)
    try:
        with lock.held():
            found = _revision(database)
            if found != REVISION:
                _upgrade(database, found)
    finally:
        lock.close()


def _revision(database: Database) -> str:
    """The revision the database is at, '' for an empty one."""
    with database.open_reader() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return ""
        return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() or "")


def _upgrade(database: Database, found: str, to: str = "head") -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "mailrelay.store:migrations")
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    known = {revision.revision for revision in script.walk_revisions()}
    if found and found not in known:
        raise Unfit(f"the database is at schema {found}, which is newer than this version ({REVISION}) understands")
    with database.open_writer() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, to)
