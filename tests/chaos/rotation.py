#!/usr/bin/python3
"""Node keys, the cluster's secret, an agent's key and the agents' secret are exchanged for others under a stream of
UPDATEs.

    tests/chaos/rotation.py [words of a case's name]

Two nodes, an NVA that announces and withdraws all the time, a VM host with its agent whose kernel's removals are
watched. Step by step, as deploy/README.md says it: everybody knows the new one, it is used, the old one is
forgotten. Nobody is held dead, no route is held as stale, nothing is lost, tables stay equal.
"""
import os
import signal
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab.check import poll  # noqa: E402
from lab.net import Lab, run  # noqa: E402
from lab.tandem import Cluster, new_key, program, yaml  # noqa: E402
from lab.watch import RouteWatch, kernel_routes  # noqa: E402
from speaker import Session  # noqa: E402

NVA, FIXED = "10.1.2.4", "10.250.0.0/16"
MOVING = [f"10.200.{i}.0/24" for i in range(50)]
EVENTS_OF_HARM = {"digest_differs", "cluster_auth_failed", "node_key_revoked", "node_key_unlisted",
                  "link_renewal_refused", "agent_not_listed", "agent_secret_revoked"}


class World:
    def __init__(self, lab):
        self.lab = lab
        fabric = lab.subnet("fabric", "10.1.0.1/16")
        self.cluster = Cluster(lab)
        hosts = {name: lab.host(name) for name in ("rs-a", "rs-b", "nva", "vm")}
        for host, address in zip(hosts.values(), ("10.1.1.4", "10.1.1.5", NVA, "10.1.10.4")):
            lab.attach(fabric, host, f"{address}/16")
        self.nodes = [self.cluster.node(hosts["rs-a"], "10.1.1.4"), self.cluster.node(hosts["rs-b"], "10.1.1.5")]
        self.nva, self.vm, self.agent = hosts["nva"], hosts["vm"], self.cluster.agent(hosts["vm"])
        self.cluster.network("hub", "10.1.0.0/16")
        self.cluster.peer("nva", NVA, 65001, passive=True)
        self.cluster.configure()
        with open(self.nodes[0].path("tandem.yaml"), encoding="utf-8") as file:
            self.text = file.read()
        self.updates, self.ends = 0, False

    def start(self):
        self.cluster.start()
        self.agent.start()
        self.sessions = [Session(self.nva, NVA, 65001, node.address, [FIXED, *MOVING]) for node in self.nodes]
        self.cluster.wait_ready()
        poll("the VM has all", lambda: len(kernel_routes(self.vm, protocol=201)) == 1 + len(MOVING))
        self.watch = RouteWatch(self.lab, self.vm)
        self.seen = {node.name: self.events(node)[-1]["sequence"] for node in self.nodes}
        self.stream = threading.Thread(target=self.talk, daemon=True)
        self.stream.start()

    def talk(self):
        """A thousand changes a second to both nodes; the last word of each prefix is an announcement."""
        while not self.ends:
            for prefix in MOVING:
                for session in self.sessions:
                    session.withdraw(prefix)
                    session.announce(prefix)
                    self.updates += 2
            time.sleep(0.2)

    @staticmethod
    def events(node):
        return node.items("events")

    def follow(self, *nodes):
        for node in nodes or self.nodes:
            with open(node.path("tandem.yaml"), "w", encoding="utf-8") as file:
                file.write(self.text)
            done = subprocess.run(node.host.command(program("tandemctl"), "--socket", node.socket, "reload"), text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False)
            if done.returncode:
                raise Failed(f"{node.name}: {done.stdout}")

    def view(self, node, of):
        return next(n for n in node.items("node", "list") if n["name"] == of.name)

    def wait(self, key, value, of=None):
        """Every node sees this of the others, or of one."""
        for node in self.nodes:
            for other in self.nodes:
                if node is not other and of in (None, other):
                    poll(f"{node.name}: {key} of {other.name} is {value}",
                         lambda node=node, other=other: self.view(node, other).get(key) == value, 5)

    def unharmed(self):
        before = self.updates
        time.sleep(0.3)
        if self.updates == before or any(session.ends for session in self.sessions):
            raise Failed("the NVA's stream stands still")
        for node in self.nodes:
            fresh = [e for e in self.events(node) if e["sequence"] > self.seen[node.name]]
            harm = [e for e in fresh if e["event"] in EVENTS_OF_HARM or is_loss(e)]
            if harm:
                raise Failed(f"{node.name}: {harm}")
            status = node.ctl("status")
            if status["counts"]["stalePaths"] or any(n["health"] != "ok" for n in status["nodes"]):
                raise Failed(f"{node.name}: {status['counts']} {status['nodes']}")
        lost = [route for _, route in self.watch.removals() if route.startswith(FIXED)]
        if lost:
            raise Failed(f"the VM lost {lost}")


def is_loss(event):
    """Silence for a moment is the machine's; a link that is lost, or worse, is not."""
    fields = event["fields"]
    return event["event"] == "node_state" and (fields["state"] in ("dead", "auth-failed", "left") or
                                               fields["reason"] == "connection lost")


def secret(world):
    """Known everywhere, one node after the other; used by itself; the old one forgotten."""
    world.cluster.share_secret("next.secret")
    world.text = world.text.replace("secretFile: cluster.secret", "secretFile: cluster.secret\n  nextSecretFile: next.secret")
    for node in world.nodes:
        world.follow(node)
        world.unharmed()
    world.wait("secretInUse", "nextSecretFile")
    world.text = world.text.replace("secretFile: cluster.secret\n  nextSecretFile: next.secret", "secretFile: next.secret")
    for node in world.nodes:
        world.follow(node)
        world.unharmed()
    world.wait("secretInUse", "secretFile")
    poll("digests are compared again", lambda: all(world.view(a, b).get("digestEqual")
                                                   for a in world.nodes for b in world.nodes if a is not b))
    world.unharmed()


def node_key(world, node):
    """Listed everywhere, put in the key's place, the old one forgotten."""
    fresh = new_key(node.path("next.key"))
    old = node.public_key
    world.text = world.text.replace(f'publicKey: "{old}"', f'publicKey: "{old}", nextPublicKey: "{fresh}"')
    world.text = world.text.replace(f"publicKey: {old}", f"publicKey: {old}, nextPublicKey: {fresh}")
    world.follow()
    os.replace(node.path("next.key"), node.path("node.key"))
    node.process.signal(signal.SIGHUP)
    world.wait("keyInUse", "nextPublicKey", node)
    world.unharmed()
    for quote in ("", '"'):
        world.text = world.text.replace(f"publicKey: {quote}{old}{quote}, nextPublicKey: {quote}{fresh}{quote}",
                                        f"publicKey: {quote}{fresh}{quote}")
    world.follow()
    world.wait("keyInUse", "publicKey", node)
    node.public_key = fresh
    world.unharmed()


def keys(world):
    for node in world.nodes:
        node_key(world, node)


def agent_view(node):
    return next(iter(node.ctl("programmed", "--target", "vm-hosts")["agents"]))


def agent_again(world, key, value):
    """The agent is started again with what its files have now: both nodes have it back, and see what it uses."""
    world.agent.stop()
    world.agent.start()
    for node in world.nodes:
        poll(f"{node.name}: {key} of the agent is {value}", lambda node=node: (view := agent_view(node))["connected"]
             and view["synced"] and view[key] == value, 10)


def reword(world, old, new):
    if old not in world.text:
        raise Failed(f"{old} is not in the file")
    world.text = world.text.replace(old, new)
    for node in world.nodes:
        world.follow(node)
        world.unharmed()


def agents_secret(world):
    """Accepted by every node; used by the agent from its restart; the old one forgotten."""
    # The nodes' keys were exchanged since it was started.
    world.cluster._write(world.agent.path("agent.yaml"), yaml(world.agent.document()))
    world.cluster.share_secret("next.agents", world.agent)
    reword(world, "secretFile: agents.secret", "secretFile: agents.secret\n  nextSecretFile: next.agents")
    os.replace(world.agent.path("next.agents"), world.agent.path("agents.secret"))
    agent_again(world, "secretInUse", "nextSecretFile")
    reword(world, "secretFile: agents.secret\n  nextSecretFile: next.agents", "secretFile: next.agents")
    agent_again(world, "secretInUse", "secretFile")
    world.unharmed()


def agents_key(world):
    """The same for the host's own key."""
    fresh, old = new_key(world.agent.path("next.key")), run(program("tandemctl"), "key", "show",
                                                          world.agent.path("agent.key")).split()[-1]
    reword(world, f"publicKey: {old}", f"publicKey: {old}, nextPublicKey: {fresh}")
    os.replace(world.agent.path("next.key"), world.agent.path("agent.key"))
    agent_again(world, "keyInUse", "nextPublicKey")
    reword(world, f"publicKey: {old}, nextPublicKey: {fresh}", f"publicKey: {fresh}")
    agent_again(world, "keyInUse", "publicKey")
    world.unharmed()


def refused(world):
    """A key that nobody listed is refused by name before it harms."""
    node = world.nodes[0]
    os.rename(node.path("node.key"), node.path("kept.key"))
    new_key(node.path("node.key"))
    done = subprocess.run(node.host.command(program("tandemctl"), "--socket", node.socket, "reload"), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False)
    if done.returncode != 1 or "publicKey of rs-a is not that of" not in done.stdout or "nextPublicKey" not in done.stdout:
        raise Failed(f"{done.returncode}: {done.stdout}")
    os.replace(node.path("kept.key"), node.path("node.key"))
    world.follow(node)
    world.unharmed()


def everything(world):
    """The stream's last words are on the VM, nothing else."""
    world.ends = True
    world.stream.join(10)
    poll("the VM has all", lambda: set(kernel_routes(world.vm, protocol=201)) == {FIXED, *MOVING})
    world.cluster.expect_equal()
    print(f"       {world.updates} updates meanwhile", flush=True)


def main():
    cases = Cases()
    with Lab("rotation") as lab:
        world = World(lab)
        steps = (("the secret is exchanged", secret), ("the nodes' keys are exchanged, one after the other", keys),
                 ("the agents' secret is exchanged", agents_secret), ("an agent's key is exchanged", agents_key),
                 ("a key that is not listed is refused by name", refused), ("every update has arrived", everything))
        return cases.story("a pair works, and its NVA talks all the time", world.start, steps, world)


if __name__ == "__main__":
    sys.exit(main())
