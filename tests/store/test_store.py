"""Tenants, hot reads and history over real databases, seen through the interfaces."""

from __future__ import annotations

import gc
import os
from dataclasses import replace
from functools import cache
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.bodies import IBodies, ISpool
from mailrelay.interfaces.directory import IDirectory, RecipientFacts
from mailrelay.interfaces.history import IHistory, Selection
from mailrelay.interfaces.nodes import INodes
from mailrelay.interfaces.registry import (
    Account,
    Connection,
    Domain,
    Imported,
    IRegistry,
    NewCredential,
    Searched,
    Sender,
    Suppression,
    Taken,
)
from mailrelay.interfaces.verdicts import IVerdicts
from mailrelay.mail.envelope import SECOND, Settlement, State, Submission
from mailrelay.mail.reply import Refusal, Reply
from mailrelay.store import open_store
from mailrelay.store.accept import CHUNK
from mailrelay.store.bodies import ORPHAN_AGE, put_chunk
from tests.fresh import fresh_database

from .worlds import START, _database, new_id, result, submission


class StoreLaws:
    """What the use cases and the relay may count on."""

    def place(self) -> str:
        raise NotImplementedError

    def setUp(self) -> None:
        self.now = START
        self.store = open_store(self.place(), node=new_id(), now=lambda: self.now, inline=True, names=new_id)
        self.registry, self.directory, self.history = self.store.registry, self.store.directory, self.store.history
        result(self.store.nodes.join())
        self.account = Account(new_id(), f"acme {new_id()}", 100, 0, START)
        result(self.registry.add_account(self.account))
        self.connection = self.add_connection()

    def tearDown(self) -> None:
        result(self.store.nodes.leave())
        self.assertEqual(result(self.history.audit()), [])
        result(self.store.close())

    def add_connection(self, username: str = "", **more: object) -> Connection:
        id = new_id()
        credential = NewCredential(new_id(), username or f"User-{id}@acme.test", "generated", "d1", "sealed")
        made = Connection(
            id=id,
            account=self.account.id,
            name=f"main {id}",
            dialect="standard",
            sender="App@ACME.test",
            status="active",
            status_reason="",
            networks=("192.0.2.0/24", "::1/128"),
            rate=10,
            rate_period=60,
            rate_burst=5,
            created_at=START,
            credentials=(credential,),
        )
        made = replace(made, **more)  # type: ignore[arg-type]
        result(self.registry.add_connection(made))
        return made

    def failing(self, kind: type[Exception], deferred: Deferred[object]) -> str:
        with self.assertRaises(kind) as caught:
            result(deferred)
        return str(caught.exception)

    def accept(self, *addresses: str, lease: bool = True, **more: object) -> list[str]:
        made = submission(self.account.id, self.connection.id, addresses, self.now, **more)  # type: ignore[arg-type]
        result(self.store.ledger.accept(made, lease))
        return [recipient.id for recipient in made.recipients]

    def test_interfaces(self) -> None:
        """Every attribute of a store provides its interface."""
        for interface, real in (
            (IRegistry, self.registry),
            (IDirectory, self.directory),
            (IHistory, self.history),
            (IBodies, self.store.bodies),
            (ISpool, self.store.spool),
            (INodes, self.store.nodes),
            (IVerdicts, self.store.verdicts),
        ):
            verifyObject(interface, real)

    # Accounts and money

    def test_accounts_have_unique_names(self) -> None:
        """An account's name and id are taken once."""
        self.failing(Taken, self.registry.add_account(replace(self.account, id=new_id())))
        self.failing(Taken, self.registry.add_account(replace(self.account, name="other")))
        self.assertIn(self.account, result(self.registry.accounts()))

    def test_moving_a_balance(self) -> None:
        """Money is added and taken, never below what is available; each move leaves one entry."""
        moved = result(self.registry.move_balance(self.account.id, 50, "top_up", "card", START))
        self.assertEqual((moved.balance, moved.available), (150, 150))
        self.accept("a@b.test", "b@b.test", billing="attempt")
        words = self.failing(ValueError, self.registry.move_balance(self.account.id, -149, "correction", "", START))
        self.assertIn("148", words)
        self.assertEqual(
            result(self.registry.move_balance(self.account.id, -148, "correction", "", START)).available, 0
        )
        self.failing(KeyError, self.registry.move_balance("nobody", 1, "top_up", "", START))
        self.failing(ValueError, self.registry.move_balance(self.account.id, 1 << 63, "top_up", "", START))

    def test_setting_a_balance(self) -> None:
        """Setting means sends available, whatever is reserved."""
        self.accept("a@b.test", billing="attempt")
        found = result(self.registry.set_balance(self.account.id, 7, "agreed", START))
        self.assertEqual((found.balance, found.reserved, found.available), (8, 1, 7))
        self.failing(ValueError, self.registry.set_balance(self.account.id, -1, "", START))
        self.failing(KeyError, self.registry.set_balance("nobody", 1, "", START))

    def test_an_account_cannot_open_in_debt(self) -> None:
        """No account begins below zero, and nothing of it is left."""
        self.failing(ValueError, self.registry.add_account(replace(self.account, id=new_id(), name="debt", balance=-1)))
        self.assertNotIn("debt", [account.name for account in result(self.registry.accounts())])

    # Connections and credentials

    def test_a_connection_is_kept_whole(self) -> None:
        """What was created is what is listed, credentials and networks too; a second of its name is refused."""
        self.assertEqual(result(self.registry.connections(self.account.id)), [self.connection])
        self.assertIn(self.connection, result(self.registry.connections()))
        self.failing(Taken, self.registry.add_connection(replace(self.connection, id=new_id(), credentials=())))
        self.failing(KeyError, self.registry.add_connection(replace(self.connection, id=new_id(), account="nobody")))

    def test_a_user_name_is_unique_in_any_case(self) -> None:
        """A user name belongs to one connection of the installation, in any case; refused, nothing is left."""
        name = self.connection.credentials[0].username
        with self.assertRaises(Taken):
            self.add_connection(name.upper())
        self.assertEqual(len(result(self.registry.connections(self.account.id))), 1)
        second = NewCredential(new_id(), name.lower(), "password", "d2", "")
        result(self.registry.replace_credential(self.connection.id, second))
        found = result(self.directory.credentials(name.swapcase()))
        self.assertEqual(
            [(c.kind, c.digest, c.connection.id) for c in found],
            [("generated", "d1", self.connection.id), ("password", "d2", self.connection.id)],
        )

    def test_changing_a_connection(self) -> None:
        """Fields change one by one; an unknown field, connection or a taken name is refused."""
        changed = result(
            self.registry.change_connection(
                self.connection.id,
                {"status": "blocked", "status_reason": "bounces", "networks": (), "sender": "x@y.test"},
            )
        )
        self.assertEqual((changed.status, changed.status_reason, changed.networks), ("blocked", "bounces", ()))
        facts = result(self.directory.connection(self.connection.id))
        self.assertEqual((facts.status, facts.sender_domain, facts.rate_burst), ("blocked", "y.test", 5))
        self.failing(ValueError, self.registry.change_connection(self.connection.id, {"account": "x"}))
        self.failing(KeyError, self.registry.change_connection("unknown", {"rate": 1}))
        other = self.add_connection()
        self.failing(Taken, self.registry.change_connection(other.id, {"name": self.connection.name}))
        self.assertEqual(result(self.registry.change_connection(other.id, {"name": other.name})).name, other.name)

    def test_replacing_a_credential(self) -> None:
        """A new secret takes the old one's place; a renamed login frees its name; another's is not touched."""
        old = self.connection.credentials[0]
        result(
            self.registry.replace_credential(self.connection.id, replace(old, username=f"new-{old.id}", digest="d9"))
        )
        self.assertEqual(result(self.directory.credentials(old.username)), ())
        self.assertEqual([c.digest for c in result(self.directory.credentials(f"NEW-{old.id}"))], ["d9"])
        other = self.add_connection(old.username)
        self.failing(Taken, self.registry.replace_credential(other.id, replace(old, username="z")))
        self.failing(KeyError, self.registry.replace_credential("unknown", old))

    def test_removing_a_credential(self) -> None:
        """A removed login is found no more and frees its name; another connection's, or none, is not touched."""
        (old,) = self.connection.credentials
        other = self.add_connection()
        self.failing(KeyError, self.registry.remove_credential(other.id, old.id))
        result(self.registry.remove_credential(self.connection.id, old.id))
        self.assertEqual(result(self.directory.credentials(old.username)), ())
        self.failing(KeyError, self.registry.remove_credential(self.connection.id, old.id))
        result(self.registry.replace_credential(other.id, replace(old, id=new_id())))

    # Domains, senders, suppressions, switches

    def test_domains(self) -> None:
        """A domain is created and changes its status; MAIL is judged by it and by what is left to spend."""
        domain = Domain(self.account.id, "acme.test", "unverified", START)
        result(self.registry.put_domain(domain))
        asked = (self.account.id, self.connection.id, "acme.test")
        self.assertEqual(result(self.directory.sender(*asked)).domain, "unverified")
        result(self.registry.put_domain(replace(domain, status="verified", created_at=START + 1)))
        self.now += SECOND
        facts = result(self.directory.sender(*asked))
        self.assertEqual((facts.domain, facts.available, facts.status), ("verified", 100, "active"))
        self.assertEqual(result(self.directory.sender(self.account.id, "none", "no\0.test")).domain, "")
        self.assertEqual(result(self.registry.domains(self.account.id)), [replace(domain, status="verified")])
        self.failing(KeyError, self.registry.put_domain(replace(domain, account="nobody")))

    def test_a_closed_store_holds_no_file(self) -> None:
        """Whoever opens and closes stores for long does not run out of descriptors."""

        def once() -> int:
            store = open_store(place, node=new_id(), now=lambda: self.now, inline=True, names=new_id)
            result(store.registry.put_setting("a", "b"))
            result(store.registry.accounts())
            result(store.close())
            gc.collect()
            return len(os.listdir("/proc/self/fd"))

        place = self.place()
        once()
        self.assertEqual(once(), once())

    def test_what_is_left_shows_at_once(self) -> None:
        """Where few sends are left, a spending that the directory is told of is seen by the next look; a change of
        which it is not told within a second."""
        asked = (self.account.id, self.connection.id, "acme.test")
        left = result(self.directory.sender(*asked)).available
        result(self.registry.move_balance(self.account.id, -1, "topup", "", START))
        self.assertEqual(result(self.directory.sender(*asked)).available, left)
        self.directory.spent(self.account.id)
        self.assertEqual(result(self.directory.sender(*asked)).available, left - 1)
        result(self.registry.move_balance(self.account.id, -1, "topup", "", START))
        self.now += SECOND
        self.assertEqual(result(self.directory.sender(*asked)).available, left - 2)

    def test_senders(self) -> None:
        """A sender is added once and removed once."""
        sender = Sender(self.account.id, "a@acme.test", START, "a@acme.test")
        result(self.registry.add_sender(sender))
        self.failing(Taken, self.registry.add_sender(sender))
        self.assertEqual(result(self.registry.senders(self.account.id)), [sender])
        result(self.registry.remove_sender(self.account.id, "a@acme.test"))
        self.failing(KeyError, self.registry.remove_sender(self.account.id, "a@acme.test"))

    def test_suppressions_that_come_in(self) -> None:
        """Of a list only those are added that are not suppressed at the moment: what is stays as it is."""
        registry, account = self.registry, self.account.id
        known = Suppression(account, "known@b.test", "known@b.test", "complaint", "ours", START)
        ended = Suppression(account, "ended@b.test", "ended@b.test", "manual", "ours", START, START + 5)
        result(registry.put_suppressions((known, ended)))
        fresh = [
            Suppression(account, f"{name}@b.test", f"{name}@b.test", "manual", "import 1", START + 9)
            for name in ("known", "ended", "new", "new")
        ]
        added = result(registry.add_suppressions(fresh, START + 5))
        self.assertEqual(sorted(added), ["ended@b.test", "new@b.test"])
        self.assertEqual(result(registry.add_suppressions((), START)), [])
        found = result(registry.search_suppressions(Searched(account), 10))
        self.assertEqual([each.key for each in found], ["ended@b.test", "new@b.test", "known@b.test"])
        self.assertEqual(found[-1], known)
        expected = [Imported(account, "import 1", 2, START + 9)]
        self.assertEqual(result(registry.suppression_imports(account, 10)), expected)
        self.assertEqual(result(registry.suppression_imports("", 10)), expected)
        self.assertEqual(result(registry.suppression_imports("nobody", 10)), [])
        self.failing(KeyError, registry.add_suppressions([replace(known, account="nobody")], START))

    def test_suppressions_found(self) -> None:
        """A search finds by a part of the address that is taken literally, by reason and origin, page by page."""
        registry, account = self.registry, self.account.id
        made = [
            Suppression(account, f"u{number}_x%@b.test", f"U{number}_x%@b.test", "manual", "o", START + number // 2)
            for number in range(5)
        ]
        result(registry.put_suppressions([*made, replace(made[0], key="uxx@b.test", address="uxx@b.test", origin="p")]))

        def keys(**words: str) -> list[str]:
            found = result(registry.search_suppressions(Searched(account, **words), 10))
            return [each.key for each in found]

        self.assertEqual(keys(text="_x%@"), [f"u{number}_x%@b.test" for number in (4, 2, 3, 0, 1)])
        self.assertEqual(keys(text="U3_"), ["u3_x%@b.test"])
        self.assertEqual(keys(text="UXX"), ["uxx@b.test"])
        self.assertEqual(keys(origin="p"), ["uxx@b.test"])
        self.assertEqual(keys(reason="complaint"), [])
        seen, before = [], None
        while page := result(registry.search_suppressions(Searched(account, before=before), 2)):
            seen += [each.key for each in page]
            before = Searched.place_of(page[-1])
        self.assertEqual(seen, keys())
        self.assertEqual(len(seen), 6)

    def test_suppressions(self) -> None:
        """An address suppressed again keeps its date and gets the new reason; removed, it may be sent to again."""
        first = Suppression(self.account.id, "u@b.test", "U@b.test", "unsubscribe", "link", START)
        result(self.registry.add_suppression(first))
        result(self.registry.add_suppression(replace(first, reason="complaint", created_at=START + 9)))
        found = result(self.registry.suppressions(self.account.id))
        self.assertEqual([(s.reason, s.created_at) for s in found], [("complaint", START)])
        self.assertEqual(result(self.directory.recipient(self.account.id, "u@b.test")), RecipientFacts("complaint", 0))
        result(self.registry.remove_suppression(self.account.id, "u@b.test"))
        self.failing(KeyError, self.registry.remove_suppression(self.account.id, "u@b.test"))
        self.assertEqual(result(self.directory.recipient(self.account.id, "u@b.test")), RecipientFacts("", 0))

    def test_a_suppression_is_seen_within_a_second(self) -> None:
        """An account remembered as suppressing nothing is asked again within a second."""
        for _ in range(2):
            self.assertEqual(result(self.directory.recipient(self.account.id, "u@b.test")).suppression, "")
        result(self.registry.add_suppression(Suppression(self.account.id, "u@b.test", "", "manual", "", START)))
        self.now += SECOND
        result(self.directory.recipient(self.account.id, "u@b.test"))
        self.assertEqual(result(self.directory.recipient(self.account.id, "u@b.test")).suppression, "manual")

    def test_switches(self) -> None:
        """A switch is seen after a second at the latest, and its old answer is not asked for again within it."""
        key = new_id()
        self.assertNotIn(key, result(self.directory.settings()))
        result(self.registry.put_setting(key, "1"))
        self.assertNotIn(key, result(self.directory.settings()))
        self.now += SECOND
        self.assertEqual(result(self.directory.settings())[key], "1")

    def test_a_name_that_cannot_be_is_nobodys(self) -> None:
        """A user name or key with NUL or a lone surrogate is unknown, not an error (A8)."""
        self.assertEqual(result(self.directory.credentials("a\0b")), ())
        self.assertEqual(result(self.directory.credentials("a\ud800b")), ())
        self.assertEqual(result(self.directory.recipient(self.account.id, "\ud800")).suppression, "")
        self.failing(KeyError, self.directory.connection("unknown"))

    # History

    def test_passages(self) -> None:
        """A passage tells what became of a recipient; lists are newest first and go on from a cursor."""
        ids = self.accept("A@b.test", "b@c.test", lease=True, billing="attempt")
        settled = Settlement(
            ids[0], State.DELIVERED, charge="capture", reply=Reply(250, "2.0.0", "ok"), host="mx", at=START + 5
        )
        result(self.store.ledger.settle(settled))
        newest, oldest = result(self.history.passages(Selection(account=self.account.id), 10))
        self.assertEqual((newest.recipient, oldest.recipient), (ids[1], ids[0]))
        self.assertEqual(
            (oldest.state, oldest.billed, oldest.attempts, oldest.last_reply, oldest.last_host, oldest.last_at),
            (State.DELIVERED, 1, 1, "250 2.0.0 ok", "mx", START + 5),
        )
        self.assertEqual(
            (newest.leased, newest.connection_name, newest.dialect), (True, self.connection.name, "standard")
        )
        for selection in (
            Selection(account=self.account.id, before=ids[1]),
            Selection(account=self.account.id, to="A@b.test"),
            Selection(account=self.account.id, to="a@B.test"),
            Selection(account=self.account.id, states=(State.DELIVERED, State.BOUNCED)),
            Selection(recipient=ids[0]),
            Selection(account=self.account.id, destination="b.test"),
        ):
            self.assertEqual([p.recipient for p in result(self.history.passages(selection, 10))], [ids[0]])
        self.assertEqual(len(result(self.history.passages(Selection(message=oldest.id), 1))), 1)

    def test_verdicts_are_kept(self) -> None:
        """Law 11: the decisions on the way of a message are kept with it; those of a refusal, by themselves."""
        verdicts = [{"rule": "size", "allowed": True, "facts": {"size": 3, "name": "\0ü"}}]
        self.accept("a@b.test", verdicts=verdicts)
        message = result(self.history.passages(Selection(account=self.account.id), 1))[0].id
        self.assertEqual(result(self.history.verdicts(message)), verdicts)
        self.failing(KeyError, self.history.verdicts("unknown"))
        self.store.verdicts.keep(self.connection.id, self.account.id, "192.0.2.1", "rcpt", verdicts)
        with self.store._writer._database.open_reader() as connection:
            found = connection.exec_driver_sql("SELECT stage, verdicts FROM refusals ORDER BY id DESC").first()
        self.assertEqual(found and found[0], "rcpt")

    def test_in_bulk(self) -> None:
        """Hold, retry and drop reach every recipient that fits, in transactions of bounded size."""
        result(self.registry.move_balance(self.account.id, 100, "top_up", "", START))
        self.accept(*(f"u{n}@bulk.test" for n in range(25)), lease=False)
        here = Selection(account=self.account.id, destination="bulk.test")
        with patch("mailrelay.store.waiting.BULK", 10):
            self.assertEqual(result(self.history.hold(here, True)), 25)
            self.assertEqual(result(self.history.hold(here, False)), 25)
            self.assertEqual(result(self.history.retry(here, START - 1)), 25)
            self.assertEqual(result(self.history.drop(here, "gone", START)), 25)
        self.assertEqual({p.last_reply for p in result(self.history.passages(here, 100))}, {"gone"})

    # Bodies

    def test_sources(self) -> None:
        """A source comes back octet for octet, however large; an unknown one is a `KeyError`."""
        for source in (b"", b"x" * CHUNK, bytes(range(256)) * (CHUNK // 100)):
            self.accept("a@b.test", source=source)
            message = result(self.history.passages(Selection(account=self.account.id), 1))[0].id
            self.assertEqual(result(self.store.bodies.read(message)), source)
        self.failing(KeyError, self.store.bodies.read("unknown"))

    def spool(self, *pieces: bytes) -> Submission:
        """A submission of which these pieces are put away already."""
        made = submission(self.account.id, self.connection.id, ["a@b.test"], self.now, source=b"head: x\r\n\r\n")
        for number, octets in enumerate(pieces, 1):
            result(self.store.spool.put(made.id, number, octets))
        return replace(made, spooled=sum(map(len, pieces)))

    def test_spooled(self) -> None:
        """What was put away while it came is behind the submission's own source, in the order of its numbers; all of it
        is the message's size (S13, L5)."""
        pieces = [bytes([each]) * 100 for each in range(12)]
        made = self.spool(*pieces)
        (delivery,) = result(self.store.ledger.accept(made, True))
        whole = made.source + b"".join(pieces)
        self.assertEqual(result(self.store.bodies.read(made.id)), whole)
        self.assertEqual((delivery.size, made.size), (len(whole),) * 2)
        result(self.store.ledger.release([delivery.recipient]))
        (lane,) = [each for each in result(self.store.ledger.lanes({}, 100)) if each.account == self.account.id]
        (claimed,) = result(self.store.ledger.claim(lane, 1, self.now))
        self.assertEqual(claimed, delivery)

    def test_incomplete(self) -> None:
        """A message of which something is missing is never accepted, and nothing is charged for it (law 1)."""
        made = self.spool(b"x" * 100, b"y" * 100)
        for spooled in (100, 199, 201, 10**9):
            self.failing(Refusal, self.store.ledger.accept(replace(made, spooled=spooled), True))
        self.assertEqual(result(self.history.passages(Selection(account=self.account.id), 10)), [])
        self.assertIn(self.account, result(self.registry.accounts()))
        result(self.store.spool.drop(made.id))

    def test_dropped(self) -> None:
        """What is dropped is gone at once, unless its message was accepted (P16)."""
        unwanted, wanted = self.spool(b"x" * 100), self.spool(b"y" * 100)
        result(self.store.ledger.accept(wanted, False))
        result(self.store.spool.drop(unwanted.id))
        result(self.store.spool.drop(wanted.id))
        self.assertTrue(result(self.store.bodies.read(wanted.id)).endswith(b"y"))
        self.failing(Refusal, self.store.ledger.accept(unwanted, True))
        result(self.store.spool.drop(unwanted.id))
        self.assertEqual(result(self.store.sweep(self.now + ORPHAN_AGE + 1)), 0)

    def test_orphans_are_swept(self) -> None:
        """Chunks whose message never came go after a day; those of a message stay."""
        self.accept("a@b.test", source=b"x" * (CHUNK + 1))
        message = result(self.history.passages(Selection(account=self.account.id), 1))[0].id
        result(self.store._writer.ask(put_chunk, ("orphan", 0, self.now, b"x")))
        self.assertEqual(result(self.store.sweep(self.now)), 0)
        self.assertEqual(result(self.store.sweep(self.now + ORPHAN_AGE + 1)), 1)
        self.assertEqual(len(result(self.store.bodies.read(message))), CHUNK + 1)

    # Audit

    def test_the_audit_finds_what_is_wrong(self) -> None:
        """Each law that was broken by hand is told; mended, the audit is silent again."""
        ids = self.accept("a@b.test")
        for breaking, mending, words in (
            (
                "UPDATE accounts SET balance = balance + 1 WHERE id = '{a}'",
                "UPDATE accounts SET balance = balance - 1 WHERE id = '{a}'",
                "sum of its entries",
            ),
            (
                "UPDATE accounts SET reserved = 1 WHERE id = '{a}'",
                "UPDATE accounts SET reserved = 0 WHERE id = '{a}'",
                "reserved",
            ),
            (
                "UPDATE recipients SET state = 'delivered', lease = '' WHERE id = '{r}'",
                "UPDATE recipients SET state = 'queued' WHERE id = '{r}'",
                "counted as delivered",
            ),
            (
                "UPDATE recipients SET lease = 'ghost' WHERE id = '{r}'",
                "UPDATE recipients SET lease = '' WHERE id = '{r}'",
                "ghost has recipients in hand",
            ),
            (
                "UPDATE recipients SET expires_at = 0 WHERE id = '{r}'",
                "UPDATE recipients SET expires_at = 1 WHERE id = '{r}'",
                "has no deadline",
            ),
            (
                "UPDATE recipients SET billed = 0 WHERE id = '{r}'",
                "UPDATE recipients SET billed = 1 WHERE id = '{r}'",
                "its entries say 1",
            ),
            (
                "UPDATE recipients SET message = 'x' || message WHERE id = '{r}'",
                "UPDATE recipients SET message = substr(message, 2) WHERE id = '{r}'",
                "has no message",
            ),
        ):
            self._change(breaking.format(a=self.account.id, r=ids[0]))
            self.assertIn(words, "; ".join(result(self.history.audit())))
            self._change(mending.format(a=self.account.id, r=ids[0]))
            self.assertEqual(result(self.history.audit()), [])

    def _change(self, statement: str) -> None:
        with self.store._writer._database.open_writer() as connection, connection.begin():
            connection.exec_driver_sql(statement)


class SqliteStoreTests(StoreLaws, SynchronousTestCase):
    """Over SQLite."""

    def place(self) -> str:
        return _database("sqlite") + "-store"


class PostgresStoreTests(StoreLaws, SynchronousTestCase):
    """Over a real PostgreSQL."""

    def place(self) -> str:
        return _postgres()


@cache
def _postgres() -> str:
    return fresh_database()
