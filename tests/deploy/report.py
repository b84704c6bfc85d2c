"""Runs the tests that are named, one line each, and counts them as tests/run reads it."""

import sys
import time
import unittest


class Report(unittest.TextTestResult):
    """A line for each test: how it ended, how long it took, and its sentence."""

    good = 0

    def startTest(self, test):
        super(unittest.TextTestResult, self).startTest(test)
        self.began = time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        bad = any(test is failed or getattr(failed, "test_case", None) is test for failed, _ in self.failures + self.errors)
        how = "FAIL" if bad else "skip" if any(test is skipped for skipped, _ in self.skipped) else "ok"
        self.good += how == "ok"
        sentence = test.id().removeprefix("test_").replace(".test_", ": ").replace("_", " ")
        print(f"{how:4} {time.monotonic() - self.began:6.2f} s  {sentence}", flush=True)


if __name__ == "__main__":
    suite = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=0, resultclass=Report).run(suite)
    bad = {getattr(test, "test_case", test).id() for test, _ in result.failures + result.errors}
    print(f"test result: {'FAILED' if bad else 'ok'}. {result.good} passed; {len(bad)} failed; {len(result.skipped)} skipped")
    sys.exit(bool(bad))
