"""Templates in real children: whatever they do, mail goes on and the reactor does not wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic, thread_time
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import DeferredList
from twisted.internet.process import reapAllProcesses
from twisted.internet.task import LoopingCall

from mailrelay.mail.rendering import MAX_OUTPUT, Rendering, Source
from mailrelay.mail.reply import Refusal
from mailrelay.relay import render
from mailrelay.relay.render import RenderPool
from mailrelay.relay.render_command import TOO_LONG, TOO_MUCH

HOG = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
GLUTTON = "{{ x * 10 ** 10 }}"
TALKER = "{% for i in range(5200) %}{{ x * 1000 }}{% endfor %}"
FRIEND = "Hello {{ x }}"

#: Seconds of processor time that one turn of the reactor may take, and how often it is looked: a turn that somebody
#: else's load made long is short the next time.
TURN = 0.010
STALL = 0.100  #: what no turn may take, whatever the load
ROUNDS = 6
PATIENT = 60


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[RenderPool]:
    """A pool over real processes, on a machine that may be busy."""
    monkeypatch.setattr(render, "SILENCE", 60.0)
    monkeypatch.setattr(render, "WAITING", 60.0)
    # nobody may have asked the reactor of the tests to look after signals
    reaping = LoopingCall(reapAllProcesses)
    reaping.start(0.05)
    pool = RenderPool(reactor)
    yield pool
    pytest_twisted.blockon(pool.stop())
    reaping.stop()


def asked(pool: RenderPool, text: str) -> Any:
    """What comes of a template: its text, or why not."""
    answer = pool.render(Rendering({"body": Source(text, "jinja-html")}, '{"x": "y"}'))
    return answer.addCallbacks(lambda texts: texts["body"], lambda failure: failure.value)


class Turns:
    """Measures what one turn of the reactor costs at most, in processor time of its thread."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._undo: Callable[[], None]
        self._original = reactor.doIteration  # type: ignore[attr-defined]

    def __enter__(self) -> Turns:
        def turn(timeout: float) -> None:
            before = thread_time()
            self._original(timeout)
            self.longest = max(self.longest, thread_time() - before)

        reactor.doIteration = turn  # type: ignore[attr-defined]
        return self

    def __exit__(self, *_: object) -> None:
        reactor.doIteration = self._original  # type: ignore[attr-defined]


@pytest_twisted.ensureDeferred
async def test_bounds(pool: RenderPool) -> None:
    """M12, L9: templates that cost without end are refused with the bound they met; who is next is served."""
    found = await asked(pool, HOG)
    assert isinstance(found, Refusal) and found.fields == {"reason": TOO_LONG}
    found = await asked(pool, GLUTTON)
    assert isinstance(found, Refusal) and found.fields == {"reason": TOO_MUCH}
    assert await asked(pool, FRIEND) == "Hello y"


@pytest_twisted.ensureDeferred
async def test_no_stall(pool: RenderPool) -> None:
    """L9: while bad templates are rendered, killed and followed, and the most that may come out comes in, no turn of
    the reactor takes more than 10 ms of its processor, nor 100 ms on a busy machine; good ones in between come."""
    assert await asked(pool, FRIEND) == "Hello y"  # whatever is only done once is done
    longest: list[float] = []
    while not longest or (min(longest) > TURN and len(longest) < ROUNDS):
        with Turns() as turns:
            bad = [HOG, GLUTTON, TALKER, "x" * 1_000_000]
            answers = await DeferredList([asked(pool, text) for text in [*bad, FRIEND] * 2])
        texts = [result for _, result in answers if isinstance(result, str)]
        assert [text for text in texts if len(text) < 100] == ["Hello y"] * 2
        assert sum(len(text) == 5_200_000 for text in texts) == 2, MAX_OUTPUT
        longest.append(turns.longest)
    assert min(longest) <= TURN and max(longest) < STALL, longest


@pytest_twisted.ensureDeferred
async def test_throughput(pool: RenderPool) -> None:
    """Hundreds of renderings asked for together are answered, each its own."""
    began = monotonic()
    for lot in range(4):
        names = [f"n{lot}-{number}" for number in range(150)]
        answers = await DeferredList([asked(pool, FRIEND + name) for name in names])
        assert [result for _, result in answers] == [f"Hello y{name}" for name in names]
    assert monotonic() - began < PATIENT
