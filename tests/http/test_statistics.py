"""Statistics over HTTP."""

from __future__ import annotations

from .wire import SiteTestCase


class StatisticsTests(SiteTestCase):
    def test_counted(self) -> None:
        """The object has the counts, the rows of the service and a part for each of what it is taken apart by."""
        found = self.get("/api/v1/statistics?connection=news&by=tag&from=2026-01-02&to=2026-01-03").json()
        self.assertEqual((found["account"], found["connection"], found["zone"]), ("acme", "news", "UTC"))
        self.assertEqual(found["counts"]["queued"], 1)
        rows = {row["label"]: row["number"] for row in found["rows"]}
        self.assertEqual((rows["delivered"], rows["hard_bounce"], rows["opened"]), (3, 1, 2))
        self.assertEqual([part["of"] for part in found["parts"]], ["news"])

    def test_providers_and_times(self) -> None:
        """By provider those are told who are at their end, and its deferrals; and how long deliveries took."""
        found = self.get("/api/v1/statistics?connection=news&by=provider").json()
        (part,) = found["parts"]
        counts = {word: number for word, number in part["counts"].items() if number}
        self.assertEqual(part["of"], "big")
        self.assertEqual(counts, {"accepted": 4, "delivered": 3, "bounced": 1, "deferrals": 7})
        times = found["delivery_seconds"]
        self.assertEqual(list(times), ["total", "wait", "throttle", "remote"])
        self.assertEqual((times["wait"]["p99"], times["total"]["deliveries"]), (0, 3))
        self.assertEqual(times["total"], times["remote"])
        self.assertTrue(4 <= times["total"]["p50"] <= times["total"]["p99"] <= 6.2)
        self.assertEqual(self.get("/api/v1/statistics?connection=news&tag=a").json()["delivery_seconds"], {})

    def test_problems(self) -> None:
        """What cannot be read is told with its name; what is not there is 404."""
        answer = self.get("/api/v1/statistics?by=moon")
        self.assertEqual((answer.status, answer.json()["status"]), (400, 400))
        self.assertIn("by: ", answer.json()["detail"])
        self.assertEqual(self.get("/api/v1/statistics?connection=none").status, 404)
        self.assertEqual(self.get("/api/v1/statistics?account=a&account=b").status, 400)
