"""OpenBGPD: strict, small, the route server of several exchanges."""
import json
import os

from .nva import Appliance, Route


class Openbgpd(Appliance):
    kind = "OpenBGPD"

    def start(self):
        os.makedirs("/run/openbgpd", exist_ok=True)  # its processes shut themselves in there
        self.process = self.spawn("bgpd", "-d", "-f", self.configure())
        self.wait_ready(lambda: self.bgpctl("show", "summary") is not None)
        return self

    def bgpctl(self, *words):
        return self.host.run("bgpctl", "-s", self.path("bgpd.sock"), *words)

    def show(self, *words):
        return json.loads(self.bgpctl("-j", "show", *words))

    def configure(self):
        lines = [f"AS {self.asn}", f"router-id {self.address}", f'socket "{self.path("bgpd.sock")}"',
                 "fib-update no", f"holdtime {self.hold}", "connect-retry 2", f"listen on {self.address}"]
        lines += [f"listen on {self.address6}"] if self.address6 else []
        lines += [f"network {p} set {{ {self._attributes(p)} }}" for p in self.announced]
        lines += [self._neighbor(n) for n in self.neighbors]
        lines += ["allow from any", "allow to any"]
        # Where a session carries the other family it would send an address of its own choice.
        lines += [f"match to {n.address} set nexthop no-modify" for n in self.neighbors if len(self.families(n)) > 1]
        lines += [] if self.transit else ["match from any set community NO_EXPORT"]
        return self.write("bgpd.conf", "\n".join(lines) + "\n")

    def _attributes(self, prefix):
        times = self.announced[prefix]
        return f"nexthop {self.own(prefix)}" + (f" prepend-self {times}" if times else "")

    def _neighbor(self, n):
        families = "".join(f"    announce IPv{f} {'unicast' if f in self.families(n) else 'none'}\n" for f in (4, 6))
        return (f"neighbor {n.address} {{\n    remote-as {n.asn}\n    descr \"{n.name}\"\n    local-address {n.local}\n"
                f"    multihop 64\n    enforce neighbor-as no\n{'    passive' + chr(10) if n.passive else ''}{families}}}")

    def apply(self, prefix):
        if prefix in self.announced:
            # A changed network replaces the one that stands.
            self.bgpctl("network", "add", prefix, *self._attributes(prefix).split())
        else:
            self.bgpctl("network", "delete", prefix)

    def dial(self, address):
        # On its own it waits 30 seconds before it connects to a neighbour that closed on it.
        self.bgpctl("neighbor", address, "up")

    def established(self, address):
        return self.show("neighbor", address)["neighbors"][0]["state"] == "Established"

    def received(self, address):
        routes = {}
        for route in self.show("rib", "in", "neighbor", address).get("rib", []):
            path = tuple(int(asn) for asn in route["aspath"].split())
            routes[route["prefix"]] = Route(route["exit_nexthop"], path)
        return routes
