"""The rule, natively: `python3 -m unittest discover tests`. `sluice validator test` judges cases/ in the engine
of a host."""

import sys
import unittest
from pathlib import Path

PROJECT = Path(__file__).parent.parent
sys.path[:0] = [str(PROJECT / "src"), str(PROJECT / "sluice")]

import rule  # noqa: E402
import sluice  # noqa: E402


def codes(written, old=None):
    return [finding.code for finding in rule.validate(*sluice.change_of("db/pool.json", written, old))]


class Rule(unittest.TestCase):
    def setUp(self):
        self.assertEqual(rule.configure({"connections_max": 100, "growth_max": 2}), [])

    def test_a_pool_within_the_limit_is_accepted_and_one_beyond_it_is_not(self):
        self.assertEqual(codes('{"connections": 100}'), [])
        self.assertEqual(codes('{"connections": 101}'), ["too-many"])

    def test_a_pool_that_grows_too_fast_is_refused(self):
        self.assertEqual(codes('{"connections": 90}', old='{"connections": 40}'), ["too-fast"])

    def test_settings_that_allow_nothing_or_that_nobody_knows_are_refused(self):
        self.assertEqual(rule.configure({"connections_max": 100, "growth_max": 0.5})[0].pointer, "/growth_max")
        self.assertEqual(rule.configure({"connections_max": 1, "growth_max": 2, "grow": 1})[0].pointer, "/grow")
        self.assertEqual(len(rule.configure(None)), 1)

    def test_no_case_raises(self):
        for path in (PROJECT / "cases").iterdir():
            if ".accept." in path.name or ".reject." in path.name:
                codes(path.read_text())


if __name__ == "__main__":
    unittest.main()
