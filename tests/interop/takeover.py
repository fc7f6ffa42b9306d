#!/usr/bin/python3
"""An NVA whose routes have another way through a standby dies: kernels send along that way at once.

    tests/interop/takeover.py [words of a case's name]

A pair of nodes that program their kernels; an active NVA and two standbys, speakers of ours, whose AS paths are
longer and longer. Not every route has the same standby, some have none. An observer in each kernel hears of every
route that is removed.
"""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab.check import expect, poll  # noqa: E402
from lab.net import Lab  # noqa: E402
from lab.tandem import Cluster  # noqa: E402
from lab.watch import RouteWatch, kernel_routes  # noqa: E402
from speaker import Session  # noqa: E402

NODES = {"rs-a": "10.1.1.4", "rs-b": "10.1.1.5"}
ACTIVE, STANDBY, SPARE = "10.1.2.1", "10.1.2.2", "10.1.2.3"
ACTIVE6, STANDBY6 = "fd01::1", "fd01::2"
ASNS = {ACTIVE: 65001, STANDBY: 65002, SPARE: 65003}
PATIENCE_S = 60


def prefixes(first, count):
    return [f"{first + (i >> 8)}.{i & 255}.0.0/24" for i in range(count)]


# COMMON has both standbys, OTHER the last one only, ALONE none. Of COMMON there are more than a turn decides on, or
# nothing would be left to foresee.
COMMON, OTHER, ALONE = prefixes(20, 20000), prefixes(120, 600), prefixes(140, 600)
COMMON6 = [f"2001:db8:{i:x}::/48" for i in range(1, 4001)]  # as kernels write them
TOLD = {ACTIVE: (COMMON + OTHER + ALONE + COMMON6, 1, ACTIVE6), STANDBY: (COMMON + COMMON6, 3, STANDBY6),
        SPARE: (COMMON + OTHER, 5, None)}


class World:
    def __init__(self, lab):
        fabric = lab.subnet("fabric", "10.1.0.1/16")
        self.cluster, self.hosts, self.sessions = Cluster(lab, mode="transparent"), {}, {}
        self.cluster.targets = [{"name": "kernel", "type": "netlink"}]
        for name, address in {**NODES, "active": ACTIVE, "standby": STANDBY, "spare": SPARE}.items():
            self.hosts[address] = lab.host(name)
            lab.attach(fabric, self.hosts[address], f"{address}/16")
        for number, address in enumerate(NODES.values()):
            self.cluster.node(self.hosts[address], address)
            link = self.hosts[address].ip("-o -4 addr show to 10.1.0.0/16").split()[1]
            self.hosts[address].ip(f"-6 addr add fd01::1:{number + 1}/64 dev {link} nodad")
        for address, asn in ASNS.items():
            self.cluster.peer(self.hosts[address].name, address, asn, passive=True, holdTime="90s", families=["ipv4", "ipv6"])
        self.cluster.configure()
        self.watches = [RouteWatch(lab, self.hosts[address]) for address in NODES.values()]

    def tell(self, *nvas, hold=90):
        for address in nvas:
            told, length, own6 = TOLD[address]
            self.sessions[address] = [Session(self.hosts[address], address, ASNS[address], node, told,
                                              path=[ASNS[address]] * length, hold=hold, own6=own6)
                                      for node in NODES.values()]

    def kill(self, *nvas):
        sessions = [self.sessions.pop(address) for address in nvas]
        for ends in sessions:
            for session in ends:
                session.close()

    def start(self):
        self.cluster.start()
        self.tell(STANDBY, SPARE, ACTIVE)
        self.settle(self.all_via(ACTIVE, ACTIVE6))

    @staticmethod
    def all_via(hop, hop6):
        """What the kernels have then: {next hop: number of routes}."""
        first = {ACTIVE: len(COMMON + OTHER + ALONE)} if hop == ACTIVE else {hop: len(COMMON)}
        if hop != ACTIVE:
            first[SPARE] = first.get(SPARE, 0) + len(OTHER)
        return {**first, **({hop6: len(COMMON6)} if hop6 else {})}

    @staticmethod
    def hops_of(host):
        seen = {}
        for family in (4, 6):
            for hops in kernel_routes(host, family, "main", 201).values():
                seen[" ".join(hops)] = seen.get(" ".join(hops), 0) + 1
        return seen

    def hops_seen(self, node):
        """Without what is lost and held: a node that a busy machine stopped for a moment removes none of it for a minute
        from then on, and says so."""
        seen = self.hops_of(node.host)
        held = node.ctl("programmed", "--target", "kernel")["heldByBrake"]
        if held and seen.get(ACTIVE) == held == len(ALONE) and "pause_detected" in node.process.tail(100000):
            del seen[ACTIVE]
        return seen

    def settle(self, wanted):
        for node in self.cluster.nodes.values():
            expect(f"{node.name}: routes by next hop", wanted, lambda node=node: self.hops_seen(node), PATIENCE_S)
            poll("all is written", lambda node=node: self.is_settled(node))

    @staticmethod
    def is_settled(node):
        target = node.ctl("programmed", "--target", "kernel")
        return (target["pending"], target["failed"]) == (0, 0)

    def removed(self):
        return [{route.split()[0] for _, route in watch.removals()} for watch in self.watches]

    def taken_over(self):
        return [node.process.tail(100000).count("netlink_taken_over") for node in self.cluster.nodes.values()]


def kept(world, allowed=()):
    """Nothing that had another way was ever removed."""
    for gone in world.removed():
        if gone - set(allowed):
            raise Failed(f"removed: {sorted(gone - set(allowed))[:5]}")


def dies(world):
    before = world.taken_over()
    world.kill(ACTIVE)
    world.settle(world.all_via(STANDBY, STANDBY6))
    kept(world, ALONE)
    poll("an object went over as a whole", lambda: all(now > then for now, then in zip(world.taken_over(), before)))


def comes_back(world):
    world.tell(ACTIVE)
    world.settle(world.all_via(ACTIVE, ACTIVE6))
    kept(world, ALONE)


def falls_silent(world):
    world.kill(ACTIVE)
    world.tell(ACTIVE, hold=6)
    world.settle(world.all_via(ACTIVE, ACTIVE6))
    for session in world.sessions[ACTIVE]:
        session.fall_silent()
    world.settle(world.all_via(STANDBY, STANDBY6))
    kept(world, ALONE)
    world.kill(ACTIVE)
    comes_back(world)


def both_die(world):
    """Nothing is left but the spare, which knows no IPv6; what no NVA has may go."""
    for session in world.sessions.pop(ACTIVE) + world.sessions.pop(STANDBY):
        session.close()
    for node in world.cluster.nodes.values():
        expect("all of IPv4 through the spare", len(COMMON + OTHER), lambda node=node: world.hops_of(node.host).get(SPARE),
               PATIENCE_S)
    kept(world, ALONE + COMMON6)
    world.tell(STANDBY, ACTIVE)
    world.settle(world.all_via(ACTIVE, ACTIVE6))


def returns_at_once(world):
    world.kill(ACTIVE)
    comes_back(world)


CASES = (("routes go over to the standby, each to its own, and none that has one is removed", dies),
         ("the active one is back", comes_back),
         ("it falls silent: its hold time ends, and the same happens", falls_silent),
         ("it dies, and is back at once", returns_at_once),
         ("it dies, and its standby with it", both_die))


def main():
    with Lab("takeover") as lab:
        world = World(lab)
        status = Cases().story("a pair and three NVAs", world.start, CASES, world)
        world.cluster.stop()
        return status


if __name__ == "__main__":
    sys.exit(main())
