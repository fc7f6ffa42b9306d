#!/usr/bin/python3
"""The manual pages: mandoc finds no fault, and they have every verb, option and key that the programs have.

    tests/pages.py [words of a case's name]

Of build/debug, or of the build that TANDEM_BUILD names.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "lib"))
sys.dont_write_bytecode = True

from case import Cases, Failed, said  # noqa: E402

BUILD = pathlib.Path(os.environ.get("TANDEM_BUILD", ROOT / "build" / "debug"))
PAGES = {name: BUILD / "node" / "man" / name for name in ("tandemctl.1", "tandem.yaml.5", "tandemd.8", "tandem-agent.8")}
# How scdoc always begins a section and a paragraph in it, which every reader takes.
OF_SCDOC = "skipping paragraph macro"
cases = Cases()


def program(name, *words):
    return said(BUILD / "bin" / name, *words)


def text(page):
    """As a reader sees it, in one line: words that were broken and emphasis are undone."""
    return re.sub(r"\s+", " ", re.sub(r".\x08", "", said("mandoc", "-T", "utf8", "-O", "width=900", PAGES[page])))


def must_have(page, words):
    there = text(page)
    missing = [word for word in words if word not in there]
    if missing:
        raise Failed(f"{page} lacks {missing}")


def keys(schema, path=""):
    """peers[].maxRoutes.limit and so on, of every type of target."""
    for key, value in schema.get("properties", {}).items():
        below = f"{path}.{key}" if path else key
        yield below
        is_list = "array" in str(value.get("type"))
        inner = value.get("items", {}) if is_list else value
        for kind in [inner, *inner.get("anyOf", [])] if key != "defaults" else []:
            yield from keys(kind, below + ("[]" if is_list else ""))


@cases.case("mandoc finds no fault in any page")
def _():
    for page in PAGES.values():
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True, check=False)
        found = [line for line in done.stdout.splitlines() if OF_SCDOC not in line]
        if found or done.stderr or not page.stat().st_size:
            raise Failed("\n".join(found) + done.stderr)


@cases.case("every verb and option of tandemctl has its place")
def _():
    verbs = [line.strip().split("  ")[0] for line in program("tandemctl", "help").split("\n\n")[1].splitlines() if re.match(r"  \S", line)]
    options = re.findall(r"-l (\S+)", program("tandemctl", "completion", "fish"))
    if len(verbs) < 30 or len(options) < 10:
        raise Failed(f"{verbs} {options}")
    must_have("tandemctl.1", [re.sub(r"\s+", " ", verb) for verb in verbs] + [f"--{option}" for option in options])


@cases.case("every option of the daemon and of the agent has its place")
def _():
    for name, page in (("tandemd", "tandemd.8"), ("tandem-agent", "tandem-agent.8")):
        options = re.findall(r"--[a-z-]+", program(name, "--help"))
        must_have(page, options)
        if len(options) < 4:
            raise Failed(f"{name} has {options} only")


@cases.case("every key of the configuration has its place, and what is said of it")
def _():
    found = list(keys(json.loads(program("tandemctl", "config", "schema"))))
    if len(found) < 150:
        raise Failed(f"{len(found)} keys only")
    must_have("tandem.yaml.5", found + ["proposed hold time", "keepTable", "nodes[].port", "etcd.endpoints", "log.level", "programming[].type: azureRouteTable"])


@cases.case("an installation has them where man looks")
def _():
    with tempfile.TemporaryDirectory(prefix="tandem-install-") as folder:
        said("cmake", "--install", BUILD, "--prefix", folder)
        for name in PAGES:
            if not (pathlib.Path(folder) / "share" / "man" / f"man{name[-1]}" / name).is_file():
                raise Failed(f"{name} is not installed: {said('find', folder, '-name', '*.[158]')}")


if __name__ == "__main__":
    sys.exit(cases.run())
