"""What sends cost: prices by volume, a quote, and amounts of money as people write them.

A price is a list of steps, "from N sends on: so much for a thousand". The whole of a purchase is charged at the price
of its step, so that a little more may cost less; `fewest_money` finds that. Money is counted in whole minor units of
its currency (cents), and nothing here is ever a float. This module knows no account and no clock.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

#: Decimals of the currencies that do not have two (ISO 4217, list one).
_NONE = (
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "UYI",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
)
_THREE = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_DECIMALS = {**dict.fromkeys(_NONE, 0), **dict.fromkeys(_THREE, 3)}
#: Steps of one table, the largest price of a thousand in minor units, and the most sends that are ordered at once:
#: their product fits 63 bits.
MOST_STEPS, MOST_PRICE, MOST_SENDS = 50, 10**9, 10**12

_AMOUNT = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,3}))?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """From `at_least` sends on, a thousand cost `per_thousand` minor units."""

    at_least: int
    per_thousand: int


@dataclass(frozen=True, slots=True)
class Quote:
    """So many sends at the price of their step cost `total` minor units."""

    sends: int
    per_thousand: int
    total: int


def check_steps(steps: Sequence[Step]) -> None:
    """Raise ValueError unless the steps are a price: some, in rising order, from one send on or more."""
    if not steps:
        raise ValueError("there is no step")
    if len(steps) > MOST_STEPS:
        raise ValueError(f"there are more than {MOST_STEPS} steps")
    if steps[0].at_least < 1:
        raise ValueError("the first step begins below 1 send")
    for before, after in pairwise(steps):
        if after.at_least <= before.at_least:
            raise ValueError(f"the step from {after.at_least} stands behind that from {before.at_least}")
    for step in steps:
        if not 0 <= step.per_thousand <= MOST_PRICE:
            raise ValueError(f"the price from {step.at_least} on is below zero or too large")


def quote(steps: Sequence[Step], sends: int) -> Quote:
    """What so many sends cost, rounded to the minor unit, halves up; ValueError when the first step begins above."""
    fitting = [step for step in steps if step.at_least <= sends]
    if not fitting:
        raise ValueError(f"at least {steps[0].at_least} must be ordered")
    price = fitting[-1].per_thousand
    return Quote(sends, price, (sends * price + 500) // 1000)


def fewest_money(steps: Sequence[Step], sends: int) -> Quote:
    """The cheapest way to have at least so many sends, and of equally cheap ones that which gives the most."""
    wanted = max(sends, steps[0].at_least)
    ways = [quote(steps, wanted), *(quote(steps, step.at_least) for step in steps if step.at_least > wanted)]
    return min(ways, key=lambda way: (way.total, -way.sends))


def check_currency(text: str) -> str:
    """The code of a currency; ValueError for what is none (ISO 4217: three letters)."""
    if not _CURRENCY.fullmatch(text):
        raise ValueError(f"{text!r} is no currency; they are written like EUR")
    return text


def decimals(currency: str) -> int:
    """How many decimals amounts of a currency have."""
    return _DECIMALS.get(currency, 2)


def written(amount: int, currency: str) -> str:
    """An amount of minor units as a decimal number: 1234 of EUR is "12.34"."""
    places = decimals(currency)
    if not places:
        return str(amount)
    whole, rest = divmod(abs(amount), 10**places)
    return f"{'-' if amount < 0 else ''}{whole}.{rest:0{places}}"


def read(text: str, currency: str) -> int:
    """The minor units of a decimal number; ValueError when it is none, or has more decimals than the currency."""
    places = decimals(currency)
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no amount; they are written like 12.50")
    whole, rest = found.group(1), found.group(2) or ""
    if len(rest) > places:
        raise ValueError(f"{text!r} has more decimals than {currency}, which has {places}")
    return int(whole + rest.ljust(places, "0"))
