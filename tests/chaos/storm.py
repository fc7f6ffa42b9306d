#!/usr/bin/python3
"""Whatever may go wrong, by chance: real programs, a real kernel, BIRD, FRR and GoBGP, and faults that a seed chooses.

    tests/chaos/storm.py [--seed N] [--seconds S] [--journal FILE] [--with THING,...|none]

The network of deploy/demo, an appliance more, and things that the seed chooses too: a third node, etcd, OpenBGPD,
graceful restarts … (storm_net.MORE); --with says which instead. In rounds: one to three faults at once (rows of
storm_faults.FAULTS), beginning and ending when the seed says, while appliances announce, withdraw and prepend; then
everything heals and has to be what the appliances say, in every table and at every appliance.

Observers take no part: an `ip monitor` wherever a table is and behind the branch, a watch of etcd, 1,000 packets a
second to each side, a poller of /readyz. What they saw, and what was done, is a journal of JSON lines, which verdict.py
judges afterwards.
"""
import argparse
import concurrent.futures
import dataclasses
import json
import os
import random
import shutil
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab.net import Lab  # noqa: E402
from lab.stream import reports  # noqa: E402
from storm_faults import FAULTS  # noqa: E402
from storm_net import MORE, World  # noqa: E402
from verdict import Verdict  # noqa: E402

CHANGE_S, READY_S = 0.3, 0.05
PREPENDS = (0, 0, 0, 1, 2)


@dataclasses.dataclass(frozen=True)
class Fault:
    begin: float
    end: float
    name: str
    node: object


class Journal:
    def __init__(self):
        self.lines, self.lock = [], threading.Lock()

    def note(self, event, **fields):
        with self.lock:
            self.lines.append({"at": time.time(), "event": event, **fields})
            return self.lines[-1]

    def write(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in sorted(self.lines, key=lambda line: line["at"]))


class Readiness(threading.Thread):
    """Asks every node all the time whether it is ready, and notes what changes."""

    def __init__(self, nodes, journal):
        super().__init__(daemon=True)
        self.nodes, self.journal, self.ends, self.seen = nodes, journal, False, {}

    def run(self):
        while not self.ends:
            for node in self.nodes:
                try:
                    status = node.http("/readyz")[0]
                except OSError:
                    status = 0
                if self.seen.get(node.name) != status:
                    self.journal.note("ready", node=node.name, status=status)
                self.seen[node.name] = status
            time.sleep(READY_S)


class Storm:
    def __init__(self, lab, seed, more):
        self.random = random.Random(seed)
        drawn = {thing for thing in MORE if self.random.random() < 0.5}
        self.net, self.journal = World(lab, drawn if more is None else more), Journal()
        self.nodes = list(self.net.nodes.values())
        self.down = set()  # appliances
        self.orders = concurrent.futures.ThreadPoolExecutor()
        self.failures = []  # of what the storm itself ended

    def start(self):
        self.net.start()
        self.net.settle()
        self.watches = self.net.watches()
        self.streams = self.net.streams()
        reports(*self.streams)
        self.poller = Readiness(self.nodes, self.journal)
        self.poller.start()

    # For faults.

    def later(self, *order):
        """An order that takes its time."""
        self.orders.submit(*order)

    def ends(self, node):
        """Stopped in order; under sanitizers its status says that nothing leaked, too."""
        if status := node.stop():
            self.failures.append(f"{node.name} ended with status {status}\n{node.process.tail(40)}")

    def choose(self):
        """The faults of the next round."""
        plan, taken = [], set()
        for _ in range(self.random.randint(1, 3)):
            names = [n for n, kind in FAULTS.items() if not kind.apart & taken and kind.needs in ("", *self.net.more)]
            name = self.random.choices(names, [FAULTS[n].share for n in names])[0]
            taken |= FAULTS[name].apart
            begin, lasts = self.random.uniform(0, 1), self.random.uniform(0.2, FAULTS[name].longest)
            plan.append(Fault(begin, begin + lasts, name, self.random.choice(self.nodes)))
        return plan

    def change(self):
        """One appliance says something else."""
        appliance = self.random.choice(self.net.appliances)
        prefix, prepends = self.random.choice(self.net.prefixes(appliance)), self.random.choice(PREPENDS)
        if appliance in self.down:
            return
        is_there = prefix in appliance.announced
        if is_there and appliance.announced[prefix] != prepends:
            self.journal.note("prepend", appliance=appliance.name, prefix=prefix, times=prepends)
            appliance.announce(prefix, prepends)
            return
        line = self.journal.note("withdraw" if is_there else "announce", appliance=appliance.name, prefix=prefix)
        (appliance.withdraw if is_there else appliance.announce)(prefix)
        line["until"] = time.time()

    def round(self, plan):
        """The faults of a plan, and changes all the while."""
        start, under_way = time.monotonic(), {}
        events = sorted(((at, which, fault) for fault in plan for which, at in (("begin", fault.begin), ("end", fault.end))),
                        key=lambda event: event[0])
        last = events[-1][0] + 1
        try:
            while (now := time.monotonic() - start) < last or events:  # one that takes long keeps no other from happening
                if events and events[0][0] <= now:
                    _, which, fault = events.pop(0)
                    getattr(self, which)(fault, under_way)
                else:
                    self.change()
                    time.sleep(self.random.uniform(0, CHANGE_S))
        finally:
            for fault in list(under_way):
                self.end(fault, under_way)
        settled_ms = self.net.settle()
        lost = {stream.name: part["lost"] for stream, part in zip(self.streams, reports(*self.streams))}
        self.journal.note("settled", ms=settled_ms, lost=lost)
        if self.failures:
            raise Failed("\n".join(self.failures))

    def begin(self, fault, under_way):
        kind = FAULTS[fault.name]
        line = self.journal.note("fault", name=fault.name, node=fault.node.name, hides=sorted(kind.hides))
        under_way[fault] = kind.run(self, fault.node), line
        under_way[fault][0].__enter__()

    def end(self, fault, under_way):
        context, line = under_way.pop(fault)
        context.__exit__(None, None, None)
        line["until"] = time.time()

    def end_all(self):
        """Everything that runs ends well."""
        self.net.cluster.stop()
        if complaints := self.net.complaints():
            raise Failed("\n".join(complaints))

    def write(self, path):
        self.poller.ends = True
        for name, watch in self.watches.items():
            for at, removed, prefix in watch.changes():
                self.journal.lines.append({"at": at, "event": "removed" if removed else "put", "host": name, "prefix": prefix})
        self.journal.write(path)


def things(text):
    """Those of MORE that are named."""
    named = set(text.split(",")) - {"none"}
    if named - set(MORE):
        raise argparse.ArgumentTypeError(", ".join(MORE))
    return named


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60, help="rounds begin for so long")
    parser.add_argument("--journal", help="keep what was seen in this file, and all logs beside it")
    parser.add_argument("--with", dest="more", type=things, help="; ".join(f"{name}: {what}" for name, what in MORE.items()))
    return parser.parse_args()


def main():
    options = arguments()
    cases = Cases([])
    with Lab("storm") as lab:
        storm = Storm(lab, options.seed, options.more)
        if cases.one(f"the network stands and traffic flows ({', '.join(sorted(storm.net.more)) or 'a pair'})", storm.start):
            end, number, goes_on = time.monotonic() + options.seconds, 0, True
            while goes_on and (time.monotonic() < end or not number):
                number += 1
                plan = storm.choose()
                storm.journal.note("round", number=number)
                goes_on = cases.one(f"round {number}: {', '.join(sorted(fault.name for fault in plan))}", storm.round, plan)
            path = options.journal or lab.path("journal")
            storm.write(path)
            verdict = Verdict(path)
            for name, judge in verdict.questions():
                cases.one(name, judge)
            cases.one("all nodes end well", storm.end_all)
            if options.journal:
                shutil.copytree(lab.path("log"), options.journal + ".logs", dirs_exist_ok=True)
            verdict.print()
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
