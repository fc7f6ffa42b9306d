#!/usr/bin/python3
"""Another configuration while a pair works, with BIRD: only what differs is touched.

    tests/interop/reload.py
"""
import datetime
import os
import signal
import socket
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab.bird import Bird, protocol  # noqa: E402
from lab.check import hold, poll  # noqa: E402
from lab.net import Lab  # noqa: E402
from lab.tandem import Cluster, program, yaml  # noqa: E402

ASN = 65515
NODES = {"rs-a": "10.1.1.4", "rs-b": "10.1.1.5"}
BFD_PORT = 3784
CHANGED = "Other configuration change"


class World:
    """A pair and two BIRDs; a third one that nobody knows yet."""

    def __init__(self, lab):
        self.lab = lab
        fabric = lab.subnet("fabric", "10.1.0.1/16")
        self.cluster = Cluster(lab, asn=ASN, mode="transparent")
        for name, address in NODES.items():
            host = lab.host(name)
            lab.attach(fabric, host, f"{address}/16")
            self.cluster.node(host, address)
        self.birds = []
        for number in (1, 2, 3):
            host, address = lab.host(f"nva{number}"), f"10.1.2.{number}"
            lab.attach(fabric, host, f"{address}/16")
            bird = Bird(lab, host, 65000 + number, address, "", hold=90, transit=False)
            for node, to in NODES.items():
                bird.peer(node, to, ASN, families=(4,))
            bird.announce(f"10.{100 + number}.0.0/24")
            self.birds.append(bird)
        for bird in self.birds[:2]:
            self.cluster.peer(bird.name, bird.address, bird.asn, connectRetry="1s")
        self.cluster.configure()
        with open(self.node.path("tandem.yaml"), encoding="utf-8") as file:
            self.text = file.read()
        self.cluster.start()
        for bird in self.birds:
            bird.start()
        self.everything_up(self.birds[:2])

    @property
    def nodes(self):
        return list(self.cluster.nodes.values())

    @property
    def node(self):
        return self.nodes[0]

    def everything_up(self, birds):
        for bird in birds:
            for node in self.nodes:
                poll(f"{node.name}: {bird.name} is up", lambda node=node, bird=bird: peers(node).get(
                    bird.name, {}).get("state") == "Established", 30)
                for prefix in bird.announced:
                    node.expect_path(prefix, bird.address, (bird.asn,))

    def write(self, text, nodes=None):
        for node in nodes or self.nodes:
            with open(node.path("tandem.yaml"), "w", encoding="utf-8") as file:
                file.write(text)

    def peers_are(self, *entries, more=""):
        """The same file with other peers, and more at its end."""
        before, _, rest = self.text.partition("peers:\n")
        after = "".join(line for line in rest.splitlines(True) if not line.startswith("  "))
        return f"{before}peers:\n{yaml(list(entries), 1)}{after}{more}"

    def entry(self, number, **settings):
        bird = self.birds[number - 1]
        return {"name": bird.name, "peerIp": bird.address, "peerAsn": bird.asn, "connectRetry": "1s", **settings}


def peers(node):
    return {peer["name"]: peer for peer in node.items("peer", "list")}


def order(node, *words):
    """tandemctl's exit code and all that it says."""
    done = subprocess.run(node.host.command(program("tandemctl"), "--socket", node.socket, *words), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False)
    return done.returncode, done.stdout


def reload(world, nodes=None):
    for node in nodes or world.nodes:
        code, said = order(node, "reload")
        if code:
            raise Failed(f"{node.name}: reload ended with {code}: {said}")


def seconds(time):
    return datetime.datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp()


def flaps(world):
    """Since when each session is what it is; the clock that says so rounds."""
    return [(node.name, name, peer["flaps"], seconds(peer["since"])) for node in world.nodes for name, peer in peers(node).items()]


def unchanged(before, after):
    same = [a[:3] for a in before] == [b[:3] for b in after]
    if not same or any(abs(a[3] - b[3]) > 0.1 for a, b in zip(before, after)):
        raise Failed(f"a session flapped: {before} became {after}")


def refused(world):
    """A file with a mistake: the exit code and the place of it; everything goes on."""
    before = flaps(world)
    world.write(world.text.replace("peerAsn: 65001", "peerAsn: 99999999999"), [world.node])
    for words in (("reload",), ("reload", "--check"), ("config", "diff")):
        code, said = order(world.node, *words)
        if code != 1 or "tandem.yaml:" not in said or "99999999999 is outside" not in said:
            raise Failed(f"{words}: {code} {said}")
    world.write(world.text.replace("address: 10.1.1.5", "address: 10.1.1.6"), [world.node])
    code, said = order(world.node, "reload")
    if code != 1 or "nodes: cannot change while the node runs" not in said or "restart the nodes one by one" not in said:
        raise Failed(f"{code} {said}")
    if not any(event["event"] == "config_refused" for event in world.node.items("events")):
        raise Failed("no event says so")
    if "tandem_config_last_reload_success 0" not in world.node.metrics():
        raise Failed("no metric says so")
    world.write(world.text)
    reload(world)
    unchanged(before, flaps(world))


def taken(world):
    """Another daemon has the port of BFD: peers that want it are refused, and everything goes on."""
    before = flaps(world)
    world.write(world.peers_are(world.entry(1, bfd={"interval": "300ms"}), world.entry(2)), [world.node])
    with world.node.host.inside():
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with other:
        other.bind((world.node.address, BFD_PORT))
        for words in (("reload",), ("config", "diff")):
            code, said = order(world.node, *words)
            if code != 1 or "another BFD daemon runs here" not in said:
                raise Failed(f"{words}: {code} {said}")
    if order(world.node, "config", "diff")[0]:
        raise Failed("it is refused still")
    world.write(world.text)
    reload(world)
    unchanged(before, flaps(world))


def added(world):
    """A third peer, by SIGHUP on one node and by tandemctl on the other: the rest stays."""
    before = flaps(world)
    text = world.peers_are(world.entry(1), world.entry(2), world.entry(3), more="generation: 1\n")
    world.write(text)
    code, said = order(world.nodes[1], "config", "diff")
    if code or "peer nva3: added" not in said:
        raise Failed(f"{code} {said}")
    world.nodes[0].process.signal(signal.SIGHUP)
    reload(world, [world.nodes[1]])
    world.everything_up(world.birds)
    world.cluster.expect_equal()
    unchanged(before, [row for row in flaps(world) if row[1] != "nva3"])


def differs(world):
    """One node follows another file: both say so until the other one does too, and tables are not compared."""
    text = world.peers_are(world.entry(1), world.entry(2), world.entry(3, type="vpnGateway"), more="generation: 2\n")
    world.write(text)
    reload(world, [world.nodes[0]])
    for node, generation in zip(world.nodes, (1, 2)):
        poll(f"{node.name} says that configurations differ", lambda node=node, generation=generation: any(
            not other["self"] and not other["configEqual"] and other["configGeneration"] == generation
            for other in node.items("node", "list")))
        poll(f"{node.name} warns", lambda node=node: "another configuration" in order(node, "status")[1])
    if "differs" not in order(world.nodes[0], "node", "diff")[1]:
        raise Failed("node diff does not show it")
    reload(world, [world.nodes[1]])
    poll("both are equal", lambda: all(n["configEqual"] for node in world.nodes for n in node.items("node", "list")))
    world.cluster.expect_equal()
    if any(event["event"] == "digest_differs" for node in world.nodes for event in node.items("events")):
        raise Failed("tables of different configurations were compared")


def judged(world):
    """Address space: routes are judged anew, no session suffers; BIRD sees the withdrawal."""
    world.write(world.text)
    reload(world)
    poll("nva3 is gone", lambda: all("nva3" not in peers(node) for node in world.nodes), 30)
    before = flaps(world)
    space = 'virtualNetworks:\n  - { name: v, addressPrefixes: ["10.1.2.1/32", "10.200.0.0/16"] }\n'
    world.write(world.text + space)
    reload(world)
    for address in NODES.values():
        world.birds[0].wait_established()
        poll("only nva1's next hop is inside", lambda address=address: "10.102.0.0/24" not in world.birds[0].received(address))
        poll("the space is announced", lambda address=address: "10.200.0.0/16" in world.birds[0].received(address))
    world.write(world.text)
    reload(world)
    for address in NODES.values():
        poll("all is as before", lambda address=address: set(world.birds[0].received(address)) == {"10.102.0.0/24"})
    unchanged(before, flaps(world))
    world.cluster.expect_equal()


def reset(world):
    """Another hold time: this session is reset, and BIRD is told why; the other one, and all routes, stay."""
    kept = [row for row in flaps(world) if row[1] == "nva2"]
    world.write(world.peers_are(world.entry(1, holdTime="30s"), world.entry(2)))
    reload(world)
    hold("nva2 keeps nva1's route", lambda: all("10.101.0.0/24" in world.birds[1].received(a) for a in NODES.values()), 2)
    poll("BIRD knows why", lambda: any(CHANGED.lower() in world.birds[0].birdc(
        f"show protocols all {protocol(n)}").lower() or world.birds[0].established(n.address)
        for n in world.birds[0].neighbors))
    world.everything_up(world.birds[:2])
    poll("the new hold time is agreed on", lambda: all(peers(node)["nva1"]["holdTimeSeconds"] == 30 for node in world.nodes))
    unchanged(kept, [row for row in flaps(world) if row[1] == "nva2"])


def removed(world):
    """A peer less: its routes go, its session ends; then it is added again."""
    world.write(world.peers_are(world.entry(2)))
    reload(world)
    for node in world.nodes:
        poll(f"{node.name}: its route is gone", lambda node=node: "10.101.0.0/24" not in node.routes())
        poll(f"{node.name}: it is no peer", lambda node=node: "nva1" not in peers(node), 30)
    hold("it is not let in", lambda: not any(world.birds[0].established(a) for a in NODES.values()), 1)
    world.write(world.text)
    reload(world)
    world.everything_up(world.birds[:2])
    world.cluster.expect_equal()


CASES = (("a file with a mistake is refused, and why", refused), ("a port that is taken", taken), ("a peer more", added),
         ("nodes that differ say so", differs), ("another address space", judged),
         ("a session's settings", reset), ("a peer less", removed))


def main():
    cases = Cases()
    with Lab("interop-reload") as lab:
        world = World(lab)
        for name, case in CASES:
            if cases.wants(name):
                cases.one(f"reload: {name}", case, world)
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
