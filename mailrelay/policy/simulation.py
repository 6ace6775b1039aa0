"""The simulator: what becomes of mail of a connection marked sandbox, by the local part of the recipient.

At any domain, alone or with ``+anything`` behind it, in any case, a local part of `LOCAL_PARTS` asks for an end that
mail can have; every other address takes it. Nothing leaves: these are the replies of a host that there is not, and
what its reader would do afterwards. Pure data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..mail.event import Event
from ..mail.reply import Reply

#: The route and the host by which such mail goes; no other route may bear the name.
SIMULATOR = "simulator"

TAKEN = Reply(250, "2.0.0", "Simulated: taken")


@dataclass(frozen=True, slots=True)
class Simulated:
    """`replies` are those of the attempts in turn, the last for every further one, each after so many `seconds`; who
    takes the mail does `acts` with it a little later, or says in `returns` by mail that it is refused after all."""

    meaning: str
    replies: tuple[Reply, ...] = (TAKEN,)
    seconds: float = 0.0
    acts: tuple[Event, ...] = ()
    returns: Reply | None = None

    def reply(self, attempts: int) -> Reply:
        """That of the attempt behind so many others."""
        return self.replies[min(attempts, len(self.replies) - 1)]


_UNKNOWN = Reply(550, "5.1.1", "Simulated: user unknown")
_BUSY = Reply(450, "4.2.0", "Simulated: mailbox busy, try again later")

LOCAL_PARTS: Mapping[str, Simulated] = MappingProxyType(
    {
        "hard-bounce": Simulated("no such mailbox; suppressed", (_UNKNOWN,)),
        "mailbox-full": Simulated("put off until the deadline", (Reply(452, "4.2.2", "Simulated: mailbox full"),)),
        "soft-bounce": Simulated("put off twice, then taken", (_BUSY, _BUSY, TAKEN)),
        "spam": Simulated("refused for its content", (Reply(554, "5.7.1", "Simulated: message looks like spam"),)),
        "blocked": Simulated(
            "refused for our name",
            (Reply(554, "5.7.1", "Simulated: your address is blocked, poor reputation"),),
        ),
        "slow": Simulated("taken after five seconds", seconds=5.0),
        "late-bounce": Simulated("taken, then returned by mail", returns=_UNKNOWN),
        "open": Simulated("opened", acts=(Event.OPENED,)),
        "click": Simulated("opened, and its first link followed", acts=(Event.OPENED, Event.CLICKED)),
        "unsubscribe": Simulated("unsubscribed", acts=(Event.UNSUBSCRIBED,)),
        "complain": Simulated("called unwanted", acts=(Event.COMPLAINED,)),
    }
)
_TAKES = Simulated("taken")


def simulated(address: str) -> Simulated:
    """What an address asks for."""
    return LOCAL_PARTS.get(address.rpartition("@")[0].partition("+")[0].lower(), _TAKES)
