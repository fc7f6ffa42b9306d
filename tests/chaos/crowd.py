#!/usr/bin/python3
"""A thousand NVAs on one node: they come up and hold, whatever a hundred of them do.

    tests/chaos/crowd.py [words of a case's name]

One node in a network namespace where every address of 10.32.0.0/16 is local. The speakers are sockets of this
process. In every case those that behave keep their sessions and their routes; the node's descriptors, memory and
log lines stay bounded. What was measured is printed. With CROWD_BY_PREFIX=1 the node knows none of them by
address: all are neighbours of one prefix.
"""
import http.client
import json
import os
import selectors
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from alone import alone  # noqa: E402
from case import Cases, Failed  # noqa: E402
from speaker import KEEPALIVE, OPEN, UPDATE, message, nlri  # noqa: E402

BIN = os.environ.get("TANDEM_BIN", os.path.join(ROOT, "build", "debug", "bin"))
BY_PREFIX = os.environ.get("CROWD_BY_PREFIX") == "1"
NODE, PORT = "10.32.255.1", 1790
NOTIFICATION, HOLD_S = 3, 90
CROWD, FLAPPING = 1000, 100
HEALTH_PORT, FEW, TOO_MANY = 8178, 256, 300  # descriptors of a node, and connections to it
FD_MARGIN = 200
LINES_PER_MINUTE = 3 * (10 + 1)  # of one peer: three kinds of events, ten of each, and how many more there were
cases = Cases()


def address(number):
    return f"10.32.{number // 250}.{number % 250 + 1}"


def own_prefix(number):
    return f"10.{64 + number // 250}.{number % 250}.0/24"


class Speaker:
    """One NVA. It reads what comes, answers as a router does, and remembers how its session ended."""

    def __init__(self, crowd, number, asn=None):
        self.crowd, self.number, self.asn = crowd, number, asn or 4200000000 + number
        self.socket, self.up = None, False
        self.dials, self.refusals = 0, set()

    def dial(self):
        self.dials += 1
        self.buffer, self.outbox, self.up, self.heard_end = b"", b"", False, False
        self.ended, self.reads = None, True
        self.is_amid = False  # in the middle of a message, where no other can stand
        self.socket = socket.socket()
        self.socket.bind((address(self.number), 0))
        self.socket.setblocking(False)
        self.socket.connect_ex((NODE, PORT))
        self.crowd.selector.register(self.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, self)
        capabilities = bytes([1, 4, 0, 1, 0, 1, 65, 4]) + struct.pack("!I", self.asn)
        self.send(message(OPEN, struct.pack("!BHH4sB", 4, min(self.asn, 23456), HOLD_S,
                                            socket.inet_aton(address(self.number)), len(capabilities) + 2)
                          + bytes([2, len(capabilities)]) + capabilities))

    def send(self, data):
        self.outbox += data

    def update(self, withdrawn=b"", attributes=b"", announced=b""):
        self.send(message(UPDATE, struct.pack("!H", len(withdrawn)) + withdrawn
                          + struct.pack("!H", len(attributes)) + attributes + announced))

    def announce(self, *prefixes):
        self.update(attributes=bytes.fromhex("400101004002060201") + struct.pack("!I", self.asn)
                    + b"\x40\x03\x04" + socket.inet_aton(address(self.number)),
                    announced=b"".join(map(nlri, prefixes)))

    def close(self, why="closed by the NVA"):
        if self.socket:
            self.crowd.selector.unregister(self.socket)
            self.socket.close()
        self.socket, self.up, self.ended = None, False, why

    def reset(self):
        """As a router that has lost its power and came back: RST, no NOTIFICATION."""
        if self.socket:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close("reset by the NVA")

    def work(self, events):
        try:
            if events & selectors.EVENT_WRITE and self.outbox:
                sent = self.socket.send(self.outbox)
                self.outbox = self.outbox[sent:]
            if events & selectors.EVENT_READ and self.reads:
                more = self.socket.recv(262144)
                if not more:
                    return self.close(self.ended or "closed by the node")
                self.take(more)
        except BlockingIOError:
            pass
        except OSError as error:
            return self.close(self.ended or str(error))
        if self.socket:
            wanted = (selectors.EVENT_READ if self.reads else 0) | (selectors.EVENT_WRITE if self.outbox else 0)
            self.crowd.selector.modify(self.socket, wanted or selectors.EVENT_WRITE, self)

    def take(self, more):
        data, at = self.buffer + more, 0
        while len(data) - at >= 19 and len(data) - at >= (size := data[at + 16] << 8 | data[at + 17]):
            kind = data[at + 18]
            if kind == OPEN:
                self.send(message(KEEPALIVE))
            elif kind == KEEPALIVE and not self.up:
                self.up = True
                self.announce(own_prefix(self.number))
                self.update()
            elif kind == UPDATE and size == 23:
                self.heard_end = True
            elif kind == NOTIFICATION:
                self.ended = f"NOTIFICATION {data[at + 19]}/{data[at + 20]}"
                self.refusals.add(self.ended)
            at += size
        self.buffer = data[at:]


class Crowd:
    def __init__(self, directory, *wrapper):
        self.directory = directory
        self.selector = selectors.DefaultSelector()
        self.speakers = [Speaker(self, number) for number in range(CROWD)]
        config = os.path.join(directory, "crowd.yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"""
routeServer: {{ name: crowd, virtualRouterAsn: 65515, mode: transparent, routerId: {NODE}, runDirectory: "{directory}" }}
nodes: [ {{ name: node, address: {NODE}, bgpPort: {PORT} }} ]
defaults: {{ passive: true, connectRetry: 1s, holdTime: {HOLD_S}s }}
peers:
""")
            if BY_PREFIX:
                file.write(f"  - {{ name: nva, peerIp: 10.32.0.0/16, peerAsn: {self.speakers[0].asn}-"
                           f"{self.speakers[-1].asn}, maxPeers: {CROWD} }}\n")
            for speaker in self.speakers if not BY_PREFIX else []:
                file.write(f"  - {{ name: nva-{speaker.number}, peerIp: {address(speaker.number)}, "
                           f"peerAsn: {speaker.asn} }}\n")
        self.log_path = os.path.join(directory, "log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([*wrapper, os.path.join(BIN, "tandemd"), "--config", config, "--node", "node"],
                                            stdout=log, stderr=log)
        self.beat_at = time.monotonic()
        self.wait("the node listens", lambda: os.path.exists(os.path.join(directory, "node.sock")), 20)

    # ---- what the process costs ----

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def log_lines(self):
        with open(self.log_path, "rb") as file:
            return sum(1 for _ in file)

    # ---- time goes on for all of them together ----

    def run(self, seconds, each_turn=None):
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            for key, events in self.selector.select(min(0.05, until - now)):
                key.data.work(events)
            if now - self.beat_at > HOLD_S / 4:
                self.beat_at = now
                for speaker in self.speakers:
                    if speaker.up and not speaker.is_amid:
                        speaker.send(message(KEEPALIVE))
            for speaker in self.speakers:
                if speaker.socket and speaker.outbox:
                    speaker.work(selectors.EVENT_WRITE)
            if each_turn:
                each_turn()
            if self.process.poll() is not None:
                raise Failed(f"the node has ended with status {self.process.returncode}")

    def wait(self, what, holds, seconds=60):
        start = time.monotonic()
        while not holds():
            if time.monotonic() - start > seconds:
                raise Failed(f"{what}: not within {seconds} s; {self.describe()}")
            self.run(0.1)
        return time.monotonic() - start

    def describe(self):
        down = [s for s in self.speakers if not s.up]
        return f"{len(down)} are down, the first ones: " + ", ".join(f"{s.number} ({s.ended})" for s in down[:5])

    def all_up(self):
        return all(s.up and s.heard_end for s in self.speakers)

    def get(self, path):
        connection = http.client.HTTPConnection("node", timeout=20)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(20)
        connection.sock.connect(os.path.join(self.directory, "node.sock"))
        connection.request("GET", path)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def route_count(self):
        return self.get("/v1/status")["counts"]["prefixes"]

    def end(self):
        for speaker in self.speakers:
            speaker.close()
        self.process.terminate()
        status = self.process.wait(60)
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            if status != 0 or "Sanitizer" in log.read():
                raise Failed(f"the node ended with status {status}")


class Calm:
    """Who behaves must not notice: same sessions after as before, and what it cost the node."""

    def __init__(self, crowd, guests):
        self.crowd, self.guests = crowd, guests

    def __enter__(self):
        self.quiet = [s for s in self.crowd.speakers if s not in self.guests]
        self.dials = [s.dials for s in self.quiet]
        self.cpu, self.lines, self.start = self.crowd.cpu_s(), self.crowd.log_lines(), time.monotonic()
        return self

    def __exit__(self, kind, error, trace):
        if kind:
            return
        lost = [s for s in self.quiet if not s.up]
        if lost:
            raise Failed(f"{len(lost)} that did nothing wrong have lost their session: {self.crowd.describe()}")
        self.seconds, self.more_lines = time.monotonic() - self.start, self.crowd.log_lines() - self.lines
        print(f"       {self.seconds:.1f} s, CPU {self.crowd.cpu_s() - self.cpu:.1f} s, {self.more_lines} log lines, "
              f"{self.crowd.descriptors()} descriptors, {self.crowd.rss_mb():.0f} MB", flush=True)


def come_up(crowd):
    for speaker in crowd.speakers:
        speaker.dial()
    with Calm(crowd, []):
        crowd.wait("1,000 sessions", crowd.all_up, 120)
    if crowd.route_count() != CROWD:
        raise Failed(f"{crowd.route_count()} routes instead of {CROWD}")


@cases.case("a thousand NVAs come up, and each hears of all")
def _(crowd):
    come_up(crowd)


@cases.case("nine hundred hold while a hundred flap for ten seconds")
def _(crowd):
    flapping = crowd.speakers[:FLAPPING]
    ended = time.monotonic() + 10

    def flap():
        for speaker in flapping:
            if speaker.socket is None and time.monotonic() < ended:
                speaker.dial()
            elif speaker.up:
                speaker.reset()

    with Calm(crowd, flapping) as calm:
        before = sum(s.dials for s in flapping)
        crowd.run(10, flap)
        flaps = sum(s.dials for s in flapping) - before
    print(f"       {flaps} connections of the flapping ones", flush=True)
    if calm.more_lines > FLAPPING * LINES_PER_MINUTE * 2:
        raise Failed(f"{calm.more_lines} log lines for {flaps} connections")
    bring_back(crowd, flapping)


def bring_back(crowd, speakers):
    """They come until all of them are up."""
    def redial():
        for speaker in speakers:
            if speaker.socket is None:
                speaker.dial()

    for speaker in speakers:
        speaker.reset()
    start = time.monotonic()
    while not all(s.up and s.heard_end for s in speakers):
        if time.monotonic() - start > 60:
            raise Failed(f"not all are back: {crowd.describe()}")
        redial()
        crowd.run(0.5)


@cases.case("strangers by the thousand cost little and are told so")
def _(crowd):
    told, count = 0, 3000
    with Calm(crowd, []) as calm:
        for start in range(0, count, 50):
            strangers = []
            for number in range(start, start + 50):
                one = socket.socket()
                one.bind((f"10.32.200.{number % 250 + 1}", 0))
                one.settimeout(2)
                one.connect((NODE, PORT))
                strangers.append(one)
            crowd.run(0.02)
            if crowd.descriptors() > CROWD + FD_MARGIN:
                raise Failed(f"{crowd.descriptors()} descriptors are open")
            for one in strangers:
                try:
                    told += one.recv(64)[18:21] == bytes([NOTIFICATION, 6, 5])
                except (OSError, IndexError):
                    pass
                one.close()
    print(f"       {told} of {count} were told 6/5 (connection rejected)", flush=True)
    if calm.more_lines > 10 * calm.seconds + 20:
        raise Failed(f"{calm.more_lines} log lines in {calm.seconds:.0f} s")
    if told == 0:
        raise Failed("nobody was told why")


@cases.case("a hundred that speak one octet at a time delay nobody")
def _(crowd):
    slow = crowd.speakers[:FLAPPING]
    with Calm(crowd, slow):
        queues = []
        for speaker in slow:
            body = struct.pack("!HH", 0, 20) + bytes.fromhex(f"400101004002060201{speaker.asn:08x}400304") \
                + socket.inet_aton(address(speaker.number)) + nlri(f"10.80.{speaker.number}.0/24")
            queues.append(bytearray(message(UPDATE, body)))

        def drip():
            for speaker, queue in zip(slow, queues):
                if queue and not speaker.outbox:
                    speaker.send(bytes([queue.pop(0)]))
                    speaker.is_amid = bool(queue)

        start = time.monotonic()
        while any(queues):
            if time.monotonic() - start > 60:
                raise Failed(f"not all is said within 60 s; {crowd.describe()}")
            crowd.run(0.05, drip)
        crowd.wait("their routes", lambda: crowd.route_count() == CROWD + FLAPPING)
    for speaker in slow:
        speaker.update(withdrawn=nlri(f"10.80.{speaker.number}.0/24"))
    crowd.wait("their routes to go", lambda: crowd.route_count() == CROWD)


@cases.case("a hundred that never read hold up nobody and cost no memory")
def _(crowd):
    deaf, busy = crowd.speakers[:FLAPPING], crowd.speakers[-1]
    blocks = [[f"10.{128 + block}.{number}.0/24" for number in range(250)] for block in range(12)]
    memory = crowd.rss_mb()
    with Calm(crowd, deaf):
        for speaker in deaf:
            speaker.reads = False
            speaker.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            crowd.selector.modify(speaker.socket, selectors.EVENT_WRITE, speaker)
        for _ in range(4):
            for block in blocks:
                busy.announce(*block)
            crowd.wait("3,000 routes", lambda: crowd.route_count() == CROWD + 3000)
            for block in blocks:
                busy.update(withdrawn=b"".join(map(nlri, block)))
            crowd.wait("3,000 routes to go", lambda: crowd.route_count() == CROWD)
    if crowd.rss_mb() > memory + 100:
        raise Failed(f"memory went from {memory:.0f} to {crowd.rss_mb():.0f} MB")
    bring_back(crowd, deaf)


@cases.case("a hundred with a wrong AS are refused, again and again, in few words")
def _(crowd):
    wrong = crowd.speakers[:FLAPPING]
    for speaker in wrong:
        speaker.reset()
    right = [speaker.asn for speaker in wrong]
    for speaker in wrong:
        speaker.asn = 65000

    def again():
        for speaker in wrong:
            if speaker.socket is None:
                speaker.dial()

    with Calm(crowd, wrong) as calm:
        before = sum(s.dials for s in wrong)
        crowd.run(5, again)
        refused = sum(s.dials for s in wrong) - before
    untold = [s for s in wrong if "NOTIFICATION 2/2" not in s.refusals]
    told = set.union(*(s.refusals for s in wrong))
    print(f"       {refused} connections, told: {', '.join(sorted(told))}", flush=True)
    if untold:
        raise Failed(f"{len(untold)} were never told that their AS is wrong")
    if calm.more_lines > FLAPPING * LINES_PER_MINUTE * 2:
        raise Failed(f"{calm.more_lines} log lines in {calm.seconds:.0f} s")
    for speaker, asn in zip(wrong, right):
        speaker.asn = asn
    bring_back(crowd, wrong)


def use_up(crowd):
    """More connections than descriptors, of NVAs and of readers that say nothing."""
    tried, readers = crowd.speakers[:TOO_MANY], [socket.socket() for _ in range(FLAPPING)]
    for number, reader in enumerate(readers):
        reader.bind((address(number), 0))
        reader.setblocking(False)
        reader.connect_ex((NODE, HEALTH_PORT))
    for speaker in tried:
        speaker.dial()
    crowd.wait("an answer for all", lambda: all(s.heard_end or not s.socket for s in tried))
    kept, cpu = [s for s in tried if s.up], crowd.cpu_s()
    crowd.run(5)
    cpu = crowd.cpu_s() - cpu
    print(f"       {len(kept)} sessions with {crowd.descriptors()} of {FEW} descriptors, CPU {cpu:.2f} s in 5 s", flush=True)
    if not FEW / 4 < len(kept) < FEW or not all(s.up for s in kept) or crowd.route_count() != len(kept):
        raise Failed(f"{len(kept)} sessions, {crowd.route_count()} routes; {crowd.describe()}")
    if cpu > 1 or crowd.log_lines() > 3 * len(kept):
        raise Failed(f"CPU {cpu:.2f} s, {crowd.log_lines()} log lines")
    for speaker in kept:
        speaker.close()
    bring_back(crowd, [s for s in tried if s not in kept][:len(kept)])
    for reader in readers:
        reader.close()


def main():
    alone("ip route add local 10.32.0.0/16 dev lo")
    with tempfile.TemporaryDirectory() as directory:
        crowd = Crowd(directory)
        if not cases.wants(cases.list[0][0]):  # the others need the crowd all the same
            come_up(crowd)
        cases.each(cases.list, crowd)
        cases.one("the node ends cleanly", crowd.end)
    name = "with all descriptors taken a node keeps what it has, answers, and rests"
    with tempfile.TemporaryDirectory() as directory:
        if cases.wants(name):
            crowd = Crowd(directory, "prlimit", f"--nofile={FEW}")
            cases.one(name, use_up, crowd)
            cases.one("it ends cleanly, too", crowd.end)
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
