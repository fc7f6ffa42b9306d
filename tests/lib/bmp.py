"""A monitoring station for tests: reads BMP (RFC 7854, 8671, 9069) from the wire, written apart from the product.

Whatever breaks a rule of those RFCs that can be seen on the wire is a Broken, kept in .faults: a message before
Initiation, a route of a peer that is not up, a version or length that is wrong, octets that belong to nothing.
"""
import ipaddress
import socket
import struct
import threading

ROUTE, STATISTICS, DOWN, UP, INITIATION, TERMINATION = range(6)
TABLES = {(0, 0): "in-pre", (0, 0x40): "in-post", (0, 0x10): "out-pre", (0, 0x50): "out-post", (3, 0): "loc"}
OPEN, UPDATE, NOTIFICATION = 1, 2, 3


class Broken(Exception):
    pass


class Reader:
    """Octets, each taken once."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def __len__(self):
        return len(self.data) - self.at

    def take(self, count):
        if count > len(self):
            raise Broken(f"{count} octets wanted, {len(self)} are left")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, count):
        return int.from_bytes(self.take(count), "big")

    def rest(self):
        return self.take(len(self))


def bgp(reader, kind):
    """One whole BGP message of this type, header and all."""
    head = reader.take(19)
    if head[:16] != b"\xff" * 16 or head[18] != kind:
        raise Broken(f"not a BGP message of type {kind}: {head.hex()}")
    return head + reader.take(struct.unpack("!H", head[16:18])[0] - 19)


def capabilities(message):
    """{code: [values]} of an OPEN."""
    body = Reader(message[28:])
    found = {}
    length = body.number(1)
    wide = length == 255 and body.data[1:2] == b"\xff"
    if wide:
        body.take(1)
        length = body.number(2)
    body = Reader(body.take(length))
    while body:
        kind, value = body.number(1), Reader(body.take(body.number(2 if wide else 1)))
        while kind == 2 and value:
            code = value.number(1)
            found.setdefault(code, []).append(value.take(value.number(1)))
    return found


def path_ids(sent, received):
    """The families whose prefixes carry a path id: (towards the router, from the router)."""
    def modes(message):
        value = b"".join(capabilities(message).get(69, []))
        return {struct.unpack("!HB", value[i:i + 3]): value[i + 3] for i in range(0, len(value), 4)}
    ours, theirs = modes(sent), modes(received)
    both = set(ours) & set(theirs)
    return ({f for f in both if ours[f] & 1 and theirs[f] & 2}, {f for f in both if ours[f] & 2 and theirs[f] & 1})


def prefixes(data, afi, with_ids):
    reader, found = Reader(data), []
    while reader:
        ident = reader.number(4) if with_ids else 0
        bits = reader.number(1)
        size = 4 if afi == 1 else 16
        octets = reader.take((bits + 7) // 8).ljust(size, b"\0")
        found.append((str(ipaddress.ip_network((octets, bits))), ident))
    return found


def as_path(data):
    reader, path = Reader(data), []
    while reader:
        reader.number(1)
        path += [reader.number(4) for _ in range(reader.number(1))]
    return tuple(path)


def next_hop(data):
    return str(ipaddress.ip_address(data[:4] if len(data) == 4 else data[:16]))


class Update:
    """announced {(prefix, id): (next hop, AS path, {type: value})}, withdrawn [(prefix, id)], end: AFI or None."""

    def __init__(self, message, with_ids):
        self.announced, self.withdrawn, self.end = {}, [], None
        body = Reader(message[19:])
        withdrawn, attributes = body.take(body.number(2)), Reader(body.take(body.number(2)))
        nlri = body.rest()
        values, order = {}, []
        while attributes:
            flags, kind = attributes.number(1), attributes.number(1)
            values[kind] = attributes.take(attributes.number(2 if flags & 0x10 else 1))
            order.append(kind)
        if len(set(order)) != len(order):
            raise Broken(f"an attribute stands twice: {order}")
        others = {k: v for k, v in values.items() if k not in (2, 3, 14, 15)}
        path = as_path(values.get(2, b""))
        self.withdrawn += prefixes(withdrawn, 1, (1, 1) in with_ids)
        for key in prefixes(nlri, 1, (1, 1) in with_ids):
            self.announced[key] = (next_hop(values[3]), path, others)
        if 14 in values:
            reach = Reader(values[14])
            afi, safi = reach.number(2), reach.number(1)
            hop = next_hop(reach.take(reach.number(1)))
            reach.number(1)
            for key in prefixes(reach.rest(), afi, (afi, safi) in with_ids):
                self.announced[key] = (hop, path, others)
        if 15 in values:
            unreach = Reader(values[15])
            afi, safi = unreach.number(2), unreach.number(1)
            gone = prefixes(unreach.rest(), afi, (afi, safi) in with_ids)
            self.withdrawn += gone
            if not gone and order == [15]:
                self.end = afi
        if not withdrawn and not order and not nlri:
            self.end = 1


class Peer:
    def __init__(self, header, local, ports, sent, received, tlvs):
        self.header, self.local, self.ports = header, local, ports
        self.sent, self.received, self.tlvs = sent, received, tlvs
        self.tables, self.ends, self.statistics = {}, set(), None
        self.in_ids, self.out_ids = path_ids(sent, received)


class Header:
    def __init__(self, reader):
        self.type, self.flags = reader.number(1), reader.number(1)
        if reader.number(8):
            raise Broken("a peer distinguisher of the global instance")
        address = reader.take(16)
        if not self.flags & 0x80 and address[:12] != bytes(12):
            raise Broken("an IPv4 address with other octets in front")
        self.address = str(ipaddress.ip_address(address if self.flags & 0x80 else address[12:]))
        self.asn, self.identifier = reader.number(4), str(ipaddress.ip_address(reader.take(4)))
        self.time = reader.number(4) + reader.number(4) / 1e6

    @property
    def key(self):
        return "loc" if self.type == 3 else self.address

    @property
    def table(self):
        return TABLES[self.type, self.flags & 0x7f]


def tlvs(data):
    reader, found = Reader(data), []
    while reader:
        kind = reader.number(2)
        found.append((kind, reader.take(reader.number(2))))
    return found


class Feed:
    """One router's connection; what it told is in .peers {address or "loc": Peer}, everything said in .log."""

    def __init__(self, connection, rude):
        self.connection, self.rude, self.lock = connection, rude, threading.Lock()
        self.peers, self.log, self.faults = {}, [], []
        self.name = self.ended = None

    def read(self):
        try:
            self._read()
        except (Broken, KeyError, ValueError) as error:
            self.faults.append(repr(error))
        except OSError:
            pass
        self.connection.close()

    def hang_up(self):
        self.connection.shutdown(socket.SHUT_RDWR)

    def _read(self):
        buffered = b""
        while more := self.connection.recv(65536):
            buffered += more
            if self.rude == "chatty":
                self.connection.sendall(b"\x03\x00\x00\x00\x06\x04" * 1000)
            while len(buffered) >= 6:
                version, length, kind = struct.unpack("!BIB", buffered[:6])
                if version != 3 or length < 6 or length > 48 + 65535:
                    raise Broken(f"version {version}, length {length}")
                if len(buffered) < length:
                    break
                with self.lock:
                    self._message(kind, Reader(buffered[6:length]))
                buffered = buffered[length:]
        if buffered:
            raise Broken("half a message at the end")

    def _message(self, kind, body):
        if self.ended is not None or (kind == INITIATION) != (self.name is None):
            raise Broken(f"a message of type {kind} out of place")
        if kind == INITIATION:
            found = dict(tlvs(body.rest()))
            self.name, self.description = found[2].decode(), found[1].decode()
            return
        if kind == TERMINATION:
            found = dict(tlvs(body.rest()))
            self.ended = int.from_bytes(found[1], "big")
            return
        header = Header(body)
        {ROUTE: self._route, STATISTICS: self._statistics, DOWN: self._down, UP: self._up}[kind](header, body)
        if body:
            raise Broken(f"{len(body)} octets too many behind a message of type {kind}")

    def _up(self, header, body):
        if header.key in self.peers or header.flags & 0x7f:
            raise Broken(f"{header.key} is up already, or has flags {header.flags:#x}")
        address = body.take(16)
        local = str(ipaddress.ip_address(address if header.flags & 0x80 else address[12:]))
        ports = (body.number(2), body.number(2))
        sent, received = bgp(body, OPEN), bgp(body, OPEN)
        self.peers[header.key] = Peer(header, local, ports, sent, received, tlvs(body.rest()))
        self.log.append(("up", header.key))

    def _peer(self, header):
        if header.key not in self.peers:
            raise Broken(f"{header.key} is not up")
        return self.peers[header.key]

    def _down(self, header, body):
        self._peer(header)
        reason = body.number(1)
        data = bgp(body, NOTIFICATION) if reason in (1, 3) else body.take(2) if reason == 2 else b""
        del self.peers[header.key]
        self.log.append(("down", header.key, reason, data))

    def _statistics(self, header, body):
        peer, numbers = self._peer(header), {}
        for _ in range(body.number(4)):
            kind, value = body.number(2), Reader(body.take(body.number(2)))
            family = (value.number(2), value.number(1)) if kind in (9, 10, 16, 17) else None
            numbers[kind if family is None else (kind, *family)] = int.from_bytes(value.rest(), "big")
        peer.statistics = numbers

    def _route(self, header, body):
        peer = self._peer(header)
        ids = peer.out_ids if header.flags & 0x10 else peer.in_ids
        update = Update(bgp(body, UPDATE), ids if header.type == 0 else set())
        table = peer.tables.setdefault(header.table, {})
        for key in update.withdrawn:
            table.pop(key, None)
            self.log.append(("withdraw", header.key, header.table, key[0]))
        for key, route in update.announced.items():
            table[key] = (*route, header.time)
            self.log.append(("announce", header.key, header.table, key[0]))
        if update.end:
            peer.ends.add((header.table, update.end))

    def routes(self, key, table):
        """{prefix: (next hop, AS path)}; with path ids {(prefix, id): …}."""
        with self.lock:
            peer = self.peers.get(key)
            found = peer.tables.get(table, {}) if peer else {}
            return {(k if k[1] else k[0]): route[:2] for k, route in found.items()}


class Station:
    """Listens inside a host, for any number of routers. rude: "deaf" never reads, "chatty" speaks."""

    def __init__(self, host, address, port, rude=None):
        self.rude, self.all = rude, []
        with host.inside():
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            self.listener = socket.socket(family)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if rude == "deaf":
                self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.listener.bind((address, port))
            self.listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.all.append(Feed(connection, self.rude))
            if self.rude != "deaf":
                threading.Thread(target=self.all[-1].read, daemon=True).start()

    def feed(self, name):
        """The newest connection of this router, or None."""
        return next((feed for feed in reversed(self.all) if feed.name == name), None)

    def faults(self):
        return [fault for feed in self.all for fault in feed.faults]

    def close(self):
        """Be gone, as a machine that was switched off would not: connections are closed too."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for feed in self.all:
            feed.connection.close()
