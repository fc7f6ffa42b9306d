#!/usr/bin/python3
"""MRT dumps of a node, on demand and on a schedule, read by bgpdump.

    tests/interop/mrt.py [words of a case's name]
"""
import glob
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab.bird import Bird  # noqa: E402
from lab.check import expect, poll  # noqa: E402
from lab.gobgp import Gobgp  # noqa: E402
from lab.net import Lab, run  # noqa: E402
from lab.tandem import Cluster, program  # noqa: E402

NODES = {"rs-a": ("10.1.1.4", "fd00:10:1::1:4"), "rs-b": ("10.1.1.5", "fd00:10:1::1:5")}
COMMON, COMMON6 = "10.200.0.0/16", "fd00:200::/48"


class World:
    """A pair of nodes, a BIRD and a GoBGP; both daemons announce one prefix alone and one in common."""

    def __init__(self, lab):
        self.lab = lab
        fabric = lab.subnet("fabric", "10.1.0.1/16")
        self.cluster = Cluster(lab)
        self.cluster.network("hub", "10.1.0.0/16", "fd00:10:1::/64")
        for name, (address, address6) in NODES.items():
            host = lab.host(name)
            lab.attach(fabric, host, f"{address}/16", f"{address6}/64")
            self.cluster.node(host, address, address6)
        self.daemons = []
        for number, driver in enumerate((Bird, Gobgp), 1):
            name, address, address6 = driver.kind.lower(), f"10.1.2.{number}", f"fd00:10:1::2:{number}"
            host = lab.host(name)
            lab.attach(fabric, host, f"{address}/16", f"{address6}/64")
            daemon = driver(lab, host, 65000 + number, address, address6, transit=False)
            self.cluster.peer(name, address, daemon.asn, connectRetry="1s")
            for node, (to, _) in NODES.items():
                daemon.peer(node, to, 65515)
            for prefix in (f"10.{100 + number}.0.0/24", f"fd00:{100 + number}::/48", COMMON, COMMON6):
                daemon.announce(prefix)
            daemon.announce("10.99.0.0/24", prepend=2)
            self.daemons.append(daemon)
        self.cluster.export = {"mrt": {"directory": lab.path("mrt", ""), "every": "2s"}}
        self.cluster.configure()

    def start(self):
        self.cluster.start()
        for daemon in self.daemons:
            daemon.start()
        for node in self.cluster.nodes.values():
            node.wait_ready(30)
            poll(f"{node.name} has all routes", lambda node=node: entries(node.routes()) == len(self.wanted()))

    def wanted(self):
        """What bgpdump -m should show: (peer, AS, prefix, AS path, origin, next hop)."""
        lines = {("0.0.0.0", "65515", prefix, "", "IGP") for prefix in ("10.1.0.0/16", "fd00:10:1::/64")}
        for d in self.daemons:
            for prefix, prepend in d.announced.items():
                path = " ".join([str(d.asn)] * (1 + prepend))
                lines.add((d.address, str(d.asn), prefix, path, "IGP", d.own(prefix)))
        return lines


def entries(routes):
    return sum(len(paths) for paths in routes.values())


def read(path):
    """{(peer, AS, prefix, AS path, origin, next hop)}; the VNet's own prefixes have no next hop of interest."""
    lines = set()
    for line in run("bgpdump", "-m", path).splitlines():
        f = line.split("|")
        if f[0] != "TABLE_DUMP2" or f[2] != "B":
            continue
        # BIRD and GoBGP give a static route different origins: the value is not this test's matter.
        origin = "IGP" if f[7] in ("IGP", "INCOMPLETE") else f[7]
        entry = (f[3], f[4], f[5], f[6], origin, f[8])
        lines.add(entry[:5] if f[3] == "0.0.0.0" else entry)
    return lines


def dump(node, path):
    run(program("tandemctl"), "--socket", node.socket, "mrt", "dump", path)
    return path


def on_demand(world):
    for node in world.cluster.nodes.values():
        expect(f"{node.name}: bgpdump shows what was announced", world.wanted(),
               lambda node=node: read(dump(node, world.lab.path("mrt", "demand"))))


def withdrawn(world):
    bird = world.daemons[0]
    node = next(iter(world.cluster.nodes.values()))
    bird.withdraw(COMMON)
    expect("the dump no longer has it", world.wanted(), lambda: read(dump(node, world.lab.path("mrt", "demand"))))
    bird.announce(COMMON)
    expect("and has it again", world.wanted(), lambda: read(dump(node, world.lab.path("mrt", "demand"))))


def on_schedule(world):
    for node in world.cluster.nodes.values():
        pattern = world.lab.path("mrt", f"rib.{node.name}.*.mrt")
        poll(f"two dumps of {node.name}", lambda pattern=pattern: len(glob.glob(pattern)) >= 2, 15)
        newest = sorted(glob.glob(pattern))[-1]
        if read(newest) != world.wanted():
            raise Failed(f"{newest}: {sorted(read(newest) ^ world.wanted())}")


def nodes_stop(world):
    for node in world.cluster.nodes.values():
        status = node.stop()
        if status:
            raise Failed(f"{node.name} ended with status {status}\n{node.process.tail(40)}")
    if glob.glob(world.lab.path("mrt", "*.part")):
        raise Failed("half a dump is left")


CASES = (("on demand, bgpdump shows every path once", on_demand),
         ("a withdrawn path is gone from the next dump", withdrawn),
         ("on a schedule", on_schedule),
         ("nodes stop, no half dump is left", nodes_stop))


def main():
    cases = Cases()
    with Lab("interop-mrt") as lab:
        world = World(lab)
        if cases.one("nodes and daemons start", world.start):
            for name, function in CASES:
                if cases.wants(name):
                    cases.one(name, function, world)
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
