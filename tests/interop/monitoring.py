#!/usr/bin/python3
"""deploy/monitoring: its rules are rules, they ring when they should, and every metric it names is there.

    tests/interop/monitoring.py [words of a case's name]
"""
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab.net import Lab  # noqa: E402
from lab.tandem import Cluster  # noqa: E402

HERE = os.path.join(ROOT, "deploy", "monitoring")
METRIC = re.compile(r"\b(?:tandem|process)_[a-z0-9_]+")
cases = Cases()


def text(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


def promtool(*words, given=None):
    done = subprocess.run(["promtool", *words], input=given, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise Failed(done.stdout + done.stderr)


def metrics():
    """What a node tells at /metrics."""
    with Lab("monitoring") as lab:
        host = lab.host("rs-a")
        host.ip("link add dummy0 type bridge")
        host.ip("link set dummy0 up")
        host.address("dummy0", "10.1.1.4/16")
        cluster = Cluster(lab)
        node = cluster.node(host, "10.1.1.4")
        cluster.configure()
        node.start()
        node.wait_ready()
        return node.http("/metrics", port=8179, address="127.0.0.1")[1]


@cases.case("promtool reads the rules")
def _():
    promtool("check", "rules", os.path.join(HERE, "alerts.yml"))


@cases.case("alerts ring when they should, and not otherwise")
def _():
    promtool("test", "rules", os.path.join(HERE, "alerts.test.yml"))


@cases.case("a node has every metric that rules and dashboard name")
def _():
    page = metrics()
    there = set(re.findall(r"^# TYPE (\S+)", page, re.MULTILINE))
    named = {name for file in ("alerts.yml", "dashboard.json") for name in METRIC.findall(text(file))}
    if len(named) < 20 or named - there:
        raise Failed(f"{len(named)} are named; not there: {sorted(named - there)}")


@cases.case("the dashboard is one: panels with places and questions of their own")
def _():
    panels = json.loads(text("dashboard.json"))["panels"]
    ids = [panel["id"] for panel in panels]
    taken = {(x, y) for panel in panels for at in [panel["gridPos"]] for x in range(at["x"], at["x"] + at["w"])
             for y in range(at["y"], at["y"] + at["h"])}
    cells = sum(panel["gridPos"]["w"] * panel["gridPos"]["h"] for panel in panels)
    if len(set(ids)) != len(ids) or cells != len(taken) or max(x for x, _ in taken) > 23:
        raise Failed("ids repeat, or panels lie on each other")
    for panel in panels:
        if not panel["title"] or not all(target["expr"] for target in panel["targets"]):
            raise Failed(f"panel {panel['id']} asks nothing")


if __name__ == "__main__":
    sys.exit(cases.run())
