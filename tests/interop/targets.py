#!/usr/bin/python3
"""What a user asks of targets: chosen routes, blackholes, probes of next hops, agents by their key files.

    tests/interop/targets.py [words of a case's name]

One node that programs its own kernel, in three tables; two BIRDs that announce the same and own routes; a
VM host with an agent whose key lies in the node's directory of keys.
"""
import os
import signal
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab.bird import Bird  # noqa: E402
from lab.check import expect, hold, poll  # noqa: E402
from lab.net import Lab, LabError  # noqa: E402
from lab.proc import Process  # noqa: E402
from lab.tandem import Cluster, new_key, program, yaml  # noqa: E402
from lab.watch import kernel_routes  # noqa: E402

NODE = "10.1.1.4"
FW1, FW2 = "10.1.2.1", "10.1.2.2"
COMMON, TAGGED, DROPPED, DROPPED2, OWN = "10.200.0.0/16", "10.101.0.0/24", "10.99.9.9/32", "10.98.9.9/32", "10.102.0.0/24"
PROBE_PORT = 7000
ALL = {COMMON: [FW1, FW2], TAGGED: [FW1], OWN: [FW2]}


class World:
    def __init__(self, lab):
        self.lab = lab
        self.fabric = lab.subnet("fabric", "10.1.0.1/16")
        self.cluster = Cluster(lab)
        self.cluster.network("hub", "10.1.0.0/16")
        self.host = self.member("rs-a", NODE)
        self.node = self.cluster.node(self.host, NODE)
        self.walls, self.services = [], {}
        for number, address in enumerate((FW1, FW2), 1):
            wall = Bird(lab, self.member(f"fw{number}", address), 65000 + number, address, transit=False)
            self.cluster.peer(wall.name, address, wall.asn, holdTime="9s", connectRetry="1s")
            wall.peer("rs-a", NODE, 65515, families=(4,))
            wall.announce(COMMON)
            self.walls.append(wall)
        fw1, fw2 = self.walls
        for wall, prefix, *communities in ((fw1, TAGGED, "65515:100"), (fw1, DROPPED, "65535:666"),
                                           (fw2, OWN), (fw2, DROPPED2, "65535:666")):
            wall.announce(prefix)
            wall.communities[prefix] = communities
        self.cluster.targets += [
            {"name": "all", "type": "netlink", "table": 100, "blackhole": ["fw1"], "resilientGroups": True,
             "healthGate": {"probe": "tcp", "port": PROBE_PORT, "interval": "100ms", "timeout": "1s"}},
            {"name": "tagged", "type": "netlink", "table": 101, "metric": 77, "protocol": 98,
             "filter": {"communities": ["65515:100", "65515:1:7"]}},
            {"name": "of-fw2", "type": "netlink", "table": 102, "filter": {"peers": ["fw2"], "prefixes": ["10.96.0.0/11"]},
             "healthGate": {"probe": "http", "port": PROBE_PORT, "path": "/", "interval": "100ms"}},
        ]
        self.vm = self.member("vm", "10.1.10.4")
        self.agent = self.cluster.agent(self.vm)
        self.cluster.configure()
        self.use_key_directory()

    def member(self, name, address):
        host = self.lab.host(name)
        self.lab.attach(self.fabric, host, f"{address}/16")
        return host

    def use_key_directory(self):
        """The agent's key is not listed: the directory decides."""
        self.key = new_key(self.agent.path("other.key"))
        os.replace(self.agent.path("other.key"), self.agent.path("agent.key"))
        self.keys = os.path.join(os.path.dirname(self.node.path("x")), "keys")
        os.mkdir(self.keys)
        with open(self.node.path("tandem.yaml"), encoding="utf-8") as file:
            text = file.read()
        start = text.index("agents:")
        with open(self.node.path("tandem.yaml"), "w", encoding="utf-8") as file:
            file.write(text[:start] + yaml({"agents": {"secretFile": "agents.secret", "keysDirectory": "keys"}}))

    def serve(self, wall):
        self.services[wall.name] = Process(self.lab, wall.host, f"{wall.name}.service", "/usr/bin/python3", "-m",
                                           "http.server", PROBE_PORT, "--bind", wall.address)

    def start(self):
        for wall in self.walls:
            self.serve(wall)
            wall.start()
        self.node.start()
        self.node.wait_ready(30)
        expect("table 100", {**ALL, DROPPED2: [FW2], DROPPED: [""]}, lambda: self.table(100), 10)

    def table(self, number, host=None):
        return kernel_routes(host or self.host, 4, number)

    def target(self, name):
        return self.node.ctl("programmed", "--target", name)

    def explain(self, prefix, target):
        return next(t for t in self.node.ctl("route", "explain", prefix)["programmed"] if t["target"] == target)


def chosen(world):
    expect("table 101", {TAGGED: [FW1]}, lambda: world.table(101), 5)
    expect("table 102", {OWN: [FW2], DROPPED2: [FW2]}, lambda: world.table(102), 5)
    if "proto 98 metric 77" not in world.host.ip("route show table 101"):
        raise Failed(world.host.ip("route show table 101"))
    refused = world.explain(OWN, "tagged")
    if (refused["state"], refused["verdict"]) != ("refused", "filtered"):
        raise Failed(str(refused))
    tagged = world.target("tagged")
    if (OWN, "filtered") not in [(r["prefix"], r["reason"]) for r in tagged["rejected"]] or not tagged["rejectedIsComplete"]:
        raise Failed(str(tagged))
    routes = world.node.ctl("route", "list", TAGGED)["items"]
    if [r["programmed"] for r in routes] != [True] or routes[0]["ageSeconds"] < 0:
        raise Failed(str(routes))


def retagged(world):
    """A route that gets a community, and loses it, comes and goes."""
    fw2 = world.walls[1]
    fw2.communities[OWN] = ["65515:100"]
    fw2.apply(OWN)
    expect("table 101", {TAGGED: [FW1], OWN: [FW2]}, lambda: world.table(101), 5)
    fw2.communities[OWN] = []
    fw2.apply(OWN)
    expect("table 101", {TAGGED: [FW1]}, lambda: world.table(101), 65)


def blackholes(world):
    """Only from the peer with whom it is agreed (RFC 7999 section 3.3)."""
    nexthops = world.host.ip("nexthop show")
    if nexthops.count("blackhole") != 1:
        raise Failed(nexthops)
    agreed, other = world.explain(DROPPED, "all"), world.explain(DROPPED2, "all")
    if (agreed["installed"], other["installed"]) != (["blackhole"], [FW2]):
        raise Failed(f"{agreed}\n{other}")


def gate(world):
    fw1, fw2 = world.walls
    world.services["fw1"].kill()
    expect("the group without fw1", [FW2], lambda: world.table(100)[COMMON], 5)
    if world.table(100)[TAGGED] != [FW1]:
        raise Failed("the only next hop of a route went")
    expect("programmed tells", [(FW1, "Connection refused")],
           lambda: [(u["nextHop"], u["reason"]) for u in world.target("all")["unhealthyNextHops"]], 5)
    if [u["nextHop"] for u in world.explain(COMMON, "all")["unhealthy"]] != [FW1]:
        raise Failed(str(world.explain(COMMON, "all")))
    world.services["fw2"].kill()
    expect("a probe over http has found it out", [(FW2, "unreachable")],
           lambda: [(u["nextHop"], u["reason"]) for u in world.target("of-fw2")["unhealthyNextHops"]])
    if world.table(102)[OWN] != [FW2]:
        raise Failed("the only next hop of a route went")
    expect("nobody answers: all of them", [FW1, FW2], lambda: world.table(100)[COMMON], 5)
    world.serve(fw1)
    world.serve(fw2)
    expect("both answer", [FW1, FW2], lambda: world.table(100)[COMMON] if not world.target("all")["unhealthyNextHops"] else [], 5)
    expect("both tables", [], lambda: world.target("of-fw2")["unhealthyNextHops"])
    events = {event["event"] for event in world.node.items("events")}
    if not {"next_hop_unhealthy", "next_hop_healthy"} <= events:
        raise Failed(str(sorted(events)))


def flushed(world):
    """Somebody flushes our table and every nexthop object: all of it is back, what is foreign was not touched."""
    world.host.ip("route add 10.77.0.0/16 via 10.1.2.1 table 100")
    for prefix in ALL:
        world.host.ip(f"route del {prefix} table 100 proto 201")
    expect("after the flush", ALL, lambda: {p: h for p, h in world.table(100).items() if p in ALL}, 10)
    world.host.ip("nexthop flush")
    expect("after nexthop flush", ALL, lambda: {p: h for p, h in world.table(100).items() if p in ALL}, 10)
    if world.table(100).get("10.77.0.0/16") != ["10.1.2.1"]:
        raise Failed("a foreign route was touched")
    world.host.ip("route del 10.77.0.0/16 table 100")


def resilient(world):
    """Groups have buckets where that was asked for; elsewhere they are plain."""
    groups = [line for line in world.host.ip("-d nexthop show").splitlines() if "group" in line]
    if len(groups) != 1 or "type resilient buckets 512" not in groups[0]:
        raise Failed(str(groups))
    if [world.target(name)["resilientGroups"] for name in ("all", "tagged")] != [1, 0]:
        raise Failed(str(world.target("all")))


def unplugged(world):
    """The node's cable is out for a moment: the kernel takes its routes, the sessions live on, the routes come back."""
    flaps = [peer["flaps"] for peer in world.node.items("peer", "list")]
    world.host.ip("link set eth0 down")
    expect("what is left without a link", {DROPPED: [""]}, lambda: world.table(100))
    world.host.ip("link set eth0 up")
    for number, wanted in ((100, ALL), (101, {TAGGED: [FW1]}), (102, {OWN: [FW2]})):
        expect(f"table {number}", wanted, lambda number=number, wanted=wanted: {
            p: h for p, h in world.table(number).items() if p in wanted})
    if [peer["flaps"] for peer in world.node.items("peer", "list")] != flaps:
        raise Failed("a session flapped")


def other(world, name, table):
    """Another process that would program a table of the node's machine."""
    path = world.lab.path(name, "agent.yaml")
    document = {**world.agent.document(), "name": name, "table": table,
                "keyFile": world.agent.path("agent.key"), "secretFile": world.agent.path("agents.secret")}
    with open(path, "w", encoding="utf-8") as file:
        file.write(yaml(document))
    return Process(world.lab, world.host, name, program("tandem-agent"), "--config", path)


def second(world):
    """It is refused a table that the node programs."""
    process = other(world, "second", 100)
    poll("it ends", lambda: not process.running(), 5)
    if process.popen.returncode != 1 or "another tandemd or tandem-agent programs table 100" not in process.tail():
        raise Failed(f"status {process.popen.returncode}\n{process.tail()}")


def reloaded(world):
    """Targets come, change and go with a reload; no route goes with them, sessions stay, others are not touched."""
    flaps = [peer["flaps"] for peer in world.node.items("peer", "list")]
    puts = world.target("all")["puts"]
    entry = "programming:\n"
    said = world.node.rewrite(entry, entry + "  - { name: more, type: netlink, table: 103, filter: { peers: [fw1] } }\n")
    if "target more: added" not in said:
        raise Failed(said)
    expect("table 103", {TAGGED: [FW1], COMMON: [FW1, FW2], DROPPED: [FW1]}, lambda: world.table(103), 5)
    said = world.node.rewrite("table: 103, filter", "table: 103, metric: 77, filter")
    if "target more: another place; its routes stay in table 103 until: ip nexthop flush proto 201" not in said:
        raise Failed(said)
    expect("both metrics", 6, lambda: world.host.ip("route show table 103").count("proto 201"), 5)
    said = world.node.rewrite("table: 103, metric: 77, filter: { peers: [fw1] } }", "table: 103, metric: 77 }")
    if "target more: another choice of routes" not in said:
        raise Failed(said)
    expect("table 103 has all", set(ALL), lambda: set(world.table(103)) & set(ALL), 5)
    said = world.node.rewrite("  - { name: more, type: netlink, table: 103, metric: 77 }\n", "")
    if "target more: removed; its routes stay in table 103 until: ip nexthop flush proto 201" not in said:
        raise Failed(said)
    if "more" in {target["name"] for target in world.node.items("programmed")}:
        raise Failed("a target that was removed is still shown")
    hold("its routes stay", lambda: set(ALL) <= set(world.table(103)), 2)
    now = [peer["flaps"] for peer in world.node.items("peer", "list")]
    if (now, world.target("all")["puts"]) != (flaps, puts):
        raise Failed(f"a session flapped: {flaps} {now}, or another target was written: {puts} {world.target('all')['puts']}")
    world.host.ip("nexthop flush proto 201")
    expect("nothing is left of it", {}, lambda: world.table(103), 5)
    expect("table 100 is mended", ALL, lambda: {p: h for p, h in world.table(100).items() if p in ALL}, 10)


def differences(world):
    """Prefixes of which a target does not have what is wanted are listed with the reason; none once all is well."""
    lacking = lambda: {d["prefix"]: (d["wanted"], d["installed"], d["state"])
                       for d in world.node.items("programmed", "--diff", "--target", "of-fw2")}
    expect("all is there", {}, lacking, 5)
    for wall in world.walls:
        wall.kill()
    expect("while no NVA is heard nothing goes", {OWN: ([], [FW2], "braked"), DROPPED2: ([], [FW2], "braked")}, lacking, 15)
    for wall in world.walls:
        wall.start()
    expect("all is there again", {}, lacking, 30)
    expect("table 102", {OWN: [FW2], DROPPED2: [FW2]}, lambda: world.table(102))
    for wall in world.walls:
        wall.wait_established(seconds=20)
    expect("nothing is held for fw1 any more", [[FW1, FW2], [FW1]], lambda: [sorted(
        r["nextHop"] for r in world.node.items("route", "list", prefix) if not r["stale"]) for prefix in (COMMON, TAGGED)], 10)


def shown_as_failed(world):
    late = world.target("late")
    if late["state"] != "failed" or "programs table 104" not in late["lastError"]:
        raise Failed(str(late))
    metrics = ('tandem_program_state{target="late",state="failed"} 1', 'tandem_program_trouble{target="late"} 1',
               'tandem_program_state{target="all",state="ok"} 1')
    expect("metrics", metrics, lambda: tuple(m for m in metrics if m in world.node.metrics()), 10)


def refused(world):
    """A target that cannot be opened is shown as failed, harms nobody, also at a start, and begins when it can."""
    holder = other(world, "holder", 104)
    poll("it runs", lambda: "started" in holder.tail(), 5)
    entry, late = "programming:\n", "  - { name: late, type: netlink, table: 104 }\n"
    try:
        world.node.rewrite(entry, entry + late)
        shown_as_failed(world)
        world.node.kill()
        world.host.ip(f"route del {OWN} table 100")
        world.node.start()
        expect("the others after a start", ALL, lambda: {p: h for p, h in world.table(100).items() if p in ALL}, 20)
        shown_as_failed(world)
        expect("why it is not ready", "target late was not read yet", lambda: next(
            check["detail"] for check in world.node.ctl("status")["checks"] if check["name"] == "programming"), 5)
    finally:
        holder.stop()
    expect("it begins", set(ALL), lambda: set(world.table(104)) & set(ALL), 10)
    expect("and is well", ("ok", None), lambda: (world.target("late")["state"], world.target("late")["lastError"]), 5)
    world.node.wait_ready(10)
    world.node.rewrite(late, "")


def hangup(world):
    world.node.process.signal(signal.SIGHUP)


def agents(world):
    """Let in and put out by a file and SIGHUP; the table stays with the host."""
    world.agent.start()
    hold("a stranger gets nothing", lambda: not world.table("main", world.vm).get(COMMON), 1)
    name = os.path.join(world.keys, "vm.pub")
    with open(name, "w", encoding="utf-8") as file:
        file.write(world.key + "\n")
    hangup(world)
    expect("the agent's kernel", [FW1, FW2], lambda: world.table("main", world.vm).get(COMMON), 10)
    host = lambda: next((a for a in world.target("vm-hosts")["agents"] if a["name"] == "vm"), {})
    expect("wanted against installed", (True, 5, 5, 0),
           lambda: tuple(host().get(k) for k in ("connected", "wanted", "installed", "failed")), 10)
    os.unlink(name)
    hangup(world)
    expect("it is put out", 0, lambda: world.target("vm-hosts")["connected"], 5)
    hold("its table stays", lambda: world.table("main", world.vm).get(COMMON) == [FW1, FW2], 2)
    with open(name, "w", encoding="utf-8") as file:
        file.write("nonsense\n")
    hangup(world)
    expect("a bad file is named", True, lambda: "vm.pub: error: this is not a public key" in world.node.process.tail(400), 5)
    with open(name, "w", encoding="utf-8") as file:
        file.write(world.key + "\n")
    hangup(world)
    expect("it is back", 1, lambda: world.target("vm-hosts")["connected"], 10)
    os.rename(world.keys, world.keys + ".away")
    try:
        said = world.node.order("config", "reload")
    except LabError as refused:
        said = str(refused)
    os.rename(world.keys + ".away", world.keys)
    if "agents.keysDirectory" not in said or "make it, or name another" not in said:
        raise Failed(f"of a directory that is not there: {said}")


def pinged(world):
    """A host's own view: who does not answer its pings leaves the groups of its kernel, and comes back."""
    world.agent.stop()
    with open(world.agent.path("agent.yaml"), "a", encoding="utf-8") as file:
        file.write("healthGate: { probe: icmp, interval: 100ms, timeout: 500ms }\nresilientGroups: true\n")
    world.agent.start()
    host = lambda: next(a for a in world.target("vm-hosts")["agents"] if a["name"] == "vm")
    expect("connected", (True, 0), lambda: (host()["connected"], host()["unhealthy"]))
    world.walls[0].host.sysctl("net.ipv4.icmp_echo_ignore_all", 1)
    expect("without fw1", [FW2], lambda: world.table("main", world.vm).get(COMMON))
    expect("it is told", 1, lambda: host()["unhealthy"])
    world.walls[0].host.sysctl("net.ipv4.icmp_echo_ignore_all", 0)
    expect("with fw1", [FW1, FW2], lambda: world.table("main", world.vm).get(COMMON))
    if "type resilient" not in world.vm.ip("-d nexthop show"):
        raise Failed(world.vm.ip("-d nexthop show"))


def bounded(world):
    """keepTable: the table outlives all nodes so long and no longer; a node brings it back."""
    world.agent.stop()
    with open(world.agent.path("agent.yaml"), "a", encoding="utf-8") as file:
        file.write("keepTable: 3s\n")
    world.agent.start()
    expect("connected", 1, lambda: world.target("vm-hosts")["connected"], 10)
    world.node.kill()
    hold("the table without nodes", lambda: world.table("main", world.vm).get(COMMON) == [FW1, FW2], 2)
    expect("the table after its time", None, lambda: world.table("main", world.vm).get(COMMON), 6)
    world.node.start()
    expect("the table with a node", [FW1, FW2], lambda: world.table("main", world.vm).get(COMMON), 30)


CASES = (("filters by community, peer and prefix; table, metric and protocol as asked", chosen),
         ("a community that comes and goes", retagged),
         ("BLACKHOLE discards where it is agreed", blackholes),
         ("a probe takes a next hop out, never the last one", gate),
         ("tables and nexthop objects flushed by somebody else", flushed),
         ("resilient groups where they are asked for", resilient),
         ("the link goes down and comes up", unplugged),
         ("wanted and not installed, prefix by prefix", differences),
         ("two processes on one table: the second is refused", second),
         ("targets that come, change and go with a reload", reloaded),
         ("a target that cannot be opened yet", refused),
         ("agents by their key files, on SIGHUP", agents),
         ("an agent that pings its next hops, and has resilient groups", pinged),
         ("an agent that keeps its table for a bounded time", bounded))


def main():
    cases = Cases()
    with Lab("targets") as lab:
        world = World(lab)
        if cases.one("the node programs its kernel", world.start):
            cases.each(CASES, world)
        for process in (world.agent, world.node):
            if process.process:
                process.stop()
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
