#!/usr/bin/python3
"""A pair of nodes with BIRD, FRR, GoBGP and OpenBGPD, over IPv4 and IPv6 sessions, in both advertising modes.

    tests/interop/interop.py [words of a case's name]

Every lab holds both nodes and all four daemons, so that every daemon also receives the routes of the
other three; all daemons are asked by their own tools.

azure         VNet rules; a session for each family; both sides connect, so that collisions happen
transparent   a plain route server; a session for each family; the nodes wait on IPv4, the daemons on IPv6
one session   as azure, but both families share one IPv4 session
"""
import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab.bird import Bird  # noqa: E402
from lab.check import expect, hold, poll  # noqa: E402
from lab.frr import Frr  # noqa: E402
from lab.gobgp import Gobgp  # noqa: E402
from lab.net import Lab  # noqa: E402
from lab.nva import Route, version  # noqa: E402
from lab.openbgpd import Openbgpd  # noqa: E402
from lab.tandem import API_PORT, Cluster  # noqa: E402

ASN = 65515
VNET, VNET6 = "10.1.0.0/16", "fd00:10:1::/64"
DAEMONS = (Bird, Frr, Gobgp, Openbgpd)
NODES = {"rs-a": ("10.1.1.4", "fd00:10:1::1:4"), "rs-b": ("10.1.1.5", "fd00:10:1::1:5")}


class Pair:
    """Two nodes and the four daemons; daemon number i announces 10.(100+i).0.0/24 and fd00:(100+i)::/48."""

    def __init__(self, lab, mode, waits, both):
        self.lab, self.mode, self.both = lab, mode, both
        fabric = lab.subnet("fabric", "10.1.0.1/16")
        self.cluster = Cluster(lab, asn=ASN, mode=mode)
        for name, (address, address6) in NODES.items():
            host = lab.host(name)
            lab.attach(fabric, host, f"{address}/16", f"{address6}/64")
            self.cluster.node(host, address, address6)
        if mode == "azure":
            self.cluster.network("hub", VNET, VNET6)
        self.daemons = []
        for number, driver in enumerate(DAEMONS, 1):
            name, address, address6 = driver.kind.lower(), f"10.1.2.{number}", f"fd00:10:1::2:{number}"
            host = lab.host(name)
            lab.attach(fabric, host, f"{address}/16", f"{address6}/64")
            daemon = driver(lab, host, 65000 + number, address, address6, transit=False)
            self.cluster.peer(name, address, daemon.asn, holdTime="9s", connectRetry="1s", passive=waits)
            if not both:
                self.cluster.peer(f"{name}-v6", address6, daemon.asn, holdTime="9s", connectRetry="1s")
            for node, (to, to6) in NODES.items():
                daemon.peer(node, to, ASN, families=(4, 6) if both else (4,))
                if not both:
                    daemon.peer(f"{node}-v6", to6, ASN, families=(6,), passive=waits)
            daemon.announce(f"10.{100 + number}.0.0/24")
            daemon.announce(f"fd00:{100 + number}::/48")
            self.daemons.append(daemon)
        self.cluster.configure()

    def restore(self):
        """After a failed case the next one finds everybody running and announcing what they began with."""
        for number, daemon in enumerate(self.daemons, 1):
            for prefix in set(daemon.announced) - {f"10.{100 + number}.0.0/24", f"fd00:{100 + number}::/48"}:
                daemon.withdraw(prefix)
            for prefix, times in daemon.announced.items():
                if times:
                    daemon.announce(prefix)
            if not daemon.process:
                daemon.start()

    @property
    def nodes(self):
        return self.cluster.nodes.values()

    def start(self):
        self.cluster.start()
        for daemon in self.daemons:
            daemon.start()

    def path(self, daemon, prepended=0):
        """The AS path that another appliance sees on this daemon's routes."""
        own = (daemon.asn,) * (1 + prepended)
        return (ASN, *own) if self.mode == "azure" else own

    def sessions(self, daemon):
        """The peers' names by which the nodes know a daemon."""
        return (daemon.name,) if self.both else (daemon.name, f"{daemon.name}-v6")

    def expected(self, receiver, neighbor):
        """Exactly what a daemon should have from one session: {prefix: Route}."""
        routes = {}
        if self.mode == "azure":
            address, address6 = next(pair for pair in NODES.values() if neighbor.address in pair)
            routes = {VNET: Route(address, (ASN,)), VNET6: Route(address6, (ASN,))}
        for daemon in self.daemons:
            if daemon is not receiver and daemon.process:
                for prefix, times in daemon.announced.items():
                    routes[prefix] = Route(daemon.own(prefix), self.path(daemon, times))
        return {prefix: route for prefix, route in routes.items() if version(prefix) in neighbor.families}

    def expect_all(self, daemon, seconds=15):
        for neighbor in daemon.neighbors:
            daemon.expect_received(neighbor.address, self.expected(daemon, neighbor), seconds)

    def expect_nodes_have(self, prefix, *routes, seconds=10):
        for node in self.nodes:
            expect(f"{node.name}: paths of {prefix}", set(routes),
                   lambda node=node: node.routes().get(prefix, set()), seconds)


def established(pair, daemon, seconds=20):
    daemon.wait_established(seconds=seconds)
    for node in pair.nodes:
        node.wait_peers(*pair.sessions(daemon), seconds=seconds)


def learned(pair, daemon):
    for prefix in daemon.announced:
        pair.expect_nodes_have(prefix, Route(daemon.own(prefix), (daemon.asn,)))


def received(pair, daemon):
    pair.expect_all(daemon)


def new_and_withdrawn(pair, daemon):
    """A route announced later arrives everywhere, and leaves everywhere."""
    for prefix in (f"10.{200 + daemon.asn % 10}.0.0/22", f"fd00:{200 + daemon.asn % 10}::/64"):
        daemon.announce(prefix)
        pair.expect_nodes_have(prefix, Route(daemon.own(prefix), (daemon.asn,)))
        for other in pair.daemons:
            pair.expect_all(other)
        daemon.withdraw(prefix)
        pair.expect_nodes_have(prefix)
        for other in pair.daemons:
            pair.expect_all(other)


def prepended(pair, daemon):
    """The same route with a longer path replaces the one that stands, and back."""
    prefix = next(iter(daemon.announced))
    for times in (2, 0):
        daemon.announce(prefix, prepend=times)
        pair.expect_nodes_have(prefix, Route(daemon.own(prefix), (daemon.asn,) * (1 + times)))
        for other in pair.daemons:
            pair.expect_all(other)


def restarted(pair, daemon):
    """An orderly stop takes the routes away from the others at once; a start brings them back."""
    daemon.stop()
    for other in pair.daemons:
        if other is not daemon:
            pair.expect_all(other)
    daemon.start()
    established(pair, daemon)
    for other in pair.daemons:
        pair.expect_all(other, 20)


def killed(pair, daemon):
    daemon.kill()
    for node in pair.nodes:
        poll(f"{node.name} notices", lambda node=node: node.peers()[daemon.name] != "Established")
    daemon.start()
    established(pair, daemon)
    pair.expect_all(daemon, 20)


def overlay(values):
    """All members that any object of a list has, and what they look like."""
    shape = {}
    for value in values:
        for key, item in value.items():
            old = shape.get(key)
            shape[key] = overlay([old, item]) if isinstance(item, dict) and old else item
    return shape


def compare(place, ours, theirs):
    """Every member of ours is theirs, with the same type."""
    if type(ours) is not type(theirs):
        raise Failed(f"{place}: {ours!r} is of another type than {theirs!r}")
    for key, value in ours.items() if isinstance(ours, dict) else ():
        if key not in theirs:
            raise Failed(f"{place} has {key}, which bgpctl has not: {sorted(theirs)}")
        compare(f"{place}.{key}", value, theirs[key])


def looks_like_bgplgd(pair):
    """What /lg/bgplgd answers has the members and types of what bgpctl -j prints of OpenBGPD itself."""
    openbgpd, node = next(d for d in pair.daemons if isinstance(d, Openbgpd)), next(iter(pair.nodes))
    for path, question, members in (("neighbors", ("neighbor",), "neighbors"), ("summary", ("summary",), "neighbors"),
                                    ("rib", ("rib", "detail"), "rib")):
        ours = json.loads(node.http(f"/lg/bgplgd/{path}", API_PORT, "127.0.0.1")[1])[members]
        theirs = overlay(openbgpd.show(*question)[members])
        if not ours:
            raise Failed(f"/lg/bgplgd/{path} is empty")
        for item in ours:
            compare(path, item, theirs)


CASES = (("Established with both nodes", established),
         ("both nodes have its routes: next hop, AS path", learned),
         ("has exactly the routes of the others", received),
         ("a new route arrives everywhere and leaves everywhere", new_and_withdrawn),
         ("prepends and takes it back", prepended),
         ("stops and returns", restarted),
         ("is killed and returns", killed))


def node_restarts(pair):
    """The daemons' view of the survivor does not move while the other node is away."""
    away, survivor = pair.nodes
    for daemon in pair.daemons:
        pair.expect_all(daemon)
    away.kill()
    hold("the survivor's routes stay", lambda: all(
        daemon.received(survivor.address) == pair.expected(daemon, daemon.neighbor(survivor.address))
        for daemon in pair.daemons), 2)
    away.start()
    away.wait_ready(20)
    for daemon in pair.daemons:
        for neighbor in daemon.neighbors:
            daemon.dial(neighbor.address)
        established(pair, daemon, 60)
    for daemon in pair.daemons:
        pair.expect_all(daemon, 20)


LABS = (("azure", {"mode": "azure", "waits": False, "both": False}, CASES),
        ("transparent", {"mode": "transparent", "waits": True, "both": False}, CASES),
        ("one session", {"mode": "azure", "waits": False, "both": True}, CASES[:4]))


def play(cases, title, settings, wanted):
    chosen = [(name, function, index) for index, driver in enumerate(DAEMONS) for text, function in wanted
              if cases.wants(name := f"{title}: {driver.kind}: {text}")]
    if not chosen:
        return
    with Lab("interop") as lab:
        pair = Pair(lab, **settings)
        if not cases.one(f"{title}: nodes and daemons start", pair.start):
            return
        for name, function, index in chosen:
            if not cases.one(name, function, pair, pair.daemons[index]):
                pair.restore()
        if cases.wants(name := f"{title}: a node dies and returns"):
            cases.one(name, node_restarts, pair)
        if title == "azure" and cases.wants(name := f"{title}: the looking glass looks like OpenBGPD's"):
            cases.one(name, looks_like_bgplgd, pair)
        cases.one(f"{title}: nodes stop", pair.cluster.stop)


def main():
    cases = Cases()
    for title, settings, wanted in LABS:
        play(cases, title, settings, wanted)
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
