#!/usr/bin/python3
"""Whatever may go wrong, by chance: real programs, a real kernel, BIRD, FRR and GoBGP, and faults that a seed chooses.

    tests/chaos/storm.py [--seed N] [--seconds S] [--journal FILE]

The network of deploy/demo and one appliance more. In rounds: one to three faults at once, beginning and ending when
the seed says, while appliances announce and withdraw; then everything heals and has to be what the appliances say.
Nodes are killed, stopped (SIGSTOP), restarted, unplugged, reloaded, parted from each other both ways and one way, cut
off an appliance; appliances restart or are killed; so is the agent.

Observers take no part: an `ip monitor` in the VM and behind the branch, 1,000 packets a second to each side, a poller
of /readyz. What they saw, and what was done, is a journal of JSON lines, which verdict.py judges afterwards.
"""
import argparse
import contextlib
import dataclasses
import json
import os
import random
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases  # noqa: E402
from lab import vnet  # noqa: E402
from lab.check import Stopwatch, expect  # noqa: E402
from lab.fault import deaf, partition, stopped, unplugged  # noqa: E402
from lab.gobgp import Gobgp  # noqa: E402
from lab.net import Lab  # noqa: E402
from lab.stream import reports  # noqa: E402
from verdict import Verdict  # noqa: E402

CONTROLLER, CONTROLLER_ASN = "10.1.2.6", 65003
SHARED = [f"10.60.{number}.0/24" for number in range(10)]  # the firewall and the SD-WAN may announce any of them
# GoBGP 3 sends no withdrawal when a route of its own goes and one that it learned of the same peers takes its place.
OWN = [f"10.61.{number}.0/24" for number in range(5)]
CHANGE_S, READY_S = 0.3, 0.05
SETTLE_S = 30  # L3: from healing until everything is as it should be


@dataclasses.dataclass(frozen=True)
class Fault:
    begin: float
    end: float
    name: str
    node: object


class Controller(Gobgp):
    """Its routes are as good as those of the others, whose ORIGIN is IGP."""

    def gobgp(self, *words, as_json=False):
        return super().gobgp(*words, *(("origin", "igp") if words[:3] == ("global", "rib", "add") else ()), as_json=as_json)


class World(vnet.Vnet):
    """With a controller that speaks GoBGP."""

    def _firewalls(self):
        walls = super()._firewalls()
        self.controller = Controller(self.lab, self._member("controller", CONTROLLER), CONTROLLER_ASN, CONTROLLER)
        for name, (address, _) in vnet.NODES.items():
            self.controller.peer(name, address, vnet.ASN, families=(4,))
        self.cluster.peer("controller", CONTROLLER, CONTROLLER_ASN, holdTime="9s")
        return walls

    @property
    def appliances(self):
        return [*super().appliances, self.controller]


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
    def __init__(self, lab, seed):
        self.net, self.journal, self.random = World(lab), Journal(), random.Random(seed)
        self.nodes = list(self.net.nodes.values())
        self.changers = [self.net.fw1, self.net.sdwan, self.net.controller]
        self.down = set()  # appliances

    def start(self):
        self.net.cluster.start()
        self.net.start_appliances()
        self.net.agent.start()
        self.settle()
        watches = self.net.watches()
        self.watches = {name: watches[name] for name in ("vm", "onprem")}
        self.streams = self.net.streams()
        reports(*self.streams)
        self.poller = Readiness(self.nodes, self.journal)
        self.poller.start()

    # What has to be there.

    def wanted(self):
        table = {vnet.BRANCH: [vnet.SDWAN], vnet.DEFAULT: sorted([vnet.FW1, vnet.FW2])}
        for prefix in SHARED + OWN:
            hops = sorted(a.address for a in self.changers if prefix in a.announced)
            if hops:
                table[prefix] = hops
        return table

    def settle(self):
        for node in self.nodes:
            node.wait_ready(SETTLE_S)
            node.wait_linked(SETTLE_S)
            node.wait_peers(*vnet.PEERS, "controller", seconds=SETTLE_S)
        expect("the VM's kernel", self.wanted(), self.net.vm_routes, SETTLE_S)
        self.net.cluster.expect_equal(SETTLE_S)

    # Faults: each is a context; what is in it happens while it lasts.

    @contextlib.contextmanager
    def kill(self, node):
        node.kill()
        yield
        node.start()

    def pause(self, node):
        return stopped(node.process)

    @contextlib.contextmanager
    def restart(self, node):
        node.stop()
        yield
        node.start()

    def power(self, node):
        return unplugged(node.host)

    @contextlib.contextmanager
    def both(self, _node):
        for node in self.nodes:
            node.kill()
        yield
        for node in self.nodes:
            node.start()

    @contextlib.contextmanager
    def reload(self, _node):
        """Another limit for one appliance, in all files, and back."""
        texts = [f"peerAsn: {CONTROLLER_ASN}, holdTime: 9s" + more for more in ("", ", maxRoutes: { limit: 5000 }")]
        for old, new in (texts, texts[::-1]):
            for node in self.nodes:
                node.rewrite(old + " }", new + " }")
            if old == texts[0]:
                yield

    @contextlib.contextmanager
    def agent(self, _node):
        self.net.agent.kill()
        yield
        self.net.agent.start()

    def parted(self, _node):
        return partition(*((node.host, vnet.NODES[node.name]) for node in self.nodes))

    def one_way(self, node):
        other = next(n for n in self.nodes if n is not node)
        return deaf(node.host, *vnet.NODES[other.name])

    def cut_off(self, node):
        """From one appliance; for less than the hold time, or more."""
        return deaf(node.host, self.random.choice([vnet.FW1, vnet.SDWAN, CONTROLLER]))

    @contextlib.contextmanager
    def gone(self, end):
        appliance = self.random.choice(self.changers)
        self.journal.note("appliance", name=appliance.name)
        self.down.add(appliance)
        end(appliance)
        yield
        appliance.start()
        self.down.remove(appliance)

    def told(self, _node):
        return self.gone(lambda appliance: appliance.stop())

    def untold(self, _node):
        return self.gone(lambda appliance: appliance.kill())

    # (share, longest s, what must not happen beside it, how)
    FAULTS = {
        "kill -9": (4, 4, {"node"}, kill),
        "SIGSTOP": (4, 5, {"node"}, pause),
        "restart": (2, 2, {"node"}, restart),
        "power failure": (2, 4, {"node", "link"}, power),
        "both killed": (1, 2, {"node", "agent"}, both),
        "reload": (1, 1, {"node"}, reload),
        "agent killed": (1, 1, {"agent"}, agent),
        "partition": (3, 5, {"link"}, parted),
        "one-way partition": (3, 5, {"link"}, one_way),
        "cut off an appliance": (2, 14, {"node", "link"}, cut_off),
        "appliance restarts": (2, 2, {"appliance"}, told),
        "appliance killed": (2, 2, {"appliance"}, untold),
    }

    def choose(self):
        """The faults of the next round."""
        plan, taken = [], set()
        for _ in range(self.random.randint(1, 3)):
            names = [n for n, (_, _, groups, _) in self.FAULTS.items() if not groups & taken]
            if not names:
                break
            name = self.random.choices(names, [self.FAULTS[n][0] for n in names])[0]
            _, longest, groups, _ = self.FAULTS[name]
            taken |= groups
            begin = self.random.uniform(0, 1)
            plan.append(Fault(begin, begin + self.random.uniform(0.2, longest), name, self.random.choice(self.nodes)))
        return plan

    def change(self):
        """One appliance says something else."""
        appliance = self.random.choice(self.changers)
        prefix = self.random.choice(OWN if appliance is self.net.controller else SHARED)
        if appliance in self.down:
            return
        what = "withdraw" if prefix in appliance.announced else "announce"
        line = self.journal.note(what, appliance=appliance.name, prefix=prefix)
        getattr(appliance, what)(prefix)
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
        watch = Stopwatch()
        self.settle()
        lost = {stream.name: part["lost"] for stream, part in zip(self.streams, reports(*self.streams))}
        self.journal.note("settled", ms=watch.ms, lost=lost)

    def begin(self, fault, under_way):
        line = self.journal.note("fault", name=fault.name, node=fault.node.name)
        under_way[fault] = self.FAULTS[fault.name][3](self, fault.node), line
        under_way[fault][0].__enter__()

    def end(self, fault, under_way):
        context, line = under_way.pop(fault)
        context.__exit__(None, None, None)
        line["until"] = time.time()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60, help="rounds begin for so long")
    parser.add_argument("--journal", help="keep what was seen in this file")
    options = parser.parse_args()
    cases = Cases([])
    with Lab("storm") as lab:
        storm = Storm(lab, options.seed)
        if cases.one("the network stands and traffic flows", storm.start):
            end, number, goes_on = time.monotonic() + options.seconds, 0, True
            while goes_on and (time.monotonic() < end or not number):
                number += 1
                plan = storm.choose()
                storm.journal.note("round", number=number)
                goes_on = cases.one(f"round {number}: {', '.join(sorted(fault.name for fault in plan))}", storm.round, plan)
            storm.poller.ends = True
            path = options.journal or lab.path("journal")
            for name, watch in storm.watches.items():
                for at, removed, prefix in watch.changes():
                    storm.journal.lines.append({"at": at, "event": "removed" if removed else "put", "host": name, "prefix": prefix})
            storm.journal.write(path)
            verdict = Verdict(path)
            for name, judge in verdict.questions():
                cases.one(name, judge)
            verdict.print()
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
