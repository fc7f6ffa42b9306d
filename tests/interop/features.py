#!/usr/bin/python3
"""One node and what single daemons can do beyond plain sessions.

    tests/interop/features.py [words of a case's name]

bird      roles, graceful restart, extended messages, MD5; both families over IPv4
frr       the same, with a four-octet AS number
gobgp     path ids (RFC 7911), MD5          openbgpd  MD5
many      a BIRD that sends path ids        six       a BIRD over IPv6 whose IPv4 routes have IPv6 next hops (RFC 8950)
frr6      FRR over IPv6: such next hops, and several paths of a prefix, one of them learned from many
exabgp    knows two-octet AS numbers only   liar      a BIRD that takes us for its customer     stranger  a wrong MD5 key
strict    a BIRD that insists on a role of ours and is told none
twin-1, twin-2   BIRDs in one AS: asOverride; twin-1 knows us by another AS: localAsn; its own paths hold ours: allowOwnAs
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab.bird import Bird, protocol  # noqa: E402
from lab.check import expect, hold, poll  # noqa: E402
from lab.frr import Frr  # noqa: E402
from lab.gobgp import Gobgp  # noqa: E402
from lab.net import Lab  # noqa: E402
from lab.nva import Appliance, Route  # noqa: E402
from lab.openbgpd import Openbgpd  # noqa: E402
from lab.tandem import Cluster  # noqa: E402

ASN, NODE, NODE6 = 65515, "10.1.1.4", "fd00:10:1::1:4"
FRR_ASN = 4200000002
LOCAL_ASN = 64999
KEY = "between-us"


class Exabgp(Appliance):
    """ExaBGP: a speaker for scripts; it logs what it hears."""
    kind = "ExaBGP"

    def start(self):
        routes = "".join(f"        route {p} next-hop {self.own(p)};\n" for p in self.announced)
        conf = self.write("exabgp.conf", "".join(
            f"neighbor {n.address} {{\n    router-id {self.address};\n    local-address {n.local};\n"
            f"    local-as {self.asn};\n    peer-as {n.asn};\n    hold-time {self.hold};\n"
            "    capability { asn4 disable; route-refresh enable; }\n    family { ipv4 unicast; }\n"
            f"    static {{\n{routes}    }}\n}}\n" for n in self.neighbors))
        self.process = self.spawn("exabgp", conf, environment={
            "exabgp.daemon.user": "root", "exabgp.api.cli": "false", "exabgp.log.destination": "stderr",
            "exabgp.log.all": "true", "exabgp.log.level": "DEBUG"})
        return self


def edited(driver, *changes):
    """A driver whose configuration is changed after it was written: (pattern, replacement)."""
    class Edited(driver):
        def configure(self):
            path = super().configure()
            with open(path, encoding="utf-8") as file:
                text = file.read()
            for pattern, replacement in changes:
                text, count = re.subn(pattern, replacement, text)
                if not count:
                    raise Failed(f"nothing matches {pattern}")
            return self.write(os.path.basename(path), text)
    return Edited


# A second path of one prefix: longer, from a table of its own.
SECOND = "protocol static second { ipv4 { preference 90; }; route 10.105.0.0/24 unreachable; }\n"
DRIVERS = {
    "bird": (Bird, 65001, {"password": KEY, "returns": True, "words": (
        "local role rs_client;", "graceful restart on;", "enable extended messages on;")}),
    "frr": (Frr, FRR_ASN, {"words": ("bgp graceful-restart", "bgp graceful-restart preserve-fw-state",
                                    f"neighbor {{}} password {KEY}", "neighbor {} local-role rs-client")}),
    "gobgp": (edited(Gobgp, (r'("peer-as": 65515)', rf'\1, "auth-password": "{KEY}"'),
                     (r'("afi-safi-name": "ipv4-unicast"\s*})', r'\1, "add-paths": {"config": {"send-max": 8}}')), 65003, {}),
    "openbgpd": (edited(Openbgpd, (r"(    multihop 64\n)", rf'\1    tcp md5sig password "{KEY}"\n')), 65005, {}),
    "many": (edited(Bird, (r"(ipv4 \{ import table;)", r"\1 add paths tx;"), (r"^", SECOND),
                    (r"    accept;\n\}", '    if proto = "second" then { bgp_path.prepend(64999); }\n    accept;\n}')), 65004, {}),
    "six": (edited(Bird, (r"(ipv4 \{ import table;[^}]*?next hop address) [\d.]+;", r"\1 fd00:10:1::2:6; extended next hop on;")),
            65006, {}),
    "exabgp": (Exabgp, 65007, {}),
    "liar": (Bird, 65008, {"words": ("local role provider;",)}),
    "stranger": (Bird, 65009, {"password": "another-secret"}),
    "strict": (Bird, 65010, {"words": ("local role customer; require roles on;",)}),
    "twin-1": (edited(Bird, (r"    accept;\n\}", "    if net = 10.111.0.0/24 then bgp_path.prepend(65515);\n    accept;\n}")), 65020, {}),
    "twin-2": (Bird, 65020, {}),
    "frr6": (edited(Frr, (f"(neighbor {NODE6} filter-list own out)", rf"\1\n  neighbor {NODE6} addpath-tx-all-paths"),
                    (r"(bgp as-path access-list own permit) \^\$", r"\1 ^$\n\1 ^65006$")), 65013,
             {"words": ("neighbor {} capability extended-nexthop",)}),
}
SETTINGS = {
    "bird": {"role": "rsClient"}, "frr": {"role": "rsClient"}, "liar": {"role": "rsClient"},
    "gobgp": {"addPath": "receive"}, "many": {"addPath": "receive"}, "frr6": {"addPath": "receive"},
    "twin-1": {"localAsn": LOCAL_ASN, "allowOwnAs": 1}, "twin-2": {"asOverride": True},
}
OVER_IPV6 = {"six", "frr6"}
WITH_KEY = {"bird", "frr", "gobgp", "openbgpd", "stranger"}
DOWN = {"liar", "stranger", "strict"}


class World:
    def __init__(self, lab):
        self.lab = lab
        self.fabric = lab.subnet("fabric", "10.1.0.1/16")
        self.cluster = Cluster(lab, asn=ASN, mode="transparent")
        host = lab.host("rs-a")
        lab.attach(self.fabric, host, f"{NODE}/16", f"{NODE6}/64")
        self.node = self.cluster.node(host, NODE, NODE6)
        key = lab.path("peers.md5")
        with open(key, "w", encoding="utf-8") as file:
            file.write(f"{KEY}\n")
        self.daemons = {}
        for number, (name, (driver, asn, options)) in enumerate(DRIVERS.items(), 1):
            address, address6 = f"10.1.2.{number}", f"fd00:10:1::2:{number}"
            host = lab.host(name)
            lab.attach(self.fabric, host, f"{address}/16", f"{address6}/64")
            daemon = self.daemons[name] = driver(lab, host, asn, address, address6, transit=False, **options)
            is_six, asn = name in OVER_IPV6, SETTINGS.get(name, {}).get("localAsn", ASN)
            self.cluster.peer(name, address6 if is_six else address, daemon.asn, holdTime="9s", connectRetry="1s",
                              **SETTINGS.get(name, {}), **({"md5KeyFile": key} if name in WITH_KEY else {}))
            daemon.peer("rs-a", NODE6 if is_six else NODE, asn, families=(4, 6) if name in ("bird", "frr", "six") else (4,))
            daemon.announce(f"10.{100 + number}.0.0/24")
        self.six.peer("frr6", self.frr6.address6, self.frr6.asn, families=(4,))
        self.frr6.peer("six", self.six.address6, self.six.asn, families=(4,))
        for name in ("bird", "frr"):
            self.daemons[name].announce(f"fd00:{name[0].replace('f', 'f0').replace('b', 'b0')}::/48")
        self.cluster.configure()

    def __getattr__(self, name):
        return self.__dict__["daemons"][name]

    def start(self):
        self.node.start()
        for daemon in self.daemons.values():
            daemon.start()
        self.node.wait_peers(*(set(DRIVERS) - DOWN), seconds=40)
        # Two daemons never come: nobody waits for them longer than this.
        expect("every route is there", {f"10.{100 + i}.0.0/24" for i, name in enumerate(DRIVERS, 1) if name not in DOWN},
               lambda: {p for p in self.node.routes() if p.startswith("10.")}, 20)

    def paths(self, prefix):
        return self.node.routes().get(prefix, set())


def md5(world):
    """Four daemons with the key are there; one with another key is not, and says nothing that is heard."""
    hold("the stranger stays outside", lambda: world.node.peers()["stranger"] != "Established", 2)
    for name in WITH_KEY - {"stranger"}:
        if world.node.peers()[name] != "Established":
            raise Failed(f"{name} is not there")


def roles(world):
    """BIRD and FRR are clients of a route server: what they are told carries ONLY_TO_CUSTOMER of it."""
    prefix = next(iter(world.frr.announced))
    table = f"import table {protocol(world.bird.neighbors[0])}.ipv4"
    poll("BIRD sees the mark", lambda: re.search(rf"(otc|only_to_customer): {ASN}",
                                                 world.bird.birdc(f"show route {table} for {prefix} all"), re.IGNORECASE))
    hold("who takes us for its customer stays outside", lambda: world.node.peers()["liar"] != "Established", 1)
    for name, direction in (("liar", "sent"), ("strict", "received")):
        expect(f"why {name} stays outside", (2, 11), lambda name=name, direction=direction: tuple(
            world.node.peer(name)["lastNotification"][direction][key] for key in ("code", "subcode")))
    hold("who insists on a role stays outside", lambda: world.node.peers()["strict"] != "Established", 1)


def other_numbers(world):
    """Two NVAs of one AS hear each other's routes where ours stands for it; one of them knows us by another AS."""
    first, second = (world.daemons[f"twin-{i}"] for i in (1, 2))
    prefix, back = (next(iter(twin.announced)) for twin in (first, second))
    expect("its own AS is in its path once, and allowed", {Route(first.address, (first.asn, ASN))}, lambda: world.paths(prefix))
    expect("twin-2 is told ours instead", Route(first.address, (ASN, ASN)), lambda: second.received(NODE).get(prefix))
    poll("BIRD takes it", lambda: "to_rs_a" in second.birdc(f"show route for {prefix}"))
    if back in first.received(NODE):
        raise Failed("twin-1, without asOverride, took a loop")
    if world.node.peer("twin-1")["state"] != "Established":
        raise Failed("it does not know us by that AS")


def frr6(world):
    """FRR sends what BIRD does: IPv4 routes with IPv6 next hops, and every path of a prefix."""
    frr, prefix = world.frr6, next(iter(world.frr6.announced))
    expect("FRR's route", {Route("fd00:10:1::2:13", (frr.asn,))}, lambda: world.paths(prefix))
    shared = next(iter(world.six.announced))
    wanted = {(65006,), (frr.asn, 65006)}
    expect("what FRR has of its neighbour", wanted, lambda: {r.as_path for r in world.paths(shared)})
    frr.announce(shared)
    expect("and its own, beside it", wanted | {(frr.asn,)}, lambda: {r.as_path for r in world.paths(shared)})
    frr.withdraw(shared)
    expect("which goes alone", wanted, lambda: {r.as_path for r in world.paths(shared)})


def path_ids(world):
    """Two paths of one prefix from BIRD, and from GoBGP; each is withdrawn alone."""
    expect("both paths of BIRD", {Route("10.1.2.5", (65004,)), Route("10.1.2.5", (65004, 64999))},
           lambda: world.paths("10.105.0.0/24"))
    second = ("10.103.0.0/24", "identifier", "7", "nexthop", "10.1.2.33", "-a", "ipv4")
    world.gobgp.gobgp("global", "rib", "add", *second)
    expect("both paths of GoBGP", {Route("10.1.2.3", (65003,)), Route("10.1.2.33", (65003,))},
           lambda: world.paths("10.103.0.0/24"))
    world.gobgp.gobgp("global", "rib", "del", *second)
    expect("the first one stays", {Route("10.1.2.3", (65003,))}, lambda: world.paths("10.103.0.0/24"))


def four_octets(world):
    """Who knows two octets only is told AS_TRANS, and the whole path beside it: ExaBGP puts them together."""
    prefix = next(iter(world.frr.announced))
    poll("ExaBGP has the whole path of FRR's route", lambda: [
        line for line in world.exabgp.process.tail(10000).splitlines()
        if f'"as-path": [ {FRR_ASN} ]' in line and prefix in line], 15)
    expect("and its own route is here", {Route("10.1.2.7", (65007,))}, lambda: world.paths("10.107.0.0/24"))


def next_hop6(world):
    """IPv4 over IPv6 with an IPv6 next hop, both ways (RFC 8950)."""
    expect("BIRD's route", True, lambda: Route("fd00:10:1::2:6", (65006,)) in world.paths("10.106.0.0/24"))
    prefix = next(iter(world.frr.announced))
    expect("what BIRD is told keeps its next hop", "10.1.2.2",
           lambda: world.six.received(NODE6).get(prefix, Route("", ())).next_hop)


def long_path(world):
    """A route too long for an ordinary message: who can hear it has it, no session ends for those who cannot."""
    world.bird.announce("10.130.0.0/24", prepend=1100)
    expect("it is here whole", {Route("10.1.2.1", (65001,) * 1101)}, lambda: world.paths("10.130.0.0/24"))
    hold("nobody is reset", lambda: all(state == "Established" for name, state in world.node.peers().items()
                                        if name not in DOWN), 2)
    if "10.130.0.0/24" in world.gobgp.received(NODE):
        raise Failed("GoBGP has a route that fits no message of its session")
    world.bird.withdraw("10.130.0.0/24")
    expect("it goes", set(), lambda: world.paths("10.130.0.0/24"))


def restart(world, daemon):
    """kill -9: the routes stay; back without one of them that one goes at End-of-RIB, the others never went."""
    kept, gone = daemon.announced, f"10.{140 + daemon.asn % 10}.0.0/24"
    prefixes = set(kept)
    daemon.announce(gone)
    poll("the new route is here", lambda: world.paths(gone))
    del daemon.announced[gone]
    daemon.kill()
    poll("the node notices", lambda: world.node.peers()[daemon.name] != "Established")
    here = lambda: prefixes <= set(world.node.routes())  # noqa: E731
    hold("its routes stay", lambda: here() and world.paths(gone), 1)
    daemon.start()
    hold("they stay while it returns", here, 2)
    world.node.wait_peers(daemon.name, seconds=20)
    expect("what it did not tell again goes", set(), lambda: world.paths(gone), 20)
    hold("the others stay", here, 1)


def refreshed(world):
    """RFC 2918 with those whom session.py does not ask: GoBGP tells again, OpenBGPD is told again. Not the other way: GoBGP
    keeps what it heard, OpenBGPD 7.7 finds our request one for a family that is not agreed, ExaBGP 4.2 falls over it."""
    for daemon, way, order in (
            (world.gobgp, "received", lambda: world.node.order("peer", "clear", "gobgp", "soft-in")),
            (world.openbgpd, "sent", lambda: world.openbgpd.bgpctl("neighbor", NODE, "refresh"))):
        before = world.node.peer(daemon.name)
        order()
        poll(f"{daemon.name}: updates {way}", lambda d=daemon, w=way, b=before: (
            world.node.peer(d.name)["messages"][w]["update"] > b["messages"][w]["update"]))
        if world.node.peer(daemon.name)["flaps"] != before["flaps"]:
            raise Failed(f"the session with {daemon.name} was reset")


CASES = (("MD5 with BIRD, FRR, GoBGP, OpenBGPD", md5),
         ("roles with BIRD and FRR", roles),
         ("asOverride, localAsn, allowOwnAs", other_numbers),
         ("path ids", path_ids),
         ("IPv4 with IPv6 next hops", next_hop6),
         ("FRR sends IPv6 next hops", frr6),
         ("route refresh with GoBGP and OpenBGPD", refreshed),
         ("a path of 1,101 AS numbers", long_path),
         ("BIRD restarts gracefully", lambda world: restart(world, world.bird)),
         ("FRR restarts gracefully", lambda world: restart(world, world.frr)),
         ("two-octet and four-octet AS numbers, ExaBGP", four_octets))


def main():
    with Lab("interop-features") as lab:
        world = World(lab)
        return Cases().story("node and daemons start", world.start, CASES, world)


if __name__ == "__main__":
    sys.exit(main())
