"""A BGP speaker for tests that must announce at a known instant: one session over IPv4, nothing more."""
import functools
import ipaddress
import socket
import struct
import threading
import time

OPEN, UPDATE, KEEPALIVE = 1, 2, 4
HOLD_S = 9


def message(kind, body=b""):
    return b"\xff" * 16 + struct.pack("!HB", 19 + len(body), kind) + body


@functools.lru_cache(1 << 20)
def nlri(prefix):
    network = ipaddress.ip_network(prefix)
    return bytes([network.prefixlen]) + network.network_address.packed[:(network.prefixlen + 7) // 8]


class Session:
    """An Established session with one node, told these prefixes; it dials from inside the given host. own6: IPv6 routes
    too (RFC 4760), with this next hop."""

    def __init__(self, host, own, asn, node, prefixes=(), path=None, hold=HOLD_S, own6=None):
        self.asn, self.own, self.lock, self.path, self.hold = asn, own, threading.Lock(), path or [asn], hold
        with host.inside():
            self.socket = socket.create_connection((node, 179), 3, (own, 0))
        self.socket.settimeout(None)  # the node may have nothing to say for longer than it takes to answer
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.established, self.ends, self.ended = threading.Event(), False, None  # ended: when the node ended it
        self.is_silent, self.own6 = False, own6
        capabilities = bytes([1, 4, 0, 1, 0, 1]) + (bytes([1, 4, 0, 2, 0, 1]) if own6 else b"") + bytes([65, 4]) + struct.pack("!I", asn)
        parameter = bytes([2, len(capabilities)]) + capabilities
        self._send(OPEN, struct.pack("!BHH4sB", 4, min(asn, 23456), hold, ipaddress.ip_address(own).packed,
                                     len(parameter)) + parameter)
        for work in (self._read, self._beat):
            threading.Thread(target=work, daemon=True).start()
        if not self.established.wait(20):
            raise RuntimeError(f"no session with {node}")
        self.announce(*(p for p in prefixes if ":" not in p))
        self.announce6(*(p for p in prefixes if ":" in p))
        self.update(b"", b"", b"")  # End-of-RIB
        if own6:
            self.update(b"", b"\x80\x0f\x03\x00\x02\x01", b"")

    def _send(self, kind, body=b""):
        with self.lock:
            self.socket.sendall(message(kind, body))

    def _beat(self):
        while not self.ends:
            time.sleep(self.hold / 4)
            try:
                if not self.is_silent:
                    self._send(KEEPALIVE)
            except OSError:
                return

    def _read(self):
        buffered = b""
        while not self.ends:
            try:
                more = self.socket.recv(65536)
            except OSError:
                break
            if not more:
                break
            buffered += more
            while len(buffered) >= 19 and len(buffered) >= (size := struct.unpack("!H", buffered[16:18])[0]):
                if buffered[18] == OPEN:
                    self._send(KEEPALIVE)
                elif buffered[18] == KEEPALIVE:
                    self.established.set()
                buffered = buffered[size:]
        self.ended = time.monotonic()
        self.ends = True

    def update(self, withdrawn, attributes, announced):
        self._send(UPDATE, struct.pack("!H", len(withdrawn)) + withdrawn + struct.pack("!H", len(attributes))
                   + attributes + announced)

    def _origin_and_path(self):
        path = b"".join(struct.pack("!I", asn) for asn in self.path)
        return b"\x40\x01\x01\x00" + b"\x40\x02" + bytes([2 + len(path), 2, len(self.path)]) + path

    def announce6(self, *prefixes):
        for start in range(0, len(prefixes), 200):
            routes = b"".join(map(nlri, prefixes[start:start + 200]))
            reach = b"\x00\x02\x01\x10" + ipaddress.ip_address(self.own6).packed + b"\x00" + routes
            self.update(b"", b"\x90\x0e" + struct.pack("!H", len(reach)) + reach + self._origin_and_path(), b"")

    def announce(self, *prefixes, hop=None):
        attributes = self._origin_and_path() + b"\x40\x03\x04" + ipaddress.ip_address(hop or self.own).packed
        for start in range(0, len(prefixes), 500):
            self.update(b"", attributes, b"".join(map(nlri, prefixes[start:start + 500])))

    def withdraw(self, *prefixes):
        for start in range(0, len(prefixes), 500):
            self.update(b"".join(map(nlri, prefixes[start:start + 500])), b"", b"")

    def fall_silent(self):
        """From now on, to a packet: the node's hold time begins, and nothing ends it."""
        self.is_silent = True
        self._send(KEEPALIVE)

    def close(self):
        """At once: a socket that another thread reads from stays open until that returns."""
        self.ends = True
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the node was faster
        self.socket.close()
