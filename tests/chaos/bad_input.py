#!/usr/bin/python3
"""NVAs that say far too much, or hear far too little: it costs the node little, and the others do not notice.

    tests/chaos/bad_input.py [words of a case's name]

One node in a network namespace where every address of 10.33.0.0/16 is local; the NVAs are threads of this process.
In every case a well-behaved talker announces single routes meanwhile, and a watcher hears of each soon; both keep
their sessions; memory stays bounded, and the log says what is wrong once. What was measured is printed.
"""
import contextlib
import http.client
import json
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from alone import alone  # noqa: E402
from case import Cases, Failed  # noqa: E402
from speaker import Session, UPDATE, message, nlri  # noqa: E402

BIN = os.environ.get("TANDEM_BIN", os.path.join(ROOT, "build", "debug", "bin"))
NODE = "10.33.255.1"
LIMIT = 1000
SOON_S = 3.0  # under sanitizers, on a machine that does much else
PEERS = {  # name: address, further settings
    "talker": ("10.33.0.1", ""), "watcher": ("10.33.0.2", ""), "unique": ("10.33.0.11", ""),
    "collider": ("10.33.0.12", ""), "flapper": ("10.33.0.13", ""), "deaf": ("10.33.0.14", ""),
    "stuck": ("10.33.0.18", "holdTime: 3s, sendHoldTime: 5s"), "slow": ("10.33.0.19", "holdTime: 3s, sendHoldTime: 5s"),
    "leak-warn": ("10.33.0.15", f"maxRoutes: {{ limit: {LIMIT}, action: warn }}"),
    "leak-trim": ("10.33.0.16", f"maxRoutes: {{ limit: {LIMIT}, action: trim }}"),
    "leak-reset": ("10.33.0.17", f"maxRoutes: {{ limit: {LIMIT}, action: reset }}"),
}
cases = Cases()


class Here:
    """A host of the lab that is this very namespace."""

    @staticmethod
    def inside():
        return contextlib.nullcontext()


def prefixes(first_octet, count):
    return [f"{first_octet}.{n >> 8}.{n & 255}.0/24" for n in range(count)]


class Speaker(Session):
    """It knows what it is told, and how its session ended."""

    def __init__(self, name, **more):
        self.table, self.heard_at, self.ended, self.reads = set(), {}, None, True
        address = PEERS[name][0]
        super().__init__(Here, address, asn_of(name), NODE, **more)

    def _read(self):
        buffered = b""
        while not self.ends and self.reads:
            try:
                more = self.socket.recv(262144)
            except OSError:
                break
            if not more:
                break
            buffered = self._take(buffered + more)
        self.ends = self.ends or self.reads

    def _take(self, data):
        at = 0
        while len(data) - at >= 19 and len(data) - at >= (size := data[at + 16] << 8 | data[at + 17]):
            kind, body = data[at + 18], data[at + 19:at + size]
            if kind == 1:
                self._send(4)
            elif kind == 4:
                self.established.set()
            elif kind == 3:
                self.ended = f"{body[0]}/{body[1]}"
            elif kind == UPDATE:
                self._hear(body)
            at += size
        return data[at:]

    def _hear(self, body):
        withdrawn = struct.unpack_from("!H", body)[0]
        attributes = struct.unpack_from("!H", body, 2 + withdrawn)[0]
        self.table.difference_update(self._read_nlri(body[2:2 + withdrawn]))
        for prefix in self._read_nlri(body[4 + withdrawn + attributes:]):
            self.table.add(prefix)
            self.heard_at[prefix] = time.monotonic()

    @staticmethod
    def _read_nlri(data):
        at = 0
        while at < len(data):
            octets = (data[at] + 7) // 8
            yield data[at:at + 1 + octets]
            at += 1 + octets


def asn_of(name):
    return 65000 + int(PEERS[name][0].rsplit(".", 1)[1])


class Node:
    def __init__(self, directory):
        self.directory = directory
        config = os.path.join(directory, "node.yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"""
routeServer: {{ name: bad, mode: transparent, routerId: {NODE}, runDirectory: "{directory}" }}
nodes: [ {{ name: node, address: {NODE} }} ]
defaults: {{ passive: true, holdTime: 9s }}
peers:
""")
            for name, (address, more) in PEERS.items():
                file.write(f"  - {{ name: {name}, peerIp: {address}, peerAsn: {asn_of(name)}, {more} }}\n")
        self.log_path = os.path.join(directory, "log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([os.path.join(BIN, "tandemd"), "--config", config, "--node", "node"],
                                            stdout=log, stderr=log)
        self.wait("the node listens", lambda: os.path.exists(os.path.join(directory, "node.sock")))
        self.talker, self.watcher, self.probes = Speaker("talker"), Speaker("watcher"), 0

    def wait(self, what, holds, seconds=60):
        start = time.monotonic()
        while not holds():
            if self.process.poll() is not None:
                raise Failed(f"{what}: the node has ended with status {self.process.returncode}")
            if time.monotonic() - start > seconds:
                with open(self.log_path, encoding="utf-8", errors="replace") as log:
                    raise Failed(f"{what}: not within {seconds} s; the node's last words:\n" + "".join(log.readlines()[-15:]))
            time.sleep(0.05)
        return time.monotonic() - start

    def probe(self):
        """How long a route of the talker takes to the watcher."""
        self.probes += 1
        prefix = f"10.200.{self.probes >> 8}.{self.probes & 255}/32"
        start = time.monotonic()
        self.talker.announce(prefix)
        self.wait("the watcher hears of the talker's route", lambda: nlri(prefix) in self.watcher.table)
        return self.watcher.heard_at[nlri(prefix)] - start

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def lines(self, *words):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return sum(all(word in line for word in words) for line in log)

    def rss_mb(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peer(self, name):
        connection = http.client.HTTPConnection("node", timeout=20)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(20)
        connection.sock.connect(os.path.join(self.directory, "node.sock"))
        connection.request("GET", f"/v1/peers/{name}")
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def routes(self, name):
        return self.peer(name)["routes"]

    def end(self):
        self.talker.close()
        self.watcher.close()
        self.process.terminate()
        status = self.process.wait(60)
        if status != 0 or self.lines("Sanitizer"):
            raise Failed(f"the node ended with status {status}")


class Calm:
    """Who behaves does not notice what the block does; it may cost this much memory."""

    def __init__(self, node, most_mb):
        self.node, self.most_mb, self.probes, self.stop = node, most_mb, [], threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)

    def work(self):
        try:
            while not self.stop.wait(0.2):
                self.probes.append(self.node.probe())
        except Failed as error:
            self.probes.append(error)

    def __enter__(self):
        self.cpu, self.mb, self.start = self.node.cpu_s(), self.node.rss_mb(), time.monotonic()
        self.thread.start()
        return self

    def __exit__(self, kind, error, trace):
        self.stop.set()
        self.thread.join()
        if kind:
            return
        seconds, mb = time.monotonic() - self.start, self.node.rss_mb() - self.mb
        print(f"       {seconds:.1f} s, CPU {self.node.cpu_s() - self.cpu:.1f} s, {mb:+.0f} MB, the others' routes: "
              f"{len(self.probes)}, the slowest {self.slowest():.2f} s", flush=True)
        if self.node.talker.ends or self.node.watcher.ends:
            raise Failed("one that did nothing wrong has lost its session")
        if mb > self.most_mb:
            raise Failed(f"{mb:.0f} MB more")
        if self.slowest() > SOON_S:
            raise Failed(f"a route of another NVA took {self.slowest():.2f} s")

    def slowest(self):
        for probe in self.probes:
            if isinstance(probe, Failed):
                raise probe
        return max(self.probes, default=0.0)


def attributes_of(speaker, *communities):
    return (b"\x40\x01\x01\x00" + b"\x40\x02\x06\x02\x01" + struct.pack("!I", speaker.asn) + b"\x40\x03\x04"
            + socket.inet_aton(speaker.own) + b"\xc0\x08" + bytes([4 * len(communities)])
            + b"".join(struct.pack("!I", c) for c in communities))


def said_once(node, event, peer):
    count = node.lines(f" {event} ", f"peer={peer} ")
    if count != 1:
        raise Failed(f"{count} lines say {event} of {peer}, instead of one")


@cases.case("another attribute set with every prefix")
def _(node):
    count = 20000
    with Calm(node, 120):
        bad = Speaker("unique")
        for n, prefix in enumerate(prefixes(20, count)):
            bad.update(b"", attributes_of(bad, 65001 << 16 | n & 65535, n), nlri(prefix))
        node.wait("all of them", lambda: node.routes("unique")["received"] == count)
        node.wait("the watcher has them", lambda: len(node.watcher.table) > count)
    with Calm(node, 20):
        bad.close()
        node.wait("they go", lambda: len(node.watcher.table) < count)


def fold(a, b):
    product = a * b
    return (product ^ product >> 64) & (1 << 64) - 1


def hash_without_key(data):
    """bgp/base/hash.c of a prefix, with the key that somebody forgot to draw."""
    h = fold((len(data) + 0x9e3779b97f4a7c15) & (1 << 64) - 1, 1)
    a = int.from_bytes(data[:4], "little")
    b = int.from_bytes(data[4:8], "little") if len(data) >= 8 else a
    if len(data) < 8:
        b = int.from_bytes(data[-4:], "little")
        a, b = a << 32 | b, 0
    return fold(fold(a, b ^ h), 0xe7037ed1a0b428db)


def feed(node, name, chosen):
    """CPU time that these prefixes cost, told and withdrawn."""
    bad, start = Speaker(name), node.cpu_s()
    bad.announce(*chosen)
    node.wait("all of them", lambda: node.routes(name)["received"] == len(chosen))
    bad.withdraw(*chosen)
    node.wait("they go", lambda: node.routes(name)["received"] == 0)
    bad.close()
    return node.cpu_s() - start


@cases.case("prefixes that would all meet in one corner of a table without a key")
def _(node):
    count, chance = 3000, random.Random(7)
    chosen = set()
    while len(chosen) < count:
        address = chance.randrange(130 << 24, 168 << 24)
        if hash_without_key(struct.pack("!BI", 32, address)) >> 57 == 0:  # of 128
            chosen.add(socket.inet_ntoa(struct.pack("!I", address)) + "/32")
    with Calm(node, 40):
        ordinary = feed(node, "collider", [f"{130 + n % 38}.{n >> 8}.{n & 255}.7/32" for n in range(count)])
        ill = feed(node, "collider", sorted(chosen))
    print(f"       CPU {ordinary:.2f} s, of the chosen ones {ill:.2f} s", flush=True)
    if ill > 3 * ordinary + 0.5:
        raise Failed(f"the chosen ones cost {ill:.2f} s instead of {ordinary:.2f}")


def leak(node, name):
    bad = Speaker(name)
    with contextlib.suppress(OSError):
        bad.announce(*prefixes(40 + len(name), 20000))
    return bad


@cases.case("a full table by mistake, from a peer with a limit that warns")
def _(node):
    with Calm(node, 60):
        bad = leak(node, "leak-warn")
        node.wait("all of them", lambda: node.routes("leak-warn")["received"] == 20000)
    said_once(node, "peer_routes_over_limit", "leak-warn")
    bad.close()


@cases.case("a full table by mistake, from a peer whose limit trims")
def _(node):
    before = len(node.watcher.table)
    with Calm(node, 80):
        bad = leak(node, "leak-trim")
        node.wait("all are heard", lambda: node.routes("leak-trim")["received"] == 20000)
        node.wait("a thousand are used", lambda: node.routes("leak-trim")["accepted"] == LIMIT)
        node.wait("a thousand are told",
                  lambda: sum(p[1] == 49 for p in list(node.watcher.table)) == LIMIT)
    kept = {p for p in node.watcher.table if p[1] == 49}
    if kept != set(map(nlri, prefixes(49, LIMIT))):
        raise Failed("others are kept than the first ones")
    said_once(node, "peer_routes_over_limit", "leak-trim")
    bad.close()
    node.wait("they go", lambda: len(node.watcher.table) <= before + 1000)


@cases.case("a full table by mistake, from a peer whose limit ends the session")
def _(node):
    with Calm(node, 60):
        bad = leak(node, "leak-reset")
        node.wait("the end", lambda: bad.ends)
        node.wait("its routes to go", lambda: not any(p[1] == 50 for p in list(node.watcher.table)))
    if bad.ended != "6/1":
        raise Failed(f"it was told {bad.ended} instead of 6/1 (maximum number of prefixes reached)")
    said_once(node, "peer_routes_over_limit", "leak-reset")


@cases.case("one that never stops talking does not keep the others from being heard")
def _(node):
    stop = threading.Event()
    with Calm(node, 60):
        bad = Speaker("flapper")
        one = b"".join(map(nlri, prefixes(60, 1000)[:900]))
        told = message(UPDATE, struct.pack("!HH", 0, len(attributes_of(bad, 1))) + attributes_of(bad, 1) + one)
        gone = message(UPDATE, struct.pack("!H", len(one)) + one + b"\x00\x00")

        def talk():
            with contextlib.suppress(OSError):
                while not stop.is_set():
                    bad.socket.sendall((told + gone) * 20)

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        time.sleep(5)
        stop.set()
        bad.close()
        thread.join()


@cases.case("one that reads an octet a second holds up nobody, and is told so in the end")
def _(node):
    bad = Speaker("deaf")
    bad.reads = False
    bad.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    node.probe()  # its reader ends with this
    stop = threading.Event()

    def sip():
        with contextlib.suppress(OSError):
            while not stop.wait(1):
                bad.socket.recv(1)

    threading.Thread(target=sip, daemon=True).start()
    with Calm(node, 120):
        much = Speaker("unique")
        for octet in range(70, 74):
            block = prefixes(octet, 40000)
            much.announce(*block)
            node.wait("a block", lambda size=len(block): node.routes("unique")["received"] == size)
            much.withdraw(*block)
            node.wait("a block to go", lambda: node.routes("unique")["received"] == 0)
        node.wait("its end", lambda: node.peer("deaf")["state"] != "Established", 30)
        much.close()
    stop.set()
    said_once(node, "peer_too_slow", "deaf")


@cases.case("one that says that it lives and reads nothing is let go after its send hold time (RFC 9687)")
def _(node):
    send_hold, descriptors, stop = 5, node.descriptors(), threading.Event()
    slow, stuck = Speaker("slow", hold=3), Speaker("stuck", hold=3, prefixes=["80.0.0.0/24"])
    node.wait("the watcher hears of it", lambda: nlri("80.0.0.0/24") in node.watcher.table)
    slow.reads = stuck.reads = False
    node.probe()  # their readers end with this

    def read_on():
        with contextlib.suppress(ConnectionError):
            while not stop.wait(0.5) and slow.socket.recv(16384):
                pass

    threading.Thread(target=read_on, daemon=True).start()
    with Calm(node, 120):
        much, start = Speaker("unique"), time.monotonic()
        for n, prefix in enumerate(prefixes(81, 12000)):
            much.update(b"", attributes_of(much, n), nlri(prefix))
        node.wait("its end", lambda: node.peer("stuck")["state"] != "Established", 30)
        took = time.monotonic() - start
        node.wait("its route to go", lambda: nlri("80.0.0.0/24") not in node.watcher.table)
        time.sleep(2 * send_hold)  # much longer than it takes to be ended, and it reads all the time
        if node.peer("slow")["state"] != "Established":
            raise Failed("one that reads slowly was let go, too")
        much.close()
    print(f"       after {took:.1f} s", flush=True)
    if took < send_hold:
        raise Failed(f"it was let go after {took:.1f} s")
    if node.lines(" peer_down ", "peer=stuck ", "send hold timer expired") != 1:
        raise Failed("the log does not say why")
    stuck.socket.settimeout(20)
    with contextlib.suppress(ConnectionError):
        while stuck.socket.recv(65536):
            pass
    stop.set()
    for speaker in (stuck, slow):
        speaker.close()
    node.wait("the node has no socket of them left", lambda: node.descriptors() <= descriptors)


def main():
    alone("ip route add local 10.33.0.0/16 dev lo",
          "echo 4096 16384 65536 >/proc/sys/net/ipv4/tcp_wmem",  # who does not read is behind soon
          "echo 4096 16384 65536 >/proc/sys/net/ipv4/tcp_rmem")
    with tempfile.TemporaryDirectory() as directory:
        node = Node(directory)
        cases.each(cases.list, node)
        cases.one("the node ends cleanly", node.end)
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
