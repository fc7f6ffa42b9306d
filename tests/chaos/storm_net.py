"""The network of a storm, and what has to be there when nothing is wrong.

That of deploy/demo, a controller that speaks GoBGP, and some of MORE.
"""
import re
import time
from functools import partial

from lab import vnet
from lab.check import Failed, Stopwatch, expect, poll
from lab.etcd import Store, Watch
from lab.gobgp import Gobgp
from lab.nva import Bfd, version
from lab.openbgpd import Openbgpd
from lab.watch import kernel_routes

MORE = {
    "three": "a third node",
    "etcd": "a shared table, and a VM host that reads it",
    "kernels": "the nodes' own kernels are targets, too",
    "edge": "an appliance that speaks OpenBGPD",
    "graceful": "the firewalls restart gracefully (RFC 4724)",
    "bfd": "BFD with one of the firewalls",
}
THIRD = {"rs-c": ("10.1.1.6", "fd00:10:1::1:6")}
CONTROLLER, CONTROLLER_ASN = "10.1.2.6", 65003
EDGE, EDGE_ASN = "10.1.2.7", 65007
READER = ("10.1.10.5", "fd00:10:1::10:5")
STORE, STORE_PREFIX, KERNEL_TABLE = "10.1.3.4", "/tandem/hub-rs/shared", 100
SHARED = [f"10.60.{number}.0/24" for number in range(10)]  # whoever is in the mood may announce any of them
# GoBGP 3 sends no withdrawal when a route of its own goes and one that it learned of the same peers takes its place;
# OpenBGPD takes its own back while it learns a shorter one: they have prefixes of their own.
OWN = [f"10.61.{number}.0/24" for number in range(5)]
EDGES = [f"10.62.{number}.0/24" for number in range(5)]
SIX = [f"fd00:10:60:{number}::/64" for number in range(1, 6)]  # the SD-WAN's
BFD_MS = 2000  # three of them are more than the machine's other work, or a pause of all nodes, keeps a daemon waiting
SETTLE_S = 30  # L3: from healing until everything is as it should be
MAP = [{"name": "backup", "rules": [{"name": "all", "match": {"routePrefix": {"contains": ["0.0.0.0/0"]}},
                                     "action": {"setLocalPreference": 50, "addCommunity": ["65515:60"]}}]}]


class Controller(Gobgp):
    """Its routes are as good as those of the others, whose ORIGIN is IGP."""

    def gobgp(self, *words, as_json=False):
        return super().gobgp(*words, *(("origin", "igp") if words[:3] == ("global", "rib", "add") else ()), as_json=as_json)


class StoreWatch(Watch):
    """What RouteWatch says of a kernel, of the table in etcd."""

    def changes(self):
        ahead = time.time() - time.monotonic()
        with self.changed:
            return [(at + ahead, kind == "DELETE", key.split("/", 1)[1]) for at, kind, key, _, _ in self.events
                    if key.startswith("routes/")]


class World(vnet.Vnet):
    def __init__(self, lab, more):
        self.more, self.store = more, None
        super().__init__(lab, {**vnet.NODES, **(THIRD if "three" in more else {})})

    def extend(self):
        self.controller = self._speaker(Controller, "controller", CONTROLLER, CONTROLLER_ASN)
        self.edge = self._speaker(Openbgpd, "edge", EDGE, EDGE_ASN) if "edge" in self.more else None
        self.cluster.maps, self.cluster.server = MAP, {"gracefulShutdown": "2s"}
        if "kernels" in self.more:
            self.cluster.targets.append({"name": "kernel", "type": "netlink", "table": KERNEL_TABLE})
        if "etcd" in self.more:
            self._share()
        for wall in (self.fw1, self.fw2) if "graceful" in self.more else ():
            wall.words, wall.returns = ("graceful restart on;",), True
        if "bfd" in self.more:
            self.fw2.bfd = Bfd(BFD_MS, 3, True)
            self.listed("fw2")["bfd"] = {"interval": f"{BFD_MS}ms"}

    def _speaker(self, driver, name, address, asn):
        speaker = driver(self.lab, self._member(name, address), asn, address)
        for node, (to, _) in self.places.items():
            speaker.peer(node, to, vnet.ASN, families=(4,))
        self.cluster.peer(name, address, asn, holdTime="9s")
        return speaker

    def _share(self):
        self.store = Store(self.lab, (self._member("etcd", STORE), STORE))
        self.cluster.targets.append({"name": "shared", "type": "etcd", "endpoints": self.store.urls})
        self.cluster.agent(self._member("reader", *READER), source="etcd",
                           etcd={"endpoints": self.store.urls, "prefix": STORE_PREFIX})

    def listed(self, name):
        """A peer as it stands in the configuration."""
        return next(peer for peer in self.cluster.peers if peer["name"] == name)

    @property
    def appliances(self):
        return [*super().appliances, self.controller, *([self.edge] if self.edge else [])]

    @property
    def peers(self):
        return [peer["name"] for peer in self.cluster.peers]

    def start(self):
        if self.store:
            self.store.start()
        self.cluster.start()
        self.start_appliances()
        for agent in self.cluster.agents.values():
            agent.start()

    # What has to be there.

    def prefixes(self, appliance):
        """What it may announce."""
        return {self.controller: OWN, self.edge: EDGES, self.sdwan: SHARED + SIX}.get(appliance, SHARED)

    def wanted(self):
        """The shortest AS path wins, equal ones share."""
        table = {vnet.BRANCH: [vnet.SDWAN], vnet.BRANCH6: [vnet.SDWAN6], vnet.DEFAULT: sorted([vnet.FW1, vnet.FW2])}
        for prefix in SHARED + OWN + EDGES + SIX:
            offers = {a.own(prefix): a.announced[prefix] for a in self.appliances if prefix in a.announced}
            if offers:
                table[prefix] = sorted(hop for hop, prepends in offers.items() if prepends == min(offers.values()))
        return table

    def tables(self):
        """{name: how to look at it}"""
        def kernel(host, table="main"):
            return lambda: {**kernel_routes(host, 4, table, vnet.PROTOCOL), **kernel_routes(host, 6, table, vnet.PROTOCOL)}

        found = {name: kernel(agent.host) for name, agent in self.cluster.agents.items()}
        if self.store:
            found["etcd"] = lambda: {prefix: sorted(hops) for prefix, hops in self.store.routes(STORE_PREFIX).items()}
        if "kernels" in self.more:
            found |= {name: kernel(node.host, KERNEL_TABLE) for name, node in self.nodes.items()}
        return found

    def watches(self):
        """Observers of the tables, and of the branch."""
        seen = super().watches()
        found = {name: seen[name] for name in (*self.tables(), "onprem") if name in seen}
        return found | ({"etcd": StoreWatch(self.store, STORE_PREFIX)} if self.store else {})

    def settle(self):
        """Everything becomes as it should be, within SETTLE_S; says after how many milliseconds the last of it was. What is
        right when it is first looked at was not waited for: looking takes its time, too, on a machine that does other work."""
        watch, waited = Stopwatch(), 0
        for appliance in self.appliances:
            for neighbor in appliance.neighbors:
                if not appliance.established(neighbor.address):
                    appliance.dial(neighbor.address)
        for look in self._looks():
            try:
                look(0)
            except Failed:
                look(max(0, SETTLE_S - watch.ms / 1000))
                waited = watch.ms
        return waited

    def _looks(self):
        """What has to hold: functions of the seconds that it may take."""
        wanted = self.wanted()
        for node in self.nodes.values():
            yield node.wait_ready
            yield node.wait_linked
            yield lambda seconds, node=node: node.wait_peers(*self.peers, seconds=seconds)
        for name, look in self.tables().items():
            yield partial(expect, f"the table of {name}", wanted, look)
        yield self.cluster.expect_equal
        for node in self.nodes.values():
            yield partial(expect, f"{node.name}: the configuration of all nodes, held paths, paths to be decided",
                          ({self.cluster.generation}, 0, 0), partial(at_rest, node))
        for appliance in self.appliances:
            yield partial(self._expect_told, appliance, wanted)

    def _expect_told(self, appliance, wanted, seconds):
        """Every node tells an appliance the same: what others announce, the VNet, and nothing that nobody announces."""
        for family, own in ((4, vnet.VNET), (6, vnet.VNET6)):
            sessions = [n.address for n in appliance.neighbors if n.asn == vnet.ASN and n.families == (family,)]
            known = {prefix for prefix in wanted if version(prefix) == family}
            mine = set(appliance.announced) | ({vnet.BRANCH, vnet.BRANCH6} if appliance is self.sdwan else set())
            tables = []

            def is_right(tables=tables, sessions=sessions, own=own, known=known, mine=mine):
                """The next hop of the VNet is the node's own address."""
                tables[:] = [{p: r.as_path if p == own else r for p, r in appliance.received(address).items()}
                             for address in sessions]
                return all(t == tables[0] and {own} | known - mine <= set(t) <= {own} | known for t in tables)

            try:
                poll(f"{appliance.name} is told the same by all nodes", is_right, seconds)
            except Failed as failure:
                raise Failed(f"{failure}\n         wanted {sorted(known - mine)}, perhaps {sorted(known & mine)}\n"
                             + "\n".join(f"         {table}" for table in tables)) from None

    def complaints(self):
        """What sanitizers and assertions left in the logs of our programs."""
        logs = {process.log: process for process in self.lab.processes}
        return [f"{process.name}: {line}" for process in logs.values()
                for line in re.findall(r".*(?:runtime error|Sanitizer|Assertion).*", process.tail(100000))]


def at_rest(node):
    counts = node.ctl("status")["counts"]
    return {n["configGeneration"] for n in node.items("node", "list")}, counts["stalePaths"], counts["undecided"]
