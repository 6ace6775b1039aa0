"""A process of its own that uses a store, for tests that kill it or let its disk fail: ``store_child.py WHAT FOLDER
…``.

What it was answered it says on standard output at once, one line each.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from ulid import ULID

from mailrelay.interfaces.ledger import Undecided
from mailrelay.mail.reply import Refusal
from mailrelay.store import open_store
from tests.store.worlds import START, result, submission


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def main(what: str, folder: Path, account: str, connection: str, number: int) -> None:
    store = open_store(
        folder, node=str(ULID()), now=lambda: START, inline=True, patience=0.3 if what == "accept" else 30
    )
    if what == "pay":
        for _ in range(number):
            result(store.registry.move_balance(account, 1, "top_up", "", START))
        result(store.close())
        return
    result(store.nodes.join())
    say("ready")
    for count in range(number):
        to = f"{os.getpid()}-{count}@b.test"
        # Sources of different lengths, so that a later write does not always cover an earlier one.
        source = b"x" * (9000 if count % 2 else 100)
        made = submission(account, connection, [to], START, source=source)
        taken = tuple(replace(recipient, id=str(ULID())) for recipient in made.recipients)
        made = replace(made, id=str(ULID()), recipients=taken)
        try:
            result(store.ledger.accept(made, what == "lease"))
            say("accepted", to)
        except Refusal:
            say("refused", to)
        except Undecided:
            say("undecided", to)
    if what == "lease":
        time.sleep(60)
    os._exit(0)  # without closing: as a process that is killed


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5]))
