"""FRR: zebra for the kernel's routes, bgpd and where it is wanted bfdd, without its service and beside any other FRR."""
import contextlib
import json
import os
import shutil

from .net import LabError, run
from .nva import Appliance, Route, version

LIBRARY = "/usr/lib/frr"


class Frr(Appliance):
    kind = "FRR"

    def __init__(self, *args, kernel=False, **options):
        super().__init__(*args, **options)
        self.kernel, self.zebra, self.bfdd = kernel, None, None

    def start(self):
        # vtysh reads what it needs from here only, so that /etc/frr and its rights do not matter.
        self.write("vtysh.conf", "no service integrated-vtysh-config\n")
        configuration = self.configure()
        # FRR drops to its own user, who must be able to make sockets here.
        shutil.chown(self.path(""), "frr", "frr")
        common = ["--vty_socket", self.path(""), "-z", self.path("zserv.api"), "-P", "0"]
        # Of an earlier life, killed: the others would not find zebra and try again many seconds later.
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.path("zserv.api"))
        self.zebra = self.spawn(f"{LIBRARY}/zebra", *common, "-i", self.path("zebra.pid"),
                                "-f", self.write("zebra.conf", "log stdout\n"), label=".zebra")
        self.wait_ready(lambda: os.path.exists(self.path("zserv.api")))
        if self.bfd:
            self.bfdd = self.spawn(f"{LIBRARY}/bfdd", *common, "-i", self.path("bfdd.pid"), "--bfdctl", self.path("bfdd.sock"),
                                   "-f", self.write("bfdd.conf", "log stdout\n"), label=".bfdd")
        self.process = self.spawn(f"{LIBRARY}/bgpd", *common, "-i", self.path("bgpd.pid"), "-f", configuration,
                                  *([] if self.kernel else ["--no_kernel"]))
        self.wait_ready(lambda: self.show("show bgp summary json") is not None)
        return self

    def vtysh(self, *commands):
        """Commands of one vtysh call."""
        arguments = [word for command in commands for word in ("-c", command)]
        return run("vtysh", "--vty_socket", self.path(""), "--config_dir", self.path(""), *arguments)

    def show(self, command):
        return json.loads(self.vtysh(command))

    def configure(self):
        lines = ["log stdout", *self._route_maps(), f"router bgp {self.asn}", f" bgp router-id {self.address}",
                 " no bgp ebgp-requires-policy", " no bgp network import-check", " no bgp default ipv4-unicast"]
        lines += [f" {words}" for words in self.words if "{}" not in words]
        for n in self.neighbors:
            lines += [f" neighbor {n.address} {word}" for word in (
                f"remote-as {n.asn}", *self._hops(), f"update-source {n.local}",
                f"timers {self.hold // 3} {self.hold}", "timers connect 2", "advertisement-interval 0",
                *(["passive"] if n.passive else []))]
            lines += [" " + words.format(n.address) for words in self.words if "{}" in words]
        for family in (4, 6):
            lines.append(f" address-family ipv{family} unicast")
            lines += [f"  {self._network(p)}" for p in self.announced if version(p) == family]
            for n in self.neighbors:
                if family in self.families(n):
                    lines += [f"  neighbor {n.address} activate", f"  neighbor {n.address} soft-reconfiguration inbound"]
                    if not self.transit:
                        lines.append(f"  neighbor {n.address} filter-list own out")
                    if n.version != family:
                        lines.append(f"  neighbor {n.address} route-map own-next-hop out")
            lines.append(" exit-address-family")
        return self.write("bgpd.conf", "\n".join(lines) + "\n")

    def _hops(self):
        if not self.bfd:
            return ("ebgp-multihop",)
        bfd = f"bfd {self.bfd.multiplier} {self.bfd.interval_ms} {self.bfd.interval_ms}"
        return ("ebgp-multihop", bfd) if self.bfd.multihop else (bfd,)

    def bfd_peers(self):
        return {peer["peer"]: peer for peer in self.show("show bfd peers json")}

    def bfd_up(self, address):
        return self.bfd_peers()[address]["status"] == "up"

    def _network(self, prefix):
        times = self.announced[prefix]
        return f"network {prefix}" + (f" route-map prepend-{times}" if times else "")

    def _route_maps(self):
        """They come before what uses them: FRR looks again at a map that came late after five seconds."""
        for times in range(1, 5):
            yield f"route-map prepend-{times} permit 10\n set as-path prepend {' '.join([str(self.asn)] * times)}\nexit"
        # IPv6 routes over an IPv4 session (and the reverse): the appliance's own address, not a mapped one.
        yield f"bgp as-path access-list own permit ^$\nbgp as-path access-list own permit ^{self.asn}(_{self.asn})*$"
        yield f"route-map own-next-hop permit 10\n set ipv6 next-hop global {self.address6}\nexit" if self.address6 else ""

    def apply(self, prefix):
        family = f"address-family ipv{version(prefix)} unicast"
        change = self._network(prefix) if prefix in self.announced else f"no network {prefix}"
        answer = self.vtysh("configure terminal", f"router bgp {self.asn}", family, change)
        if "%" in answer:
            raise LabError(f"{self.name}: {answer.strip()}")

    def stop(self):
        # bgpd ends without a NOTIFICATION, which its neighbours take for a graceful restart (RFC 4724).
        self.vtysh("configure terminal", f"router bgp {self.asn}", *(f"neighbor {n.address} shutdown" for n in self.neighbors))
        super().stop()
        for process in self._others():
            process.stop()

    def kill(self):
        super().kill()
        for process in self._others():
            process.kill()

    def _others(self):
        return [process for process in (self.bfdd, self.zebra) if process]

    def established(self, address):
        return self.show(f"show bgp neighbors {address} json")[address]["bgpState"] == "Established"

    def paths(self, address, prefix):
        """It offers to take several paths without being asked to."""
        return sorted(self.path_ids(address, prefix), key=repr)

    def path_ids(self, address, prefix):
        """{Route: path id}"""
        table = self.show(f"show bgp ipv{version(prefix)} unicast {prefix} json")
        return {Route(p["nexthops"][0]["ip"], tuple(int(asn) for asn in p["aspath"]["string"].split())): p.get("addpathRxId")
                for p in table.get("paths", []) if p["peer"]["peerId"] == address}

    def received(self, address):
        routes = {}
        for family in self.families(self.neighbor(address)):
            table = self.show(f"show bgp ipv{family} unicast neighbors {address} received-routes json")
            for prefix, route in table.get("receivedRoutes", {}).items():
                hop = route.get("nextHopGlobal") or route.get("nextHop")
                routes[prefix] = Route(hop, tuple(int(asn) for asn in route["path"].split()))
        return routes
