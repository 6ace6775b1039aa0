"""Templates over both engines and the memory twin: versions, whose they are, and the one that a message gets."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.directory import IDirectory
from mailrelay.interfaces.registry import Account, Taken
from mailrelay.interfaces.templates import ITemplates, Template
from mailrelay.mail.envelope import SECOND
from mailrelay.store import open_store
from mailrelay.store.memory import MemoryDirectory, MemoryState, MemoryTemplates
from tests.fresh import fresh_database, fresh_folder

from .worlds import START, new_id, result

WHOLE = {
    "name": "Welcome",
    "from_name": "Shop {{ n }}",
    "from_address": "news@shop.example",
    "return_path": "bounce@shop.example",
    "reply_to": "help@shop.example",
    "subject": "Hallo {{ name }} 👋",
    "html": "<p>{{ name }}</p>\n",
    "text": "{{ name }}\n",
    "tag": "welcome",
    "syntax": "literal",
    "strict": True,
}


class TemplateLaws:
    """What holds wherever templates are kept."""

    templates: ITemplates
    directory: IDirectory

    def account(self) -> str:
        raise NotImplementedError

    def later(self) -> None:
        """Let what the directory remembers grow old."""

    def test_interface(self) -> None:
        verifyObject(ITemplates, self.templates)

    def test_versions(self) -> None:
        """Every save is a version; the newest is what is listed and used; the older ones are as they were."""
        owner = self.account()
        first = Template(owner, "welcome", saved_at=START, **WHOLE)  # type: ignore[arg-type]
        saved = result(self.templates.save(first, True))
        self.assertEqual(saved, replace(first, version=1, created_at=START))
        second = result(self.templates.save(replace(first, html="other", strict=False, saved_at=START + 5), False))
        self.assertEqual((second.version, second.created_at, second.saved_at), (2, START, START + 5))
        self.assertEqual(list(result(self.templates.versions(owner, "welcome"))), [second, saved])
        self.assertEqual(list(result(self.templates.every(owner))), [second])
        self.later()
        self.assertEqual(result(self.directory.template(owner, "welcome")), second)

    def test_refused(self) -> None:
        """A new one must be new, a changed one known, and its account too."""
        owner = self.account()
        one = Template(owner, "a", html="x", saved_at=START)
        self.assertRaises(KeyError, result, self.templates.save(one, False))
        result(self.templates.save(one, True))
        self.assertRaises(Taken, result, self.templates.save(one, True))
        self.assertRaises(KeyError, result, self.templates.save(replace(one, account=new_id()), True))
        self.assertEqual(len(result(self.templates.versions(owner, "a"))), 1)

    def test_for_all(self) -> None:
        """A template without an account serves every account, unless that has its own of the same id."""
        owner, other = self.account(), self.account()
        id = new_id()
        common = result(self.templates.save(Template("", id, html="all", saved_at=START), True))
        own = result(self.templates.save(Template(owner, id, html="own", saved_at=START), True))
        found = [result(self.directory.template(each, id)) for each in (owner, other)]
        self.assertEqual(found, [own, common])
        self.assertEqual([each for each in result(self.templates.every()) if each.id == id], [common, own])
        self.assertEqual(list(result(self.templates.every(owner))), [own])

    def test_nobody_elses(self) -> None:
        """What belongs to another account, or is no id at all, is not there."""
        owner, other = self.account(), self.account()
        result(self.templates.save(Template(owner, "a", html="x", saved_at=START), True))
        for id in ("a", "", "\0", "\ud800", "a' OR '1'='1"):
            self.assertIsNone(result(self.directory.template(other, id)))

    def test_removed(self) -> None:
        """A template goes with all its versions."""
        owner = self.account()
        for new in (True, False):
            result(self.templates.save(Template(owner, "a", html="x", saved_at=START), new))
        result(self.templates.remove(owner, "a"))
        self.assertEqual(list(result(self.templates.versions(owner, "a"))), [])
        self.assertRaises(KeyError, result, self.templates.remove(owner, "a"))


class MemoryTemplateTests(TemplateLaws, SynchronousTestCase):
    def setUp(self) -> None:
        self.state = MemoryState()
        self.templates, self.directory = MemoryTemplates(self.state), MemoryDirectory(self.state)

    def account(self) -> str:
        id = new_id()
        self.state.balance[id] = 0
        return id


class DatabaseTemplateLaws(TemplateLaws):
    def place(self) -> str:
        raise NotImplementedError

    def setUp(self) -> None:
        self.now = START
        self.store = open_store(self.place(), node="n", now=lambda: self.now, inline=True)
        self.templates, self.directory = self.store.templates, self.store.directory

    def tearDown(self) -> None:
        result(self.store.close())

    def account(self) -> str:
        id = new_id()
        result(self.store.registry.add_account(Account(id, id, 0, 0, START)))
        return id

    def later(self) -> None:
        self.now += 2 * SECOND


class SqliteTemplateTests(DatabaseTemplateLaws, SynchronousTestCase):
    def place(self) -> str:
        return fresh_folder(self.mktemp())


class PostgresTemplateTests(DatabaseTemplateLaws, SynchronousTestCase):
    def place(self) -> str:
        return fresh_database()
