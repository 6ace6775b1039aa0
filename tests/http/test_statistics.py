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

    def test_problems(self) -> None:
        """What cannot be read is told with its name; what is not there is 404."""
        answer = self.get("/api/v1/statistics?by=moon")
        self.assertEqual((answer.status, answer.json()["status"]), (400, 400))
        self.assertIn("by: ", answer.json()["detail"])
        self.assertEqual(self.get("/api/v1/statistics?connection=none").status, 404)
        self.assertEqual(self.get("/api/v1/statistics?account=a&account=b").status, 400)
