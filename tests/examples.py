"""How far properties are searched: the same examples on every run, and as many as the run is meant to try.

The unit tests run twice, under trial and under pytest (`make test`). The second run shows that they are green there too
and measures coverage: it need not try everything again, and sets MAILRELAY_EXAMPLES to the share that it tries.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings

#: The share of the examples that this run tries.
SHARE = float(os.environ.get("MAILRELAY_EXAMPLES", "1"))
#: Fewer would not be a search.
LEAST = 5


def at_most(examples: int, **more: Any) -> settings:
    """Decorates a property that the full run tries with so many examples, and runs a machine as often."""
    return settings(max_examples=max(LEAST, round(examples * SHARE)), **more)


def set_up() -> None:
    """For trial and pytest alike: the same bounded examples on every run, no deadline, nothing kept."""
    settings.register_profile(
        "mailrelay",
        max_examples=max(LEAST, round(100 * SHARE)),
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("mailrelay")
