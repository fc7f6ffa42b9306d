"""Test cases of the scripts: named sentences, run in order, one line each, counted at the end.

    cases = Cases()

    @cases.case("a firewall's death moves its share")
    def _():
        raise Failed("what was seen instead")

    sys.exit(cases.run())
"""
import subprocess
import sys
import time
import traceback


class Failed(Exception):
    """The expectation does not hold; the text says what was seen."""


def said(*command, seconds=60):
    """What a program printed; that it ended well is expected."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode:
        raise Failed(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Cases:
    def __init__(self, words=None):
        self.words = sys.argv[1:] if words is None else words
        self.list, self.passed, self.failed = [], 0, 0

    def case(self, name):
        def add(function):
            self.list.append((name, function))
            return function
        return add

    def one(self, name, function, *arguments):
        """Run one case now. True when it passed."""
        start = time.monotonic()
        try:
            function(*arguments)
        except Exception as error:  # the next case still runs, whatever this one met
            self.failed += 1
            print(f"FAILED {name}  {time.monotonic() - start:.1f} s", flush=True)
            text = str(error) if type(error).__name__ in ("Failed", "LabError") else traceback.format_exc()
            print("       " + text.rstrip().replace("\n", "\n       "), flush=True)
            return False
        self.passed += 1
        print(f"ok     {name}  {time.monotonic() - start:.1f} s", flush=True)
        return True

    def wants(self, name):
        """Is this case among those that were asked for?"""
        return not self.words or any(word in name for word in self.words)

    def each(self, steps, *arguments):
        """Those of the steps (name, function of the arguments) that were asked for."""
        for name, function in steps:
            if self.wants(name):
                self.one(name, function, *arguments)

    def run(self):
        """Run the cases that were asked for; the exit status."""
        self.each(self.list)
        return self.end()

    def story(self, beginning, start, steps, *world):
        """The beginning, and if it passed those of the steps (name, function of the world) that were asked for."""
        if self.one(beginning, start):
            self.each(steps, *world)
        return self.end()

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed else 0
