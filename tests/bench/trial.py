"""One trial: a daemon in one host, the load in another, a cable between them."""
import dataclasses
import json
import mmap
import os
import signal

from lab.proc import Process
from lab.tandem import PROGRAMS

import daemons

PEERS = {"f": "10.7.1.", "r": "10.7.2."}  # feeders and receivers
MOST = 120


class Wrong(Exception):
    """What arrived is not what should have, or the daemon did not hold out."""


@dataclasses.dataclass
class Peer:
    name: str
    address: str
    asn: int
    judged: bool
    prepend: int = 0
    node: str = daemons.ADDRESS  # whom it peers with


def wire(lab):
    """Two hosts and a cable of Ethernet's size, so that every daemon meets the segments of a real wire: on
    loopback (64 KB) one that writes message by message would wait for its own last segment."""
    daemon, load = lab.host("daemon"), lab.host("load")
    lab.wire(daemon, "eth0", load, "eth0")
    daemon.address("eth0", f"{daemons.ADDRESS}/16", f"{daemons.OTHER}/16")
    lines = [f"address add {net}{n}/16 dev eth0\n" for net in PEERS.values() for n in range(1, MOST + 1)]
    with open(lab.path("addresses"), "w", encoding="ascii") as file:
        file.writelines(lines)
    load.run("ip", "-batch", lab.path("addresses"))
    return daemon, load


def have_memory_at_hand(octets):
    """A virtual machine gives memory that is not used back to its host, and the first touch after that may cost forty times
    as much as another: 4 ms for 2 MB. What a daemon takes in the next seconds was touched a moment ago: so many octets, or
    half of what there is."""
    with open("/proc/meminfo", encoding="ascii") as lines:
        available = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
    pages = min(octets, available // 2) // mmap.PAGESIZE
    if pages:
        with mmap.mmap(-1, pages * mmap.PAGESIZE) as memory:
            memory[::mmap.PAGESIZE] = bytes(pages)


class Trial:
    def __init__(self, lab, hosts, kind, kernel=False, patience=300, at_hand=0):
        self.lab, self.hosts, self.kind, self.kernel, self.patience, self.at_hand = lab, hosts, kind, kernel, patience, at_hand
        self.peers, self.daemon, self.load = [], None, None

    def add(self, letter, count, judged=False, **options):
        """Feeders or receivers; the new ones."""
        begin = 1 + sum(p.name[0] == letter for p in self.peers)
        asn = daemons.ASN + 1 + len(self.peers)
        new = [Peer(f"{letter}{begin + n}", f"{PEERS[letter]}{begin + n}", asn + n, judged, **options)
               for n in range(count)]
        self.peers += new
        return new

    def start(self, table):
        """table: a number of prefixes, or an MRT file's name."""
        self.daemon = self.kind(self.lab, self.hosts[0], self.peers, self.kernel)
        self.daemon.start()
        self.load = daemons.prefer(Process(self.lab, self.hosts[1], "load", os.path.join(PROGRAMS, "bench-load"),
                                           daemons.ADDRESS, "179", str(daemons.ASN), pipes=True))
        prefixes = self.tell("mrt" if isinstance(table, str) else "table", table)["prefixes"]
        for p in self.peers:
            self.tell("peer", p.name, p.address, p.asn, p.prepend, "judged" if p.judged else "unjudged", p.node)
        if self.kernel:
            self.tell("kernel", f"/run/netns/{self.hosts[0].namespace}")
        return prefixes

    def tell(self, *words):
        """One command to the load; its answer."""
        self.say(*words)
        return self.answer()

    def say(self, *words):
        try:
            self.load.popen.stdin.write(" ".join(map(str, words)) + "\n")
            self.load.popen.stdin.flush()
        except BrokenPipeError:
            pass

    def answer(self):
        line = self.load.popen.stdout.readline()
        answer = json.loads(line) if line else {"error": self.load.tail(3).strip() or "the load ended"}
        if "error" in answer:
            raise Wrong(answer["error"] + "\n" + self.daemon.tail())
        return answer

    def up(self, *peers):
        self.tell("up", *(p.name for p in peers))
        self.tell("rest", 200)  # the daemon's own first words are over

    def announce(self, peer, first, count, med=0):
        self.tell("announce", peer.name, first, count, med)

    def go(self, **clocks):
        """Measure one thing; it is wrong when it is not there after `patience` seconds. clocks: CPU seconds by name, all that
        the daemon takes if none is named."""
        clocks = clocks or {"cpu": self.daemon.cpu}
        have_memory_at_hand(self.at_hand)
        before = {name: clock() for name, clock in clocks.items()}
        result = self.tell("go", self.patience)
        result |= {name: clock() - before[name] for name, clock in clocks.items()}
        result["mb"] = self.daemon.memory("VmHWM")
        if result["seconds"] < 0:
            raise Wrong(f"{result['missing']} of {result['expected']} routes are not as they should be, "
                        f"{result['wrong']} were wrong\n{self.load.tail(3)}{self.daemon.tail()}")
        return result

    def unread(self):
        """Bytes of all connections that the daemon has not read."""
        total = 0
        for pid in (self.daemon.processes[-1].pid, self.load.pid):
            with open(f"/proc/{pid}/net/tcp", encoding="ascii") as sockets:
                for line in list(sockets)[1:]:
                    sending, receiving = line.split()[4].split(":")
                    total += int(receiving if pid != self.load.pid else sending, 16)
        return total

    def end(self):
        if self.load:
            self.load.signal(signal.SIGKILL)
            self.load.kill()
            self.lab.processes.remove(self.load)
        if self.daemon:
            self.daemon.stop()
