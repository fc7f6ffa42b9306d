#!/usr/bin/python3
"""Bad input from outside: one clear message that says what to do, no crash, no effect on what runs.

    tests/chaos/hostile.py [words of a case's name]

Two nodes, a BIRD that announces one route, a VM host with its agent. After every case both nodes still
run as the same processes, are ready, keep their sessions, and the VM's kernel has the route.
"""
import os
import random
import shutil
import socket
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab.bird import Bird  # noqa: E402
from lab.check import hold, poll  # noqa: E402
from lab.net import Lab  # noqa: E402
from lab.proc import Process  # noqa: E402
from lab.tandem import Cluster, new_key, new_secret, program  # noqa: E402
from lab.watch import RouteWatch, kernel_routes  # noqa: E402

PREFIX, NVA = "10.250.0.0/16", "10.1.2.4"
cases = Cases()


class Small:
    def __init__(self, lab):
        self.lab = lab
        fabric = lab.subnet("fabric", "10.1.0.1/16")
        self.cluster = Cluster(lab)
        hosts = {name: lab.host(name) for name in ("rs-a", "rs-b", "fw", "vm")}
        for host, address in zip(hosts.values(), ("10.1.1.4", "10.1.1.5", NVA, "10.1.10.4")):
            lab.attach(fabric, host, f"{address}/16")
        self.a = self.cluster.node(hosts["rs-a"], "10.1.1.4")
        self.b = self.cluster.node(hosts["rs-b"], "10.1.1.5")
        self.vm, self.agent = hosts["vm"], self.cluster.agent(hosts["vm"])
        self.cluster.network("hub", "10.1.0.0/16")
        self.cluster.peer("fw", NVA, 65001, holdTime="9s", connectRetry="1s")
        self.cluster.configure()
        self.bird = Bird(lab, hosts["fw"], 65001, NVA)
        for node in (self.a, self.b):
            self.bird.peer(node.name, node.address, 65515, families=(4,))
        self.bird.announce(PREFIX)

    def start(self):
        self.bird.start()
        self.cluster.start()
        self.agent.start()
        self.cluster.wait_ready()
        poll("the VM's route", self.has_route)
        self.watch = RouteWatch(self.lab, self.vm)
        self.remember()

    def remember(self):
        self.pids = {node.name: node.process.pid for node in (self.a, self.b)}

    def has_route(self):
        return kernel_routes(self.vm, protocol=201) == {PREFIX: [NVA]}

    def unharmed(self):
        """Both nodes run on, ready, with their sessions; the VM lost nothing."""
        for node in (self.a, self.b):
            if not node.process.running() or node.process.pid != self.pids[node.name]:
                raise Failed(f"{node.name} ended\n{node.process.tail()}")
            status, text = node.http("/readyz?verbose")
            if status != 200:
                raise Failed(f"{node.name}: /readyz {status}\n{text}")
            if node.peers() != {"fw": "Established"}:
                raise Failed(f"{node.name}: {node.peers()}")
        if not self.has_route() or any(route.startswith(PREFIX) for _, route in self.watch.removals()):
            raise Failed(f"the VM's routes: {kernel_routes(self.vm, protocol=201)}")

    def send(self, address, port, data):
        """From the VM's host: connect, send, read what comes until the other side ends it or a second is over."""
        with self.vm.inside(), socket.create_connection((address, port), timeout=1) as connection:
            try:
                connection.sendall(data)
                while connection.recv(4096):
                    pass
            except OSError:
                pass


def garbage(kind, seed):
    noise = random.Random(seed)
    return {"noise": noise.randbytes(3000), "nothing": b"", "zeros": bytes(5000),
            "http": b"GET /" + noise.randbytes(40) + b" HTTP/9.9\r\nHost: x\r\n\r\n",
            "bgp": b"\xff" * 16 + b"\x00\x1d\x01" + noise.randbytes(10),
            "long": b"\xff" * 16 + b"\xff\xff\x02" + noise.randbytes(2000)}[kind]


KINDS = ("noise", "nothing", "zeros", "http", "bgp", "long")
PORTS = {"BGP": 179, "cluster": 8177, "health": 8178}


def add_garbage(name, port):
    @cases.case(f"garbage on the {name} port")
    def _(small):
        for seed, kind in enumerate(KINDS * 3):
            small.send(small.a.address, port, garbage(kind, seed))


for port_name, number in PORTS.items():
    add_garbage(port_name, number)


@cases.case("many connections that say nothing")
def _(small):
    held = []
    with small.vm.inside():
        for port in PORTS.values():
            for _ in range(100):
                connection = socket.socket()
                connection.settimeout(0.5)
                try:
                    connection.connect((small.a.address, port))
                except OSError:
                    pass
                held.append(connection)
    small.unharmed()
    for connection in held:
        connection.close()


def refuse_start(host, *argv, code, words):
    """The program ends by itself with this status and says these words."""
    done = subprocess.run(host.command(*argv), capture_output=True, text=True, timeout=20, check=False)
    said = done.stdout + done.stderr
    if done.returncode != code or not all(word in said for word in words):
        raise Failed(f"status {done.returncode} instead of {code}, or one of {words} is not in:\n{said}")


def tandemd(node, config):
    return (program("tandemd"), "--config", config, "--node", node.name)


@cases.case("a port in use")
def _(small):
    other = small.lab.path("again", "tandem.yaml")
    shutil.copytree(os.path.dirname(small.a.path("x")), os.path.dirname(other), dirs_exist_ok=True)
    with open(other, encoding="utf-8") as file:
        text = file.read()
    with open(other, "w", encoding="utf-8") as file:
        file.write(text.replace(os.path.join(small.lab.directory, "run"), os.path.join(small.lab.directory, "again-run")))
    refuse_start(small.a.host, *tandemd(small.a, other), code=1, words=["in use"])


@cases.case("the same node twice")
def _(small):
    refuse_start(small.a.host, *tandemd(small.a, small.a.path("tandem.yaml")), code=1, words=["rs-a"])


@cases.case("a missing key file")
def _(small):
    folder = os.path.dirname(small.lab.path("no-key", "x"))
    shutil.copy(small.a.path("tandem.yaml"), folder)
    refuse_start(small.a.host, *tandemd(small.a, os.path.join(folder, "tandem.yaml")), code=1,
                 words=["node.key", "tandemctl key new"])


@cases.case("a key file that others may read")
def _(small):
    folder = os.path.dirname(small.lab.path("open-key", "x"))
    shutil.copytree(os.path.dirname(small.a.path("x")), folder, dirs_exist_ok=True)
    os.chmod(os.path.join(folder, "node.key"), 0o644)
    refuse_start(small.a.host, *tandemd(small.a, os.path.join(folder, "tandem.yaml")), code=1, words=["node.key", "600"])


def impostor(small, spoil):
    """rs-b comes back with something spoilt: rs-a refuses it by name and serves on; then the real one returns."""
    true = {name: open(small.b.path(name), "rb").read() for name in ("node.key", "cluster.secret", "tandem.yaml")}
    small.b.kill()
    spoil()
    small.b.start()
    try:
        poll("rs-a names the cause", lambda: any(
            node["health"] == "auth-failed" for node in small.a.items("node", "list") if node["name"] == "rs-b"))
        if not small.has_route():
            raise Failed("the VM lost its route")
    finally:
        small.b.process.kill()
        for name, content in true.items():
            with open(small.b.path(name), "wb") as file:
                file.write(content)
        small.b.start()
        small.b.wait_ready()
        small.b.wait_linked()
        small.b.wait_peers("fw")
        small.remember()


@cases.case("a node with a wrong secret")
def _(small):
    def spoil():
        os.unlink(small.b.path("cluster.secret"))
        new_secret(small.b.path("cluster.secret"))
    impostor(small, spoil)


@cases.case("a node with a wrong key")
def _(small):
    def spoil():
        old = small.b.public_key
        os.unlink(small.b.path("node.key"))
        new = new_key(small.b.path("node.key"))
        with open(small.b.path("tandem.yaml"), encoding="utf-8") as file:
            text = file.read()
        with open(small.b.path("tandem.yaml"), "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))
    impostor(small, spoil)


@cases.case("an agent with a wrong key")
def _(small):
    small.agent.kill()
    os.rename(small.agent.path("agent.key"), small.agent.path("agent.true"))
    new_key(small.agent.path("agent.key"))
    small.agent.start()
    poll("rs-a names the cause and the mend", lambda: "auth_failed" in small.a.process.tail(30) and
         "agents.hosts" in small.a.process.tail(30))
    poll("the agent names the possible causes", lambda: "this host's key is not among its agents" in small.agent.process.tail(9))
    small.unharmed()
    small.agent.kill()
    os.replace(small.agent.path("agent.true"), small.agent.path("agent.key"))
    small.agent.start()
    poll("the agent follows again", lambda: "following" in small.agent.process.tail(3))


@cases.case("an agent that finds no node at one of its addresses: said once, the other one is followed")
def _(small):
    small.agent.kill()
    path = small.agent.path("agent.yaml")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(f"address: {small.a.address},", f"address: {small.a.address}, port: 9,"))
    small.agent.start()
    poll("it says so", lambda: "port=9 reason=\"nothing listens there" in small.agent.process.tail(20))
    poll("it follows the other one", lambda: "following node=rs-b" in small.agent.process.tail(20))
    hold("once", lambda: small.agent.process.tail(99).count("port=9 reason=") == 1, 2)
    small.agent.kill()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    small.agent.start()
    poll("the agent follows again", lambda: "following" in small.agent.process.tail(3))


@cases.case("an agent that may not program its kernel: shown with the reason, its routes stay")
def _(small):
    small.agent.kill()
    agent = Process(small.lab, small.vm, "vm.agent", "setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin",
                    program("tandem-agent"), "--config", small.agent.path("agent.yaml"))
    small.bird.announce("10.251.0.0/16")
    small.bird.apply("10.251.0.0/16")
    poll("it is shown", lambda: "lacks CAP_NET_ADMIN" in str([host["lastError"] for host in small.a.ctl(
        "programmed", "--target", "vm-hosts")["agents"]]))
    small.unharmed()
    agent.kill()
    small.bird.announced.clear()
    small.bird.announce(PREFIX)
    small.bird.apply("10.251.0.0/16")
    small.agent.start()
    poll("the agent follows again", lambda: "following" in small.agent.process.tail(3))


def main():
    with Lab("hostile") as lab:
        small = Small(lab)
        if cases.one("the network stands", small.start):
            for name, function in cases.list:
                if cases.wants(name):
                    cases.one(name, lambda function=function: (function(small), small.unharmed()))
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
