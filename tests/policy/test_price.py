"""Prices by volume: what holds of every quote, and amounts written and read."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.policy import price
from mailrelay.policy.price import Quote, Step

SHIPPED = (Step(1000, 200), Step(10_000, 150), Step(100_000, 90))


@st.composite
def tables(draw: st.DrawFn) -> tuple[Step, ...]:
    starts = sorted(draw(st.sets(st.integers(1, 10**6), min_size=1, max_size=6)))
    return tuple(Step(start, draw(st.integers(0, 10**5))) for start in starts)


class QuoteTests(SynchronousTestCase):
    """What a number of sends costs."""

    @given(tables(), st.integers(0, 10**6))
    def test_exact(self, steps: tuple[Step, ...], more: int) -> None:
        """The total is the exact product, at most half a minor unit away, at the price of the last step reached."""
        price.check_steps(steps)
        found = price.quote(steps, steps[0].at_least + more)
        self.assertEqual(found.per_thousand, max(each for each in steps if each.at_least <= found.sends).per_thousand)
        off = found.total - Fraction(found.sends * found.per_thousand, 1000)
        self.assertTrue(Fraction(-1, 2) < off <= Fraction(1, 2), off)

    @given(tables(), st.integers(0, 10**6), st.integers(0, 10**6))
    def test_rising(self, steps: tuple[Step, ...], first: int, more: int) -> None:
        """Within a step more never costs less; over all, the least money for at least so many never falls, is no more
        than their own price, and gives no fewer."""
        sends = steps[0].at_least + first
        one, other = price.quote(steps, sends), price.quote(steps, sends + more)
        inside = not any(sends < step.at_least <= sends + more for step in steps)
        self.assertTrue(not inside or one.total <= other.total)
        least, later = price.fewest_money(steps, sends), price.fewest_money(steps, sends + more)
        self.assertLessEqual(least.total, later.total)
        self.assertLessEqual(least.total, one.total)
        self.assertGreaterEqual(least.sends, sends)

    def test_examples(self) -> None:
        """Whole purchases stand at one price, so a step up may cost less; below the first step nothing is sold."""
        self.assertEqual(price.quote(SHIPPED, 9999), Quote(9999, 200, 2000))
        self.assertEqual(price.quote(SHIPPED, 10_000), Quote(10_000, 150, 1500))
        self.assertEqual(price.fewest_money(SHIPPED, 9000), Quote(10_000, 150, 1500))
        self.assertEqual(price.fewest_money(SHIPPED, 1), Quote(1000, 200, 200))
        self.assertEqual(price.quote((Step(1, 1),), 499).total, 0)
        self.assertEqual(price.quote((Step(1, 1),), 500).total, 1)
        with self.assertRaisesRegex(ValueError, "at least 1000 must be ordered"):
            price.quote(SHIPPED, 999)

    def test_no_price(self) -> None:
        """What is no rising list of steps is refused with the reason."""
        for steps, reason in (
            ((), "no step"),
            ((Step(0, 1),), "below 1 send"),
            ((Step(5, 1), Step(5, 2)), "from 5 stands behind that from 5"),
            ((Step(1, -1),), "below zero"),
            ((Step(1, price.MOST_PRICE + 1),), "too large"),
            (tuple(Step(n + 1, 1) for n in range(51)), "more than 50"),
        ):
            with self.assertRaisesRegex(ValueError, reason):
                price.check_steps(steps)


class AmountTests(SynchronousTestCase):
    """Money as people write it."""

    @given(st.integers(0, 10**15), st.sampled_from(["EUR", "JPY", "KWD"]))
    def test_back(self, amount: int, currency: str) -> None:
        """What is written is read back as it was, down to the last minor unit."""
        self.assertEqual(price.read(price.written(amount, currency), currency), amount)

    def test_written(self) -> None:
        """With the decimals of the currency."""
        written = [price.written(*each) for each in ((1234, "EUR"), (5, "USD"), (-5, "USD"), (1234, "JPY"), (1, "KWD"))]
        self.assertEqual(written, ["12.34", "0.05", "-0.05", "1234", "0.001"])
        self.assertEqual([price.read(text, "EUR") for text in ("2", "2.5", "0.07")], [200, 250, 7])

    def test_no_amount(self) -> None:
        """A comma, a sign, a word, an Arabic digit or a decimal too many is refused."""
        for text in ("", "1,5", "-1", "ten", "1.", ".5", "1e3", "١"):
            with self.assertRaisesRegex(ValueError, "no amount"):
                price.read(text, "EUR")
        for text, currency in (("0.001", "EUR"), ("1.0", "JPY")):
            with self.assertRaisesRegex(ValueError, f"more decimals than {currency}"):
                price.read(text, currency)
        self.assertEqual(price.check_currency("CHF"), "CHF")
        for text in ("eur", "EURO", "E1R"):
            with self.assertRaisesRegex(ValueError, "no currency"):
                price.check_currency(text)
