#!/usr/bin/python3
"""Three nodes: partial partitions, deaths that not everybody heard of, an upgrade node by node.

    tests/chaos/three.py [words of a case's name]

Two BIRDs: `wide` peers with every node, `narrow` with the first one only, so that all the others know its
route from that node's stream. A VM host with its agent, whose kernel's removals are watched.
"""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab.bird import Bird  # noqa: E402
from lab.check import Stopwatch, hold, poll  # noqa: E402
from lab.fault import partition  # noqa: E402
from lab.net import Lab  # noqa: E402
from lab.tandem import Cluster, program  # noqa: E402
from lab.watch import RouteWatch, kernel_routes  # noqa: E402

ADDRESSES = {"rs-a": "10.1.1.4", "rs-b": "10.1.1.5", "rs-c": "10.1.1.6"}
WIDE, NARROW = "10.1.2.4", "10.1.2.5"
TABLE = {"10.250.0.0/16": [WIDE], "10.251.0.0/16": [NARROW]}
EXTRA = "10.252.0.0/16"
MINOR, CHANGE_S = 4, 1


class Three:
    def __init__(self, lab):
        self.lab = lab
        fabric = lab.subnet("fabric", "10.1.0.1/16")
        places = {**ADDRESSES, "wide": WIDE, "narrow": NARROW, "vm": "10.1.10.4"}
        hosts = {name: lab.host(name) for name in places}
        for name, host in hosts.items():
            lab.attach(fabric, host, f"{places[name]}/16")
        self.cluster = Cluster(lab)
        self.a, self.b, self.c = (self.cluster.node(hosts[name], at) for name, at in ADDRESSES.items())
        self.nodes = (self.a, self.b, self.c)
        self.vm, self.agent = hosts["vm"], self.cluster.agent(hosts["vm"])
        self.cluster.network("hub", "10.1.0.0/16")
        self.cluster.peer("wide", WIDE, 65001, holdTime="9s", connectRetry="1s")
        self.cluster.peer("narrow", NARROW, 65002, holdTime="9s", connectRetry="1s", nodes=["rs-a"])
        self.cluster.configure()
        self.wide, self.narrow = Bird(lab, hosts["wide"], 65001, WIDE), Bird(lab, hosts["narrow"], 65002, NARROW)
        for node in self.nodes:
            self.wide.peer(node.name, node.address, 65515, families=(4,))
        self.narrow.peer("rs-a", ADDRESSES["rs-a"], 65515, families=(4,))
        for bird, prefix in zip((self.wide, self.narrow), TABLE):
            bird.announce(prefix)
        self.removed = 0

    def start(self):
        for bird in (self.wide, self.narrow):
            bird.start()
        self.cluster.start()
        self.agent.start()
        self.settled()
        self.watch = RouteWatch(self.lab, self.vm)

    def settled(self):
        self.cluster.wait_ready()
        for node in self.nodes:
            node.wait_peers("wide")
            node.wait_linked()
        self.cluster.expect_equal()
        poll("the VM's table", self.is_whole)

    def is_whole(self):
        return kernel_routes(self.vm, protocol=201) == TABLE

    def nothing_removed(self):
        """Nothing but what was withdrawn, which was EXTRA."""
        removed = self.watch.removals()
        fresh, self.removed = removed[self.removed:], len(removed)
        wrong = [f"{stamp} {route}" for stamp, route in fresh if not route.startswith(EXTRA)]
        if wrong:
            raise Failed("the VM's kernel removed " + "; ".join(wrong))

    def nothing_differed(self):
        """No node took a digest of another table for one that it can compare."""
        alarms = [event for node in self.nodes for event in node.items("events") if event["event"] == "digest_differs"]
        if alarms:
            raise Failed(f"digests differed: {alarms}")

    def view(self, node, other):
        return next(n for n in node.items("node", "list") if n["name"] == other.name)

    def is_alive(self, node, other):
        """Suspect is who lost a link, until the next beat of a third node tells of it: that is no death (C7)."""
        return self.view(node, other)["health"] in ("ok", "suspect")

    def change(self, node, bird, what, wanted):
        """A change at a BIRD shows in a node's table within CHANGE_S."""
        getattr(bird, what)(EXTRA)
        watch = Stopwatch()
        poll(f"{node.name}: {EXTRA} by {bird.name} {what}s", lambda: (EXTRA in node.best()) == wanted, 10, every=0.02)
        return watch.ms

    # The acts.

    def parted(self):
        """Scenario 20: rs-a and rs-c do not hear each other, both hear rs-b."""
        with partition((self.a.host, [self.a.address]), (self.c.host, [self.c.address])):
            poll("rs-c reads rs-a's stream from rs-b", lambda: self.view(self.c, self.a).get("readFrom") == "rs-b", 10)
            poll("rs-a reads rs-c's stream from rs-b", lambda: self.view(self.a, self.c).get("readFrom") == "rs-b", 10)
            hold("rs-a and rs-c stay alive to each other", lambda: self.is_alive(self.c, self.a) and
                 self.is_alive(self.a, self.c), 2)
            came = self.change(self.c, self.narrow, "announce", True)
            went = self.change(self.c, self.narrow, "withdraw", False)
            hold("the VM's table", self.is_whole, 1)
        print(f"       a change over a third node: announced {came:.0f} ms, withdrawn {went:.0f} ms", flush=True)
        if went > CHANGE_S * 1000 + 500:
            raise Failed(f"a withdrawn route stayed for {went:.0f} ms")
        self.settled()
        self.nothing_removed()

    def killed_in_part(self):
        """rs-a dies while rs-c knows of it by rs-b only; what its NVA told it is held by both."""
        with partition((self.a.host, [self.a.address]), (self.c.host, [self.c.address])):
            poll("rs-c reads rs-a's stream from rs-b", lambda: self.view(self.c, self.a).get("readFrom") == "rs-b", 10)
            self.a.kill()
            for node in (self.b, self.c):
                poll(f"{node.name} misses rs-a", lambda node=node: self.view(node, self.a)["health"] == "dead", 5)
            hold("both keep what rs-a learned", lambda: all(set(TABLE) <= set(n.best()) for n in (self.b, self.c)), 2)
            hold("the VM's table", self.is_whole, 1)
        self.a.start()
        self.settled()
        self.nothing_removed()

    def killed(self):
        """kill -9 of each in turn."""
        for node in self.nodes:
            node.kill()
            hold("the VM's table while a node is away", self.is_whole, 1)
            node.start()
            self.settled()
        self.nothing_removed()

    def upgraded(self):
        """Each is stopped and started as one of the minor before, and back again, node by node."""
        for minor in (MINOR - 1, MINOR):
            for node in self.nodes:
                self.restart(node, minor)
                self.settled()
                hold("the VM's table between versions", self.is_whole, 0.5)
                self.nothing_differed()
            minors = {n["protocolMinor"] for n in self.a.items("node", "list")}
            if minors != {minor}:
                raise Failed(f"the nodes speak minor {minors}, wanted {minor}")
        self.nothing_removed()

    def refused(self):
        """The minor before that is not spoken any more: who has it says so, and nobody has less for it."""
        self.restart(self.c, MINOR - 2)
        for node in self.nodes[:2]:
            poll(f"rs-c knows why {node.name} does not talk with it",
                 lambda node=node: "no protocol version in common" in (self.view(self.c, node)["lastError"] or ""), 10)
            if self.view(node, self.c)["health"] == "ok":
                raise Failed(f"{node.name} talks with rs-c")
        hold("the VM's table", self.is_whole, 2)
        self.restart(self.c, MINOR)
        self.settled()
        self.nothing_removed()

    def restart(self, node, minor):
        node.stop()
        node.program = program("tandemd" if minor == MINOR else f"tandemd-minor-{minor}")
        node.start()


def main():
    cases = Cases()
    with Lab("three") as lab:
        three = Three(lab)
        acts = (("two of three nodes are parted", three.parted),
                ("a node dies that one knows by another only", three.killed_in_part),
                ("kill -9 of each of three nodes", three.killed),
                ("to the minor before and back, node by node", three.upgraded),
                ("the minor before that is refused", three.refused))
        return cases.story("three nodes stand, and a VM has their table", three.start, acts)


if __name__ == "__main__":
    sys.exit(main())
