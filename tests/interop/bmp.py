#!/usr/bin/python3
"""BMP: what a pair of nodes tells monitoring stations, read by pmbmpd and by a decoder of the tests' own.

    tests/interop/bmp.py [words of a case's name]

Stations: one that is told everything; pmbmpd (pmacct); one that never reads; one that speaks; one that is not there.
NVAs: a BIRD with both families on both nodes; a speaker, and a BIRD that takes several paths, on the first node only.
"""
import json
import os
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from bmp import Station, capabilities  # noqa: E402
from case import Cases, Failed  # noqa: E402
from lab.bird import Bird  # noqa: E402
from lab.check import expect, hold, poll  # noqa: E402
from lab.net import Lab  # noqa: E402
from lab.proc import Process  # noqa: E402
from lab.tandem import Cluster  # noqa: E402
from speaker import Session  # noqa: E402

ASN = 65515
VNET, VNET6 = "10.1.0.0/16", "fd00:10:1::/64"
NODES = {"rs-a": ("10.1.1.4", "fd00:10:1::1:4"), "rs-b": ("10.1.1.5", "fd00:10:1::1:5")}
BIRD, BIRD6, BIRD_ASN = "10.1.2.1", "fd00:10:1::2:1", 65001
SPEAKER, SPEAKER_ASN = "10.1.2.3", 4200000003
MANY, MANY_ASN = "10.1.2.4", 65004
WATCH = "10.1.9.9"
ALL = ["adjRibInPre", "adjRibInPost", "locRib", "adjRibOutPre", "adjRibOutPost"]
IN, OUT = ("in-pre", "in-post"), ("out-pre", "out-post")
FLOOD = [f"10.{64 + i // 256}.{i % 256}.0/24" for i in range(2000)]


class World:
    def __init__(self, lab):
        self.lab, self.session = lab, None
        fabric = lab.subnet("fabric", "10.1.0.1/16")
        self.cluster = Cluster(lab)
        self.cluster.network("hub", VNET, VNET6)
        for name, (address, address6) in NODES.items():
            host = lab.host(name)
            lab.attach(fabric, host, f"{address}/16", f"{address6}/64")
            self.cluster.node(host, address, address6)
        self.bird = Bird(lab, self._host(fabric, "bird", BIRD, BIRD6), BIRD_ASN, BIRD, BIRD6, transit=False)
        self.cluster.peer("bird", BIRD, BIRD_ASN, connectRetry="1s")
        for node, (to, _) in NODES.items():
            self.bird.peer(node, to, ASN)
        for prefix in ("10.101.0.0/24", "fd00:101::/48"):
            self.bird.announce(prefix)
        self.speaker = self._host(fabric, "speaker", SPEAKER)
        self.cluster.peer("speaker", SPEAKER, SPEAKER_ASN, passive=True, nodes=["rs-a"],
                          maxRoutes={"limit": 2001, "action": "trim"})
        self.many = Bird(lab, self._host(fabric, "many", MANY), MANY_ASN, MANY, transit=False)
        self.cluster.peer("many", MANY, MANY_ASN, addPath="send", connectRetry="1s", nodes=["rs-a"])
        self.many.peer("rs-a", NODES["rs-a"][0], ASN, families=(4,), several=True)
        self.watch = self._host(fabric, "watch", WATCH)
        stations = {"all": (11019, {"routes": ALL, "statisticsInterval": "1s"}), "pmbmpd": (11020, {}),
                    "deaf": (11021, {"routes": ALL}), "chatty": (11022, {}), "absent": (11023, {})}
        self.cluster.export = {"bmp": [{"name": name, "station": f"{WATCH}:{port}", "connectRetry": "1s", **more}
                                       for name, (port, more) in stations.items()]}
        self.cluster.configure()

    def _host(self, fabric, name, address, address6=""):
        host = self.lab.host(name)
        self.lab.attach(fabric, host, f"{address}/16", *([f"{address6}/64"] if address6 else []))
        return host

    def start(self):
        self.all = Station(self.watch, WATCH, 11019)
        self.deaf = Station(self.watch, WATCH, 11021, rude="deaf")
        self.chatty = Station(self.watch, WATCH, 11022, rude="chatty")
        self.log = self.lab.path("pmbmpd", "log")
        with open(self.lab.path("pmbmpd", "conf"), "w", encoding="utf-8") as conf:
            conf.write(f"bmp_daemon_ip: {WATCH}\nbmp_daemon_port: 11020\nbmp_daemon_msglog_file: {self.log}\n"
                       "bmp_daemon_msglog_output: json\n")
        self.pmbmpd = Process(self.lab, self.watch, "pmbmpd", "pmbmpd", "-f", self.lab.path("pmbmpd", "conf"))
        self.cluster.start()
        self.bird.start()
        self.many.start()
        self.speak()
        for node in self.cluster.nodes.values():
            node.wait_ready(30)
            node.wait_peers("bird")
        self.node().wait_peers("many")

    def speak(self, *prefixes):
        self.session = Session(self.speaker, SPEAKER, SPEAKER_ASN, NODES["rs-a"][0], ("10.103.0.0/24", *prefixes))

    def feed(self, node="rs-a"):
        return poll(f"a feed of {node}", lambda: self.all.feed(node))

    def node(self, name="rs-a"):
        return self.cluster.nodes[name]

    def expect(self, key, table, wanted, node="rs-a", seconds=10):
        expect(f"{node}, {key}, {table}", wanted, lambda: self.feed(node).routes(key, table), seconds)


def bird_routes():
    return {"10.101.0.0/24": (BIRD, (BIRD_ASN,)), "fd00:101::/48": (BIRD6, (BIRD_ASN,))}


def speaker_routes():
    return {"10.103.0.0/24": (SPEAKER, (SPEAKER_ASN,))}


def peers_are_up(world):
    """Both OPENs, addresses, ports, names, as they were."""
    for node, peers in (("rs-a", {BIRD, SPEAKER, MANY, "loc"}), ("rs-b", {BIRD, "loc"})):
        expect(f"{node}'s peers", peers, lambda node=node: set(world.feed(node).peers))
    feed = world.feed()
    if not feed.description.startswith("Tandem "):
        raise Failed(f"sysDescr {feed.description}")
    bird, speaker, loc = (feed.peers[key] for key in (BIRD, SPEAKER, "loc"))
    for peer, asn, identifier in ((bird, BIRD_ASN, BIRD), (speaker, SPEAKER_ASN, SPEAKER), (loc, ASN, NODES["rs-a"][0])):
        if (peer.header.asn, peer.header.identifier) != (asn, identifier):
            raise Failed(f"AS {peer.header.asn}, identifier {peer.header.identifier}, not {asn}, {identifier}")
    if bird.local != NODES["rs-a"][0] or speaker.ports[0] != 179 or speaker.ports[1] < 1024 or 179 not in bird.ports:
        raise Failed(f"local address {bird.local}, ports {bird.ports} and {speaker.ports}")
    if abs(time.time() - bird.header.time) > 120:
        raise Failed(f"up since {bird.header.time}, now it is {time.time()}")
    # The speaker's OPEN as it is written in tests/lib/speaker.py.
    if capabilities(speaker.received) != {1: [b"\x00\x01\x00\x01"], 65: [SPEAKER_ASN.to_bytes(4, "big")]}:
        raise Failed(f"the speaker's capabilities: {capabilities(speaker.received)}")
    if speaker.sent[20:22] != ASN.to_bytes(2, "big") or loc.sent != loc.received or loc.tlvs != [(3, b"global")]:
        raise Failed("our OPEN, or the Loc-RIB's Peer Up")


def tables(world):
    for table in IN:
        world.expect(BIRD, table, bird_routes())
        world.expect(SPEAKER, table, speaker_routes())
    vnet = {VNET: (NODES["rs-a"][0], ()), VNET6: (NODES["rs-a"][1], ())}
    vnet_b = {VNET: (NODES["rs-b"][0], ()), VNET6: (NODES["rs-b"][1], ())}
    world.expect("loc", "loc", {**bird_routes(), **speaker_routes(), **vnet})
    world.expect("loc", "loc", {**bird_routes(), **speaker_routes(), **vnet_b}, "rs-b")
    told = {**vnet, **speaker_routes()}
    world.expect(BIRD, "out-pre", told)
    world.expect(BIRD, "out-post", {p: (hop, (ASN, *path)) for p, (hop, path) in told.items()})
    for node, key, wanted in (("rs-a", BIRD, {(t, afi) for t in IN + OUT for afi in (1, 2)}),
                              ("rs-a", SPEAKER, {(t, 1) for t in IN + OUT}), ("rs-a", "loc", {("loc", 1), ("loc", 2)})):
        expect(f"End-of-RIB of {key}", wanted, lambda node=node, key=key: world.feed(node).peers[key].ends)


def as_bird_is_told(world):
    """Adj-RIB-Out after policy is what BIRD itself shows."""
    told = {p: (r.next_hop, r.as_path) for p, r in world.bird.received(NODES["rs-a"][0]).items()}
    world.expect(BIRD, "out-post", told)


def several(world):
    """Every path that BIRD is told of one prefix, under its id; each goes alone."""
    def ids(table):
        return {ident for prefix, ident in world.feed().peers[MANY].tables.get(table, {}) if prefix == shared}

    shared = "10.101.0.0/24"
    here = lambda: {r.next_hop for r in world.many.paths(NODES["rs-a"][0], shared)}  # noqa: E731
    world.session.announce(shared)
    expect("BIRD has both", {BIRD, SPEAKER}, here)
    for table in OUT:
        expect(f"both in {table}", 2, lambda table=table: len(ids(table)))
    before = ids("out-post")
    world.bird.withdraw(shared)
    expect("one is left to BIRD", {SPEAKER}, here)
    for table in OUT:
        expect(f"one in {table}", 1, lambda table=table: len(ids(table) & before))
    world.bird.announce(shared)
    world.session.withdraw(shared)
    expect("the other one is left", {BIRD}, here)
    for table in OUT:
        expect(f"the other one in {table}", 1, lambda table=table: len(ids(table) & before))


def changes(world):
    start = time.time() - 1
    for prefix in ("10.111.0.0/24", "fd00:111::/48"):
        world.bird.announce(prefix)
    for table in IN:
        expect(f"the new ones in {table}", 4, lambda table=table: len(world.feed().routes(BIRD, table)))
    world.bird.announce("10.101.0.0/24", prepend=2)
    world.expect(BIRD, "in-pre", {**bird_routes(), "10.101.0.0/24": (BIRD, (BIRD_ASN,) * 3),
                                  "10.111.0.0/24": (BIRD, (BIRD_ASN,)), "fd00:111::/48": (BIRD6, (BIRD_ASN,))})
    at = world.feed().peers[BIRD].tables["in-pre"]["10.111.0.0/24", 0][3]
    if not start < at < time.time() + 1:
        raise Failed(f"the route is dated {at}, it came after {start}")
    world.bird.announce("10.101.0.0/24")
    for prefix in ("10.111.0.0/24", "fd00:111::/48"):
        world.bird.withdraw(prefix)
    for table in IN:
        world.expect(BIRD, table, bird_routes())
    expect("they leave the Loc-RIB of the other node", False,
           lambda: "10.111.0.0/24" in world.feed("rs-b").routes("loc", "loc"))


def refused(world):
    """A next hop outside of the VNet is refused: before policy it is there, after it not; trimmed ones come and go."""
    world.session.announce("10.120.0.0/24", hop="192.0.2.1")
    world.expect(SPEAKER, "in-pre", {**speaker_routes(), "10.120.0.0/24": ("192.0.2.1", (SPEAKER_ASN,))})
    world.expect(SPEAKER, "in-post", speaker_routes())
    world.session.withdraw("10.120.0.0/24")
    world.expect(SPEAKER, "in-pre", speaker_routes())


def many(world):
    """2,000 routes in, above the limit one is trimmed; then all out."""
    world.session.announce(*FLOOD, "10.200.0.0/24")
    expect("all before policy", 2002, lambda: len(world.feed().routes(SPEAKER, "in-pre")), 20)
    expect("the first 2,001 after it", 2001, lambda: len(world.feed().routes(SPEAKER, "in-post")), 20)
    if "10.200.0.0/24" in world.feed().routes(SPEAKER, "in-post"):
        raise Failed("the last prefix is not the one that was trimmed")
    world.session.withdraw("10.103.0.0/24")
    expect("its place is given away", True, lambda: "10.200.0.0/24" in world.feed().routes(SPEAKER, "in-post"))
    world.session.announce("10.103.0.0/24")
    world.session.withdraw(*FLOOD, "10.200.0.0/24")
    for table in IN:
        world.expect(SPEAKER, table, speaker_routes(), seconds=20)
    expect("BIRD's Adj-RIB-Out is small again", 3, lambda: len(world.feed().routes(BIRD, "out-post")), 20)


def statistics(world):
    expect("routes of the peers", [2, 1], lambda: [world.feed().peers[key].statistics[7] for key in (BIRD, SPEAKER)])
    told = [len(world.feed().routes(key, "out-post")) for key in (BIRD, SPEAKER)]
    expect("routes that they are told", told, lambda: [world.feed().peers[key].statistics[15] for key in (BIRD, SPEAKER)])
    expect("routes of the Loc-RIB", {8: 5, (10, 1, 1): 3, (10, 2, 1): 2}, lambda: world.feed().peers["loc"].statistics)


def peers_go(world):
    """Remote close, its NOTIFICATION to the octet, and a Peer Up again each time."""
    def downs(feed):
        return [entry[1:] for entry in feed.log if entry[0] == "down"]
    feed = world.feed()
    feed.log.clear()
    world.session.close()
    expect("no NOTIFICATION: reason 4", [(SPEAKER, 4, b"")], lambda: downs(feed))
    world.speak()
    world.expect(SPEAKER, "in-post", speaker_routes())
    feed.log.clear()
    text = b"\x0cplanned work"
    world.session._send(3, b"\x06\x02" + text)
    world.session.close()
    wanted = b"\xff" * 16 + (21 + len(text)).to_bytes(2, "big") + b"\x03\x06\x02" + text
    expect("its NOTIFICATION: reason 3", [(SPEAKER, 3, wanted)], lambda: downs(feed))
    world.speak()
    world.expect(SPEAKER, "in-post", speaker_routes())
    feed.log.clear()
    world.session._send(2, b"\x00")  # malformed
    poll("our NOTIFICATION: reason 1", lambda: [d for d in downs(feed) if d[1] == 1 and d[2][19:21] == b"\x01\x02"])
    world.speak()
    world.expect(SPEAKER, "in-post", speaker_routes())


def station_returns(world):
    """A station that was away is told everything anew."""
    world.all.close()
    time.sleep(0.3)
    world.bird.announce("10.112.0.0/24")
    world.all = Station(world.watch, WATCH, 11019)
    for table in IN:
        world.expect(BIRD, table, {**bird_routes(), "10.112.0.0/24": (BIRD, (BIRD_ASN,))}, seconds=15)
    expect("End-of-RIB again", True, lambda: {(t, 1) for t in IN + OUT} <= world.feed().peers[BIRD].ends)
    world.bird.withdraw("10.112.0.0/24")
    world.expect(BIRD, "in-pre", bird_routes())
    world.feed().hang_up()
    poll("a hang-up is followed by a new connection", lambda: len(world.all.all) >= 3)
    world.expect(BIRD, "in-pre", bird_routes())


def pmbmpd_says(world, kind):
    with open(world.log, encoding="utf-8") as log:
        return [entry for entry in map(json.loads, log) if entry.get("bmp_msg_type") == kind]


def pmbmpd_agrees(world):
    def routes():
        found = set()
        for e in pmbmpd_says(world, "route_monitor"):
            if e["bmp_router"] == NODES["rs-a"][0] and e.get("log_type") == "update" and "ip_prefix" in e:
                table = "loc" if e.get("is_loc") else "in-post" if e.get("is_post") else "in-pre"
                found.add((e["peer_ip"], table, e["ip_prefix"], e["bgp_nexthop"], e["as_path"]))
        return found
    wanted = {(BIRD, t, p, hop, str(BIRD_ASN)) for t in IN for p, (hop, _) in bird_routes().items()}
    wanted |= {(SPEAKER, t, "10.103.0.0/24", SPEAKER, str(SPEAKER_ASN)) for t in IN}
    poll("pmbmpd has the routes", lambda: wanted <= routes(), 15)
    loc = {(p, hop) for _, table, p, hop, _ in routes() if table == "loc"}
    if not {("10.101.0.0/24", BIRD), (VNET, NODES["rs-a"][0])} <= loc:
        raise Failed(f"pmbmpd's Loc-RIB: {loc}")
    ups = {(e["bmp_router"], e["peer_ip"], e["peer_asn"]) for e in pmbmpd_says(world, "peer_up")}
    if not {(NODES["rs-a"][0], BIRD, BIRD_ASN), (NODES["rs-a"][0], SPEAKER, SPEAKER_ASN)} <= ups:
        raise Failed(f"pmbmpd's peers: {ups}")
    poll("pmbmpd saw the speaker go", lambda: {3, 4} <= {e["reason_type"] for e in pmbmpd_says(world, "peer_down")})
    for line in world.pmbmpd.tail(200).splitlines():
        if "WARN" in line or "ERROR" in line:
            raise Failed(line)


def others_do_no_harm(world):
    """One never read, one spoke all the time, one is not there: the rest does not notice."""
    expect("the chatty one has the routes", bird_routes(), lambda: world.chatty.feed("rs-a").routes(BIRD, "in-pre"))
    for node in world.cluster.nodes.values():
        hold(f"{node.name} keeps its sessions", lambda node=node: node.peers()["bird"] == "Established", 1)
    expect("the absent one has not been reached", False, lambda: connected(world)["absent"])
    if connected(world)["all"] is not True:
        raise Failed(f"stations: {connected(world)}")


def connected(world):
    return {s["name"]: s["connected"] for s in world.node().items("bmp", "list")}


def nodes_stop(world):
    for node in world.cluster.nodes.values():
        feed = world.all.feed(node.name)
        status = node.stop()
        if status:
            raise Failed(f"{node.name} ended with status {status}\n{node.process.tail(40)}")
        expect(f"{node.name} says so", 0, lambda feed=feed: feed.ended)
    if world.all.faults() or world.chatty.faults():
        raise Failed(f"{world.all.faults()} {world.chatty.faults()}")


CASES = (("Peer Ups: both OPENs, addresses, ports", peers_are_up),
         ("five tables, End-of-RIB of each", tables),
         ("Adj-RIB-Out is what BIRD was told", as_bird_is_told),
         ("Adj-RIB-Out of who is told several paths", several),
         ("changes arrive, dated", changes),
         ("what policy refuses", refused),
         ("2,000 routes, one of them trimmed", many),
         ("statistics", statistics),
         ("Peer Downs with their reasons", peers_go),
         ("a station returns", station_returns),
         ("pmbmpd reads the same", pmbmpd_agrees),
         ("stations that are deaf, chatty, absent", others_do_no_harm),
         ("nodes stop: Termination", nodes_stop))


def main():
    with Lab("interop-bmp") as lab:
        world = World(lab)
        return Cases().story("nodes and NVAs start", world.start, CASES, world)


if __name__ == "__main__":
    sys.exit(main())
