"""What may be submitted: each rule by a table, and the order in which dialects ask."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.address import Mailbox
from mailrelay.mail.envelope import SECOND
from mailrelay.policy.admission import (
    ANYBODY,
    RULES,
    DailyFacts,
    DataFacts,
    Facts,
    MailFacts,
    RateFacts,
    RcptFacts,
    judge,
    return_path,
)
from mailrelay.policy.dialect import Dialect, Dialects
from mailrelay.policy.verdict import Verdict

SHIPPED = Dialects.shipped()
STANDARD = SHIPPED.get("standard")
EMAILMASSIVO = SHIPPED.get("emailmassivo")
ROUTED = replace(
    STANDARD, tag_limit=2, stages={**STANDARD.stages, "data": ("route_required", "route_known", "tag_limit")}
)

NOW = 1_800_000_000 * SECOND
ANN = Mailbox("ann", "own.example")
BOB = Mailbox("bob", "other.example")

MAIL = MailFacts(
    sender=ANN,
    connection_status="active",
    connection_domain="own.example",
    domain_status="verified",
    available=1,
    size_limit=1000,
)
RCPT = RcptFacts(address="rcpt@there.example", accepted=0, recipient_limit=3, available=5, now=NOW)
DATA = DataFacts(
    size=1000,
    size_limit=1000,
    from_fields=1,
    from_addresses=(ANN,),
    connection_domain="own.example",
    domain_statuses={"own.example": "verified", "other.example": "verified", "new.example": "unverified"},
)

#: Whether an address may send is one question, and has one answer.
BY_ADDRESS = replace(STANDARD, stages={**STANDARD.stages, "mail": ("sender_allowed",), "data": ("from_allowed",)})
READABLE = replace(STANDARD, stages={**STANDARD.stages, "data": ("readable",)})
WITH_SUBJECT = replace(STANDARD, stages={**STANDARD.stages, "data": ("subject_present",)})

#: dialect, stage, facts, and the (rule, key) of the refusal or None
CASES: tuple[tuple[Dialect, str, Facts, tuple[str, str] | None], ...] = (
    # MAIL
    (STANDARD, "mail", MAIL, None),
    (STANDARD, "mail", replace(MAIL, paused=True), ("paused", "unavailable")),
    (STANDARD, "mail", replace(MAIL, free_space=99, free_space_floor=100), ("free_space", "storage_full")),
    (STANDARD, "mail", replace(MAIL, free_space=100, free_space_floor=100), None),
    (STANDARD, "mail", replace(MAIL, connection_status="blocked"), ("connection_active", "connection_inactive")),
    (STANDARD, "mail", replace(MAIL, connection_status="not_activated"), ("connection_active", "connection_inactive")),
    (STANDARD, "mail", replace(MAIL, declared_size=1000), None),
    (STANDARD, "mail", replace(MAIL, declared_size=1001), ("declared_size", "size_exceeded")),
    (STANDARD, "mail", replace(MAIL, domain_status=""), ("domain_known", "domain_unknown")),
    (STANDARD, "mail", replace(MAIL, domain_status="unverified"), ("domain_verified", "domain_unverified")),
    (STANDARD, "mail", replace(MAIL, available=0), ("balance_nonzero", "balance_short")),
    # whose domain: any verified one of the account, or the connection's own
    (STANDARD, "mail", replace(MAIL, sender=BOB), None),
    (EMAILMASSIVO, "mail", replace(MAIL, sender=BOB), ("sender_allowed", "sender_disallowed")),
    (EMAILMASSIVO, "mail", replace(MAIL, sender=Mailbox("any", "own.example")), None),
    (EMAILMASSIVO, "mail", replace(MAIL, sender=BOB, domain_status=""), ("domain_known", "domain_unknown")),
    (
        EMAILMASSIVO,
        "mail",
        replace(MAIL, sender=BOB, domain_status="unverified"),
        ("domain_verified", "domain_unverified"),
    ),
    # confirmed addresses
    (STANDARD, "mail", replace(MAIL, sender_rule="address"), ("sender_allowed", "sender_disallowed")),
    (
        STANDARD,
        "mail",
        replace(MAIL, sender_rule="address", sender_status="requested"),
        ("sender_allowed", "sender_disallowed"),
    ),
    (STANDARD, "mail", replace(MAIL, sender_rule="address", sender_status="confirmed"), None),
    (BY_ADDRESS, "mail", replace(MAIL, sender_rule="address", sender_status="confirmed", domain_status=""), None),
    (BY_ADDRESS, "mail", replace(MAIL, domain_status="unverified"), ("sender_allowed", "sender_disallowed")),
    (BY_ADDRESS, "data", replace(DATA, sender_rule="address"), ("from_allowed", "from_disallowed")),
    (
        BY_ADDRESS,
        "data",
        replace(DATA, sender_rule="address", sender_statuses={"ann@own.example": "confirmed"}),
        None,
    ),
    (
        BY_ADDRESS,
        "data",
        replace(DATA, from_addresses=(Mailbox("a", "new.example"),)),
        ("from_allowed", "from_disallowed"),
    ),
    # the null sender
    (STANDARD, "mail", replace(MAIL, sender=None, domain_status=""), None),
    (EMAILMASSIVO, "mail", replace(MAIL, sender=None, domain_status=""), None),
    (STANDARD, "mail", replace(MAIL, sender=None, available=0), ("balance_nonzero", "balance_short")),
    # rate
    (STANDARD, "rate", RateFacts(wait=0.0), None),
    (STANDARD, "rate", RateFacts(wait=0.1, rate=1, period=10), ("rate", "rate_limited")),
    # RCPT
    (STANDARD, "rcpt", RCPT, None),
    (STANDARD, "rcpt", replace(RCPT, accepted=2), None),
    (STANDARD, "rcpt", replace(RCPT, accepted=3), ("recipient_count", "too_many_recipients")),
    (STANDARD, "rcpt", replace(RCPT, available=0), ("balance_covers", "balance_short")),
    (STANDARD, "rcpt", replace(RCPT, available=2, accepted=2, charged=1), None),
    (STANDARD, "rcpt", replace(RCPT, available=2, charged=2), ("balance_covers", "balance_short")),
    (STANDARD, "rcpt", replace(RCPT, available=0, unsent=True), None),
    (STANDARD, "rcpt", replace(RCPT, suppression="hard_bounce"), ("suppression", "recipient_suppressed")),
    (EMAILMASSIVO, "rcpt", replace(RCPT, suppression="hard_bounce"), None),
    (EMAILMASSIVO, "rcpt", replace(RCPT, suppression="unsubscribe"), ("suppression", "recipient_suppressed")),
    (EMAILMASSIVO, "rcpt", replace(RCPT, suppression="complaint"), ("suppression", "recipient_suppressed")),
    (replace(STANDARD, suppressed="fail"), "rcpt", replace(RCPT, suppression="complaint"), None),
    (replace(STANDARD, suppressed="drop"), "rcpt", replace(RCPT, suppression="complaint"), None),
    (STANDARD, "rcpt", replace(RCPT, mailbox_full_at=NOW), ("mailbox_limit", "mailbox_limit")),
    (STANDARD, "rcpt", replace(RCPT, mailbox_full_at=NOW - 86_400 * SECOND + 1), ("mailbox_limit", "mailbox_limit")),
    (STANDARD, "rcpt", replace(RCPT, mailbox_full_at=NOW - 86_400 * SECOND), None),
    (STANDARD, "rcpt", replace(RCPT, mailbox_full_at=NOW - SECOND, mailbox_full_seconds=1), None),
    # what may be a repetition under an idempotency key is judged with the message
    (STANDARD, "mail", replace(MAIL, available=0, repeatable=True), None),
    (STANDARD, "rcpt", replace(RCPT, available=0, repeatable=True), None),
    # the daily limit
    (STANDARD, "daily", DailyFacts(limit=3, sent=2), None),
    (STANDARD, "daily", DailyFacts(limit=3, sent=3), ("daily_limit", "daily_limit")),
    (STANDARD, "daily", DailyFacts(limit=3, sent=2, charged=1), ("daily_limit", "daily_limit")),
    (STANDARD, "daily", DailyFacts(limit=3, sent=3, unsent=True), None),
    (STANDARD, "daily", DailyFacts(limit=3, sent=3, repeatable=True), None),
    (SHIPPED.get("zeptomail"), "daily", DailyFacts(limit=3, sent=3), None),
    # end of data
    (STANDARD, "data", DATA, None),
    (STANDARD, "data", replace(DATA, size=1001), ("size", "message_too_big")),
    (STANDARD, "data", replace(DATA, header_size=131_072), None),
    (STANDARD, "data", replace(DATA, header_size=131_073), ("header", "header_too_big")),
    (STANDARD, "data", replace(DATA, has_nul=True), ("content", "bad_content")),
    (STANDARD, "data", replace(DATA, received_count=50), None),
    (STANDARD, "data", replace(DATA, has_subject=False), None),
    (WITH_SUBJECT, "data", DATA, None),
    (READABLE, "data", DATA, None),
    (READABLE, "data", replace(DATA, fields=0), ("readable", "message_unreadable")),
    (WITH_SUBJECT, "data", replace(DATA, has_subject=False), ("subject_present", "subject_missing")),
    (STANDARD, "data", replace(DATA, received_count=51), ("hops", "too_many_hops")),
    (STANDARD, "data", replace(DATA, from_fields=0, from_addresses=()), ("from_present", "from_missing")),
    (STANDARD, "data", replace(DATA, from_fields=1, from_addresses=()), ("from_present", "from_unreadable")),
    (STANDARD, "data", replace(DATA, route="eu", routes=frozenset({"eu"})), None),
    (STANDARD, "data", replace(DATA, route="us", routes=frozenset({"eu"})), ("route_known", "route_unknown")),
    (ROUTED, "data", replace(DATA, own_routes=1), None),
    (ROUTED, "data", replace(DATA, own_routes=2, route="eu", routes=frozenset({"eu"})), None),
    (ROUTED, "data", replace(DATA, own_routes=2), ("route_required", "route_required")),
    (ROUTED, "data", replace(DATA, tag="new", tag_known=False, tags_used=1), None),
    (ROUTED, "data", replace(DATA, tag="old", tags_used=2), None),
    (ROUTED, "data", replace(DATA, tag="new", tag_known=False, tags_used=2), ("tag_limit", "tag_limit")),
    (STANDARD, "data", replace(DATA, from_fields=2), ("from_single", "from_ambiguous")),
    (STANDARD, "data", replace(DATA, from_addresses=(ANN, ANN)), ("from_single", "from_ambiguous")),
    (STANDARD, "data", replace(DATA, from_addresses=(BOB,)), None),
    (EMAILMASSIVO, "data", replace(DATA, from_addresses=(BOB,)), ("from_domain", "from_disallowed")),
    (
        STANDARD,
        "data",
        replace(DATA, from_addresses=(Mailbox("a", "far.example"),)),
        ("from_domain", "domain_unknown"),
    ),
    (
        EMAILMASSIVO,
        "data",
        replace(DATA, from_addresses=(Mailbox("a", "new.example"),)),
        ("from_domain", "domain_unverified"),
    ),
)


def as_dialect(dialect: Dialect, facts: Facts) -> Facts:
    """The facts of a connection that has the dialect's own options, unless they name another rule."""
    if isinstance(facts, (MailFacts, DataFacts)) and facts.sender_rule == "domain":
        return replace(facts, sender_rule=str(dialect.options["sender"]))
    return facts


def refusal_of(verdicts: tuple[Verdict, ...]) -> Verdict | None:
    """The refusal among verdicts, which can only be the last."""
    assert all(verdict.allowed for verdict in verdicts[:-1])
    return verdicts[-1] if verdicts and not verdicts[-1].allowed else None


class RuleTests(SynchronousTestCase):
    """Every rule, allowed and refused."""

    def test_cases(self) -> None:
        """A10, A11, L3, L6, O13, S9, and the decisions on balance, suppression and domains: a fixed verdict each."""
        for dialect, stage, facts, wanted in CASES:
            refusal = refusal_of(judge(dialect, stage, as_dialect(dialect, facts)))
            found = (refusal.rule, refusal.key) if refusal else None
            self.assertEqual(found, wanted, (dialect.name, stage, facts))

    def test_each_rule_both_ways(self) -> None:
        """The table above sees each rule refuse, and let pass."""
        refused = {wanted[0] for _, _, _, wanted in CASES if wanted}
        self.assertEqual(refused, {name for rules in RULES.values() for name in rules})

    def test_every_refusal_can_be_told(self) -> None:
        """Each refusal has all fields that the texts of every dialect show."""
        for dialect, stage, facts, wanted in CASES:
            if wanted:
                refusal = judge(dialect, stage, as_dialect(dialect, facts))[-1].refusal()
                for speaker in SHIPPED:
                    self.assertGreaterEqual(speaker.reply(refusal.key, **refusal.fields).code, 400)

    def test_verdicts_name_their_rule(self) -> None:
        """A verdict bears the name under which the dialect asked for the rule, and holds facts."""
        for dialect, stage, facts, _ in CASES:
            verdicts = judge(dialect, stage, facts)
            self.assertEqual([v.rule for v in verdicts], list(dialect.stages[stage][: len(verdicts)]))
            for verdict in verdicts:
                self.assertTrue(verdict.facts)


class OrderTests(SynchronousTestCase):
    """Which of several reasons answers."""

    worst = MailFacts(
        sender=BOB,
        connection_status="blocked",
        connection_domain="own.example",
        domain_status="",
        available=0,
        size_limit=1,
        declared_size=2,
        paused=True,
        free_space_floor=1,
        sender_rule="connection",
    )

    def test_mail(self) -> None:
        """emailmassivo at MAIL, in order: pause, disk, status, size, unknown domain, unverified, foreign, balance."""
        facts: MailFacts = self.worst
        found: list[str] = []
        for cure in (
            {"paused": False},
            {"free_space": 1},
            {"connection_status": "active"},
            {"declared_size": 0},
            {"domain_status": "unverified"},
            {"domain_status": "verified"},
            {"sender": ANN},
            {"available": 1},
        ):
            refusal = judge(EMAILMASSIVO, "mail", facts)[-1].refusal()
            found.append(str(EMAILMASSIVO.reply(refusal.key, **refusal.fields)))
            facts = replace(facts, **cure)
        self.assertEqual(
            found,
            [
                "421 4.4.5 Server is temporarily unavailable",
                "452 Insufficient system storage",
                "535 5.7.8 Incorrect login or password",
                "552 Message size exceeds the limit of 1 octets",
                "553 Domain not found",
                "421 Domain not verify",
                "553 Domain not found",
                "450 Balance not enough",
            ],
        )
        self.assertIsNone(refusal_of(judge(EMAILMASSIVO, "mail", facts)))

    def test_nothing_is_judged_after_a_refusal(self) -> None:
        """Rules behind the first refusal are not run."""
        self.assertEqual(len(judge(EMAILMASSIVO, "mail", self.worst)), 1)

    def test_a_stage_without_rules(self) -> None:
        """A dialect may name no rule for a stage: then nothing is decided."""
        free = replace(STANDARD, stages={**STANDARD.stages, "rate": ()})
        self.assertEqual(judge(free, "rate", RateFacts(wait=9.0)), ())

    def test_only_these(self) -> None:
        """Of a stage only the rules that hold for anybody can be asked; each is a rule."""
        self.assertEqual([verdict.rule for verdict in judge(STANDARD, "mail", self.worst, ANYBODY)], ["paused"])
        told = judge(STANDARD, "mail", replace(MAIL, available=0, domain_status=""), ANYBODY)
        self.assertEqual([verdict.rule for verdict in told], ["paused", "free_space", "declared_size"])
        self.assertLessEqual(ANYBODY, {rule for rules in RULES.values() for rule in rules})

    def test_order_is_the_dialects(self) -> None:
        """The dialect's order holds, not the table's."""
        turned = replace(STANDARD, stages={**STANDARD.stages, "mail": ("balance_nonzero", "paused")})
        self.assertEqual(judge(turned, "mail", self.worst)[-1].rule, "balance_nonzero")


class WaitTests(SynchronousTestCase):
    """What a throttled client is told."""

    @given(st.floats(min_value=1e-9, max_value=1e6))
    def test_whole_seconds(self, wait: float) -> None:
        """The seconds told are whole, at least one, and never less than the wait."""
        seconds = judge(STANDARD, "rate", RateFacts(wait=wait, rate=1, period=60))[-1].refusal().fields["seconds"]
        assert isinstance(seconds, int)
        self.assertGreaterEqual(seconds, wait)
        self.assertLess(seconds, wait + 1)
        self.assertGreaterEqual(seconds, 1)


class PurityTests(SynchronousTestCase):
    """What facts and rules are."""

    def test_facts_stay(self) -> None:
        """Facts are not changed by a rule."""
        for dialect, stage, facts, _ in CASES:
            before = replace(facts)
            judge(dialect, stage, facts)
            self.assertEqual(facts, before)

    def test_equal_facts_equal_verdicts(self) -> None:
        """The same facts get the same verdicts."""
        for dialect, stage, facts, _ in CASES:
            self.assertEqual(judge(dialect, stage, facts), judge(dialect, stage, facts))


class ReturnPathTests(SynchronousTestCase):
    """Who a message is recorded to come from."""

    def test_the_clients_own(self) -> None:
        """The reverse path of the client, whatever it is, where the dialect asks for nothing else."""
        for sender, wanted in ((ANN, "ann@own.example"), (BOB, "bob@other.example"), (None, "")):
            facts = replace(MAIL, sender=sender, domain_status="")
            self.assertEqual(return_path(facts, STANDARD, STANDARD.options, "app@own.example"), wanted)

    def test_bounce_address(self) -> None:
        """A foreign or empty reverse path gives way to the bounce address, else to the connection's sender."""
        dialect = replace(STANDARD, return_path="bounce_address")
        for sender, status, address, wanted in (
            (ANN, "verified", "b@own.example", "ann@own.example"),
            (BOB, "unverified", "b@own.example", "b@own.example"),
            (BOB, "", "", "app@own.example"),
            (None, "", "b@own.example", "b@own.example"),
        ):
            facts = replace(MAIL, sender=sender, domain_status=status)
            options = {**STANDARD.options, "bounce_address": address}
            self.assertEqual(return_path(facts, dialect, options, "app@own.example"), wanted)
