#!/usr/bin/python3
"""BFD between a pair of nodes and BIRD and FRR: over IPv4 and IPv6, single hop and multihop.

    tests/interop/bfd.py [words of a case's name]

The daemons freeze (SIGSTOP), so that nothing but BFD can tell: no connection is closed, and the hold
time is far longer than the test.
"""
import datetime
import os
import signal
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab.bird import Bird  # noqa: E402
from lab.check import expect, hold, poll  # noqa: E402
from lab.frr import Frr  # noqa: E402
from lab.net import Lab  # noqa: E402
from lab.nva import Bfd  # noqa: E402
from lab.tandem import Cluster  # noqa: E402

ASN = 65515
NODES = {"rs-a": ("10.1.1.4", "fd00:10:1::1:4"), "rs-b": ("10.1.1.5", "fd00:10:1::1:5")}
INTERVAL_MS, MULTIPLIER = 100, 3
DETECT_MS = INTERVAL_MS * MULTIPLIER
CONTROL_EXPIRED = "control detection time expired"
# The machine may be busy: what is later than the detection time by less than this is still in time.
LATE_MS = 400
HOLD_S = 90


class World:
    """Both nodes, a BIRD and an FRR; each daemon announces one prefix of each family."""

    def __init__(self, lab, multihop, hops, strict=False):
        self.lab = lab
        fabric = lab.subnet("fabric", "10.1.0.1/16")
        self.cluster = Cluster(lab, asn=ASN, mode="transparent")
        self.cluster.server = {"gracefulShutdown": "0s"}  # how long a stop takes is BFD's affair then
        for name, (address, address6) in NODES.items():
            host = lab.host(name)
            lab.attach(fabric, host, f"{address}/16", f"{address6}/64")
            self.cluster.node(host, address, address6)
        self.daemons = []
        for number, driver in enumerate((Bird, Frr), 1):
            name, address, address6 = driver.kind.lower(), f"10.1.2.{number}", f"fd00:10:1::2:{number}"
            host = lab.host(name)
            lab.attach(fabric, host, f"{address}/16", f"{address6}/64")
            daemon = driver(lab, host, 65000 + number, address, address6, hold=HOLD_S, transit=False,
                            bfd=Bfd(INTERVAL_MS, MULTIPLIER, multihop))
            bfd = {"interval": f"{INTERVAL_MS}ms", "multiplier": MULTIPLIER, "multihop": hops, "strict": strict}
            self.cluster.peer(name, address, daemon.asn, holdTime=f"{HOLD_S}s", connectRetry="1s", bfd=bfd)
            self.cluster.peer(f"{name}-v6", address6, daemon.asn, holdTime=f"{HOLD_S}s", connectRetry="1s", bfd=bfd)
            for node, (to, to6) in NODES.items():
                daemon.peer(node, to, ASN, families=(4,))
                daemon.peer(f"{node}-v6", to6, ASN, families=(6,))
            daemon.announce(f"10.{100 + number}.0.0/24")
            daemon.announce(f"fd00:{100 + number}::/48")
            self.daemons.append(daemon)
        self.cluster.configure()

    @property
    def nodes(self):
        return self.cluster.nodes.values()

    def start(self):
        self.cluster.start()
        for daemon in self.daemons:
            daemon.start()


def names(daemon):
    return daemon.name, f"{daemon.name}-v6"


def peers(node):
    return {peer["name"]: peer for peer in node.items("peer", "list")}


def event_ms(node, name, peer, after):
    """When the node said so last, in milliseconds after a moment (of time.time()), and the event."""
    for event in reversed(node.items("events")):
        if event["event"] == name and event["subject"] == f"peer={peer}":
            at = datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()
            if at >= after:
                return (at - after) * 1000, event
    raise Failed(f"{node.name} has no {name} of {peer}")


def everything_up(world, daemon, seconds=30):
    for node in world.nodes:
        poll(f"{node.name}: BFD and BGP with {daemon.name} are up", lambda node=node: all(
            (peers(node)[name]["bfdState"], peers(node)[name]["state"]) == ("Up", "Established") for name in names(daemon)),
            seconds)
    for neighbor in daemon.neighbors:
        poll(f"{daemon.kind}: BFD with {neighbor.address} is up", lambda neighbor=neighbor: daemon.bfd_up(neighbor.address))
    for node in world.nodes:
        for prefix in daemon.announced:
            node.expect_path(prefix, daemon.own(prefix), (daemon.asn,))


def agreed(world, daemon):
    """Once Up both sides have left the slow second behind, and agree on the hops."""
    multihop = daemon.bfd.multihop
    for node in world.nodes:
        for name in names(daemon):
            poll(f"{node.name}: times agreed with {name}", lambda node=node, name=name: (
                peers(node)[name]["bfd"]["transmitMilliseconds"],
                peers(node)[name]["bfd"]["detectMilliseconds"]) == (INTERVAL_MS, DETECT_MS))
            if peers(node)[name]["bfd"]["multihop"] != multihop:
                raise Failed(f"{node.name}: {name} is not {'multihop' if multihop else 'single hop'}")
        if not any(line.startswith("tandem_bfd_session_up{") and line.endswith(f'name="{daemon.name}"}} 1')
                   for line in node.metrics()):
            raise Failed(f"{node.name}: tandem_bfd_session_up does not say 1 for {daemon.name}")


def processes(daemon):
    return [daemon.process] + ([daemon.bfdd] if isinstance(daemon, Frr) else [])


def frozen(world, daemon):
    """Found out within the detection time; BGP ends with Cease/BFD Down, the routes leave, all returns."""
    began = time.time()
    for process in processes(daemon):
        process.signal(signal.SIGSTOP)
    try:
        for node in world.nodes:
            for name in names(daemon):
                gone(node, daemon, name, began)
            poll(f"{node.name}: no route of {daemon.name} is left", lambda node=node: not any(
                prefix in node.routes() for prefix in daemon.announced), 5)
    finally:
        for process in processes(daemon):
            process.signal(signal.SIGCONT)
    everything_up(world, daemon, 60)


def gone(node, daemon, name, began):
    poll(f"{node.name}: BFD with {name} is Down", lambda: peers(node)[name]["bfdState"] == "Down", 5)
    after, event = event_ms(node, "bfd_down", name, began)
    if after > DETECT_MS + LATE_MS:
        raise Failed(f"{node.name} noticed {name} after {after:.0f} ms")
    if event["fields"]["reason"] != CONTROL_EXPIRED:
        raise Failed(f"{node.name}: {event}")
    later, _ = event_ms(node, "peer_down", name, began)
    if later > after + LATE_MS:
        raise Failed(f"{node.name} ended BGP with {name} {later - after:.0f} ms after BFD")
    error = peers(node)[name]["lastError"]
    if (error.get("code"), error.get("subcode"), error.get("byPeer")) != (6, 10, False):
        raise Failed(f"{node.name}: the last error of {name} is {error}")
    print(f"       {node.name} noticed {name} after {after:.0f} ms", flush=True)


def node_frozen(world, daemon):
    """The daemon finds out just the same, and takes the node back."""
    node = next(iter(world.nodes))
    node.process.signal(signal.SIGSTOP)
    try:
        for address in NODES[node.name]:
            poll(f"{daemon.kind}: BFD with {address} is down", lambda address=address: not daemon.bfd_up(address), 5)
            poll(f"{daemon.kind}: BGP with {address} is down", lambda address=address: not daemon.established(address), 5)
    finally:
        node.process.signal(signal.SIGCONT)
    everything_up(world, daemon, 60)


def daemon_restarts(world, daemon):
    """An orderly end of the daemon and its return: new discriminators on its side."""
    daemon.stop()
    for node in world.nodes:
        poll(f"{node.name}: {daemon.name} is gone", lambda node=node: all(
            peers(node)[name]["state"] != "Established" for name in names(daemon)))
    daemon.start()
    everything_up(world, daemon, 60)


def changed(world, daemon):
    """RFC 5880 section 6.8.3: neither BFD nor BGP goes down."""
    node, name = next(iter(world.nodes)), daemon.name
    own = f"interval: {INTERVAL_MS}ms, multiplier: {MULTIPLIER},"
    slower = f"interval: {2 * INTERVAL_MS}ms, multiplier: {MULTIPLIER + 2},"
    sessions = lambda: [(p["name"], p["flaps"], p["state"], p["bfdState"]) for p in peers(node).values()]
    times = lambda: tuple((peers(node)[name]["bfd"] or {}).get(key) for key in ("transmitMilliseconds", "detectMilliseconds"))
    for other in world.daemons:
        everything_up(world, other)
    before = sessions()
    for old, new, wanted in ((own, slower, (2 * INTERVAL_MS, 2 * DETECT_MS)), (slower, own, (INTERVAL_MS, DETECT_MS))):
        said = node.rewrite(old, new)
        if f"peer {name}: bfd changed; its sessions stay" not in said:
            raise Failed(said)
        expect(f"{node.name}: times agreed with {name}", wanted, times)
    everything_up(world, daemon)
    if sessions() != before:
        raise Failed(f"{before} became {sessions()}")


CASES = (("BFD and BGP are up on both sides", everything_up),
         ("times and hops are agreed", agreed),
         ("other times by a reload, and the former ones", changed),
         ("freezes, is found out in time, and returns", frozen),
         ("finds out that a node froze", node_frozen),
         ("stops and returns", daemon_restarts))


def admin_down(world):
    """RFC 5882 section 3.2: a peer that takes BFD out of service does not lose BGP."""
    frr = world.daemons[1]
    node, address = next(iter(world.nodes)), NODES["rs-a"][0]
    began = time.time()
    options = f"{address} {'multihop ' if frr.bfd.multihop else ''}local-address {frr.address}"
    if not frr.bfd.multihop:
        options += " interface eth0"
    frr.vtysh("configure terminal", "bfd", f"peer {options}", "shutdown")
    poll("BFD is Down here", lambda: peers(node)["frr"]["bfdState"] == "Down")
    _, event = event_ms(node, "bfd_down", "frr", began)
    if event["fields"]["remote_state"] != "AdminDown":
        raise Failed(str(event))
    hold("BGP stays", lambda: peers(node)["frr"]["state"] == "Established", 2)
    frr.vtysh("configure terminal", "bfd", f"peer {options}", "no shutdown")
    everything_up(world, frr)


def nodes_stop(world):
    """An orderly end with status 0, and nobody takes it for a failure of BFD."""
    frr = world.daemons[1]
    for node in world.nodes:
        began = time.monotonic()
        status = node.stop()
        if status:
            raise Failed(f"{node.name} ended with status {status}\n{node.process.tail(40)}")
        if time.monotonic() - began > 1.5:
            raise Failed(f"{node.name} took {time.monotonic() - began:.1f} s: the peers' answers were not noticed")
        for address in NODES[node.name]:
            if address in frr.bfd_peers() and frr.bfd_peers()[address].get("remote-diagnostic") != "administratively down":
                raise Failed(f"FRR says of {address}: {frr.bfd_peers()[address]}")


def strict(cases):
    if not cases.wants(name := "strict: no BGP before BFD is Up"):
        return
    with Lab("interop-bfd") as lab:
        world = World(lab, multihop=True, hops="auto", strict=True)
        for daemon in world.daemons:
            daemon.bfd = None
        cases.one(name, strict_waits, world)


def strict_waits(world):
    world.start()
    for node in world.nodes:
        hold(f"{node.name} waits", lambda node=node: {peers(node)[n]["state"] for d in world.daemons for n in names(d)} ==
             {"Idle"}, 3)
    for daemon in world.daemons:
        daemon.kill()
        daemon.bfd = Bfd(INTERVAL_MS, MULTIPLIER, True)
        daemon.start()
        everything_up(world, daemon, 60)


LABS = (("single hop", {"multihop": False, "hops": "auto"}), ("multihop", {"multihop": True, "hops": True}))


def play(cases, title, settings):
    wanted = [(name, function, i) for i, kind in enumerate(("BIRD", "FRR")) for text, function in CASES
              if cases.wants(name := f"{title}: {kind}: {text}")]
    if not wanted:
        return
    with Lab("interop-bfd") as lab:
        world = World(lab, **settings)
        if not cases.one(f"{title}: nodes and daemons start", world.start):
            return
        for name, function, i in wanted:
            cases.one(name, function, world, world.daemons[i])
        cases.one(f"{title}: FRR takes BFD out of service", admin_down, world)
        cases.one(f"{title}: nodes stop", nodes_stop, world)


def main():
    cases = Cases()
    for title, settings in LABS:
        play(cases, title, settings)
    strict(cases)
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
