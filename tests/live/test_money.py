"""Money under contention: many sessions at once against a small balance."""

from __future__ import annotations

import json
import smtplib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread

from .daemon import ARRIVES, Sandbox, Shop, eventually, letter

SESSIONS = 50


def together(sandbox: Sandbox, shop: Shop, work: Callable[[smtplib.SMTP, int], int]) -> list[int]:
    """Do something in fifty sessions at the same moment; what each gives."""
    start = Barrier(SESSIONS)

    def session(number: int) -> int:
        with sandbox.smtp(shop) as client:
            start.wait(60)
            return work(client, number)

    with ThreadPoolExecutor(SESSIONS) as pool:
        return list(pool.map(session, range(SESSIONS)))


def submit(client: smtplib.SMTP, shop: Shop, to: list[str]) -> int:
    """How many recipients a transaction has taken in its 250; the others met no other obstacle than the balance."""
    short = (450, b"Balance not enough")
    if (answer := client.mail(shop.mail_from))[0] != 250:
        assert answer == short
        return 0
    answers = [client.rcpt(each) for each in to]
    taken = [answer for answer in answers if answer[0] == 250]
    assert all(answer == short for answer in answers if answer not in taken)
    if not taken:
        return 0
    answer = client.data(letter(shop))
    assert answer[0] == 250 or answer == short
    return len(taken) if answer[0] == 250 else 0


def test_exactly_the_balance(sandbox: Sandbox, shop: Shop) -> None:
    """Of fifty sessions that send at once to one recipient each, exactly as many succeed as the balance has sends;
    it ends at zero and is below it at no moment."""
    sandbox.cli("balance", "set", shop.account, "20")
    lowest: list[int] = []
    over = False

    def watch() -> None:
        while not over:
            shown = sandbox.command("balance", "show", shop.account, "--json")
            lowest.append(json.loads(shown.stdout)["available"])

    watcher = Thread(target=watch)
    watcher.start()
    try:
        taken = together(sandbox, shop, lambda client, number: submit(client, shop, [f"m{number}@example.net"]))
    finally:
        over = True
        watcher.join()
    assert sum(taken) == 20
    assert min(lowest) >= 0 and sandbox.available(shop) == 0
    sent = {number for number, count in enumerate(taken) if count}
    eventually(lambda: {n for n in range(SESSIONS) if sandbox.arrived(f"m{n}@example.net")} == sent, ARRIVES)


def test_all_or_none_of_a_transaction(sandbox: Sandbox, shop: Shop) -> None:
    """A transaction of three is taken with all that its replies said, or not at all: what the replies add up to is what
    was deducted, to the last send."""
    sandbox.cli("balance", "set", shop.account, "40")
    taken = together(
        sandbox, shop, lambda client, number: submit(client, shop, [f"a{number}.{n}@example.net" for n in range(3)])
    )
    assert 0 < sum(taken) <= 40
    assert sandbox.available(shop) == 40 - sum(taken)
    listed = sandbox.cli("message", "list", "--account", shop.account, "--limit", "1000")
    assert len(listed) == sum(taken) and all(each["billed"] == 1 for each in listed)


def test_top_ups_meanwhile(sandbox: Sandbox, shop: Shop) -> None:
    """Top-ups while mail is taken are neither lost nor counted twice."""
    sandbox.cli("balance", "set", shop.account, "10")

    def work(client: smtplib.SMTP, number: int) -> int:
        if number < 5:
            assert sandbox.command("balance", "top-up", shop.account, "4").returncode == 0
            return 0
        return submit(client, shop, [f"t{number}@example.net"])

    taken = together(sandbox, shop, work)
    assert sandbox.available(shop) == 30 - sum(taken) >= 0
