#!/usr/bin/python3
"""Long-lived graceful restart (RFC 9494) of BIRD and GoBGP with a pair of nodes, in both roles.

    tests/interop/stale.py [words of a case's name]

bird, gobgp   die by kill -9 and are held: for 2 s as if nothing were, then as the last resort
other         a BIRD that knows stale routes and has a longer path to what bird has; the helper of our restarts
plain         a BIRD that does not know them
short         a BIRD whose routes are stale for 3 s only
"""
import datetime
import json
import os
import signal
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab.bird import Bird, protocol  # noqa: E402
from lab.check import expect, hold, poll  # noqa: E402
from lab.gobgp import Gobgp  # noqa: E402
from lab.net import Lab  # noqa: E402
from lab.nva import Bfd  # noqa: E402
from lab.tandem import API_PORT, Cluster  # noqa: E402

ASN = 65515
NODES = {"rs-a": "10.1.1.4", "rs-b": "10.1.1.5"}
BIRD, GOBGP, OTHER, SHORT, SHARED = "10.101.0.0/24", "10.102.0.0/24", "10.103.0.0/24", "10.105.0.0/24", "10.200.0.0/24"
STALE, STALE_S, SHORT_S, RESTART_S = "65535:6", 600, 3, 2
MARK = "(65535,6)"
TIMES = f"graceful restart on; graceful restart time {RESTART_S}; long lived graceful restart on; long lived stale time"


def parse(time):
    return datetime.datetime.fromisoformat(time.replace("Z", "+00:00"))


class LongLived(Gobgp):
    """GoBGP with both capabilities."""
    has_run = False

    def _neighbor(self, n):
        neighbor = super()._neighbor(n)
        neighbor["graceful-restart"] = {"config": {"enabled": True, "restart-time": RESTART_S, "long-lived-enabled": True}}
        for family in neighbor["afi-safis"]:
            family["mp-graceful-restart"] = {"config": {"enabled": True}}
            family["long-lived-graceful-restart"] = {"config": {"enabled": True, "restart-time": STALE_S}}
        return neighbor

    def spawn(self, *argv, **options):
        process = super().spawn(*argv, *(["-r"] if self.has_run else []), **options)
        self.has_run = True
        return process


class World:
    def __init__(self, lab):
        self.lab = lab
        self.fabric = lab.subnet("fabric", "10.1.0.1/16")
        self.cluster = Cluster(lab, asn=ASN, mode="transparent")
        for name, address in NODES.items():
            host = lab.host(name)
            lab.attach(self.fabric, host, f"{address}/16")
            self.cluster.node(host, address)
        held = {"longLivedGracefulRestart": f"{STALE_S}s"}
        self.bird = self._appliance(Bird, "bird", 1, returns=True, words=(f"{TIMES} {STALE_S};",), bfd=Bfd(100, 3, True), settings={
            **held, "bfd": {"interval": "100ms"}})
        self.gobgp = self._appliance(LongLived, "gobgp", 2, settings=held)
        self.other = self._appliance(Bird, "other", 3, words=(f"{TIMES} {STALE_S};",), settings={
            **held, "gracefulRestart": "full", "restartTime": f"{RESTART_S}s"})
        self.plain = self._appliance(Bird, "plain", 4, words=("long lived graceful restart off;",))
        self.short = self._appliance(Bird, "short", 5, returns=True, words=(f"{TIMES} {SHORT_S};",), settings=held)
        for appliance, prefix in ((self.bird, BIRD), (self.gobgp, GOBGP), (self.other, OTHER), (self.short, SHORT)):
            appliance.announce(prefix)
        self.bird.announce(SHARED)
        self.other.announce(SHARED, prepend=2)
        self.cluster.configure()

    def _appliance(self, driver, name, number, settings=None, **options):
        host, address = self.lab.host(name), f"10.1.2.{number}"
        self.lab.attach(self.fabric, host, f"{address}/16")
        appliance = driver(self.lab, host, 65000 + number, address, transit=False, **options)
        self.cluster.peer(name, address, appliance.asn, holdTime="9s", connectRetry="1s", **(settings or {}))
        for node, to in NODES.items():
            appliance.peer(node, to, ASN, families=(4,))
        return appliance

    @property
    def nodes(self):
        return list(self.cluster.nodes.values())

    @property
    def appliances(self):
        return self.bird, self.gobgp, self.other, self.plain, self.short

    def start(self):
        self.cluster.start()
        for appliance in self.appliances:
            appliance.start()
        self.settle()

    def settle(self):
        for appliance in self.appliances:
            appliance.wait_established(seconds=30)
        self.cluster.wait_ready()
        for node in self.nodes:
            expect(f"{node.name}: nothing is stale", set(), lambda node=node: stale(node), 20)
            expect(f"{node.name}: the shorter path", ["10.1.2.1"], lambda node=node: node.best().get(SHARED), 20)
        self.cluster.expect_equal()


def held_ms(node, name):
    """How long the peer's routes stood as they were, when it was lost the last time."""
    events = json.loads(node.http("/v1/events?limit=1000", API_PORT, "127.0.0.1")[1])["items"]

    def last(event):
        return [e for e in events if e["event"] == event and e["subject"] == f"peer={name}"][-1]["time"]
    return (parse(last("peer_long_lived_stale")) - parse(last("peer_restarts"))).total_seconds() * 1000


def stale(node):
    """Prefixes with a path that is marked."""
    return {r["prefix"] for r in node.items("route", "list") if STALE in r["communities"]}


def has_marks(bird, node, prefix):
    """Does BIRD hear the prefix as a stale one from this node? None: it does not hear it."""
    text = bird.birdc(f"show route import table {protocol(bird.neighbor(NODES[node]))}.ipv4 for {prefix} all")
    return MARK in text.replace(" ", "") if "BGP.as_path" in text else None


def expect_last_resort(world, prefixes, telling=tuple(NODES)):
    """telling: the nodes whose word to the others is looked at, too."""
    for node in world.nodes:
        expect(f"{node.name}: what is stale", prefixes | {SHARED}, lambda node=node: stale(node), 20)
        expect(f"{node.name}: the other path, longer but fresh", ["10.1.2.3"], lambda node=node: node.best()[SHARED])
        for prefix in prefixes:
            if not node.best().get(prefix):
                raise Failed(f"{node.name} does not use {prefix} any more")
    for name, address in ((name, NODES[name]) for name in telling):
        for prefix in prefixes:
            expect(f"who knows stale routes has {prefix} of {name}", True, lambda: has_marks(world.other, name, prefix))
        expect(f"who does not has only what is fresh of {name}", {OTHER, SHORT, SHARED}, lambda: set(world.plain.received(address)))
    world.cluster.expect_equal()


def die(world):
    """kill -9 of both: at first nothing changes; after their time for a restart both nodes prefer anything else."""
    world.bird.kill()
    world.gobgp.kill()
    for node in world.nodes:
        poll("the node notices", lambda node=node: node.peers()["bird"] != "Established" != node.peers()["gobgp"])
    expect_last_resort(world, {BIRD, GOBGP})
    for node in world.nodes:
        for name in ("bird", "gobgp"):
            if not RESTART_S * 1000 <= (ms := held_ms(node, name)) < RESTART_S * 1000 + 500:
                raise Failed(f"{node.name}: {name} was marked after {ms} ms")
            if "longLivedStale" not in str(held := node.peer(name)["held"]):
                raise Failed(f"{node.name}: {name} is held as {held}")


def node_dies(world):
    """One node dies and is back: the tables are equal, and the stale routes as they were."""
    node = world.nodes[1]
    node.kill()
    hold("the other node keeps them", lambda: {BIRD, GOBGP} <= set(world.nodes[0].best()), 1)
    node.start()
    node.wait_linked()
    # It defers what it tells until those who are away have come, or were waited for (RFC 4724 section 4.1).
    expect_last_resort(world, {BIRD, GOBGP}, ("rs-a",))


def come_back(world):
    """They tell their routes again: no mark is left, no route was lost."""
    here = lambda: {BIRD, GOBGP} <= set(world.nodes[0].best())  # noqa: E731
    world.bird.start()
    world.gobgp.start()
    hold("their routes stay", here, 2)
    world.settle()
    if not here():
        raise Failed(f"the node has {world.nodes[0].best()}")
    for name in NODES:
        expect(f"BIRD hears it of {name} as a fresh one", False, lambda: has_marks(world.other, name, BIRD))


def bfd_down(world):
    """A frozen BIRD is found out by BFD: at once everything else is better, and it is there where nothing else is."""
    world.bird.process.signal(signal.SIGSTOP)
    for node in world.nodes:
        expect(f"{node.name}: the other path", ["10.1.2.3"], lambda node=node: node.best()[SHARED], 1.5)
        expect(f"{node.name}: what is stale", {BIRD, SHARED}, lambda node=node: stale(node))
        if node.peer("bird")["lastNotification"]["sent"]["reason"] != "cease/BFD down":
            raise Failed(str(node.peer("bird")["lastNotification"]))
    world.bird.process.signal(signal.SIGCONT)
    world.settle()


def over(world):
    """The stale time is over: they are gone everywhere, both nodes at one."""
    world.short.kill()
    for node in world.nodes:
        expect(f"{node.name}: all that is left", {BIRD, GOBGP, OTHER, SHARED}, lambda node=node: set(node.best()), 15)
        expect(f"{node.name}: nothing is stale", set(), lambda node=node: stale(node))
        if held_ms(node, "short") < RESTART_S * 1000:
            raise Failed(f"{node.name} had no patience")
    world.cluster.expect_equal()
    world.short.start()
    world.settle()


def helper(world):
    """BIRD holds our routes when a node dies: first as they were, then as stale ones, until we have told them again."""
    node, other = world.nodes[0], world.other
    route = f"show route protocol {protocol(other.neighbor(NODES['rs-a']))} for {BIRD} all"
    node.kill()
    hold("within the time for a restart it is as it was", lambda: "BGP.as_path" in other.birdc(route) and
         MARK not in other.birdc(route).replace(" ", ""), RESTART_S - 1)
    poll("then it is a stale one", lambda: MARK in other.birdc(route).replace(" ", ""), 8)
    node.start()
    world.settle()
    poll("BIRD has it as a fresh one", lambda: "BGP.as_path" in other.birdc(route) and
         MARK not in other.birdc(route).replace(" ", ""))


CASES = (("BIRD and GoBGP die: marked, the last resort, told to who knows", die),
         ("a node dies meanwhile and is back: equal tables", node_dies),
         ("they are back: no mark is left", come_back),
         ("BFD down: the last resort at once", bfd_down),
         ("the stale time is over: gone everywhere", over),
         ("BIRD is the helper of a node that dies", helper))


def main():
    with Lab("stale") as lab:
        world = World(lab)
        return Cases().story("nodes and daemons start", world.start, CASES, world)


if __name__ == "__main__":
    sys.exit(main())
