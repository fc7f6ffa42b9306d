#!/usr/bin/python3
"""The golden messages over TCP: what a node does with them is what tests/golden says.

    tests/interop/golden.py [words of a case's name]

One node in a network namespace of its own, with the addresses of tests/lib/bgp_lab.h. A message that resets
the session must be answered by exactly that NOTIFICATION; after any other one the session goes on, and the
table has the routes that were announced, not those that were withdrawn, and those from before and after.
"""
import glob
import http.client
import json
import os
import re
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

BIN = os.environ.get("TANDEM_BIN", os.path.join(ROOT, "build", "debug", "bin"))
NODE, PEER, PORT = "10.1.1.4", "10.1.2.4", 1790
OPEN, UPDATE, NOTIFICATION, KEEPALIVE = 1, 2, 3, 4
BEFORE, AFTER = "10.9.0.0/16", "10.9.1.0/24"
CONFIG = f"""
routeServer: {{ name: golden, virtualRouterAsn: 65515, mode: transparent, routerId: {NODE}, runDirectory: "%s" }}
nodes: [ {{ name: node, address: {NODE}, bgpPort: {PORT} }} ]
peers: [ {{ name: peer, peerIp: {PEER}, peerAsn: 65001, passive: true, connectRetry: 1s }} ]
"""
# What a session offers by the words of a case; sessions with other words are made by test_golden.c only.
IP4, IP6, AS4 = "010400010001", "010400020001", "41040000fde9"
CAPABILITIES = {"": IP4 + IP6 + AS4, "as2": IP4 + IP6, "no-ip4": IP6 + AS4, "no-ip6": IP4 + AS4,
                "extended": IP4 + IP6 + AS4 + "0600", "enhanced-refresh": IP4 + IP6 + AS4 + "02004600"}


def message(kind, body=b""):
    return b"\xff" * 16 + struct.pack(">HB", 19 + len(body), kind) + body


def update(withdrawn=b"", attrs=b"", nlri=b""):
    return message(UPDATE, struct.pack(">H", len(withdrawn)) + withdrawn + struct.pack(">H", len(attrs)) + attrs + nlri)


def attributes(session):
    """ORIGIN, AS_PATH in the session's width, NEXT_HOP."""
    path = "4002040201fde9" if session == "as2" else "40020602010000fde9"
    return bytes.fromhex("40010100" + path + "4003040a010204")


def encode(prefix):
    address, length = prefix.split("/")
    octets = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    return bytes([int(length)]) + octets[:(int(length) + 7) // 8]


def from_hex(text):
    """As tests/lib/hex.h reads it: 'comments', blanks, and ff*16."""
    text = re.sub(r"'[^']*'", "", text)
    text = re.sub(r"(\w\w)\*(\d+)", lambda found: found[1] * int(found[2]), text)
    return bytes.fromhex("".join(text.split()))


def read_golden(path):
    """[{case, session, message, verdict}] of a file."""
    found = []
    with open(path, encoding="utf-8") as file:
        for line in file.read().splitlines():
            word, _, rest = line.partition(" ")
            if word == "case":
                found.append({"case": rest, "session": "", "message": ""})
            elif word == "message" or (line.startswith(" ") and found):
                found[-1]["message"] += rest if word else line
            elif word and word != "#":
                found[-1][word] = rest
    for golden in found:
        golden["message"] = from_hex(golden["message"])
    return found


class Session:
    """A speaker at PEER; of kind None it says nothing but the messages of a case."""
    def __init__(self, kind):
        self.buffer = b""
        self.socket = socket.create_connection((NODE, PORT), timeout=5, source_address=(PEER, 0))
        if kind is not None:
            offer = bytes.fromhex(CAPABILITIES[kind])
            head = struct.pack(">BHH", 4, 65001, 90) + socket.inet_aton(PEER)
            self.send(message(OPEN, head + bytes([len(offer) + 2, 2, len(offer)]) + offer))
        self.wait_for(OPEN)
        if kind is not None:
            self.send(message(KEEPALIVE))
            self.wait_for(KEEPALIVE)
            self.send(update(attrs=attributes(kind), nlri=encode(BEFORE)))

    def send(self, data):
        self.socket.sendall(data)

    def next(self):
        while len(self.buffer) < 19 or len(self.buffer) < struct.unpack_from(">H", self.buffer, 16)[0]:
            more = self.socket.recv(65536)
            if not more:
                raise OSError("the node has ended the connection")
            self.buffer += more
        length, kind = struct.unpack_from(">HB", self.buffer, 16)
        body, self.buffer = self.buffer[19:length], self.buffer[length:]
        return kind, body

    def wait_for(self, wanted):
        for _ in range(100):
            kind, body = self.next()
            if kind == wanted:
                return body
            if kind == NOTIFICATION:
                raise OSError(f"NOTIFICATION {body.hex()}")
        raise OSError("not what was waited for")


class Node:
    def __init__(self, directory):
        self.socket = os.path.join(directory, "node.sock")
        config = os.path.join(directory, "golden.yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG % directory)
        self.log = open(os.path.join(directory, "log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen([os.path.join(BIN, "tandemd"), "--config", config, "--node", "node",
                                         "--foreground"], stdout=self.log, stderr=self.log)

    def routes(self):
        connection = http.client.HTTPConnection("node", timeout=5)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.socket)
        connection.request("GET", "/v1/routes?limit=1000")
        items = json.loads(connection.getresponse().read()).get("items", [])
        connection.close()
        return {item["prefix"] for item in items}

    def session(self, kind):
        """After an error the node is not to be reached for a while: so long one tries again."""
        last = None
        for _ in range(300):
            try:
                return Session(kind)
            except OSError as error:
                last = error
                time.sleep(0.1)
        raise Failed(f"no session: {last}")

    def await_routes(self, holds):
        for _ in range(250):
            routes = self.routes()
            if holds(routes):
                return None
            time.sleep(0.02)
        return routes

    def end(self):
        self.process.terminate()
        status = self.process.wait(20)
        self.log.seek(0)
        if status != 0 or "Sanitizer" in self.log.read():
            raise Failed(f"the node ended with status {status}")


def check_reset(node, golden):
    code, subcode, data = re.match(r"reset (\d+)/(\d+)(?: attr \d+)?(?: data ([0-9a-f* ]+))?", golden["verdict"]).groups()
    is_open = golden["message"][:16] == b"\xff" * 16 and golden["message"][18] == OPEN
    session = node.session(None if is_open else golden["session"])
    session.send(golden["message"])
    got = session.wait_for(NOTIFICATION)
    session.socket.close()
    if got != bytes([int(code), int(subcode)]) + from_hex(data or ""):
        raise Failed(f"{golden['case']}: NOTIFICATION {got.hex()[:200]} ({len(got)} octets) instead of {golden['verdict']}")


def check_routes(node, golden, session):
    """True: the session is as it was, and good for the next case."""
    session.send(golden["message"] + update(attrs=attributes(golden["session"]), nlri=encode(AFTER)))
    announced = set(re.findall(r"\+(\S+)", golden["verdict"]))
    gone = set(re.findall(r"-([0-9a-f:.]+/\d+)", golden["verdict"])) - announced
    others = set() if "disable4" in golden["verdict"] or golden["session"] == "no-ip4" else {BEFORE, AFTER}
    seen = node.await_routes(lambda routes: announced | others <= routes and not gone & routes)
    if seen is not None:
        raise Failed(f"{golden['case']}: {golden['verdict']}, but the table has {sorted(seen)}")
    if "disable" in golden["verdict"] or golden["session"] == "no-ip4":
        return False
    session.send(update(withdrawn=b"".join(encode(p) for p in announced | {AFTER} if ":" not in p)))
    for prefix in announced:
        if ":" in prefix:
            value = b"\x00\x02\x01" + encode(prefix)
            session.send(update(attrs=b"\x80\x0f" + bytes([len(value)]) + value))
    if node.await_routes(lambda routes: routes == {BEFORE}) is not None:
        raise Failed(f"{golden['case']}: what it announced cannot be withdrawn")
    return True


def check_file(node, path):
    session, kind = None, None
    for golden in read_golden(path):
        if golden["session"] not in CAPABILITIES or golden["verdict"].startswith("open"):
            continue
        is_reset = golden["verdict"].startswith("reset")
        if session and (is_reset or kind != golden["session"]):
            session.socket.close()
            session = None
        if is_reset:
            check_reset(node, golden)
        elif golden["message"][18] != NOTIFICATION:
            session, kind = session or node.session(golden["session"]), golden["session"]
            if not check_routes(node, golden, session):
                session.socket.close()
                session = None
    if session:
        session.socket.close()


def main():
    alone(*(f"ip addr add {address}/32 dev lo" for address in (NODE, PEER)))
    cases = Cases()
    with tempfile.TemporaryDirectory() as directory:
        node = Node(directory)
        for path in sorted(glob.glob(os.path.join(ROOT, "tests", "golden", "*.golden"))):
            name = os.path.basename(path)[:-len(".golden")]
            if cases.wants(name):
                cases.one(name, check_file, node, path)
        cases.one("the node ends cleanly", node.end)
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
