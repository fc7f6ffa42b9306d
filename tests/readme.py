#!/usr/bin/python3
"""The README's own commands, as a newcomer types them: the pair by hand must come up and see itself.

    tests/readme.py
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "lib"))
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402

cases = Cases()


def block(heading):
    """The first code block under a heading of the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {heading}$.*?^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    if not found:
        raise Failed(f"README.md has no commands under \"{heading}\"")
    return found.group(1)


class Newcomer:
    """A folder that looks like the clone, and a shell in it; all that it started ends with it."""

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="tandem-readme-")
        for name in ("build", "deploy"):
            os.symlink(ROOT / name, os.path.join(self.directory.name, name))
        return self

    def __exit__(self, *failure):
        os.killpg(self.shell.pid, signal.SIGKILL)
        self.shell.wait()
        self.directory.cleanup()

    def type(self, commands):
        """Run them in one shell that stays, and what was printed until the last had ended."""
        self.shell = subprocess.Popen(["bash", "-e"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      text=True, cwd=self.directory.name, start_new_session=True)
        self.shell.stdin.write(commands + "\necho 'all typed'\nread -r wait\n")
        self.shell.stdin.flush()
        said = ""
        for line in self.shell.stdout:
            if line == "all typed\n":
                return said
            said += line
        raise Failed(f"a command failed:\n{said}")

    def status(self, node):
        answer = subprocess.run([ROOT / "build/release/bin/tandemctl", "--socket", f"run/{node}.sock", "-o", "json", "status"],
                                capture_output=True, text=True, cwd=self.directory.name, check=True, timeout=10)
        return json.loads(answer.stdout)


@cases.case("the pair by hand comes up, and both nodes see each other")
def _():
    with Newcomer() as newcomer:
        said = newcomer.type(block("A pair by hand"))
        if not re.search("^first-look +AS65515", said, re.MULTILINE):
            raise Failed(f"the status is missing:\n{said}")
        end = time.monotonic() + 10
        while (alive := [newcomer.status(n)["counts"]["nodesAlive"] for n in ("rs-a", "rs-b")]) != [2, 2]:
            if time.monotonic() > end:
                raise Failed(f"nodes alive as seen by each: {alive}\n{said}")
            time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(cases.run())
