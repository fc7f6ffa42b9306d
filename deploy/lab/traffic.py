"""Test traffic that counts: a stream of numbered UDP packets and the echo that sends them back.

    traffic.py echo ADDRESS... PORT       answer every packet
    traffic.py send TARGET... PORT        1,000 packets a second in all, over FLOWS source ports
                                          and all targets in turn; a line on standard input asks
                                          for a report: one JSON object about the time since the last

A packet is lost when its echo is not back within GRACE seconds. A full queue in the test itself must
not look like loss, hence the large buffers.
"""
import json
import selectors
import socket
import struct
import sys
import time

RATE, FLOWS, GRACE = 1000, 16, 1.0
BUFFER = 8 << 20
SO_RCVBUFFORCE = 33  # asm-generic/socket.h; the socket module has no name for it
NUMBER = struct.Struct("!Q")


def udp_socket(version_of):
    sock = socket.socket(socket.AF_INET6 if ":" in version_of else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    sock.setblocking(False)
    return sock


def echo(addresses, port):
    selector = selectors.DefaultSelector()
    for address in addresses:
        sock = udp_socket(address)
        sock.bind((address, port))
        selector.register(sock, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            for data, sender in packets(key.fileobj):
                try:
                    key.fileobj.sendto(data, sender)
                except OSError:
                    pass  # no way back just now: the sender counts it


def packets(sock):
    while True:
        try:
            yield sock.recvfrom(2048)
        except BlockingIOError:
            return
        except OSError:
            continue  # an ICMP error about an earlier packet


class Sender:
    def __init__(self, targets, port):
        self.selector = selectors.DefaultSelector()
        self.flows = []
        for flow in range(max(FLOWS, len(targets))):
            target = targets[flow % len(targets)]
            sock = udp_socket(target)
            sock.connect((target, port))
            self.selector.register(sock, selectors.EVENT_READ, self.receive)
            self.flows.append(sock)
        self.selector.register(sys.stdin, selectors.EVENT_READ, self.ask)
        self.sent_at = []            # send time by number
        self.back = bytearray()      # 1 = the echo of that number came
        self.reported = 0            # numbers below this are in an earlier report
        self.pending = None          # the report that waits for its last echoes: (end, time)
        self.open = True

    def run(self):
        start = time.monotonic()
        while self.open:
            now = time.monotonic()
            while len(self.sent_at) < (now - start) * RATE:
                self.send(now)
            if self.pending and now >= self.pending[1]:
                self.report()
            wait = start + len(self.sent_at) / RATE - time.monotonic()
            for key, _ in self.selector.select(max(wait, 0)):
                key.data(key.fileobj)

    def send(self, now):
        number = len(self.sent_at)
        self.sent_at.append(now)
        self.back.append(0)
        try:
            self.flows[number % len(self.flows)].send(NUMBER.pack(number))
        except OSError:
            pass  # no route, or an ICMP error: the packet counts as lost

    def receive(self, sock):
        for data, _ in packets(sock):
            self.back[NUMBER.unpack(data)[0]] = 1

    def ask(self, stdin):
        if stdin.readline():
            self.pending = (len(self.sent_at), time.monotonic() + GRACE)
        else:
            self.open = False

    def report(self):
        end, _ = self.pending
        lost = [n for n in range(self.reported, end) if not self.back[n]]
        outage = (self.sent_at[lost[-1]] - self.sent_at[lost[0]]) * 1000 if lost else 0
        print(json.dumps({"sent": end - self.reported, "lost": len(lost), "outageMs": round(outage)}), flush=True)
        self.reported, self.pending = end, None


def main():
    verb, *targets, port = sys.argv[1:]
    if verb == "echo":
        echo(targets, int(port))
    else:
        Sender(targets, int(port)).run()


if __name__ == "__main__":
    main()
