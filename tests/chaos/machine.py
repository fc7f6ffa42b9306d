#!/usr/bin/python3
"""The machine's own faults: a clock that is set, a disk that is full, an NVA that would fill the memory.

    tests/chaos/machine.py [words of a case's name]

Two nodes, whose wall clock comes through a shim that this script compiles, and whose run directory and MRT files
are on a small filesystem; an NVA, another one that announces without end, a VM host with its agent. Scenarios 8b,
9 and 11 of the replication design, and the limit of memory for one NVA.
"""
import contextlib
import ipaddress
import os
import struct
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab.check import hold, poll  # noqa: E402
from lab.net import Lab, run  # noqa: E402
from lab.proc import Process  # noqa: E402
from lab.tandem import Cluster, Node  # noqa: E402
from lab.watch import RouteWatch, kernel_routes  # noqa: E402
from speaker import Session, nlri  # noqa: E402

NVA, FLOOD = "10.1.2.4", "10.1.2.5"
TABLE = [f"10.250.{i}.0/24" for i in range(20)]
LIMIT, FLOODED, ATTRIBUTE = 1 << 20, 6000, 1000
HARM = {"peer_down", "peer_state", "digest_differs", "pause_detected", "cluster_link_failed"}

SHIM = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long shift(void)
{
    char text[32] = "";
    int fd = (int)syscall(SYS_openat, AT_FDCWD, getenv("CLOCK_SHIFT"), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    long n = syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    return n > 0 ? atol(text) : 0;
}
int clock_gettime(clockid_t id, struct timespec *t)
{
    int status = (int)syscall(SYS_clock_gettime, id, t);
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
        t->tv_sec += shift();
    return status;
}
int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *t = (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
    return 0;
}
time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
"""


class Shifted(Node):
    """A node whose wall clock is that of a file more or less."""

    def start(self):
        environment = {"LD_PRELOAD": self.cluster.shim, "CLOCK_SHIFT": self.path("clock"),
                       "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        self.set_clock(0)
        self.process = Process(self.cluster.lab, self.host, self.name, self.program, "--config",
                               self.path("tandem.yaml"), "--node", self.name, environment=environment)
        return self

    def set_clock(self, seconds):
        with open(self.path("clock.new"), "w", encoding="utf-8") as file:
            file.write(str(seconds))
        os.replace(self.path("clock.new"), self.path("clock"))


class World:
    def __init__(self, lab):
        self.lab = lab
        fabric = lab.subnet("fabric", "10.1.0.1/16")
        self.cluster = Cluster(lab)
        hosts = {name: lab.host(name) for name in ("rs-a", "rs-b", "nva", "flood", "vm")}
        for host, address in zip(hosts.values(), ("10.1.1.4", "10.1.1.5", NVA, FLOOD, "10.1.10.4")):
            lab.attach(fabric, host, f"{address}/16")
        self.hosts = hosts
        for name, address in (("rs-a", "10.1.1.4"), ("rs-b", "10.1.1.5")):
            self.cluster.nodes[name] = Shifted(self.cluster, hosts[name], address)
        self.a, self.b = self.nodes = list(self.cluster.nodes.values())
        self.vm, self.agent = hosts["vm"], self.cluster.agent(hosts["vm"])
        self.cluster.network("hub", "10.1.0.0/16")
        self.cluster.peer("nva", NVA, 65001, passive=True)
        self.cluster.peer("flood", FLOOD, 65002, passive=True, maxMemory="1MiB")
        self.disk = os.path.join(lab.directory, "run")
        self.cluster.export = {"mrt": {"directory": os.path.join(self.disk, "mrt"), "every": "1s", "updates": "1s"}}
        self.cluster.shim = lab.path("shim", "shim.so")
        run("cc", "-shared", "-fPIC", "-O1", "-o", self.cluster.shim, "-x", "c", "-", text=SHIM)
        self.cluster.configure()

    def start(self):
        os.makedirs(os.path.join(self.disk, "mrt"), exist_ok=True)
        self.cluster.start()
        self.agent.start()
        self.sessions = self.meet("nva", NVA, 65001, TABLE)
        poll("the VM has all", self.is_whole)
        self.watch = RouteWatch(self.lab, self.vm)

    def meet(self, name, address, asn, prefixes=()):
        return [Session(self.hosts[name], address, asn, node.address, prefixes) for node in self.nodes]

    def is_whole(self):
        return set(TABLE) <= set(kernel_routes(self.vm, protocol=201))

    def calm(self):
        if not self.is_whole() or any(route.split("/")[0] in {p.split("/")[0] for p in TABLE}
                                      for _, route in self.watch.removals()):
            raise Failed("the VM lost routes")
        if any(session.ends for session in self.sessions):
            raise Failed("the NVA lost a session")

    def last(self, node):
        return max((event["sequence"] for event in node.items("events")), default=0)


def clock(world):
    """Scenario 9: an hour forth, two back, on one node; nothing happens, and the log has the new time."""
    since = {node.name: world.last(node) for node in world.nodes}
    for step in (3600, -3600, 0):
        world.a.set_clock(step)
        hold(f"the VM's table, a clock at {step} s", world.is_whole, 1)
        world.sessions[0].announce("10.249.0.0/24")
        poll("changes arrive", lambda: "10.249.0.0/24" in kernel_routes(world.vm, protocol=201))
        for session in world.sessions:
            session.withdraw("10.249.0.0/24")
        poll("and leave", lambda: "10.249.0.0/24" not in kernel_routes(world.vm, protocol=201))
    for node in world.nodes:
        harm = [e for e in node.items("events") if e["sequence"] > since[node.name] and e["event"] in HARM]
        if harm:
            raise Failed(f"{node.name}: {harm}")
        if any(n["health"] != "ok" for n in node.items("node", "list")):
            raise Failed(f"{node.name}: {node.items('node', 'list')}")
    world.cluster.expect_equal()
    world.calm()


@contextlib.contextmanager
def full(directory):
    """The same files on a filesystem that has no room for another byte."""
    filler = os.path.join(directory, "filler")
    try:
        with open(filler, "wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(4096))
        yield
    finally:
        os.unlink(filler)


def disk(world):
    """Scenario 11: sessions, replication and programming go on; a node that dies starts again without a byte."""
    with full(world.disk):
        world.sessions[1].announce("10.248.0.0/24")
        poll("changes arrive", lambda: "10.248.0.0/24" in kernel_routes(world.vm, protocol=201))
        world.sessions[1].withdraw("10.248.0.0/24")
        poll("and leave", lambda: "10.248.0.0/24" not in kernel_routes(world.vm, protocol=201))
        world.a.kill()
        hold("the VM's table while a node is away", world.is_whole, 0.5)
        world.a.start()
        world.a.wait_linked()
        world.sessions[0] = Session(world.hosts["nva"], NVA, 65001, world.a.address, TABLE)
        poll("both have the same incarnations", lambda: len({tuple(n["incarnation"] for n in node.items("node", "list"))
                                                            for node in world.nodes}) == 1)
        world.cluster.expect_equal()
        with open(world.a.process.log, encoding="utf-8", errors="replace") as file:
            if "the other nodes will remember instead" not in file.read():
                raise Failed("nothing says that the incarnation could not be written")
    world.calm()


def flood(world):
    """Attributes without end: what does not fit is not taken, the session stays, others are not touched."""
    before = [memory(node) for node in world.nodes]
    sessions = world.meet("flood", FLOOD, 65002)
    hop = ipaddress.ip_address(FLOOD).packed
    for number in range(FLOODED):
        value = struct.pack("!II", 65002, number) * (ATTRIBUTE // 8)
        attributes = (b"\x40\x01\x01\x00" + b"\x40\x02\x06\x02\x01" + struct.pack("!I", 65002) + b"\x40\x03\x04" + hop
                      + b"\xd0\xfe" + struct.pack("!H", len(value)) + value)
        for session in sessions:
            session.update(b"", attributes, nlri(f"10.{100 + number // 256 % 100}.{number % 256}.0/24"))
    for node in world.nodes:
        poll(f"{node.name}: what does not fit is refused", lambda node=node: node.peer("flood")["routes"]["refused"]
             >= FLOODED - LIMIT // ATTRIBUTE - 1, 30)
        flooder = node.peer("flood")
        if flooder["state"] != "Established" or flooder["routes"]["memoryBytes"] > LIMIT or not flooder["routes"]["received"]:
            raise Failed(f"{node.name}: {flooder['state']} {flooder['routes']}")
        if not any(event["event"] == "peer_memory_over_limit" for event in node.items("events")):
            raise Failed(f"{node.name}: no event says so")
        if not any(line.startswith("tandem_bgp_peer_routes_refused_total") and 'name="flood"' in line
                   and float(line.split()[-1]) > 0 for line in node.metrics()):
            raise Failed(f"{node.name}: no metric says so")
        if not any("maxMemory" in warning for warning in node.ctl("status")["warnings"]):
            raise Failed(f"{node.name}: no warning says so")
    if any(session.ends for session in sessions):
        raise Failed("the flooding NVA lost its session")
    world.cluster.expect_equal()
    grown = [(after - b) >> 10 for b, after in zip(before, map(memory, world.nodes))]
    print(f"       {FLOODED * ATTRIBUTE >> 10} KiB announced, memory grew by {max(grown)} KiB", flush=True)
    for session in sessions:
        session.close()
    world.calm()


def deserted(world):
    """Scenario 8b: all NVAs fall silent, and hold times run out one after the other; then no node has a session. All is
    held; when one is back, what nobody announces any more is held by the brake for a while, and shown so."""
    gone = "10.247.0.0/24"
    others = world.meet("flood", FLOOD, 65002, [gone])
    poll("the VM has one more", lambda: gone in kernel_routes(world.vm, protocol=201))
    for session in others:
        session.fall_silent()
    time.sleep(1)
    for session in world.sessions:
        session.fall_silent()
    poll("the first NVA is missed", lambda: all(node.peer("flood")["state"] != "Established" for node in world.nodes), 20)
    poll("no node has a session", lambda: not any("Established" in node.peers().values() for node in world.nodes), 20)
    hold("the VM's table without any NVA", lambda: world.is_whole() and gone in kernel_routes(world.vm, protocol=201), 2)
    if any(route.split("/")[0] == gone.split("/")[0] for _, route in world.watch.removals()):
        raise Failed("what the first to be missed announced was removed")
    for session in others:
        session.close()
    world.sessions = world.meet("nva", NVA, 65001, TABLE)
    poll("what it announces no more is held, and shown", lambda: all(agent["heldByBrake"] for node in world.nodes for agent in
         node.ctl("programmed", "--target", "vm-hosts")["agents"]))
    world.cluster.expect_equal()
    world.calm()


def memory(node):
    """Resident memory of its process."""
    with open(f"/proc/{node.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def main():
    cases = Cases()
    with Lab("machine") as lab:
        world = World(lab)
        os.makedirs(world.disk, exist_ok=True)
        run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", world.disk)
        try:
            return cases.story("a pair works on a small disk", world.start,
                               (("a clock that is set changes nothing", clock),
                                ("an NVA that announces without end has its share of memory", flood),
                                ("no node has a session with any NVA: all is held", deserted),
                                ("a full disk changes nothing", disk)), world)
        finally:
            run("umount", "-l", world.disk, check=False)


if __name__ == "__main__":
    sys.exit(main())
