#!/usr/bin/python3
"""Route maps with BIRD, which announces, and FRR, which is told: dropped and edited on the way in and on the way out,
explained, alike on both nodes; of a changed map only the difference is told.

    tests/interop/maps.py
"""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab.bird import Bird  # noqa: E402
from lab.check import expect, poll  # noqa: E402
from lab.frr import Frr  # noqa: E402
from lab.net import Lab  # noqa: E402
from lab.tandem import Cluster  # noqa: E402

ASN = 65515
NODES = {"rs-a": "10.1.1.4", "rs-b": "10.1.1.5"}
PLAIN, MARKED, HIDDEN, DEFAULT = "10.101.0.0/24", "10.101.1.0/24", "10.101.2.0/24", "0.0.0.0/0"
MAPS = """routeMaps:
  - name: in
    rules:
      - { name: no-default, match: { routePrefix: { equals: [0.0.0.0/0] } }, action: drop }
      - { name: tag, match: { asPath: { contains: [65001] } }, action: { addCommunity: ["65010:10"] }, next: continue }
      - name: marked
        match: { community: { equals: ["65001:7", "65010:10"] } }
        action: { addCommunity: ["65010:20"], setLocalPreference: 200 }
  - name: out
    rules:
      - { name: hidden, match: { routePrefix: { equals: [10.101.2.0/24] } }, action: drop }
      - { name: far, match: { originAs: 65001 }, action: { prependAsPath: [65099, 65099], setMed: 77 } }
"""


class World:
    """A pair, a BIRD with a map for what it says, and a FRR with one for what it hears."""

    def __init__(self, lab):
        fabric = lab.subnet("fabric", "10.1.0.1/16")
        self.cluster = Cluster(lab, asn=ASN)
        for name, address in NODES.items():
            host = lab.host(name)
            lab.attach(fabric, host, f"{address}/16")
            self.cluster.node(host, address)
        self.bird, self.frr = (self.appliance(lab, fabric, kind, number) for kind, number in ((Bird, 1), (Frr, 2)))
        for prefix in (PLAIN, MARKED, HIDDEN, DEFAULT):
            self.bird.announce(prefix)
        self.bird.communities[MARKED] = ["65001:7"]
        self.frr.announce("10.102.0.0/24")
        self.cluster.peer("nva1", self.bird.address, self.bird.asn, connectRetry="1s", inboundRouteMap="in")
        self.cluster.peer("nva2", self.frr.address, self.frr.asn, connectRetry="1s", outboundRouteMap="out")
        self.cluster.configure()
        for node in self.nodes:
            with open(node.path("tandem.yaml"), "a", encoding="utf-8") as file:
                file.write(MAPS)
        self.cluster.start()
        self.bird.start()
        self.frr.start()
        for address in NODES.values():
            poll(f"both are up with {address}",
                 lambda address=address: self.bird.established(address) and self.frr.established(address), 30)

    @staticmethod
    def appliance(lab, fabric, kind, number):
        host, address = lab.host(f"nva{number}"), f"10.1.2.{number}"
        lab.attach(fabric, host, f"{address}/16")
        nva = kind(lab, host, 65000 + number, address, "", hold=90, transit=False)
        for node, to in NODES.items():
            nva.peer(node, to, ASN, families=(4,))
        return nva

    @property
    def nodes(self):
        return list(self.cluster.nodes.values())

    def rewrite(self, old, new):
        for node in self.nodes:
            node.rewrite(old, new)

    def heard(self, prefix):
        """{node's address: (path, MED, communities)} as FRR has it."""
        found = {}
        for path in self.frr.show(f"show bgp ipv4 unicast {prefix} json").get("paths", []):
            found[path["peer"]["peerId"]] = (path["aspath"]["string"], path.get("metric"),
                                             path.get("community", {}).get("string", ""))
        return found

    def expect_heard(self, prefix, *what):
        expect(f"FRR is told {prefix} by both", {address: what for address in NODES.values()}, lambda: self.heard(prefix))

    def expect_unheard(self, prefix):
        expect(f"FRR is not told {prefix}", {}, lambda: self.heard(prefix))

    def sent(self):
        """UPDATEs that FRR has had of each node, and how often its session went down."""
        return [(p["messages"]["sent"]["update"], p["flaps"]) for p in (node.peer("nva2") for node in self.nodes)]


FAR = "65515 65099 65099 65001"


def told(world):
    world.expect_heard(PLAIN, FAR, 77, "65010:10")
    world.expect_heard(MARKED, FAR, 77, "65001:7 65010:10 65010:20")
    world.expect_unheard(HIDDEN)
    world.expect_unheard(DEFAULT)
    for address in NODES.values():  # what goes the other way passes no map
        expect("BIRD hears FRR's route as it is", (65515, 65002),
               lambda address=address: getattr(world.bird.received(address).get("10.102.0.0/24"), "as_path", None))
    world.cluster.expect_equal()


def explained(world):
    for node in world.nodes:
        said = node.order("route", "explain", MARKED)
        for words in ('policy         in: rule "tag" added 65010:10; rule "marked" added 65010:20, set local preference 200',
                      "advertised to  nva2"):
            if words not in said:
                raise Failed(f"{words} is not in {said}")
        learned = {r["prefix"]: r for r in node.items("learned", "nva1")}
        if learned[DEFAULT]["filteredBy"] != "route-map" or 'rule "no-default" dropped it' not in learned[DEFAULT]["filteredReason"]:
            raise Failed(f"{learned[DEFAULT]}")
        if learned[MARKED]["received"]["communities"] != ["65001:7"]:
            raise Failed(f"{learned[MARKED]}")
        advertised = {r["prefix"]: r for r in node.items("advertised", "nva2")}
        if sorted(advertised) != [PLAIN, MARKED] or advertised[PLAIN]["med"] != 77 or advertised[PLAIN]["from"] != "nva1":
            raise Failed(f"{advertised}")


def changed(world):
    """A rule that hides another prefix: that one goes, the other one comes, in two messages of each node."""
    before = world.sent()
    world.rewrite("equals: [10.101.2.0/24]", "equals: [10.101.1.0/24]")
    world.expect_heard(HIDDEN, FAR, 77, "65010:10")
    world.expect_unheard(MARKED)
    world.expect_heard(PLAIN, FAR, 77, "65010:10")
    for (updates, flaps), (was, had) in zip(world.sent(), before):
        if updates != was + 2 or flaps != had:
            raise Failed(f"{updates} UPDATEs after {was}, {flaps} flaps after {had}")


def judged(world):
    """A rule for one community: one route is another one now, and no session or other route knows."""
    before = world.sent()
    world.rewrite("equals: [10.101.1.0/24]", "equals: [10.101.3.0/24]")
    world.rewrite('addCommunity: ["65010:20"]', 'addCommunity: ["65010:21"]')
    world.expect_heard(MARKED, FAR, 77, "65001:7 65010:10 65010:21")
    world.cluster.expect_equal()
    for (updates, flaps), (was, had) in zip(world.sent(), before):
        if not was + 1 <= updates <= was + 2 or flaps != had:
            raise Failed(f"{updates} UPDATEs after {was}, {flaps} flaps after {had}")


def removed(world):
    """Without maps all is told as it was said."""
    world.rewrite("inboundRouteMap: in", "inboundRouteMap: none")
    world.rewrite("outboundRouteMap: out", "outboundRouteMap: none")
    for prefix, communities in ((PLAIN, ""), (MARKED, "65001:7"), (HIDDEN, ""), (DEFAULT, "")):
        world.expect_heard(prefix, "65515 65001", None, communities)
    world.cluster.expect_equal()


CASES = (("dropped and edited, in and out", told), ("explained with the rule", explained),
         ("another map for the way out", changed), ("another map for the way in", judged), ("no maps", removed))


def main():
    cases = Cases()
    with Lab("interop-maps") as lab:
        world = World(lab)
        for name, case in CASES:
            if cases.wants(name):
                cases.one(f"maps: {name}", case, world)
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
