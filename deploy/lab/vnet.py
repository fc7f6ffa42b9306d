"""The network of the demo and of the chaos tests.

                 on-premises 10.250.0.0/16                     the Internet 203.0.113.0/24
                        onprem (BIRD, AS 65020)                     inet
                           |                                     |        |
                        sdwan (FRR, AS 65010)             fw1 (BIRD)    fw2 (BIRD)
                           |  10.1.2.8            AS 65001 | 10.1.2.4     | 10.1.2.5 AS 65002
    VNet  -----+-----------+------------+------------------+--------------+---
    10.1.0.0/16|                        |                  |
    fd00:10:1::/64   rs-a 10.1.1.4    rs-b 10.1.1.5      vm 10.1.10.4 (tandem-agent)

rs-a and rs-b are the pair of route servers, AS 65515. They forward nothing: traffic goes from the VM
to the appliances by the kernel routes that the agent programs.
"""
from .bird import Bird
from .check import expect, poll
from .frr import Frr
from .stream import Stream, echo, reaches
from .tandem import Cluster
from .watch import RouteWatch, kernel_routes

VNET, VNET6 = "10.1.0.0/16", "fd00:10:1::/64"
BRANCH, BRANCH6, DEFAULT = "10.250.0.0/16", "fd00:10:250::/48", "0.0.0.0/0"
BRANCH_HOST, BRANCH_HOST6 = "10.250.0.10", "fd00:10:250::10"
INTERNET_HOSTS = [f"203.0.113.{n}" for n in range(10, 18)]
NODES = {"rs-a": ("10.1.1.4", "fd00:10:1::1:4"), "rs-b": ("10.1.1.5", "fd00:10:1::1:5")}
SDWAN, SDWAN6, FW1, FW2, VM, VM6 = ("10.1.2.8", "fd00:10:1::2:8", "10.1.2.4", "10.1.2.5", "10.1.10.4", "fd00:10:1::10:4")
ASN = 65515
PEERS = ["fw1", "fw2", "sdwan", "sdwan-v6"]
PROTOCOL = 201  # the route protocol number of what Tandem programs


class Vnet:
    """Everything but the route servers runs when start() returns; start_nodes() and start_agent() follow."""

    def __init__(self, lab, places=NODES):
        self.lab, self.places = lab, places
        self.fabric = lab.subnet("fabric", "10.1.0.1/16")
        self.cluster = Cluster(lab, asn=ASN)
        for name, (address, address6) in places.items():
            self.cluster.node(self._member(name, address, address6), address, address6)
        self.vm = self._member("vm", VM, VM6)
        self.vm.sysctl("net.ipv4.fib_multipath_hash_policy", 1)
        for scope in ("all", "eth0"):  # as ../README.md says: an appliance that has just started may send what it gets to another
            self.vm.sysctl(f"net.ipv4.conf.{scope}.accept_redirects", 0)
        self.agent = self.cluster.agent(self.vm)
        self.sdwan, self.onprem = self._branch()
        self.fw1, self.fw2, self.inet = self._firewalls()
        self.cluster.network("hub", VNET, VNET6)
        for name, address, asn in (("fw1", FW1, 65001), ("fw2", FW2, 65002), ("sdwan", SDWAN, 65010),
                                   ("sdwan-v6", SDWAN6, 65010)):
            self.cluster.peer(name, address, asn, holdTime="9s")
        self.extend()
        self.cluster.configure()

    def extend(self):
        """What a larger network has beside, before the files are written."""

    @property
    def nodes(self):
        return self.cluster.nodes

    @property
    def appliances(self):
        return [self.sdwan, self.fw1, self.fw2]

    def _member(self, name, address, *address6):
        host = self.lab.host(name)
        self.lab.attach(self.fabric, host, f"{address}/16", *(f"{a}/64" for a in address6))
        return host

    def _branch(self):
        """The SD-WAN edge and the on-premises router behind it."""
        edge, onprem = self._member("sdwan", SDWAN, SDWAN6), self.lab.host("onprem")
        self.lab.wire(edge, "wan", onprem, "wan")
        edge.address("wan", "172.16.0.1/30", "fd00:172:16::1/64")
        onprem.address("wan", "172.16.0.2/30", "fd00:172:16::2/64")
        onprem.address("lo", f"{BRANCH_HOST}/32", f"{BRANCH_HOST6}/128")
        edge.forward()
        onprem.forward()
        sdwan = Frr(self.lab, edge, 65010, SDWAN, SDWAN6, kernel=True)
        router = Bird(self.lab, onprem, 65020, "172.16.0.2", "fd00:172:16::2", kernel=True)
        for name, (address, address6) in self.places.items():
            sdwan.peer(name, address, ASN, families=(4,))
            sdwan.peer(f"{name}-v6", address6, ASN, families=(6,))
        sdwan.peer("onprem", "172.16.0.2", 65020, local="172.16.0.1", families=(4,))
        sdwan.peer("onprem-v6", "fd00:172:16::2", 65020, local="fd00:172:16::1", families=(6,))
        router.peer("sdwan", "172.16.0.1", 65010, families=(4,))
        router.peer("sdwan-v6", "fd00:172:16::1", 65010, families=(6,))
        router.announce(BRANCH)
        router.announce(BRANCH6)
        return sdwan, router

    def _firewalls(self):
        """Two firewalls without address translation; the Internet side returns over both."""
        inet = self.lab.host("inet")
        inet.forward()
        inet.sysctl("net.ipv4.conf.all.ignore_routes_with_linkdown", 1)
        inet.sysctl("net.ipv4.fib_multipath_hash_policy", 1)
        inet.address("lo", *(f"{host}/32" for host in INTERNET_HOSTS))
        walls = []
        for number, (address, asn) in enumerate(((FW1, 65001), (FW2, 65002)), 1):
            host = self._member(f"fw{number}", address)
            host.forward()
            self.lab.wire(host, "wan", inet, f"fw{number}")
            host.address("wan", f"198.51.100.{number * 4 + 1}/30")
            inet.address(f"fw{number}", f"198.51.100.{number * 4 + 2}/30")
            # The firewall's own way out is not BGP's business.
            host.ip(f"route add default via 198.51.100.{number * 4 + 2}")
            wall = Bird(self.lab, host, asn, address)
            for name, (node, _) in self.places.items():
                wall.peer(name, node, ASN, families=(4,))
            wall.announce(DEFAULT)
            walls.append(wall)
        inet.ip(f"route add {VNET} nexthop via 198.51.100.5 nexthop via 198.51.100.9")
        return walls[0], walls[1], inet

    def start_appliances(self):
        for appliance in (self.onprem, *self.appliances):
            appliance.start()
        echo(self.lab, self.onprem.host, BRANCH_HOST, BRANCH_HOST6)
        echo(self.lab, self.inet, *INTERNET_HOSTS)

    def power_off(self, wall):
        """A firewall dies: its program, and a moment later its interfaces."""
        wall.kill()
        for port in ("eth0", "wan"):
            wall.host.ip(f"link set {port} down")

    def power_on(self, wall):
        number = 1 if wall is self.fw1 else 2
        for port in ("eth0", "wan"):
            wall.host.ip(f"link set {port} up")
        wall.host.ip(f"route replace default via 198.51.100.{number * 4 + 2}")
        wall.start()

    # What a user sees.

    def vm_routes(self, family=4):
        """What the agent programmed in the VM's kernel."""
        return kernel_routes(self.vm, family, protocol=PROTOCOL)

    def expect_vm(self, seconds=10, family=4, **wanted):
        """The VM's kernel has these routes exactly: {name: hops} by the names of PREFIXES."""
        return expect("the VM's kernel routes", {PREFIXES[name]: sorted(hops) for name, hops in wanted.items()},
                      lambda: self.vm_routes(family), seconds)

    def expect_whole(self, seconds=10):
        """Branch by the SD-WAN, everything else over both firewalls, and nothing besides."""
        self.expect_vm(seconds, branch=[SDWAN], default=[FW1, FW2])
        self.expect_vm(seconds, family=6, branch6=[SDWAN6])

    def is_whole(self):
        """The same, at this moment."""
        return self.vm_routes() | self.vm_routes(6) == {BRANCH: [SDWAN], DEFAULT: [FW1, FW2], BRANCH6: [SDWAN6]}

    def is_whole_with_extra(self):
        return self.vm_routes() | self.vm_routes(6) == {BRANCH: [SDWAN], DEFAULT: [FW1, FW2], BRANCH6: [SDWAN6],
                                                        EXTRA: [SDWAN]}

    def wait_peers(self, *nodes):
        for name in nodes or self.nodes:
            self.nodes[name].wait_peers(*PEERS)

    def streams(self):
        """One stream from the VM to the branch, one to the Internet side."""
        for address in (BRANCH_HOST, BRANCH_HOST6, *INTERNET_HOSTS):
            poll(f"the VM reaches {address}", lambda address=address: reaches(self.vm, address))
        return (Stream(self.lab, self.vm, "branch", BRANCH_HOST),
                Stream(self.lab, self.vm, "internet", *INTERNET_HOSTS))

    def watches(self):
        return {name: RouteWatch(self.lab, host) for name, host in self.lab.hosts.items()}


PREFIXES = {"branch": BRANCH, "default": DEFAULT, "branch6": BRANCH6, "extra": "10.251.0.0/16"}
EXTRA = PREFIXES["extra"]
