"""BIRD 2: the usual software router of firewalls and Internet exchanges."""
import re

from .net import LabError
from .nva import Appliance, Route, version


def protocol(neighbor):
    """BIRD's names are words, and none of its own."""
    return "to_" + neighbor.name.replace("-", "_")


class Bird(Appliance):
    kind = "BIRD"

    def __init__(self, *args, kernel=False, password="", ttl_security=False, returns=False, **options):
        super().__init__(*args, **options)
        self.returns, self.has_run = returns, False  # started again it says that it has restarted, and forwards still
        self.password = password  # RFC 2385
        self.ttl_security = ttl_security  # RFC 5082: neighbours are on-link
        self.kernel = kernel  # BGP routes go to the host's kernel, all equal ones of a prefix
        self.communities = {}  # {prefix: ["65515:100", …]} of what is announced

    def start(self):
        # BIRD is without kernel routes of its own making after a crash: it adopts what it finds.
        self.process = self.spawn("bird", "-f", "-c", self.configure(), "-s", self.path("bird.ctl"),
                                  *(["-R"] if self.returns and self.has_run else []))
        self.has_run = True
        self.wait_ready(lambda: "Daemon is up" in self.birdc("show status"))
        return self

    def birdc(self, command):
        return self.host.run("birdc", "-s", self.path("bird.ctl"), command)

    def apply(self, _prefix):
        self.configure()
        if "Reconfigur" not in self.birdc("configure"):
            raise LabError(f"{self.name}: BIRD refused its configuration")

    def configure(self):
        lines = [f"log stderr all;\nrouter id {self.address};", "protocol device { scan time 5; }"]
        if self.kernel:
            # Multihop neighbours: their next hops resolve through the connected networks.
            lines.append("protocol direct { ipv4; ipv6; }")
        if self.bfd:
            times = (f"min rx interval {self.bfd.interval_ms} ms; min tx interval {self.bfd.interval_ms} ms; "
                     f"multiplier {self.bfd.multiplier};")
            lines.append(f'protocol bfd {{ interface "*" {{ {times} }}; multihop {{ {times} }}; }}')
        for family in (4, 6):
            if self.kernel:
                lines.append(f"protocol kernel kernel{family} {{ merge paths yes; ipv{family} {{ export where source = RTS_BGP; }}; }}")
            routes = "".join(f"    route {p} unreachable;\n" for p in self.announced if version(p) == family)
            lines.append(f"protocol static static{family} {{\n    ipv{family};\n{routes}}}")
        lines.append(self._export_filter())
        lines += [self._neighbor(n) for n in self.neighbors]
        return self.write("bird.conf", "\n".join(lines) + "\n")

    def _export_filter(self):
        """What we announce gets its prepends; what we learned passes on in transit."""
        sources = "source = RTS_STATIC" + (" || source = RTS_BGP" if self.transit else "")
        tests = "".join(f"    if net = {p} then {{ {f'bgp_path.prepend({self.asn}); ' * times}}}\n"
                        for p, times in self.announced.items() if times)
        tests += "".join(f"    if net = {p} then bgp_community.add(({community.replace(':', ', ')}));\n"
                         for p, values in self.communities.items() for community in values)
        return f"filter announce {{\n    if !({sources}) then reject;\n{tests}    accept;\n}}"

    def _neighbor(self, n):
        several = "add paths rx; " if n.several else ""
        channels = "".join(f"    ipv{f} {{ {several}import table; import all; export filter announce; "
                           f"next hop address {self.address if f == 4 else self.address6}; }};\n"
                           for f in self.families(n))
        return (f"protocol bgp {protocol(n)} {{\n    local {n.local} as {self.asn};\n"
                f"    neighbor {n.address} as {n.asn};\n    {self._hops()}\n    hold time {self.hold};\n"
                f"    connect delay time 1;\n    connect retry time 2;\n    error wait time 1,3;\n"
                f"    {'passive yes;' if n.passive else ''} {' '.join(self.words)}\n{self._guard()}{channels}}}")

    def _guard(self):
        password = f'    password "{self.password}";\n' if self.password else ""
        return password + ("    ttl security on;\n" if self.ttl_security else "")

    def _hops(self):
        if self.ttl_security:
            return "direct;"
        if not self.bfd:
            return "multihop;"
        return "multihop; bfd on;" if self.bfd.multihop else "direct; bfd on;"

    def bfd_up(self, address):
        return any(line.split()[0] == address and line.split()[2] == "Up"
                   for line in self.birdc("show bfd sessions").splitlines() if line.startswith(address))

    def established(self, address):
        return "Established" in self.birdc(f"show protocols {protocol(self.neighbor(address))}")

    def received(self, address):
        n, routes = self.neighbor(address), {}
        for family in self.families(n):
            routes |= self._routes(f"import table {protocol(n)}.ipv{family}")
        return routes

    def paths(self, address, prefix):
        found, path = [], ()
        for line in self.birdc(f"show route import table {protocol(self.neighbor(address))}.ipv{version(prefix)} all").splitlines():
            if re.match(r"\S+/\d+\s", line):
                current = line.split()[0]
            elif "BGP.as_path:" in line:
                path = tuple(int(asn) for asn in line.split(":", 1)[1].split())
            elif "BGP.next_hop:" in line and current == prefix:
                found.append(Route(line.split(":", 1)[1].split()[0], path))
        return sorted(found, key=repr)

    def _routes(self, where):
        routes, prefix = {}, None
        for line in self.birdc(f"show route {where} all").splitlines():
            head = re.match(r"(\S+/\d+)\s", line)
            if head:
                prefix, path = head.group(1), ()
            elif "BGP.as_path:" in line:
                path = tuple(int(asn) for asn in line.split(":", 1)[1].split())
            elif "BGP.next_hop:" in line and prefix:
                # For IPv6 a link-local address may stand beside the global one.
                routes[prefix] = Route(line.split(":", 1)[1].split()[0], path)
        return routes
