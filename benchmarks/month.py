"""A month of mail as the store keeps it, ten million recipients in minutes: rows that SQLite makes itself.

Twenty connections of five accounts send to large providers and to twenty thousand small domains; 95 % is delivered. A
message has one recipient, both with all that accepting and settling write into their rows; the source is forgotten, as
it is when the mail is at its end. What is "by chance" is a hash of the row's number, so that every run makes the same.
The counters are dense, as ten million mails leave them.

The rows come in the order of their ids, and the indexes are made when all are there: the same as if each mail had gone
into them, in a tenth of the time.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mailrelay.mail.envelope import DAY, SECOND
from mailrelay.store.engine import FILE_NAME, Database, sqlite_module
from mailrelay.store.migrate import bring_up_to_date
from mailrelay.store.schema import counters, durations, hour_counters, messages, provider_counters, recipients
from mailrelay.store.work import HOUR, QUARTER

TOGETHER = 500_000
MONTH = 30 * DAY
#: Where the month begins, on an hour.
START = 1_763_996_400 * SECOND
CONNECTIONS, ACCOUNTS = 20, 5
TAGS = ("", "news", "bill")
PROVIDERS = ("google", "microsoft", "yahoo", "apple", "mailru", "others")
_DIGITS = "'0123456789ABCDEFGHJKMNPQRSTVWXYZ'"
_VERDICTS = (
    '[{"rule":"sender_owned","verdict":"pass"},{"rule":"suppression","verdict":"pass"},'
    '{"rule":"size","verdict":"pass","facts":{"size":4210}}]'
)


def _ulid(own: int) -> str:
    """The id of a row of `mail`: its instant, and what `own` and the number make of it."""
    time = "||".join(f"substr({_DIGITS}, ((at / 1000 >> {bits}) & 31) + 1, 1)" for bits in range(45, -1, -5))
    return f"{time}||printf('%016X', (place * 2654435761 + {own}) & 0xFFFFFFFFFFFFFFF)"


#: Everything that the columns below are made of, for the rows from :first on.
_MAIL = f"""
WITH RECURSIVE numbers(place) AS (SELECT :first UNION ALL SELECT place + 1 FROM numbers WHERE place + 1 < :end),
chances AS (
    SELECT place, {START} + CAST({MONTH} * (place * 1.0 / :number) AS INTEGER) AS at, place % {CONNECTIONS} AS own,
        (place * 2654435761 >> 11) & 0xFFFFFF AS one, (place * 40503 + (place * 2246822519 >> 13)) & 0xFFFFFF AS two,
        (place * 3266489917 >> 9) & 0xFFFFFF AS three
    FROM numbers
),
mail AS (
    SELECT *, 'A' || (own % {ACCOUNTS}) AS account, 'C' || own AS connection,
        CASE one % 10 WHEN 0 THEN 'gmail.com' WHEN 1 THEN 'gmail.com' WHEN 2 THEN 'gmail.com' WHEN 3 THEN 'gmail.com'
            WHEN 4 THEN 'mail.ru' WHEN 5 THEN 'mail.ru' WHEN 6 THEN 'yahoo.com'
            ELSE 'd' || (two % 20000) || '.example' END AS domain,
        CASE WHEN three % 50000 = 7 THEN 'rare' ELSE
            CASE two % 4 WHEN 0 THEN '' WHEN 1 THEN 'news' WHEN 2 THEN 'bill' ELSE 'code' END END AS tag,
        CASE WHEN three % 1000 < 950 THEN 'delivered' WHEN three % 1000 < 980 THEN 'bounced'
            WHEN three % 1000 < 985 THEN 'failed' WHEN three % 1000 < 990 THEN 'expired'
            WHEN three % 1000 < 998 THEN 'suppressed' ELSE 'deferred' END AS state
    FROM chances
)
"""
_MESSAGE = {
    "id": _ulid(1),
    "account": "account",
    "connection": "connection",
    "dialect": "'standard'",
    "peer": "'192.0.2.' || (own + 1)",
    "sender": "'app@shop' || own || '.example'",
    "subject": "'Your order ' || place || ' is on its way'",
    "tag": "tag",
    "client_ref": "CASE place % 2 WHEN 1 THEN 'ref' || place ELSE '' END",
    "billing": "'accept'",
    "size": "4210",
    "received_at": "at",
    "expires_at": f"at + {4 * DAY}",
    "verdicts": f"'{_VERDICTS}'",
}
_RECIPIENT = {
    "id": _ulid(2),
    "message": _ulid(1),
    "account": "account",
    "connection": "connection",
    "tag": "tag",
    "address": "'u' || (two % (1000 + place / 3)) || '@' || domain",
    "key": "'u' || (two % (1000 + place / 3)) || '@' || domain",
    "destination": "domain",
    "state": "state",
    "priority": "5",
    "attempts": "1",
    "billed": "1",
    "accepted_at": "at",
    "due_at": "at",
    "expires_at": f"at + {4 * DAY}",
    "last_reply": "CASE state WHEN 'delivered' THEN '250 2.0.0 Ok: queued as ' || printf('%X', place)"
    " WHEN 'suppressed' THEN '' ELSE '550 5.1.1 <u@' || domain || '>: Recipient address rejected: unknown' END",
    "last_host": "'mx1.' || domain",
    "last_at": f"at + {SECOND}",
}


def fill(place: str, number: int) -> None:
    """A month of mail and its counters."""
    database = Database(place)
    bring_up_to_date(database, 10)
    with database.open_writer() as link, link.begin():
        _count(database, link)
    file = sqlite_module().connect(str(Path(place) / FILE_NAME), isolation_level=None)
    try:
        file.execute("PRAGMA synchronous = OFF")
        file.execute("PRAGMA cache_size = -1000000")
        asked = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN (?, ?)"
        indexes = file.execute(asked, (messages.name, recipients.name)).fetchall()
        for name, _ in indexes:
            file.execute(f"DROP INDEX {name}")
        for first in range(0, number, TOGETHER):
            values = {"first": first, "end": min(first + TOGETHER, number), "number": number}
            for table, told in ((messages, _MESSAGE), (recipients, _RECIPIENT)):
                file.execute("BEGIN")
                file.execute(_insertion(table, told), values)
                file.execute("COMMIT")
        for _, statement in indexes:
            file.execute(statement)
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        file.close()


def _insertion(table: sa.Table, told: dict[str, str]) -> str:
    """A statement that makes the rows of `mail`; what it is not told is "" or 0, or null where that may be."""
    usual = {
        each.name: "NULL" if each.nullable else "''" if isinstance(each.type, sa.Text) else "0" for each in table.c
    }
    columns = usual | told
    assert columns.keys() == usual.keys()
    return f"{_MAIL} INSERT INTO {table.name} ({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM mail"


def _count(database: Database, link: sa.Connection) -> None:
    """Counters of the connections of statistics, dense."""
    kinds = ("accepted", "delivered", "bounced", "billed", "opened", "opens")
    for own in range(ACCOUNTS):
        shared = {"connection": f"C{own}", "node": "N", "count": 50}
        quarters = range(START, START + MONTH, QUARTER)
        told = product(quarters, TAGS, kinds)
        rows = [shared | {"quarter": at, "tag": tag, "kind": kind} for at, tag, kind in told]
        _insert(database, link, counters, rows)
        hours = range(START, START + MONTH, HOUR)
        rows = [
            shared | {"hour": at, "tag": tag, "kind": kind, "count": 50 * HOUR // QUARTER}
            for at, tag, kind in product(hours, TAGS, kinds)
        ]
        _insert(database, link, hour_counters, rows)
        ended = product(hours, PROVIDERS, ("delivered", "bounced"))
        rows = [shared | {"hour": at, "provider": name, "kind": kind} for at, name, kind in ended]
        _insert(database, link, provider_counters, rows)
        spent = [(at, phase, each) for at in hours for phase in ("total", "wait", "remote") for each in range(10, 22)]
        rows = [shared | {"hour": at, "phase": phase, "bucket": each} for at, phase, each in spent]
        _insert(database, link, durations, rows)


def _insert(database: Database, link: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Rows in bulk."""
    statement = str(sa.insert(table).compile(dialect=database.dialect))
    link.exec_driver_sql(statement, [tuple(row[each.name] for each in table.c) for row in rows])
