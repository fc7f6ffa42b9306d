"""What every appliance can do, whatever BGP daemon it runs.

A driver knows one daemon: how to write its configuration, ask it who is Established, list what a
neighbour sent, and change what it announces while it runs.
"""
import dataclasses
import ipaddress

from .check import Failed, expect, poll
from .proc import Process


@dataclasses.dataclass(frozen=True)
class Route:
    """A received route as the daemon shows it."""
    next_hop: str
    as_path: tuple


@dataclasses.dataclass
class Neighbor:
    name: str
    address: str
    asn: int
    passive: bool = False
    local: str = ""             # our address towards it; the appliance's own of that family if empty
    families: tuple = (4, 6)    # address families on this session
    several: bool = False       # ask for several paths of a prefix (RFC 7911)

    @property
    def version(self):
        return ipaddress.ip_address(self.address).version


@dataclasses.dataclass(frozen=True)
class Bfd:
    """BFD with every neighbour: single hop sessions are those of neighbours on the same network."""
    interval_ms: int = 300
    multiplier: int = 3
    multihop: bool = False


def version(prefix):
    return ipaddress.ip_network(prefix).version


class Appliance:
    """A BGP router in a host of its own.

    address, address6   its own addresses; also the next hops of what it announces
    announced           {prefix: how often its own AS is prepended}
    transit             pass on what was learned, as a router does; otherwise announce own routes only
    bfd                 a Bfd, or None
    words               lines in the daemon's own language, for every session
    """
    kind = "?"

    def __init__(self, lab, host, asn, address, address6="", hold=9, transit=True, bfd=None, words=()):
        self.lab, self.host, self.asn = lab, host, asn
        self.address, self.address6, self.hold, self.transit = address, address6, hold, transit
        self.bfd, self.words = bfd, words
        self.neighbors, self.announced, self.process = [], {}, None

    @property
    def name(self):
        return self.host.name

    def peer(self, name, address, asn, **options):
        neighbor = Neighbor(name, address, asn, **options)
        neighbor.local = neighbor.local or (self.address if neighbor.version == 4 else self.address6)
        self.neighbors.append(neighbor)
        return self

    def neighbor(self, address):
        return next(n for n in self.neighbors if n.address == address)

    def families(self, neighbor):
        """The address families that we speak on a session."""
        return [f for f in neighbor.families if f == 4 or self.address6]

    def path(self, name):
        return self.lab.path(self.name, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def spawn(self, *argv, label="", **options):
        return Process(self.lab, self.host, f"{self.name}{label}", *argv, **options)

    # What a driver adds: start(), apply(prefix), established(address), received(address), where it has BFD
    # bfd_up(address), and where it takes several paths paths(address, prefix): all Routes of the prefix.

    def announce(self, prefix, prepend=0):
        """Announce a prefix, or announce it differently; works before and after start()."""
        self.announced[prefix] = prepend
        if self.process:
            self.apply(prefix)

    def withdraw(self, prefix):
        del self.announced[prefix]
        if self.process:
            self.apply(prefix)

    def stop(self):
        """An orderly end: the neighbours are told."""
        self.process.stop()
        self.process = None

    def kill(self):
        self.process.kill()
        self.process = None

    def dial(self, address):
        """Connect to a neighbour now; most daemons do it soon by themselves."""

    def own(self, prefix):
        """The next hop of what we announce."""
        return self.address if version(prefix) == 4 else self.address6

    # What tests ask.

    def wait_established(self, *addresses, seconds=15):
        for address in addresses or [n.address for n in self.neighbors]:
            poll(f"{self.kind} {self.name} Established with {address}",
                 lambda address=address: self.established(address), seconds)

    def expect_received(self, address, wanted, seconds=10):
        """Exactly these routes from that neighbour: {prefix: Route}."""
        return expect(f"{self.kind} {self.name}: routes from {address}", wanted,
                      lambda: self.received(address), seconds)

    def wait_ready(self, question, seconds=10):
        """The daemon answers its own control tool."""
        try:
            poll(f"{self.kind} {self.name} answers", question, seconds)
        except Failed as failure:
            raise Failed(f"{failure}\n{self.process.tail()}") from None
