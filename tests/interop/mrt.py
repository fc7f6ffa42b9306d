#!/usr/bin/python3
"""MRT of a node, read by bgpdump: dumps on demand and on a schedule, and files of what the NVAs said.

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
        self.cluster.export = {"mrt": {"directory": "mrt", "every": "2s", "updates": "3s"}}
        self.cluster.configure()

    def folder(self, node, what):
        return self.lab.path(node.name, "mrt", what)

    def start(self):
        for node in self.cluster.nodes.values():
            self.folder(node, "x")
        # The first node's files lie on a disk that can be filled.
        self.disk = os.path.dirname(self.folder(next(iter(self.cluster.nodes.values())), "x"))
        run("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", self.disk)
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
        pattern = world.folder(node, f"rib.{node.name}.*.mrt")
        poll(f"two dumps of {node.name}", lambda pattern=pattern: len(glob.glob(pattern)) >= 2, 15)
        # The newest may be of a moment before the last change: then the next one has it.
        expect(f"the newest dump of {node.name}", world.wanted(), lambda pattern=pattern: read(sorted(glob.glob(pattern))[-1]))


def heard(world, node):
    """What bgpdump -m shows of the files of messages: {(what, peer, …)}; their names end when their time does."""
    lines = set()
    for path in sorted(glob.glob(world.folder(node, f"updates.{node.name}.*.mrt"))):
        for line in run("bgpdump", "-m", path).splitlines():
            f = line.split("|")
            if not f[0].startswith("BGP4MP"):
                raise Failed(f"{path}: {line}")
            lines.add(tuple(f[2:7]) if f[2] == "A" else tuple(f[2:6]) if f[2] == "W" else tuple(f[2:]))
    return lines


def messages(world):
    """Announcements and withdrawals of both families as they came, and sessions that came up."""
    bird, gobgp = world.daemons
    for prefix in ("10.150.0.0/24", "fd00:150::/48"):
        bird.announce(prefix)
        bird.withdraw(prefix)
    for node in world.cluster.nodes.values():
        wanted = {("A", d.address, str(d.asn), p, path) for d in world.daemons for p, n in d.announced.items()
                  for path in [" ".join([str(d.asn)] * (1 + n))]}
        wanted |= {(what, bird.address, str(bird.asn), p, *([str(bird.asn)] if what == "A" else []))
                   for p in ("10.150.0.0/24", "fd00:150::/48") for what in "AW"}
        wanted |= {("STATE", d.address, str(d.asn), "5", "6") for d in world.daemons}
        poll(f"{node.name}: {wanted} - what bgpdump shows", lambda node=node, wanted=wanted: wanted <= heard(world, node), 15)


def fill(path):
    with open(path, "wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError:
            pass


def disk_full(world):
    """Said clearly, nobody else notices; when there is room again files come again."""
    node = next(iter(world.cluster.nodes.values()))
    ballast = os.path.join(world.disk, "ballast")
    fill(ballast)
    poll("the node says so", lambda: [line for line in node.process.tail(200).splitlines()
                                      if "mrt_failed" in line and "No space left" in line], 15)
    if "No space left" not in (node.ctl("status")["mrtError"] or "") or "tandem_mrt_failed 1" not in node.metrics():
        raise Failed("status and metrics do not say so")
    if node.http("/livez")[0] != 200 or set(node.peers().values()) != {"Established"}:
        raise Failed("the node suffers")
    before = set(glob.glob(os.path.join(world.disk, "rib.*.mrt")))
    os.remove(ballast)
    poll("dumps come again", lambda: set(glob.glob(os.path.join(world.disk, "rib.*.mrt"))) - before, 10)


def nodes_stop(world):
    world.cluster.stop()
    for node in world.cluster.nodes.values():
        if glob.glob(world.folder(node, "*.part")):
            raise Failed("half a file is left")


CASES = (("on demand, bgpdump shows every path once", on_demand),
         ("a withdrawn path is gone from the next dump", withdrawn),
         ("on a schedule", on_schedule),
         ("messages of both daemons, in files", messages),
         ("a full disk", disk_full),
         ("nodes stop, no half file is left", nodes_stop))


def main():
    cases = Cases()
    with Lab("interop-mrt") as lab:
        world = World(lab)
        try:
            if cases.one("nodes and daemons start", world.start):
                cases.each(CASES, world)
        finally:
            run("umount", "-l", world.disk, check=False)
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
