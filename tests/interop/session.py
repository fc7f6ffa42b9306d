#!/usr/bin/python3
"""Life and end of sessions as BIRD and FRR see them, with a pair of nodes that program their kernels.

    tests/interop/session.py [words of a case's name]

Planned work (RFC 8326, 9003, 8538): drain, undrain, stop; peers disabled, enabled, cleared.
"""
import concurrent.futures
import os
import signal
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab.bird import Bird  # noqa: E402
from lab.check import expect, hold, poll  # noqa: E402
from lab.frr import Frr  # noqa: E402
from lab.net import Lab, run  # noqa: E402
from lab.tandem import Cluster, program  # noqa: E402

ASN, TABLE = 65515, 100
NODES = {"rs-a": "10.1.1.4", "rs-b": "10.1.1.5"}
BIRD, FRR = "10.101.0.0/24", "10.102.0.0/24"


class Pair:
    """BIRD and FRR announce a prefix each, to both nodes."""

    def __init__(self, lab):
        self.lab = lab
        fabric = lab.subnet("fabric", "10.1.0.1/16")
        self.cluster = Cluster(lab, asn=ASN, mode="transparent")
        self.cluster.server = {"gracefulShutdown": "5s"}
        self.cluster.targets = [{"name": "kernel", "type": "netlink", "table": TABLE}]
        for name, address in NODES.items():
            host = lab.host(name)
            lab.attach(fabric, host, f"{address}/16")
            self.cluster.node(host, address)
        self.bird = self._appliance(Bird, fabric, 1, BIRD)
        self.frr = self._appliance(Frr, fabric, 2, FRR)
        self.cluster.configure()

    def _appliance(self, driver, fabric, number, prefix):
        name, address = driver.kind.lower(), f"10.1.2.{number}"
        host = self.lab.host(name)
        self.lab.attach(fabric, host, f"{address}/16")
        appliance = driver(self.lab, host, 65000 + number, address, transit=False)
        self.cluster.peer(name, address, appliance.asn, holdTime="9s", connectRetry="1s")
        for node, to in NODES.items():
            appliance.peer(node, to, ASN, families=(4,))
        appliance.announce(prefix)
        return appliance

    @property
    def nodes(self):
        return list(self.cluster.nodes.values())

    def start(self):
        self.cluster.start()
        for appliance in (self.bird, self.frr):
            appliance.start()
        self.settle()

    def settle(self):
        for appliance in (self.bird, self.frr):
            appliance.wait_established(seconds=20)
        self.cluster.wait_ready()
        for node in self.nodes:
            expect(f"{node.name}: kernel routes", {BIRD, FRR}, lambda node=node: kernel(node))


def kernel(node):
    return {line.split()[0] for line in node.host.run("ip", "route", "show", "table", str(TABLE)).splitlines()}


def paths(frr, prefix):
    """What FRR has of a prefix: {node's address: path}."""
    return {path["peer"]["peerId"]: path for path in frr.show(f"show bgp ipv4 unicast {prefix} json").get("paths", [])}


def is_leaving(frr, node, prefix):
    """Is the prefix marked with GRACEFUL_SHUTDOWN as that node tells it?"""
    path = paths(frr, prefix).get(NODES[node], {})
    return path.get("community", {}).get("string") in ("graceful-shutdown", "65535:0")


def best(frr, prefix):
    """The nodes by whose word FRR forwards."""
    return {address for address, path in paths(frr, prefix).items() if path.get("bestpath", {}).get("overall")}


def kernels(pair):
    return [kernel(node) for node in pair.nodes]


def expect_said(node, peer, direction, **fields):
    """The last NOTIFICATION of a session as the node tells it."""
    expect(f"{node.name}: NOTIFICATION {direction} {peer}", fields, lambda: {
        key: value for key, value in node.peer(peer)["lastNotification"][direction].items() if key in fields})


def drained(pair):
    """FRR moves to the other node while this one's routes still stand; nothing leaves a kernel's table."""
    node = pair.nodes[0]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        order = pool.submit(node.order, "node", "drain", "--message", "new kernel")
        poll("FRR has GRACEFUL_SHUTDOWN on the route", lambda: is_leaving(pair.frr, "rs-a", BIRD), 4)
        expect("FRR forwards by the other node", {NODES["rs-b"]}, lambda: best(pair.frr, BIRD), 2)
        if not pair.frr.established(NODES["rs-a"]):
            raise Failed("the session went before FRR had its time")
        if node.http("/readyz")[0] != 503:
            raise Failed("a node that drains calls itself ready")
        if "drained" not in (said := order.result(20)):
            raise Failed(f"tandemctl said {said}")
    poll("FRR's session is down", lambda: not pair.frr.established(NODES["rs-a"]))
    hold("no kernel loses a route", lambda: kernels(pair) == [{BIRD, FRR}] * 2, 3)
    if "[-]not-draining failed: drained" not in (text := node.http("/readyz")[1]):
        raise Failed(f"/readyz says {text}")
    expect_said(node, "frr", "sent", reason="cease/administrative shutdown", text="new kernel", hardReset=True)
    expect_said(node, "bird", "sent", reason="cease/administrative shutdown", text="new kernel", hardReset=False)
    poll("BIRD tells the words", lambda: "new kernel" in pair.bird.process.tail(40))


def undrained(pair):
    node = pair.nodes[0]
    node.order("node", "undrain")
    pair.settle()
    poll("FRR has no mark on the route", lambda: paths(pair.frr, BIRD).get(NODES["rs-a"]) and
         not is_leaving(pair.frr, "rs-a", BIRD))
    if kernels(pair) != [{BIRD, FRR}] * 2:
        raise Failed(f"kernels have {kernels(pair)}")


def called_off(pair):
    node = pair.nodes[0]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        order = pool.submit(run, program("tandemctl"), "--socket", node.socket, "node", "drain", check=False)
        poll("FRR has GRACEFUL_SHUTDOWN on the route", lambda: is_leaving(pair.frr, "rs-a", BIRD), 4)
        node.order("node", "undrain")
        order.result(20)
    poll("the mark is taken back", lambda: not is_leaving(pair.frr, "rs-a", BIRD))
    hold("the session stands", lambda: pair.frr.established(NODES["rs-a"]), 3)


def disabled(pair):
    """The words arrive, the session rests, the routes go; enabled it is back."""
    for appliance, prefix in ((pair.bird, BIRD), (pair.frr, FRR)):
        for node in pair.nodes:
            node.order("peer", "disable", appliance.name, "--message", "swap")
        for node in pair.nodes:
            poll(f"{node.name} has lost the route", lambda node=node, prefix=prefix: prefix not in kernel(node))
        hold("it stays away", lambda appliance=appliance: not appliance.established(NODES["rs-a"]), 2)
        if pair.nodes[0].peer(appliance.name)["adminState"] != "disabled":
            raise Failed("a disabled peer is not shown as such")
        for node in pair.nodes:
            node.order("peer", "enable", appliance.name)
        pair.settle()
    poll("BIRD tells the words", lambda: "swap" in pair.bird.process.tail(40))


def cleared(pair):
    """A reset: FRR, which knows RFC 8538, holds our routes, unless it is a hard one; BIRD comes back as well."""
    node = pair.nodes[0]
    for how, is_hard in (((), False), (("hard",), True)):
        for appliance in (pair.frr, pair.bird):
            flaps = node.peer(appliance.name)["flaps"]
            node.order("peer", "clear", appliance.name, *how)
            poll("it was reset", lambda appliance=appliance, flaps=flaps: node.peer(appliance.name)["flaps"] == flaps + 1)
            expect_said(node, appliance.name, "sent", reason="cease/administrative reset",
                        hardReset=is_hard and appliance is pair.frr)
        pair.settle()


def refreshed(pair):
    """Soft: nothing ends, and everything is told once more."""
    node = pair.nodes[0]
    for appliance in (pair.frr, pair.bird):
        before = node.peer(appliance.name)
        node.order("peer", "clear", appliance.name, "soft-in")
        node.order("peer", "clear", appliance.name, "soft-out")
        poll("it has told its routes again, and heard ours", lambda appliance=appliance, before=before: all(
            node.peer(appliance.name)["messages"][way]["update"] > before["messages"][way]["update"]
            for way in ("received", "sent")))
        if node.peer(appliance.name)["flaps"] != before["flaps"]:
            raise Failed("the session was reset")


def stopped(pair):
    """A stop drains first: FRR moves, nothing leaves a kernel, the node ends with status 0; then it is back."""
    node = pair.nodes[0]
    node.process.signal(signal.SIGTERM)
    poll("FRR has GRACEFUL_SHUTDOWN on the route", lambda: is_leaving(pair.frr, "rs-a", BIRD), 4)
    poll("the node ends", lambda: not node.process.running(), 12)
    hold("no kernel loses a route", lambda: kernels(pair) == [{BIRD, FRR}] * 2, 3)
    status = node.stop()
    if status:
        raise Failed(f"{node.name} ended with status {status}\n{node.process.tail(40)}")
    node.start()
    pair.settle()


CASES = (("a drain moves FRR away before the session goes, and loses nothing", drained),
         ("an undrain brings everything back", undrained),
         ("a drain is called off", called_off),
         ("peers are disabled with words, and enabled", disabled),
         ("sessions are reset, hard and otherwise", cleared),
         ("routes are asked for and told once more", refreshed),
         ("a stop drains first", stopped))


def main():
    with Lab("session") as lab:
        pair = Pair(lab)
        return Cases().story("nodes and daemons start", pair.start, CASES, pair)


if __name__ == "__main__":
    sys.exit(main())
