"""The daemons that are compared: a fair configuration of each as a route server (RFC 7947: AS path, next
hop and MED untouched, everything accepted), its processes, and what they cost.

All of them listen only: the load dials. None keeps received routes twice (soft reconfiguration off) and
none delays updates (advertisement interval 0), where that can be chosen."""
import json
import os
import shutil
import signal
import time

from lab.proc import Process
from lab.tandem import new_key, new_secret, program

ASN, ADDRESS, OTHER = 4200000000, "10.7.0.1", "10.7.0.2"
HOLD = 240
CPU_CLOCK = 2  # of another process: (~pid << 3) | 2, as clock_getcpuclockid(3) makes it


def prefer(process):
    """Each session of processes has a share of its own (sched_autogroup), which nice does not move."""
    file = f"/proc/{process.pid}/autogroup"
    if os.nice(0) < 0 and os.path.exists(file):
        with open(file, "w", encoding="ascii") as share:
            share.write(str(os.nice(0)))
    return process


class Daemon:
    """peers: objects with name, address and asn; kernel: best routes go into the host's kernel."""
    name = "?"
    has_kernel = True

    def __init__(self, lab, host, peers, kernel):
        self.lab, self.host, self.peers, self.kernel, self.processes = lab, host, peers, kernel, []

    def path(self, name):
        return self.lab.path(self.name, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def spawn(self, *argv, label=""):
        self.processes.append(prefer(Process(self.lab, self.host, self.name + label, *argv)))

    def start(self):
        raise NotImplementedError

    def stop(self):
        for process in reversed(self.processes):
            process.signal(signal.SIGTERM)
            process.stop(20)
            self.lab.processes.remove(process)
        self.processes = []
        shutil.rmtree(self.lab.path(self.name), ignore_errors=True)

    def tail(self):
        return "".join(process.tail(5) for process in self.processes)

    def pids(self):
        """With what they forked."""
        found = [process.pid for process in self.processes]
        for pid in found:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
                found.extend(map(int, children.read().split()))
        return found

    def cpu(self):
        return sum(time.clock_gettime(~pid << 3 | CPU_CLOCK) for pid in self.pids())

    def memory(self, field):
        """VmHWM (peak) or VmRSS (now), in MB, over all its processes."""
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/status", encoding="ascii") as status:
                total += sum(int(line.split()[1]) for line in status if line.startswith(field + ":"))
        return total / 1024


class Tandem(Daemon):
    name = "tandem"

    def document(self, nodes):
        text = f"routeServer: {{ name: bench, virtualRouterAsn: {ASN}, mode: transparent, runDirectory: {self.path('run')} }}\n"
        text += "nodes:\n" + "".join(f"  - {node}\n" for node in nodes)
        text += f"defaults: {{ passive: true, holdTime: {HOLD}s }}\npeers:\n"
        text += "".join(f"  - {{ name: {p.name}, peerIp: {p.address}, peerAsn: {p.asn} }}\n" for p in self.peers)
        return text + ("programming:\n  - { name: kernel, type: netlink }\n" if self.kernel else "")

    def start(self):
        os.makedirs(self.path("run"), exist_ok=True)
        file = self.write("tandem.yaml", self.document([f"{{ name: rs, address: {ADDRESS} }}"]))
        self.spawn(program("tandemd"), "--config", file, "--node", "rs")


class TandemPair(Tandem):
    """Two nodes that replicate; the load's speakers peer with the first, unless they say otherwise."""
    name = "pair"
    has_kernel = False
    NODES = {"rs-a": ADDRESS, "rs-b": OTHER}

    def start(self):
        os.makedirs(self.path("run"), exist_ok=True)
        keys = {name: new_key(self.path(f"{name}.key")) for name in self.NODES}
        new_secret(self.path("cluster.secret"))
        nodes = [f"{{ name: {name}, address: {address}, api: [\"{address}:8179\"], health: [\"{address}:8178\"], "
                 f"publicKey: \"{keys[name]}\" }}"
                 for name, address in self.NODES.items()]
        self.write("tandem.yaml", self.document(nodes) +
                   'cluster: { keyFile: "{node}.key", secretFile: cluster.secret }\n')
        for name in self.NODES:
            self.run(name)
        time.sleep(1)  # they meet, and agree on an empty table

    def run(self, name):
        self.spawn(program("tandemd"), "--config", self.path("tandem.yaml"), "--node", name, label=f".{name}")
        return self.processes[-1]


class Bird(Daemon):
    name = "bird"

    def start(self):
        text = f"""router id {ADDRESS};
log "{self.path('bird.log')}" all;
protocol device {{}}
template bgp rs_peer {{ local {ADDRESS} as {ASN}; rs client; direct; passive yes; hold time {HOLD};
  ipv4 {{ import all; export all; }}; }}
"""
        text += "protocol kernel { ipv4 { export all; }; }\n" if self.kernel else ""
        text += "".join(f"protocol bgp {p.name} from rs_peer {{ neighbor {p.address} as {p.asn}; }}\n" for p in self.peers)
        self.spawn("bird", "-f", "-c", self.write("bird.conf", text), "-s", self.path("bird.ctl"))


class Frr(Daemon):
    name = "frr"

    def start(self):
        lines = ["log stdout", f"router bgp {ASN}", f" bgp router-id {ADDRESS}", " no bgp ebgp-requires-policy",
                 " no bgp default ipv4-unicast", f" timers bgp {HOLD // 3} {HOLD}", " neighbor rs peer-group",
                 " neighbor rs passive", " neighbor rs advertisement-interval 0"]
        for p in self.peers:
            lines += [f" neighbor {p.address} remote-as {p.asn}", f" neighbor {p.address} peer-group rs"]
        lines += [" address-family ipv4 unicast", "  neighbor rs activate", "  neighbor rs route-server-client",
                  " exit-address-family"]
        file = self.write("bgpd.conf", "\n".join(lines) + "\n")
        zebra_file = self.write("zebra.conf", "\n")
        shutil.chown(self.path(""), "frr", "frr")  # it drops to its own user, who makes sockets here
        common = ["--vty_socket", self.path(""), "-z", self.path("zserv.api"), "-P", "0"]
        self.spawn("/usr/lib/frr/zebra", *common, "-i", self.path("zebra.pid"), "-f", zebra_file, label=".zebra")
        time.sleep(0.5)
        self.spawn("/usr/lib/frr/bgpd", *common, "-i", self.path("bgpd.pid"), "-f", file,
                   *([] if self.kernel else ["--no_kernel"]))
        time.sleep(3)  # zebra tells it the addresses; until then it resets what connects


class Gobgp(Daemon):
    name = "gobgp"
    has_kernel = False

    def start(self):
        document = {"global": {"config": {"as": ASN, "router-id": ADDRESS, "local-address-list": [ADDRESS]}},
                    "neighbors": [self._neighbor(p) for p in self.peers]}
        self.spawn("gobgpd", "-t", "json", "-f", self.write("gobgpd.json", json.dumps(document)),
                   "--api-hosts", "127.0.0.1:50051", "--pprof-disable", "--log-plain", "-l", "error")

    @staticmethod
    def _neighbor(p):
        return {"config": {"neighbor-address": p.address, "peer-as": p.asn},
                "transport": {"config": {"local-address": ADDRESS, "passive-mode": True}},
                "route-server": {"config": {"route-server-client": True}},
                "timers": {"config": {"hold-time": HOLD, "keepalive-interval": HOLD // 3}},
                "afi-safis": [{"config": {"afi-safi-name": "ipv4-unicast"}}]}


class Openbgpd(Daemon):
    name = "openbgpd"
    has_kernel = False  # its port to Linux

    def start(self):
        os.makedirs("/run/openbgpd", exist_ok=True)  # its processes shut themselves in there
        lines = [f"AS {ASN}", f"router-id {ADDRESS}", f'socket "{self.path("bgpd.sock")}"', f"listen on {ADDRESS}",
                 "fib-update no", f"holdtime {HOLD}", "transparent-as yes"]
        lines += [f"neighbor {p.address} {{\n remote-as {p.asn}\n passive\n announce IPv6 none\n}}" for p in self.peers]
        lines += ["allow from any", "allow to any", "match to any set nexthop no-modify"]
        self.spawn("bgpd", "-d", "-f", self.write("bgpd.conf", "\n".join(lines) + "\n"))


class Relay(Daemon):
    """The floor: every UPDATE is copied to all other peers, nothing is looked at and nothing kept."""
    name = "relay"
    has_kernel = False

    def start(self):
        self.spawn(program("bench-relay"), ADDRESS, "179", str(ASN))


DAEMONS = {daemon.name: daemon for daemon in (Tandem, Bird, Frr, Gobgp, Openbgpd)}
OURS = ("tandem", "pair", "relay")
