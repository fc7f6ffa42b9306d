#!/usr/bin/python3
"""Several paths of a prefix (RFC 7911) from a pair of nodes to BIRD, FRR and GoBGP.

    tests/interop/addpath.py [words of a case's name]

Two BIRDs in one network announce the same prefix, as two firewalls with one network behind them do; the receivers
have a session with each node and take all paths. Ids are the same on both nodes.
"""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab.bird import Bird  # noqa: E402
from lab.check import expect, hold  # noqa: E402
from lab.frr import Frr  # noqa: E402
from lab.gobgp import Gobgp  # noqa: E402
from lab.net import Lab  # noqa: E402
from lab.nva import Route  # noqa: E402
from lab.tandem import Cluster  # noqa: E402

ASN, SHARED = 65515, "10.44.0.0/16"
NODES = {"rs-a": "10.1.1.4", "rs-b": "10.1.1.5"}
SENDERS = {"fw-1": ("10.1.2.1", 65001), "fw-2": ("10.1.2.2", 65002)}
RECEIVERS = {"bird": (Bird, "10.1.2.11", 65011), "frr": (Frr, "10.1.2.12", 65012), "gobgp": (Gobgp, "10.1.2.13", 65013)}


class Pair:
    def __init__(self, lab):
        fabric = lab.subnet("fabric", "10.1.0.1/16")
        self.cluster = Cluster(lab, asn=ASN, mode="transparent")
        for name, address in NODES.items():
            host = lab.host(name)
            lab.attach(fabric, host, f"{address}/16")
            self.cluster.node(host, address)
        self.senders = [self._daemon(lab, fabric, Bird, name, *where) for name, where in SENDERS.items()]
        self.receivers = [self._daemon(lab, fabric, driver, name, address, asn, several=True)
                          for name, (driver, address, asn) in RECEIVERS.items()]
        self.senders[0].announce(SHARED)
        self.senders[1].announce(SHARED, prepend=2)
        self.cluster.configure()

    def _daemon(self, lab, fabric, driver, name, address, asn, several=False):
        host = lab.host(name)
        lab.attach(fabric, host, f"{address}/16")
        daemon = driver(lab, host, asn, address, transit=False)
        for node, to in NODES.items():
            daemon.peer(node, to, ASN, families=(4,), several=several)
        self.cluster.peer(name, address, asn, holdTime="9s", connectRetry="1s", addPath="send" if several else "none")
        return daemon

    @property
    def frr(self):
        """It tells the ids."""
        return self.receivers[1]

    @property
    def nodes(self):
        return list(self.cluster.nodes.values())

    def start(self):
        self.cluster.start()
        for daemon in self.senders + self.receivers:
            daemon.start()
        for daemon in self.senders + self.receivers:
            daemon.wait_established(seconds=30)

    def routes(self, *prepended):
        return sorted((Route(s.address, (s.asn,) * (1 + times)) for s, times in zip(self.senders, prepended)
                       if times is not None), key=repr)

    def expect(self, wanted, seconds=15, nodes=None):
        for receiver in self.receivers:
            for address in nodes or NODES.values():
                expect(f"{receiver.kind}: paths of {SHARED} from {address}", wanted,
                       lambda r=receiver, a=address: r.paths(a, SHARED), seconds)


def all_paths(pair):
    pair.expect(pair.routes(0, 2))
    for node in pair.nodes:
        peers = {peer["name"]: peer for peer in node.items("peer", "list")}
        for receiver in pair.receivers:
            sent = peers[receiver.name]["routes"]["advertised"]
            if sent != 2:
                raise Failed(f"{node.name}: {receiver.name} has {sent} routes, not 2")


def changes(pair):
    """The lesser path changes, then the best: each alone, under its id."""
    ids = pair.frr.path_ids("10.1.1.4", SHARED).values()
    pair.senders[1].announce(SHARED, prepend=3)
    pair.expect(pair.routes(0, 3))
    pair.senders[0].announce(SHARED, prepend=4)
    pair.expect(pair.routes(4, 3))
    if sorted(pair.frr.path_ids("10.1.1.4", SHARED).values()) != sorted(ids):
        raise Failed("the ids have changed with the paths")
    pair.senders[0].announce(SHARED)
    pair.expect(pair.routes(0, 3))


def withdrawn(pair):
    pair.senders[0].withdraw(SHARED)
    pair.expect(pair.routes(None, 3))
    pair.senders[0].announce(SHARED)
    pair.expect(pair.routes(0, 3))


def same_ids(pair):
    frr = pair.frr
    a, b = (frr.path_ids(address, SHARED) for address in NODES.values())
    if a != b or len(set(a.values())) != 2 or None in a.values():
        raise Failed(f"ids from rs-a {a}, from rs-b {b}")


def node_dies(pair):
    """What the survivor has told stays as it is: the same paths and ids, whoever had the sessions."""
    frr, survivor = pair.frr, NODES["rs-b"]
    ids = frr.path_ids(survivor, SHARED)
    pair.nodes[0].kill()
    hold("the survivor's paths stay", lambda: all(
        receiver.paths(survivor, SHARED) == pair.routes(0, 3) for receiver in pair.receivers)
        and frr.path_ids(survivor, SHARED) == ids, 2)
    pair.nodes[0].start()
    pair.expect(pair.routes(0, 3), 40)
    same_ids(pair)


def nodes_stop(pair):
    pair.cluster.stop()


CASES = (("all paths arrive, from both nodes", all_paths),
         ("ids are the same on both nodes", same_ids),
         ("a path changes under its id", changes),
         ("a path is withdrawn by its id", withdrawn),
         ("a node dies and returns", node_dies),
         ("nodes stop", nodes_stop))


def main():
    with Lab("addpath") as lab:
        pair = Pair(lab)
        return Cases().story("nodes and daemons start", pair.start, CASES, pair)


if __name__ == "__main__":
    sys.exit(main())
