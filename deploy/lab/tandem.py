"""Our own programs: a cluster of nodes and the agents of its VM hosts, as a user runs them."""
import json
import os
import signal
import urllib.error
import urllib.request

from .check import Failed, expect, poll
from .net import run
from .nva import Route
from .proc import Process

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAMS = os.environ.get("TANDEM_BIN", os.path.join(ROOT, "build", "release", "bin"))
HEALTH_PORT, API_PORT = 8178, 8179


def program(name):
    return os.path.join(PROGRAMS, name)


def yaml(value, indent=0):
    """A nested value as block YAML; whoever opens the lab's files should feel at home."""
    pad = "  " * indent
    if isinstance(value, dict):
        return "".join(f"{pad}{key}:{_value(item, indent)}" for key, item in value.items())
    return "".join(f"{pad}- {_flow(item)}\n" for item in value)


def _value(item, indent):
    if isinstance(item, (dict, list)) and item:
        return "\n" + yaml(item, indent + 1)
    return f" {_flow(item)}\n"


def _flow(item):
    if isinstance(item, dict):
        return "{ " + ", ".join(f"{key}: {_flow(value)}" for key, value in item.items()) + " }"
    if isinstance(item, list):
        return "[" + ", ".join(map(_flow, item)) + "]"
    return json.dumps(item) if isinstance(item, bool) or ":" in str(item) or str(item) == "" else str(item)


def new_key(path):
    """A node's key file; the public key that belongs to it."""
    return run(program("tandemctl"), "key", "new", path).split()[-1]


def new_secret(path):
    run(program("tandemctl"), "key", "new", "--secret", path)


class Node:
    """One tandemd."""

    def __init__(self, cluster, host, address, address6=""):
        self.cluster, self.host, self.address, self.address6 = cluster, host, address, address6
        self.process, self.public_key = None, ""
        self.program = program("tandemd")  # another build of it, where versions meet

    @property
    def name(self):
        return self.host.name

    @property
    def socket(self):
        return self.cluster.lab.path("run", f"{self.name}.sock")

    def path(self, name):
        return self.cluster.lab.path(self.name, name)

    def start(self):
        self.process = Process(self.cluster.lab, self.host, self.name, self.program,
                               "--config", self.path("tandem.yaml"), "--node", self.name, "--foreground")
        return self

    def kill(self):
        """kill -9: nobody is told."""
        self.process.kill()

    def stop(self):
        """It drains first (routeServer.gracefulShutdown)."""
        return self.process.stop(20)

    def ctl(self, *words):
        """What `tandemctl -o json` answers."""
        return json.loads(run(program("tandemctl"), "--socket", self.socket, "-o", "json", *words))

    def order(self, *words):
        """An order to this node: what tandemctl prints."""
        return run(program("tandemctl"), "--socket", self.socket, *words)

    def peer(self, name):
        return self.ctl("peer", "show", name)

    def cpu_seconds(self):
        """What the process has used so far: a busy loop shows, a busy machine does not."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def items(self, *words):
        """The same for a list."""
        answer = self.ctl(*words)
        return answer["items"] if isinstance(answer, dict) else answer

    def metrics(self):
        """The lines of /metrics, which is served beside the API."""
        return self.http("/metrics", API_PORT, "127.0.0.1")[1].splitlines()

    def http(self, path, port=HEALTH_PORT, address=None):
        """(status, text) of an HTTP request from the node's own host."""
        with self.host.inside():
            try:
                with urllib.request.urlopen(f"http://{address or self.address}:{port}{path}", timeout=2) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()

    def _wait(self, what, question, seconds):
        try:
            poll(f"{self.name} {what}", question, seconds)
        except Failed as failure:
            raise Failed(f"{failure}\n{self.process.tail()}") from None

    def rewrite(self, old, new):
        """The file with another text in it, followed: what tandemctl reload says."""
        path = self.path("tandem.yaml")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if old not in text:
            raise Failed(f"{old} is not in {text}")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))
        return run(*self.host.command(program("tandemctl"), "--socket", self.socket, "reload"))

    def wait_linked(self, seconds=10):
        """It runs and is connected with every other node; the appliances may still be missing."""
        self._wait("runs and sees the other nodes", lambda: self.http("/livez")[0] == 200 and
                   [n["health"] for n in self.items("node", "list")] == ["ok"] * len(self.cluster.nodes), seconds)

    def wait_ready(self, seconds=15):
        """Converged: every appliance is there or was waited for."""
        self._wait("ready", lambda: self.http("/readyz")[0] == 200, seconds)

    def peers(self):
        """{name: state} as this node sees its own sessions."""
        return {peer["name"]: peer["state"] for peer in self.items("peer", "list")}

    def wait_peers(self, *names, seconds=20):
        wanted = set(names)
        poll(f"{self.name}: {', '.join(sorted(wanted))} Established",
             lambda: wanted <= {name for name, state in self.peers().items() if state == "Established"}, seconds)

    def routes(self):
        """{prefix: {(next hop, AS path)}} of every path that this node knows, its own and replicated ones."""
        table = {}
        for route in self.items("route", "list"):
            table.setdefault(route["prefix"], set()).add(Route(route["nextHop"], as_path(route["asPath"])))
        return table

    def expect_path(self, prefix, hop, path, seconds=10):
        poll(f"{self.name}: {prefix} via {hop} path {path}",
             lambda: Route(hop, tuple(path)) in self.routes().get(prefix, ()), seconds)

    def best(self):
        """{prefix: sorted next hops} of what this node would forward by."""
        table = {}
        for route in self.items("route", "list"):
            if route["best"] or route.get("multipath"):
                table.setdefault(route["prefix"], set()).add(route["nextHop"])
        return {prefix: sorted(hops) for prefix, hops in table.items()}


def as_path(value):
    return tuple(int(asn) for asn in (value.split() if isinstance(value, str) else value))


class Cluster:
    """Two or more nodes with one configuration, in hosts that the caller made."""

    def __init__(self, lab, name="hub-rs", asn=65515, mode="azure"):
        self.lab, self.name, self.asn, self.mode = lab, name, asn, mode
        self.nodes, self.peers, self.networks, self.agents = {}, [], [], {}
        self.targets = [{"name": "vm-hosts", "type": "table"}]
        self.times = {}  # cluster: grace, stale … where the defaults are too long for a test
        self.server = {}  # routeServer: further keys
        self.maps = []  # routeMaps
        self.generation = 0  # of the configuration, where a test counts
        self.export, self.hosts = None, []

    def node(self, host, address, address6=""):
        self.nodes[host.name] = Node(self, host, address, address6)
        return self.nodes[host.name]

    def peer(self, name, address, asn, **settings):
        self.peers.append({"name": name, "peerIp": address, "peerAsn": asn, **settings})

    def stop(self):
        """An orderly end of all at once, each with status 0: under sanitizers that says that nothing leaked either."""
        for node in self.nodes.values():
            node.process.signal(signal.SIGTERM)
        for node in self.nodes.values():
            if status := node.process.wait(20):
                raise Failed(f"{node.name} ended with status {status}\n{node.process.tail(40)}")

    def network(self, name, *prefixes):
        self.networks.append({"name": name, "addressPrefixes": list(prefixes)})

    def agent(self, host, **settings):
        self.agents[host.name] = Agent(self, host, settings)
        return self.agents[host.name]

    def configure(self):
        """Make the keys and write every file. The nodes' files are equal to the byte."""
        for node in self.nodes.values():
            node.public_key = new_key(node.path("node.key"))
        self.hosts = [{"name": name, "publicKey": new_key(agent.path("agent.key"))} for name, agent in self.agents.items()]
        self.share_secret("cluster.secret")
        self.share_secret("agents.secret", *self.agents.values())
        self.write()
        for agent in self.agents.values():
            self._write(agent.path("agent.yaml"), yaml(agent.document()))

    def share_secret(self, name, *others):
        """A new one, the same for all nodes and whoever else is to have it."""
        first, *rest = self.nodes.values()
        new_secret(first.path(name))
        for who in (*rest, *others):
            self._copy_secret(first.path(name), who.path(name))

    def write(self):
        """The nodes' files, out of what is set here; what is read meanwhile is the one or the other."""
        text = yaml(self._document())
        for node in self.nodes.values():
            self._write(node.path("tandem.yaml.new"), text)
            os.replace(node.path("tandem.yaml.new"), node.path("tandem.yaml"))

    def _document(self):
        document = {
            "version": 1,
            **({"generation": self.generation} if self.generation else {}),
            "routeServer": {"name": self.name, "virtualRouterAsn": self.asn, "mode": self.mode,
                            "runDirectory": os.path.join(self.lab.directory, "run"), **self.server},
            "nodes": [{"name": n.name, "address": n.address, **({"address6": n.address6} if n.address6 else {}),
                       "publicKey": n.public_key} for n in self.nodes.values()],
            "cluster": {"keyFile": "node.key", "secretFile": "cluster.secret", **self.times},
            "peers": self.peers,
        }
        if self.maps:
            document["routeMaps"] = self.maps
        if self.networks:
            document["virtualNetworks"] = self.networks
        targets = [target for target in self.targets if self.agents or target["type"] != "table"]
        if targets:
            document["programming"] = targets
        if self.export:
            document["export"] = self.export
        if self.agents:
            document["agents"] = {"secretFile": "agents.secret", "hosts": self.hosts}
        self.lab.path("run", "x")
        return document

    @staticmethod
    def _write(path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    @staticmethod
    def _copy_secret(source, target):
        with open(source, "rb") as file:
            secret = file.read()
        with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(secret)

    def start(self):
        for node in self.nodes.values():
            node.start()
        for node in self.nodes.values():
            node.wait_linked()

    def wait_ready(self):
        for node in self.nodes.values():
            node.wait_ready()

    def expect_equal(self, seconds=10):
        """Every node has decided the same table (its digest) and shows the same routes."""
        first, *others = self.nodes.values()
        for other in others:
            poll(f"{first.name} and {other.name} have one digest", lambda other=other:
                 first.ctl("status")["digest"] == other.ctl("status")["digest"], seconds)
            expect(f"{first.name} and {other.name} know the same routes", True,
                   lambda other=other: first.routes() == other.routes(), seconds)
        return first.ctl("status")["digest"]


class Agent:
    """One tandem-agent on a VM host; `settings` are further keys of its file."""

    def __init__(self, cluster, host, settings):
        self.cluster, self.host, self.settings, self.process = cluster, host, settings, None

    def path(self, name):
        return self.cluster.lab.path(self.host.name, name)

    def document(self):
        return {
            "name": self.host.name, "routeServer": self.cluster.name,
            "keyFile": "agent.key", "secretFile": "agents.secret",
            "runDirectory": os.path.join(self.cluster.lab.directory, "run"),
            "nodes": [{"name": n.name, "address": n.address, "publicKey": n.public_key}
                      for n in self.cluster.nodes.values()],
            "table": 254, **self.settings,
        }

    def start(self):
        self.process = Process(self.cluster.lab, self.host, f"{self.host.name}.agent", program("tandem-agent"),
                               "--config", self.path("agent.yaml"))
        return self

    def kill(self):
        self.process.kill()

    def stop(self):
        return self.process.stop()
