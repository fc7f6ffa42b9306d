#!/usr/bin/python3
"""Peers by prefix, with BIRD: who calls is a peer on both nodes, under one name, and goes again.

    tests/interop/dynamic.py
"""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab.bird import Bird, protocol  # noqa: E402
from lab.check import hold, poll  # noqa: E402
from lab.net import Lab  # noqa: E402
from lab.nva import Bfd  # noqa: E402
from lab.tandem import Cluster  # noqa: E402

ASN = 65515
NODES = {"rs-a": "10.1.1.4", "rs-b": "10.1.1.5"}
KEY = "between us"
BFD = {"interval": "100ms", "multiplier": 3}


class World:
    """A pair; "edge" takes two neighbours with a key and BFD, "near" such as are on the same link."""

    def __init__(self, lab):
        self.lab = lab
        self.fabric = lab.subnet("fabric", "10.1.0.1/16")
        self.cluster = Cluster(lab, asn=ASN, mode="transparent")
        self.cluster.times = {"defer": "3s"}  # after a start nobody knows how many there should be
        for name, address in NODES.items():
            host = lab.host(name)
            lab.attach(self.fabric, host, f"{address}/16")
            self.cluster.node(host, address)
        key = lab.path("edge.md5")
        with open(key, "w", encoding="utf-8") as file:
            file.write(f"{KEY}\n")
        self.cluster.peer("edge", "10.1.2.0/24", [65001, "65010-65019"], maxPeers=2, md5KeyFile=key, bfd=BFD)
        self.cluster.peer("near", "10.1.3.0/24", 65030, ttlSecurity=1)
        self.cluster.configure()
        self.cluster.start()
        self.cluster.wait_ready()

    @property
    def nodes(self):
        return self.cluster.nodes.values()

    def bird(self, name, address, asn, announces=None, **options):
        host = self.lab.host(name)
        self.lab.attach(self.fabric, host, f"{address}/16")
        bird = Bird(self.lab, host, asn, address, "", hold=90, transit=False, **options)
        for node, to in NODES.items():
            bird.peer(node, to, ASN, families=(4,))
        if announces:
            bird.announce(announces)
        return bird.start()

    def edge(self, name, address, asn, announces=None, password=KEY):
        return self.bird(name, address, asn, announces, password=password, bfd=Bfd(100, 3, False))


def peers(node):
    return {peer["name"]: peer for peer in node.items("peer", "list")}


def everywhere_up(world, bird, name):
    for node in world.nodes:
        poll(f"{node.name}: {name} is up with both", lambda node=node: all(
            session["up"] for session in peers(node)[name]["sessions"]) if name in peers(node) else False, 30)
        for prefix in bird.announced:
            node.expect_path(prefix, bird.address, (bird.asn,))


def comes(world):
    """Two come up on both nodes, with a key and BFD; the tables are equal."""
    world.one = world.edge("one", "10.1.2.1", 65001, "10.101.0.0/24")
    world.two = world.edge("two", "10.1.2.2", 65011, "10.102.0.0/24")
    everywhere_up(world, world.one, "edge@10.1.2.1")
    everywhere_up(world, world.two, "edge@10.1.2.2")
    for node in world.nodes:
        poll(f"{node.name}: BFD is up", lambda node=node: all(
            peers(node)[name]["bfdState"] == "Up" for name in ("edge@10.1.2.1", "edge@10.1.2.2")))
        peer = peers(node)["edge@10.1.2.2"]
        if (peer["peerAsn"], peer["range"], peer["peerIp"]) != (65011, "edge", "10.1.2.2"):
            raise Failed(f"{node.name}: {peer}")
        if not node.ctl("peer", "show", "edge@10.1.2.2"):
            raise Failed(f"{node.name}: peer show says nothing")
    world.cluster.expect_equal()


def refused(world):
    """A third is one too many, a guessed key is not heard, and the two others notice nothing."""
    three = world.edge("three", "10.1.2.3", 65001)
    four = world.edge("four", "10.1.2.4", 65001, password="guess")
    poll("BIRD is told so", lambda: "Connection rejected" in three.birdc(f"show protocols all {protocol(three.neighbors[0])}"), 20)
    hold("neither comes up", lambda: not any(b.established(a) for b in (three, four) for a in NODES.values()), 3)
    for node in world.nodes:
        if any(f"edge@10.1.2.{last}" in peers(node) for last in (3, 4)):
            raise Failed(f"{node.name} has peers that it refused: {list(peers(node))}")
        hints = [e["fields"]["hint"] for e in node.items("events") if e["event"] == "peer_unknown"]
        if not any("maxPeers" in hint for hint in hints):
            raise Failed(f"{node.name} says nothing of maxPeers: {hints}")
        if not all(session["up"] for session in peers(node)["edge@10.1.2.1"]["sessions"]):
            raise Failed(f"{node.name}: edge@10.1.2.1 suffered")
    three.stop()
    four.stop()


def ttl_security(world):
    """RFC 5082 with BIRD: on the link it comes up; the same daemon without TTL security is not heard."""
    near = world.bird("near", "10.1.3.1", 65030, "10.103.0.0/24", ttl_security=True)
    far = world.bird("far", "10.1.3.2", 65030, "10.104.0.0/24")
    everywhere_up(world, near, "near@10.1.3.1")
    # Its OPEN may come with the handshake, and BIRD takes our answer for a session; it is heard no more.
    hold("what comes with a low TTL is not heard", lambda: not any(
        peers(node).get("near@10.1.3.2", {}).get("state") == "Established" for node in world.nodes), 4)
    far.stop()


def goes(world):
    """One stops: its routes go at once, the peer itself a little later, from both nodes; then it is back."""
    world.one.stop()
    for node in world.nodes:
        poll(f"{node.name}: its route is gone", lambda node=node: "10.101.0.0/24" not in node.routes())
        poll(f"{node.name}: it is no peer any more", lambda node=node: "edge@10.1.2.1" not in peers(node), 30)
    world.one.start()
    everywhere_up(world, world.one, "edge@10.1.2.1")
    world.cluster.expect_equal()


def node_restarts(world):
    """A node that comes back learns who there is from the other one, and from the neighbours."""
    node = next(iter(world.nodes))
    node.kill()
    node.start()
    node.wait_ready(seconds=60)
    everywhere_up(world, world.one, "edge@10.1.2.1")
    everywhere_up(world, world.two, "edge@10.1.2.2")
    world.cluster.expect_equal()


CASES = (("come up on both nodes, with a key and BFD", comes), ("beyond maxPeers, and with a wrong key, are refused", refused),
         ("are heard from near only, where TTL security says so", ttl_security), ("go, and come back", goes),
         ("are known again after a node's restart", node_restarts))


def main():
    cases = Cases()
    with Lab("interop-dynamic") as lab:
        world = World(lab)
        for name, case in CASES:
            cases.one(f"peers by prefix {name}", case, world)
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
