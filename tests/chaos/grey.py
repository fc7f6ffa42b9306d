#!/usr/bin/python3
"""Scenario 17: a node that runs, beats, and does not get round to reading what its NVAs say.

    tests/chaos/grey.py

A pair, and an NVA that peers with both. A crowd calls one of the nodes only and never stops talking: each gets a turn
of the node's loop, and then waits until all the others had theirs. The NVA withdraws a route meanwhile: what the grey
node has not read is no evidence, the other node has heard it, and the route is gone everywhere within a second (S4, P5).
"""
import os
import selectors
import socket
import struct
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab.bird import Bird  # noqa: E402
from lab.check import Stopwatch, expect, hold, poll  # noqa: E402
from lab.net import Lab  # noqa: E402
from lab.tandem import Cluster  # noqa: E402
from lab.watch import RouteWatch, kernel_routes  # noqa: E402
from speaker import KEEPALIVE, OPEN, UPDATE, message  # noqa: E402

NODES = {"rs-a": "10.1.1.4", "rs-b": "10.1.1.5"}
NVA, CROWD, CROWD_ASN, TALKERS = "10.1.2.4", "10.1.4.0/22", 65100, 750  # of a build with sanitizers 500 do
KEPT, GOES = "10.250.0.0/16", "10.251.0.0/16"
GONE_MS, MACHINE_MS = 1000, 500


def talk(address, med):
    """A message full of routes; told with another MED each is a change."""
    attributes = (b"\x40\x01\x01\x00\x40\x02\x06\x02\x01" + struct.pack("!I", CROWD_ASN)
                  + b"\x40\x03\x04" + socket.inet_aton(address) + b"\x80\x04\x04" + struct.pack("!I", med))
    third = socket.inet_aton(address)[3:]  # three of the crowd say the same
    routes = b"".join(bytes([32, 4]) + third + bytes([i // 256, i % 256]) for i in range(200))
    return message(UPDATE, struct.pack("!HH", 0, len(attributes)) + attributes + routes)


def address_of(number):
    return f"10.1.{4 + number // 250}.{1 + number % 250}"


class Talker:
    def __init__(self, host, number, node):
        self.address = address_of(number)
        with host.inside():
            self.socket = socket.create_connection((node, 179), 3, (self.address, 0))
        capabilities = bytes([1, 4, 0, 1, 0, 1, 65, 4]) + struct.pack("!I", CROWD_ASN)
        self.socket.sendall(message(OPEN, struct.pack("!BHH4sB", 4, CROWD_ASN, 0, socket.inet_aton(self.address),
                                                      len(capabilities) + 2) + bytes([2, len(capabilities)]) + capabilities)
                            + message(KEEPALIVE))
        self.words, self.said = talk(self.address, 1) + talk(self.address, 2), 0

    def work(self, events):
        if events & selectors.EVENT_READ and not self.socket.recv(65536):
            raise Failed(f"the node ended the session of {self.address}")
        if events & selectors.EVENT_WRITE:
            self.said = (self.said + self.socket.send(self.words[self.said:])) % len(self.words)


class Crowd:
    """They call, and from go() on all of them talk at once."""

    def __init__(self, host, node):
        self.selector, self.ends, self.failure = selectors.DefaultSelector(), False, None
        self.talkers = [Talker(host, number, node) for number in range(TALKERS)]

    def go(self):
        for talker in self.talkers:
            talker.socket.setblocking(False)
            self.selector.register(talker.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, talker)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        try:
            while not self.ends:
                for key, events in self.selector.select(0.1):
                    key.data.work(events)
                time.sleep(0.01)
        except (OSError, Failed) as error:
            self.failure = error


class World:
    def __init__(self, lab):
        self.lab = lab
        fabric = lab.subnet("fabric", "10.1.0.1/16")
        self.cluster = Cluster(lab)
        hosts = {name: lab.host(name) for name in ("rs-a", "rs-b", "nva", "crowd", "vm")}
        for host, address in zip(hosts.values(), (*NODES.values(), NVA, "10.1.3.4", "10.1.10.4")):
            lab.attach(fabric, host, f"{address}/16")
        hosts["crowd"].address("eth0", *(f"{address_of(number)}/16" for number in range(TALKERS)))
        self.a, self.b = (self.cluster.node(hosts[name], address) for name, address in NODES.items())
        self.crowd, self.vm, self.agent = hosts["crowd"], hosts["vm"], self.cluster.agent(hosts["vm"])
        self.nva = Bird(lab, hosts["nva"], 65001, NVA)
        for node in (self.a, self.b):
            self.nva.peer(node.name, node.address, 65515, families=(4,))
        for prefix in (KEPT, GOES):
            self.nva.announce(prefix)
        self.cluster.network("hub", "10.1.0.0/16")
        self.cluster.peer("nva", NVA, 65001, holdTime="9s")
        self.cluster.peer("crowd", CROWD, CROWD_ASN, maxPeers=TALKERS, nodes=["rs-a"], inboundRouteMap="none-of-it",
                          outboundRouteMap="none-of-it")
        self.cluster.times = {"defer": "1s"}  # more of them may come: nobody waits
        self.cluster.maps = [{"name": "none-of-it", "rules": [{"name": "all", "match": {}, "action": "drop"}]}]
        self.cluster.configure()

    def start(self):
        self.cluster.start()
        self.agent.start()
        self.nva.start()
        for node in (self.a, self.b):
            node.wait_peers("nva")
        self.cluster.wait_ready()
        expect("the VM's kernel", {KEPT, GOES}, self.vm_has)
        self.watch = RouteWatch(self.lab, self.vm)
        self.talkers = Crowd(self.crowd, self.a.address)

    def vm_has(self):
        return set(kernel_routes(self.vm, protocol=201))

    def views(self):
        """The grey node, as both see it."""
        return [next(n for n in node.items("node", "list") if n["name"] == "rs-a") for node in (self.a, self.b)]


def becomes_grey(world):
    """It is known as one that does not read, by itself and by the other node, and is not dead."""
    world.talkers.go()
    poll("both nodes know that rs-a does not read", lambda: all(view["inputLags"] for view in world.views()), 30)
    hold("it is not dead for that", lambda: world.views()[1]["health"] in ("ok", "suspect"), 1)


def withdrawn(world):
    world.nva.withdraw(GOES)
    watch = Stopwatch()
    poll("the VM's kernel without it", lambda: GOES not in world.vm_has(), 20, every=0.02)
    gone_ms = watch.ms
    if not all(view["inputLags"] for view in world.views()):
        raise Failed("by then rs-a had read all")
    print(f"       withdrawn until it is gone from the VM's kernel: {gone_ms:.0f} ms, promised {GONE_MS} ms", flush=True)
    if gone_ms > GONE_MS + MACHINE_MS:
        raise Failed(f"it stayed for {gone_ms:.0f} ms")
    hold("it does not come back", lambda: GOES not in world.vm_has(), 2, every=0.02)


def announced(world):
    world.nva.announce(GOES)
    poll("the VM's kernel has it again", lambda: GOES in world.vm_has(), 20)
    world.nva.withdraw(GOES)
    poll("the VM's kernel without it", lambda: GOES not in world.vm_has(), 20)


def unharmed(world):
    """Nobody lost a session or a route by all that, nor by the end of the node (D4)."""
    for node in (world.a, world.b):
        if lost := [e for e in node.items("events") if e["event"] == "peer_down" and e["subject"] == "peer=nva"]:
            raise Failed(f"{node.name}: {lost}")
    world.talkers.ends = True
    if world.talkers.failure:
        raise Failed(str(world.talkers.failure))
    world.a.kill()
    hold("the VM's kernel", lambda: world.vm_has() == {KEPT}, 1)
    removed = [route for _, route in world.watch.removals() if not route.startswith(GOES)]
    if removed:
        raise Failed(f"removed: {removed}")


def main():
    cases = Cases()
    with Lab("grey") as lab:
        world = World(lab)
        steps = (("the crowd talks: the node is grey", becomes_grey),
                 ("what is withdrawn meanwhile is gone everywhere", withdrawn),
                 ("what is announced meanwhile arrives", announced),
                 ("everything else stays as it is, also when the node dies", unharmed))
        return cases.story("a pair works, and a crowd calls one of the nodes", world.start, steps, world)


if __name__ == "__main__":
    sys.exit(main())
