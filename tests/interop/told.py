#!/usr/bin/python3
"""What a node tells: to strict peers (tests/lib/rawbgp.py), to those who take several paths (RFC 7911), to those
who must not be told the best (RFC 7947 section 2.3), to those who can't take long messages (RFC 8654), and to those
who hardly read.

    tests/interop/told.py [words of a case's name]

One node in a network namespace of its own, all peers on loopback addresses.
"""
import http.client
import ipaddress
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

import rawbgp  # noqa: E402
from alone import alone  # noqa: E402
from case import Cases, Failed  # noqa: E402
from rawbgp import IP4, IP6, Session, as4, attribute  # noqa: E402

BIN = os.environ.get("TANDEM_BIN", os.path.join(ROOT, "build", "debug", "bin"))
NODE, NODE6, PORT, ASN = "10.1.1.4", "fd00:10:1:1::4", 1790, 65515
# name: (address, AS, more keys)
PEERS = {
    "one": ("10.1.2.1", 65001, "addPath: receive"),
    "two": ("10.1.2.2", 65002, ""),
    "three": ("10.1.2.3", 4200000003, ""),
    "plain": ("10.1.2.4", 65004, ""),
    "azure": ("10.1.2.5", 65005, "mode: azure"),
    "old": ("10.1.2.6", 65006, ""),
    "many": ("10.1.2.7", 65007, "addPath: send"),
    "both": ("10.1.2.8", 65008, "addPath: both"),
    "client": ("10.1.2.9", 65009, "role: rsClient"),
    "branch": ("10.1.2.10", 65010, "type: vpnGateway"),
    "six": ("fd00:10:1:1::1", 65021, ""),
    "near": ("fd00:10:1:1::2", 65022, ""),
    "far": ("fd00:10:1:3::1", 65023, ""),
    "farther": ("fd00:10:1:3::2", 65024, ""),
}
LATE = {"late": ("10.1.2.11", 65011, "")}  # comes with a reload
CONFIG = f"""
routeServer: {{ name: told, virtualRouterAsn: {ASN}, mode: transparent, routerId: {NODE}, runDirectory: "%s" }}
nodes: [ {{ name: node, address: {NODE}, address6: "{NODE6}", bgpPort: {PORT} }} ]
peers:
"""


def entries(peers):
    return "".join(f"  - {{ name: {name}, peerIp: '{address}', peerAsn: {asn}, passive: true{', ' + more if more else ''} }}\n"
                   for name, (address, asn, more) in peers.items())


class Node:
    def __init__(self, directory):
        self.directory = directory
        self.socket = os.path.join(directory, "node.sock")
        config = self.configure(PEERS)
        self.log = open(os.path.join(directory, "log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen([os.path.join(BIN, "tandemd"), "--config", config, "--node", "node",
                                         "--foreground"], stdout=self.log, stderr=self.log)

    def configure(self, peers):
        config = os.path.join(self.directory, "told.yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG % self.directory + entries(peers))
        return config

    def get(self, path):
        connection = http.client.HTTPConnection("node", timeout=10)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.socket)
        connection.request("GET", path)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def memory_kb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
            return int(next(line.split()[1] for line in file if line.startswith("VmRSS")))

    def session(self, name, capabilities=None, **options):
        """A session that stood before may take the node a moment to let go."""
        address, asn, _ = (PEERS | LATE)[name]
        for _ in range(100):
            try:
                return Session(NODE6 if ":" in address else NODE, PORT, address, asn, capabilities, **options)
            except (OSError, Failed) as error:
                last = error
                time.sleep(0.1)
        raise Failed(f"no session for {name}: {last}")

    def text_of_log(self):
        self.log.flush()
        with open(self.log.name, encoding="utf-8") as file:
            return file.read()

    def end(self):
        self.process.terminate()
        status = self.process.wait(20)
        if status != 0 or "Sanitizer" in self.text_of_log():
            raise Failed(f"the node ended with status {status}\n{self.text_of_log()[-3000:]}")


class Stage:
    """Sessions of one case; all are closed at its end, and what they announced is gone."""

    def __init__(self, node):
        self.node, self.sessions = node, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for session in self.sessions:
            session.close()
        end = time.monotonic() + 10
        while self.node.get("/v1/routes?limit=1")["items"] and time.monotonic() < end:
            time.sleep(0.05)

    def peer(self, name, capabilities=None, **options):
        session = self.node.session(name, capabilities, **options)
        self.sessions.append(session)
        return session


def as_far(session, prefix="10.250.0.0/16"):
    """All that was said before this prefix was is read when it arrives."""
    session.read_until(lambda: prefix in session.table, f"the marker {prefix}")


# ---- the form of what is told ----

EXTRA = (attribute(rawbgp.MED, struct.pack(">I", 70)) + attribute(rawbgp.ATOMIC, b"")
         + attribute(rawbgp.AGGREGATOR, struct.pack(">I", 4200000099) + bytes([10, 1, 2, 1]))
         + attribute(rawbgp.COMMUNITIES, struct.pack(">HHHH", 65001, 7, 65515, 8))
         + attribute(rawbgp.EXTENDED, bytes.fromhex("0002fde9000000070102030405060708"))
         + attribute(rawbgp.LARGE, struct.pack(">IIIIII", 65001, 1, 2, 65001, 3, 4))
         + attribute(99, b"passed on", 0xc0) + attribute(100, b"not passed on", 0x80)
         + attribute(101, b"x" * 300, 0xe0))


def form(node):
    """RFC 4271 sections 4.3 and 5, RFC 7606 sections 3 and 5: the decoder is the judge."""
    with Stage(node) as stage:
        one, plain = stage.peer("one", IP4 + IP6 + as4(65001)), stage.peer("plain", IP4 + IP6 + as4(65004))
        one.announce("10.9.0.0/16", path=[65001, 4200000001], extra=EXTRA)
        one.announce("fd00:9::/32", hop="fd00::1", path=[65001, 4200000001], extra=EXTRA)
        plain.read_until(lambda: len(plain.table) == 2, "both routes")
        for prefix in ("10.9.0.0/16", "fd00:9::/32"):
            route = plain.table[prefix]
            rawbgp.must(route.path() == [65001, 4200000001], f"path {route.path()}")
            rawbgp.must(route.value(rawbgp.MED) == struct.pack(">I", 70), "RFC 7947: MED is left alone")
            rawbgp.must(route.value(99) == b"passed on" and route.value(100) is None and route.value(101) == b"x" * 300,
                        "RFC 4271 section 5: unknown attributes")
            for kind, value in rawbgp_values(EXTRA):
                if kind in (rawbgp.ATOMIC, rawbgp.AGGREGATOR, rawbgp.COMMUNITIES, rawbgp.EXTENDED, rawbgp.LARGE):
                    rawbgp.must(route.value(kind) == value, f"attribute {kind} was changed")
        rawbgp.must(plain.table["fd00:9::/32"].hop == "fd00::1", "the next hop is that of the sender")
        one.withdraw("10.9.0.0/16")
        plain.read_until(lambda: "10.9.0.0/16" not in plain.table, "the withdrawal")


def rawbgp_values(octets):
    """(type, value) of a run of attributes."""
    while octets:
        long = octets[0] & 0x10
        length = struct.unpack_from(">H", octets, 2)[0] if long else octets[2]
        start = 4 if long else 3
        yield octets[1], octets[start:start + length]
        octets = octets[start + length:]


def azure(node):
    """MED does not leak between neighbours (RFC 4271 section 5.1.4), our AS stands in front."""
    with Stage(node) as stage:
        one, told = stage.peer("one"), stage.peer("azure")
        one.announce("10.9.0.0/16", extra=EXTRA)
        told.read_until(lambda: told.table, "the route")
        route = told.table["10.9.0.0/16"]
        rawbgp.must(route.path() == [ASN, 65001], f"path {route.path()}")
        rawbgp.must(route.value(rawbgp.MED) is None, "MED is not for other neighbouring ASes")


def with_link_local(session, prefix):
    """Its own address, and fe80::1 behind it."""
    hops = b"".join(ipaddress.ip_address(a).packed for a in (session.own, "fe80::1"))
    reach = struct.pack(">HBB", 2, 1, 32) + hops + b"\0" + rawbgp.encode(prefix)
    session.update(attributes=attribute(rawbgp.MP_REACH, reach) + attribute(rawbgp.ORIGIN, b"\0") +
                   attribute(rawbgp.AS_PATH, rawbgp.sequence([session.asn])))


def link_local(node):
    """RFC 2545 section 3: a link-local next hop is told only on the link that it is of, where we are, too."""
    with Stage(node) as stage:
        six, near, far, farther = (stage.peer(name, IP4 + IP6 + as4(PEERS[name][1])) for name in ("six", "near", "far", "farther"))
        plain = stage.peer("plain", IP4 + IP6 + as4(65004))
        with_link_local(six, "fd00:9::/32")
        with_link_local(farther, "fd00:10::/32")
        for session, prefix, expected in ((near, "fd00:9::/32", "fe80::1"), (far, "fd00:9::/32", None), (plain, "fd00:9::/32", None),
                                          (near, "fd00:10::/32", None), (far, "fd00:10::/32", None)):
            session.read_until(lambda s=session, p=prefix: p in s.table, "the route")
            route = session.table[prefix]
            rawbgp.must(route.hop == (six if prefix == "fd00:9::/32" else farther).own, f"{session.own} is told {route.hop}")
            rawbgp.must(route.link_local == expected, f"{session.own} is told {route.link_local}, not {expected}")


def two_octets(node):
    """RFC 6793 section 4.2.2: AS_TRANS, and what two octets can't hold in AS4_PATH and AS4_AGGREGATOR."""
    with Stage(node) as stage:
        one, three, old = stage.peer("one"), stage.peer("three"), stage.peer("old", IP4)
        three.announce("10.9.0.0/16", path=[4200000003, 65001, 4200000001], extra=EXTRA)
        one.announce("10.9.1.0/24", path=[65001, 65099])
        old.read_until(lambda: len(old.table) == 2, "both routes")
        wide, small = old.table["10.9.0.0/16"], old.table["10.9.1.0/24"]
        rawbgp.must(wide.path(2) == [23456, 65001, 23456], f"AS_PATH {wide.path(2)}")
        rawbgp.must(wide.path(4, rawbgp.AS4_PATH) == [4200000003, 65001, 4200000001], "AS4_PATH")
        rawbgp.must(wide.value(rawbgp.AGGREGATOR) == struct.pack(">H", 23456) + bytes([10, 1, 2, 1]), "AGGREGATOR")
        rawbgp.must(wide.value(rawbgp.AS4_AGGREGATOR) == struct.pack(">I", 4200000099) + bytes([10, 1, 2, 1]),
                    "AS4_AGGREGATOR")
        rawbgp.must(small.path(2) == [65001, 65099] and small.value(rawbgp.AS4_PATH) is None,
                    "AS4_PATH where nothing needs it")


def ends(node):
    """RFC 4724 section 2: one End-of-RIB for each family that was agreed on, behind the routes."""
    with Stage(node) as stage:
        one = stage.peer("one", IP4 + IP6 + as4(65001))
        one.announce("10.9.0.0/16")
        one.announce("fd00:9::/32", hop="fd00::1")
        while len(node.get("/v1/routes")["items"]) < 2:
            time.sleep(0.05)
        plain = stage.peer("plain", IP4 + IP6 + as4(65004))
        plain.read_until(lambda: len(plain.ends) == 2, "End-of-RIB of two families")
        rawbgp.must(sorted(plain.ends) == [1, 2] and len(plain.table) == 2, "routes stand before End-of-RIB")
        azure_peer = stage.peer("azure")
        azure_peer.read_for(1)
        rawbgp.must(azure_peer.ends == [1], f"only IPv4 was agreed on, ends of {azure_peer.ends}")
        plain.read_for(0.5)
        rawbgp.must(sorted(plain.ends) == [1, 2], "End-of-RIB was said again")


def refreshes(node):
    """RFC 2918; RFC 7313 section 4: everything again, between BoRR and EoRR where that was agreed on."""
    with Stage(node) as stage:
        one, two = stage.peer("one"), stage.peer("two")
        one.announce("10.9.0.0/16")
        two.announce("10.9.1.0/24")
        plain = stage.peer("plain", IP4 + as4(65004) + rawbgp.REFRESHES)
        marked = stage.peer("azure", IP4 + as4(65005) + rawbgp.ENHANCED)
        for session in (plain, marked):
            session.read_until(lambda session=session: len(session.table) == 2 and session.ends, "both routes")
            session.log.clear()
            session.send(rawbgp.message(rawbgp.REFRESH, struct.pack(">HBB", 1, 0, 1)))
        marked.read_until(lambda: len(marked.marks) == 2, "EoRR")
        rawbgp.must(marked.log[0] == ("mark", 1) and marked.log[-1] == ("mark", 2), f"{marked.log}")
        rawbgp.must(len(marked.log) == 4 and marked.ends == [1], f"{marked.log} {marked.ends}")
        plain.read_until(lambda: len(plain.log) == 2, "the routes once more")
        rawbgp.must(not plain.marks, "marks were not agreed on")


def long_attributes(node):
    """RFC 8654 section 4: what is too long is shortened, or replaced, or withdrawn, and no session ends for it."""
    def padded(size):
        return attribute(101, b"x" * size, 0xe0)
    with Stage(node) as stage:
        one = stage.peer("one", IP4 + as4(65001) + rawbgp.LONG_MESSAGES)
        plain, big = stage.peer("plain"), stage.peer("azure", IP4 + as4(65005) + rawbgp.LONG_MESSAGES)
        sessions = (plain, big)
        one.announce("10.9.0.0/16", extra=padded(100))
        one.announce("10.9.1.0/24", extra=padded(5000))  # never seen by those who can't
        for session, count in ((plain, 1), (big, 2)):
            session.read_until(lambda s=session, c=count: len(s.table) == c, f"{count} routes")
        rawbgp.must(big.longest > 4096, "no long message was sent")
        one.announce("10.9.0.0/16", extra=padded(4100))
        plain.read_until(lambda: not plain.table, "the withdrawal of a route that has become too long")
        two = stage.peer("two")
        two.announce("10.9.0.0/16", path=[65002, 65099, 65098])
        plain.read_until(lambda: plain.table, "the next best")
        rawbgp.must(plain.table["10.9.0.0/16"].path()[0] == 65002, "the next best one")
        # Exactly one NLRI too long, and good without the aggregator, which may be discarded (RFC 7606 section 7.7).
        aggregator = attribute(rawbgp.ATOMIC, b"") + attribute(rawbgp.AGGREGATOR, struct.pack(">I", 65001) + bytes(4))
        head = 23 + len(attribute(1, b"\0") + attribute(2, rawbgp.sequence([65001])) + attribute(3, bytes(4))) + 5
        one.announce("10.9.2.0/24", extra=aggregator + padded(4096 - head - 4 - len(aggregator) + 5))
        plain.read_until(lambda: "10.9.2.0/24" in plain.table, "the shortened route")
        rawbgp.must(plain.table["10.9.2.0/24"].value(rawbgp.AGGREGATOR) is None, "it fits with its aggregator?")
        big.read_until(lambda: "10.9.2.0/24" in big.table, "the whole route")
        rawbgp.must(big.table["10.9.2.0/24"].value(rawbgp.AGGREGATOR) is not None, "extended messages hold all of it")
        rawbgp.must(plain.longest <= 4096, "a message of more than 4096 octets")
        end, told = time.monotonic() + 5, set()
        while "peer=plain" not in told and time.monotonic() < end:
            events = [e for e in node.get("/v1/events?limit=500")["items"] if e["event"] == "peer_route_too_long"]
            told = {event["subject"] for event in events}
            time.sleep(0.05)
        can = {"peer=one", "peer=azure"}
        rawbgp.must("peer=plain" in told and not told & can, f"of whom it is said that a route is too long: {told}")
        for session in sessions:
            session.read_for(0.3)


# ---- who is told which path ----

def others_best(node, spoil, receiver="plain", first="one", capabilities=None):
    """The path that must not, or need not, be told to the receiver hides no other; when it may again, it is told."""
    with Stage(node) as stage:
        best, second = stage.peer(first, capabilities), stage.peer("two")
        told, witness = stage.peer(receiver), stage.peer("three")
        spoil(best)
        second.announce("10.9.0.0/16", path=[65002, 65090, 65091, 65092])
        # Where the best comes much earlier than the other, it may be told as the only one first.
        told.read_until(lambda: told.table and told.table["10.9.0.0/16"].path()[-4:] == [65002, 65090, 65091, 65092],
                        "the second best")
        second.announce("10.9.0.0/16", path=[65002, 65090, 65091, 65093])
        told.read_until(lambda: told.table["10.9.0.0/16"].path()[-1] == 65093, "the second best has changed")
        second.withdraw("10.9.0.0/16")
        second.announce("10.250.0.0/16")
        as_far(told)
        as_far(witness)
        return told.table.get("10.9.0.0/16")


def hidden_by_owner(node):
    """A client's own path."""
    with Stage(node) as stage:
        one, two, plain = stage.peer("one"), stage.peer("two"), stage.peer("plain")
        one.announce("10.9.0.0/16")
        two.announce("10.9.0.0/16", path=[65002, 65090])
        one.read_until(lambda: one.table, "the other's path")
        rawbgp.must(one.table["10.9.0.0/16"].path() == [65002, 65090], "the other's path")
        two.read_until(lambda: two.table, "the best")
        plain.read_until(lambda: plain.table, "the best")
        rawbgp.must(plain.table["10.9.0.0/16"].path() == [65001], "the best")
        one.withdraw("10.9.0.0/16")
        two.read_until(lambda: not two.table, "nobody gets his own back")
        plain.read_until(lambda: plain.table["10.9.0.0/16"].path() == [65002, 65090], "the other's path")


def hidden_by_no_export(node):
    """RFC 1997: NO_EXPORT, NO_ADVERTISE."""
    for community in (0xffffff01, 0xffffff02, 0xffffff03):
        left = others_best(node, lambda s, c=community: s.announce(
            "10.9.0.0/16", extra=attribute(rawbgp.COMMUNITIES, struct.pack(">I", c))))
        rawbgp.must(left is None, f"{community:x} was told")


def hidden_by_loop(node):
    """The receiver's own AS in the path: told only where there is nothing else."""
    left = others_best(node, lambda s: s.announce("10.9.0.0/16", path=[65001, 65004]))
    rawbgp.must(left and left.path() == [65001, 65004], "it may allow its own AS: the only path is told")


def hidden_by_type(node):
    """Branch to branch is off: what a VPN gateway announces is not for ordinary NVAs, nor the reverse."""
    left = others_best(node, lambda s: s.announce("10.9.0.0/16"), first="branch")
    rawbgp.must(left is None, "it was told")


def hidden_by_role(node):
    """RFC 9234 section 5: a route server's client that leaks (OTC) is not listened to."""
    leak = attribute(rawbgp.OTC, struct.pack(">I", 65090))
    left = others_best(node, lambda s: s.announce("10.9.0.0/16", extra=leak), first="client",
                       capabilities=IP4 + as4(65009) + rawbgp.ROLE_CLIENT)
    rawbgp.must(left is None, "it was told")


def hidden_by_next_hop(node):
    """RFC 4271 section 5.1.3: the next hop is the receiver's own address."""
    left = others_best(node, lambda s: s.announce("10.9.0.0/16", hop=PEERS["plain"][0]))
    rawbgp.must(left is None, "it was told")


def hidden_by_length(node):
    """RFC 8654: the best fits no message of the receiver."""
    left = others_best(node, lambda s: s.announce("10.9.0.0/16", extra=attribute(101, b"x" * 5000, 0xe0)),
                       capabilities=IP4 + as4(65001) + rawbgp.LONG_MESSAGES)
    rawbgp.must(left is None, "it was told")


def hidden_by_family(node):
    """RFC 8950: who has not agreed on IPv6 next hops of IPv4 routes is told the others; over IPv4 it is agreed on, too."""
    able = IP4 + as4(4200000003) + rawbgp.NEXT_HOP6
    with Stage(node) as stage:
        one, two = stage.peer("one", IP4 + as4(65001) + rawbgp.NEXT_HOP6), stage.peer("two")
        plain, three = stage.peer("plain"), stage.peer("three", able)
        rawbgp.must(rawbgp.NEXT_HOP6 in one.offered, "the node does not offer it")
        one.announce("10.9.0.0/16", hop="fd00::1")
        two.announce("10.9.0.0/16", path=[65002, 65090])
        for session, hop in ((plain, "10.1.2.2"), (three, "fd00::1")):
            session.read_until(lambda s=session, h=hop: s.table and s.table["10.9.0.0/16"].hop == h, f"next hop {hop}")
        two.withdraw("10.9.0.0/16")
        two.announce("10.250.0.0/16")
        for session in (plain, three):
            as_far(session)
        rawbgp.must("10.9.0.0/16" not in plain.table and "10.9.0.0/16" in three.table, "who has which")


def hidden_by_late_loop(node):
    """The AS and the address of a peer that comes with a reload, in paths that were there before."""
    with Stage(node) as stage:
        one, two, plain = stage.peer("one"), stage.peer("two"), stage.peer("plain")
        one.announce("10.9.0.0/16", path=[65001, 65011])
        one.announce("10.10.0.0/16", hop=LATE["late"][0])
        two.announce("10.9.0.0/16", path=[65002, 65090, 65091])
        plain.read_until(lambda: len(plain.table) == 2 and plain.table["10.9.0.0/16"].path() == [65001, 65011], "the best")
        node.configure(PEERS | LATE)
        node.process.send_signal(signal.SIGHUP)
        late = stage.peer("late")
        late.read_until(lambda: late.table and late.table["10.9.0.0/16"].path() == [65002, 65090, 65091], "the other path")
        two.announce("10.250.0.0/16")
        as_far(late)
        rawbgp.must("10.10.0.0/16" not in late.table, "it was told a way to itself")


# ---- several paths ----

TAKES = IP4 + as4(65007) + rawbgp.add_path(1)


def several(node):
    """RFC 7911: all paths, an id each that stays; withdrawn by id; next hops side by side."""
    with Stage(node) as stage:
        one = stage.peer("one", IP4 + as4(65001) + rawbgp.add_path(2))
        two, many, plain = stage.peer("two"), stage.peer("many", TAKES), stage.peer("plain")
        for path_id, hop in ((1, "10.1.2.1"), (2, "10.1.3.1"), (3, "10.1.3.2")):
            one.announce("10.9.0.0/16", path=[65001] + [65090] * path_id, path_id=path_id, hop=hop)
        two.announce("10.9.0.0/16")
        many.read_until(lambda: len(many.table) == 4, "four paths")
        plain.read_until(lambda: plain.table and plain.table["10.9.0.0/16"].path() == [65002],
                         "the best alone, for who did not ask for more")
        hops = sorted(route.hop for route in many.table.values())
        rawbgp.must(hops == ["10.1.2.1", "10.1.2.2", "10.1.3.1", "10.1.3.2"], f"next hops {hops}")
        ids = {route.hop: key[1] for key, route in many.table.items()}
        rawbgp.must(len(set(ids.values())) == 4, "ids are not distinct")
        rawbgp.must(ids["10.1.2.2"] == struct.unpack(">I", socket.inet_aton("10.1.2.2"))[0], "the NVA's address")
        one.withdraw("10.9.0.0/16", path_id=2)
        many.read_until(lambda: len(many.table) == 3, "the withdrawal of one")
        one.announce("10.9.0.0/16", path=[65001, 65099], path_id=3, hop="10.1.3.2")
        many.read_until(lambda: many.table[("10.9.0.0/16", ids["10.1.3.2"])].path() == [65001, 65099], "the change of one")
        rawbgp.must({r.hop: k[1] for k, r in many.table.items()} == {h: i for h, i in ids.items() if h != "10.1.3.1"},
                    "an id has changed")
        one.close()
        many.read_until(lambda: len(many.table) == 1, "its paths are gone with it")


def packed(node):
    """Many prefixes with equal attributes: as few messages as hold them, with ids."""
    with Stage(node) as stage:
        one, many = stage.peer("one"), stage.peer("many", TAKES)
        prefixes = [f"10.{i // 256}.{i % 256}.0/24" for i in range(2000)]
        for start in range(0, 2000, 500):
            one.announce(*prefixes[start:start + 500])
        many.read_until(lambda: len(many.table) == 2000, "2000 routes")
        rawbgp.must(many.updates <= 2 + 2000 // 250, f"{many.updates} messages for 2000 prefixes of eight octets")


def directions(node):
    """RFC 7911 section 4: each direction and family by itself."""
    with Stage(node) as stage:
        one, two = stage.peer("one", IP4 + IP6 + as4(65001)), stage.peer("two", IP4 + IP6 + as4(65002))
        for session in (one, two):
            session.announce("10.9.0.0/16")
            session.announce("fd00:9::/32", hop="fd00::1")
        sends = stage.peer("both", IP4 + IP6 + as4(65008) + rawbgp.add_path(2))  # it has ids, and takes none
        sends.announce("10.8.0.0/16", path_id=7)
        sends.read_until(lambda: set(sends.table) == {"10.9.0.0/16", "fd00:9::/32"}, "one path of each")
        one.read_until(lambda: "10.8.0.0/16" in one.table, "what came with an id goes on without")
        sends.close()
        takes = stage.peer("both", IP4 + IP6 + as4(65008) + rawbgp.add_path(1, (2,)))  # IPv6 only
        takes.announce("10.7.0.0/16")
        takes.read_until(lambda: len(takes.table) == 3, "one of IPv4, two of IPv6")
        rawbgp.must("10.9.0.0/16" in takes.table, f"{list(takes.table)}")
        refuses = stage.peer("many", IP4 + IP6 + as4(65007))
        refuses.read_until(lambda: "fd00:9::/32" in refuses.table, "who offers nothing is told one path")


# ---- the same, as the node's own tools show it ----

def pages(node, path):
    """All items of a list, a few at a time."""
    items, cursor = [], ""
    for _ in range(1000):
        page = node.get(f"{path}?limit=2{cursor}")
        items += page["items"]
        if page["nextCursor"] is None:
            return items
        cursor = f"&cursor={page['nextCursor']}"
    raise Failed("a list without end")


def shown(node):
    """What the node says that it has sent is what has arrived; what it says that it has received was sent."""
    with Stage(node) as stage:
        one, two = stage.peer("one"), stage.peer("two")
        one.announce("10.9.0.0/16", "10.9.1.0/24", path=[65001, 65090], extra=attribute(rawbgp.MED, struct.pack(">I", 9)))
        two.announce("10.9.0.0/16", path=[65002])
        two.announce("10.9.2.0/24", path=[65002, ASN])
        receivers = {"plain": stage.peer("plain"), "azure": stage.peer("azure"), "many": stage.peer("many", TAKES)}
        for name, session in receivers.items():
            count = 3 if name == "many" else 2
            session.read_until(lambda s=session, n=count: len(s.table) == n, f"{count} routes")
            items = pages(node, f"/v1/peers/{name}/advertisedRoutes")
            said = sorted((i["prefix"], i["pathId"], i["nextHop"], i["asPath"], i["med"]) for i in items)
            seen = sorted((*(key if name == "many" else (key, None)), r.hop, r.path(),
                           r.value(rawbgp.MED) and struct.unpack(">I", r.value(rawbgp.MED))[0])
                          for key, r in session.table.items())
            rawbgp.must(said == seen, f"{name}: says {said}, sent {seen}")
        learned = {i["prefix"]: (i["asPath"], i["filteredBy"]) for i in pages(node, "/v1/peers/two/learnedRoutes")}
        rawbgp.must(learned == {"10.9.0.0/16": ([65002], None), "10.9.2.0/24": ([65002, ASN], "as-loop")}, f"{learned}")
        counts = node.get("/v1/peers/many")["routes"]
        rawbgp.must(counts["advertised"] == 3, f"{counts}")


# ---- who hardly reads ----

def slow(node):
    """One octet a second is read of what is told; the others do not notice, and memory has an end."""
    with Stage(node) as stage:
        one, plain = stage.peer("one"), stage.peer("plain")
        sloth = stage.peer("azure", receive_buffer=2048)
        sloth_many = stage.peer("many", TAKES, receive_buffer=2048)
        prefixes = [f"10.{i // 256}.{i % 256}.0/24" for i in range(20000)]

        def churn(turn):
            for start in range(0, len(prefixes), 500):
                one.announce(*prefixes[start:start + 500], path=[65001, 64000 + turn], extra=attribute(101, b"x" * 200, 0xe0))
                for session in (sloth, sloth_many):
                    if start % 10000 == 0:
                        session.socket.recv(1)
            plain.read_until(lambda: len(plain.table) == len(prefixes) and all(
                r.path()[1] == 64000 + turn for r in plain.table.values()), "the reader is told in time", 60)
        churn(0)
        churn(1)
        before = node.memory_kb()
        for turn in range(2, 8):
            churn(turn)
        grown = node.memory_kb() - before
        rawbgp.must(grown < 24 * 1024, f"{grown} KB more for who does not read")
        begin = time.monotonic()
        one.announce("10.250.0.0/16")
        as_far(plain)
        took = time.monotonic() - begin
        rawbgp.must(took < 1, f"the reader had to wait {took:.2f} s")


def dying(node):
    """Ever new prefixes come and go, and one peer does not read of it: it is told so, and let go (RFC 4486)."""
    with Stage(node) as stage:
        one, plain = stage.peer("one"), stage.peer("plain")
        sloth = stage.peer("azure", receive_buffer=2048)
        for turn in range(12):
            prefixes = [f"{11 + turn}.{i // 256}.{i % 256}.0/24" for i in range(40000)]
            for start in range(0, len(prefixes), 200):  # little in a message: what is not read piles up
                one.announce(*prefixes[start:start + 200], extra=attribute(101, struct.pack(">HH", turn, start) * 750, 0xe0))
            plain.read_until(lambda n=len(prefixes): len(plain.table) == n, "the prefixes", 60)
            for start in range(0, len(prefixes), 800):
                one.withdraw(*prefixes[start:start + 800])
            plain.read_until(lambda: not plain.table, "their end", 60)
            if "peer_too_slow" in node.text_of_log():
                break
        else:
            raise Failed("nothing was done about it")
        del sloth
        rawbgp.must("peer=azure" in [line for line in node.text_of_log().splitlines() if "peer_too_slow" in line][-1],
                    "the wrong one")
        one.announce("10.250.0.0/16")
        as_far(plain)


def allowed(node):
    """Daemons that insist on our AS in front of each path are told not to, where there is none (RFC 7947 section 2.2.2.1)."""
    with Stage(node) as stage:
        stage.peer("plain")  # the node answers
        for daemon, words, *check in (("openbgpd", "enforce neighbor-as no", "bgpd", "-n", "-f"),
                                      ("frr", "no neighbor route-server enforce-first-as", "vtysh", "-C", "-f")):
            texts = {name: subprocess.run([os.path.join(BIN, "tandemctl"), "--socket", node.socket, "nva-config", name,
                                           "--for", daemon], check=True, capture_output=True, text=True).stdout
                     for name in ("plain", "azure")}
            rawbgp.must(words in texts["plain"] and words not in texts["azure"], f"{texts}")
            file = os.path.join(node.directory, daemon)
            with open(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as out:
                out.write(texts["plain"])
            done = subprocess.run([*check, file], capture_output=True, text=True, timeout=60, check=False)
            rawbgp.must(done.returncode == 0, f"{daemon}: {done.stdout}{done.stderr}{texts['plain']}")


def silent(node):
    """FRR announces nothing before it is told that it may (RFC 8212): who misses its routes learns of it."""
    with Stage(node) as stage:
        one, plain = stage.peer("one"), stage.peer("plain")
        one.announce("10.9.0.0/16")
        as_far(plain, "10.9.0.0/16")
        said = subprocess.run([os.path.join(BIN, "tandemctl"), "--socket", node.socket, "doctor"], check=False,
                              capture_output=True, text=True).stdout
        rawbgp.must("ok    plain is up and announces no route" in said and "one is up and" not in said, said)


CASES = (
    ("attributes in order and form", form),
    ("azure: no MED, our AS in front", azure),
    ("who insists on our AS is told not to", allowed),
    ("link-local next hops on their link", link_local),
    ("two-octet AS numbers", two_octets),
    ("End-of-RIB, once a family", ends),
    ("route refresh, plain and enhanced", refreshes),
    ("long attributes are shortened, replaced or withdrawn", long_attributes),
    ("hides nothing: own path", hidden_by_owner),
    ("hides nothing: NO_EXPORT and its like", hidden_by_no_export),
    ("hides nothing: own AS in the path", hidden_by_loop),
    ("hides nothing: own AS, own address, known since a reload", hidden_by_late_loop),
    ("hides nothing: other type of peer", hidden_by_type),
    ("hides nothing: role", hidden_by_role),
    ("hides nothing: own address as next hop", hidden_by_next_hop),
    ("hides nothing: too long", hidden_by_length),
    ("hides nothing: IPv6 next hops of IPv4 routes", hidden_by_family),
    ("several paths: ids, changes, withdrawals", several),
    ("several paths: packed", packed),
    ("several paths: directions and families", directions),
    ("shown by the node as it is on the wire", shown),
    ("who announces nothing is named", silent),
    ("one octet a second", slow),
    ("never reads, and prefixes without end", dying),
)


def main():
    alone(*(f"ip addr add {a} dev lo" for a in [NODE, NODE6] + [p[0] for p in (PEERS | LATE).values()]))
    cases = Cases()
    with tempfile.TemporaryDirectory() as directory:
        node = Node(directory)
        cases.each(CASES, node)
        cases.one("the node ends cleanly", node.end)
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
