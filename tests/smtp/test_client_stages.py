"""O1: each stage of an outbound session × each thing a hop can do there, as one table of outcomes."""

from __future__ import annotations

from mailrelay.mail.envelope import Hop

from .outward import OutwardCase, words
from .scripted import CLOSE, RESET, STALL, ScriptedSink, Step

WAYS: dict[str, Step] = {
    "421": b"421 4.3.2 down\r\n",
    "450": b"450 4.2.0 busy\r\n",
    "452": b"452 4.3.1 full\r\n",
    "499": b"499 odd\r\n",
    "550": b"550 5.7.1 no\r\n",
    "554": b"554 5.6.0 no\r\n",
    "599": b"599 odd\r\n",
    "2xx": b"299 fine\r\n",
    "3xx": b"399 go on\r\n",
    "mixed": b"250-x\r\n550 y\r\n",
    "garbage": b"\x00\xff what\r\n",
    "empty": b"\r\n",
    "close": CLOSE,
    "reset": RESET,
    "stall": STALL,
}
#: replies to RCPT after which the session lives on
ANSWERS = ("450", "452", "499", "550", "554", "599", "2xx")
D, B, OK, U = "deferred", "bounced", "delivered", "deferred uncertain"


def row(default: str, **but: str) -> dict[str, str]:
    """What becomes of the message in each way; `but` names `four`, `five`, `two`, or one way with `_` before it."""
    outcomes = dict.fromkeys(WAYS, default)
    for key, ways in (("four", ("450", "452", "499")), ("five", ("550", "554", "599")), ("two", ("2xx",))):
        if key in but:
            outcomes |= dict.fromkeys(ways, but[key])
    return outcomes | {key.removeprefix("_"): word for key, word in but.items() if key.startswith("_")}


#: the message goes to two recipients; at RCPT the table speaks of the first, and the second is taken
TABLE = {
    "banner": row(D, two=OK),
    "EHLO": row(D, two=OK),
    "HELO": row(D, two=OK),
    "AUTH": row(D, two=OK),
    "MAIL": row(D, two=OK, five=B),
    "RCPT": row(D, two=OK, five=B),
    "DATA": row(D, _3xx=OK, five=B),
    "dot": row(U, _421=D, two=OK, four=D, five=B),
    "RSET": row(B),
    "QUIT": row(OK),
}
SECONDS = {"banner": 300, "EHLO": 300, "HELO": 300, "AUTH": 120, "MAIL": 300, "RCPT": 300, "DATA": 120, "dot": 600}


class Stages(OutwardCase):
    def stage(self, stage: str, way: str, extensions: tuple[str, ...]) -> tuple[list[str], ScriptedSink]:
        """What becomes of two recipients when the hop acts this way at this stage."""
        self.setUp()
        script: dict[str, Step | list[Step]] = {stage: WAYS[way]}
        hop = self.hop
        if stage == "RCPT":
            script["RCPT"] = [WAYS[way], b"250 Ok\r\n"]
        elif stage == "HELO":
            script["EHLO"] = b"502 what?\r\n"
        elif stage == "AUTH":
            hop, extensions = Hop("sink.example", 25, "none", "u", "p"), (*extensions, "AUTH PLAIN")
        elif stage == "RSET":
            script["RCPT"] = [b"550 no\r\n", b"550 no\r\n", b"250 Ok\r\n"]
            script["DATA"] = [b"554 no\r\n", b"354 go\r\n"] if extensions else b"354 go\r\n"
        self.meet(ScriptedSink(script, extensions), ScriptedSink())
        result = self.begin(["a@x.example", "b@x.example"], hop=hop)
        if way == "stall" and stage in SECONDS:
            outcomes = self.after(result, SECONDS[stage])
        else:
            outcomes = self.successResultOf(result)
        return words(outcomes), self.network.lines[0].sink

    def check(self, extensions: tuple[str, ...]) -> None:
        for stage, ways in TABLE.items():
            for way, expected in ways.items():
                where = (stage, way, extensions)
                outcome, sink = self.stage(stage, way, extensions)
                second = OK if stage == "RCPT" and way in ANSWERS else expected
                self.assertEqual(outcome, [expected, second], where)
                if stage != "dot":
                    self.assertEqual(len(sink.messages), int(OK in outcome), where)
                for seconds in (30, 300, 300, 5):
                    self.clock.advance(seconds)
                    self.network.flush()
                self.assertEqual([line for line in self.network.lines if line.open], [], where)
                self.assertEqual(self.clock.getDelayedCalls(), [], where)

    def test_pipelined(self) -> None:
        """O1 with PIPELINING: each outcome is that of the table, and in the end no socket and no timer is left."""
        self.check(("PIPELINING",))

    def test_step_by_step(self) -> None:
        """O1 without PIPELINING."""
        self.check(())

    def test_one_octet_at_a_time(self) -> None:
        """O1: a hop that trickles is held to the time of each phase, however often it says something."""
        self.meet(ScriptedSink({"MAIL": STALL}))
        result = self.begin()
        for octet in b"250 2.1.0 Ok Ok Ok Ok Ok Ok Ok"[:30]:
            self.line.play(bytes([octet]))
            self.assertNoResult(result)
            self.clock.advance(9)
        self.assertNoResult(result)
        self.clock.advance(300 - 9 * 30)
        self.assertEqual(words(self.successResultOf(result)), [D])
        self.assertTrue(self.line.aborted)

    def test_silent_connect(self) -> None:
        """O11: a connection that is refused or never answered defers, and the time to connect is asked for."""
        self.meet(None)
        outcomes = self.send()
        self.assertEqual((words(outcomes), outcomes[0].reply.status), ([D], "4.4.1"))
        self.assertEqual(self.network.asked, [("sink.example", 25, 30)])

    def test_zero_window(self) -> None:
        """O10, C-4: a body that makes no progress for three minutes is given up, and the socket with it."""
        self.meet(ScriptedSink(zero_window=True))
        result = self.begin(message=b"x" * 70_000 + b"\r\n")
        self.assertEqual(words(self.after(result, 180)), [D])
        self.assertTrue(self.line.aborted)
        self.assertFalse(self.line.open)

    def test_slow_window(self) -> None:
        """C-4: a body that moves on is given as long as it takes; then the time for the final reply begins."""
        self.meet(ScriptedSink({"dot": STALL}, zero_window=True))
        result = self.begin(message=b"x" * 300_000 + b"\r\n")
        for _ in range(5):
            self.clock.advance(179)
            self.line.producer.resumeProducing()
        self.network.flush()
        self.assertEqual(words(self.after(result, 600)), [U])
