"""A BGP speaker that believes nothing: every UPDATE it reads is checked octet by octet.

    session = Session("10.1.1.4", 1790, "10.1.2.4", 65001, capabilities=IP4 + AS4)
    session.announce("10.9.0.0/16", hop="10.1.2.4", path=[65001])
    session.read_until(lambda: "10.9.1.0/24" in session.table)

What is checked: attributes ascend by type but MP_REACH_NLRI and MP_UNREACH_NLRI, which stand first where they
are (RFC 7606 section 5.1), none stands twice, flags are those of the attribute (RFC 4271 section 4.3), the
extended length only where one octet does not do, mandatory attributes are there, NEXT_HOP exactly where there
is NLRI of the classic field, and nothing that an external peer must not be told (LOCAL_PREF and the like).
"""
import ipaddress
import socket
import struct
import time

from case import Failed

OPEN, UPDATE, NOTIFICATION, KEEPALIVE, REFRESH = 1, 2, 3, 4, 5
ORIGIN, AS_PATH, NEXT_HOP, MED, LOCAL_PREF, ATOMIC, AGGREGATOR, COMMUNITIES = range(1, 9)
MP_REACH, MP_UNREACH, EXTENDED, AS4_PATH, AS4_AGGREGATOR, LARGE, OTC = 14, 15, 16, 17, 18, 32, 35
TRANSITIVE, OPTIONAL, BOTH = 0x40, 0x80, 0xc0
FLAGS = {ORIGIN: TRANSITIVE, AS_PATH: TRANSITIVE, NEXT_HOP: TRANSITIVE, MED: OPTIONAL, ATOMIC: TRANSITIVE,
         AGGREGATOR: BOTH, COMMUNITIES: BOTH, MP_REACH: OPTIONAL, MP_UNREACH: OPTIONAL, EXTENDED: BOTH,
         AS4_PATH: BOTH, AS4_AGGREGATOR: BOTH, LARGE: BOTH, OTC: BOTH}

IP4, IP6 = bytes.fromhex("010400010001"), bytes.fromhex("010400020001")
REFRESHES, ENHANCED, LONG_MESSAGES = b"\x02\x00", b"\x02\x00\x46\x00", b"\x06\x00"
ROLE_CLIENT = b"\x09\x01\x02"
NEXT_HOP6 = bytes.fromhex("0506000100010002")  # RFC 8950: IPv4 unicast


def as4(asn):
    return struct.pack(">BBI", 65, 4, asn)


def add_path(direction, families=(1,)):
    """1 receive, 2 send, 3 both."""
    return bytes([69, 4 * len(families)]) + b"".join(struct.pack(">HBB", f, 1, direction) for f in families)


def message(kind, body=b""):
    return b"\xff" * 16 + struct.pack(">HB", 19 + len(body), kind) + body


def attribute(kind, value, flags=None):
    flags = FLAGS[kind] if flags is None else flags
    if len(value) > 255:
        return struct.pack(">BBH", flags | 0x10, kind, len(value)) + value
    return bytes([flags, kind, len(value)]) + value


def encode(prefix, path_id=None):
    network = ipaddress.ip_network(prefix)
    octets = network.network_address.packed[:(network.prefixlen + 7) // 8]
    return (b"" if path_id is None else struct.pack(">I", path_id)) + bytes([network.prefixlen]) + octets


def sequence(asns, width=4):
    if not asns:
        return b""
    return bytes([2, len(asns)]) + b"".join(struct.pack(">I" if width == 4 else ">H", asn) for asn in asns)


def must(holds, text):
    if not holds:
        raise Failed(text)


class Route:
    """What one UPDATE says of one prefix."""

    def __init__(self, attributes, hop, link_local=None):
        self.attributes, self.hop, self.link_local = attributes, hop, link_local  # {type: (flags, value)}

    def value(self, kind):
        return self.attributes.get(kind, (0, None))[1]

    def path(self, width=4, kind=AS_PATH):
        octets, asns = self.value(kind) or b"", []
        while octets:
            must(octets[0] == 2 and octets[1], f"a segment of type {octets[0]} with {octets[1]} ASes")
            count = octets[1]
            asns += struct.unpack_from(f">{count}{'I' if width == 4 else 'H'}", octets, 2)
            octets = octets[2 + count * width:]
        return asns


class Session:
    def __init__(self, node, port, own, asn, capabilities=None, receive_buffer=None):
        self.own, self.asn = own, asn
        self.capabilities = IP4 + as4(asn) if capabilities is None else capabilities
        self.buffer, self.table, self.ends, self.marks, self.log = b"", {}, [], [], []
        self.updates, self.longest = 0, 0
        self.socket = socket.socket(socket.AF_INET6 if ":" in own else socket.AF_INET)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(10)
        self.socket.bind((own, 0))
        self.socket.connect((node, port))
        head = struct.pack(">BHH", 4, asn if asn < 65536 else 23456, 0) + ipaddress.ip_address(own).packed[-4:]
        offer = self.capabilities
        self.send(message(OPEN, head + bytes([len(offer) + 2, 2, len(offer)]) + offer))
        self.offered = self.wait_for(OPEN)
        self.send(message(KEEPALIVE))
        self.wait_for(KEEPALIVE)

    def has_ids(self, afi):
        """RFC 7911: we receive, and the node sends, by its OPEN."""
        theirs = [c for kind, value in tlvs(self.offered[10:]) if kind == 2 for c in tlvs(value)]
        return bool(direction(tlvs(self.capabilities), afi) & 1 and direction(theirs, afi) & 2)

    def send(self, data):
        self.socket.sendall(data)

    def close(self):
        self.socket.close()

    # ---- what we say ----

    def update(self, withdrawn=b"", attributes=b"", nlri=b""):
        self.send(message(UPDATE, struct.pack(">H", len(withdrawn)) + withdrawn +
                          struct.pack(">H", len(attributes)) + attributes + nlri))

    def announce(self, *prefixes, hop=None, path=None, extra=b"", path_id=None):
        hop = ipaddress.ip_address(hop or self.own)
        head = attribute(ORIGIN, b"\0") + attribute(AS_PATH, sequence([self.asn] if path is None else path))
        nlri = b"".join(encode(p, path_id) for p in prefixes)
        if ":" in prefixes[0] or hop.version == 6:
            reach = struct.pack(">HBB", 2 if ":" in prefixes[0] else 1, 1, len(hop.packed)) + hop.packed + b"\0" + nlri
            self.update(attributes=attribute(MP_REACH, reach) + head + extra)
        else:
            self.update(attributes=head + attribute(NEXT_HOP, hop.packed) + extra, nlri=nlri)

    def withdraw(self, *prefixes, path_id=None):
        self.update(withdrawn=b"".join(encode(p, path_id) for p in prefixes))

    def end_of_rib(self):
        self.update()

    # ---- what we hear ----

    def next(self):
        while len(self.buffer) < 19 or len(self.buffer) < struct.unpack_from(">H", self.buffer, 16)[0]:
            more = self.socket.recv(65536)
            must(more, "the node has ended the connection")
            self.buffer += more
        length, kind = struct.unpack_from(">HB", self.buffer, 16)
        must(self.buffer[:16] == b"\xff" * 16 and length >= 19, "a header that is none")
        body, self.buffer = self.buffer[19:length], self.buffer[length:]
        self.longest = max(self.longest, length)
        return kind, body

    def wait_for(self, wanted):
        for _ in range(100000):
            kind, body = self.next()
            if kind == wanted:
                return body
            must(kind != NOTIFICATION, f"NOTIFICATION {body.hex()}")
        raise Failed("not what was waited for")

    def read_until(self, holds, what, seconds=20):
        end = time.monotonic() + seconds
        while not holds():
            must(time.monotonic() < end, f"{self.own}: {what}: not within {seconds} s; has {sorted(map(str, self.table))[:20]}")
            self.socket.settimeout(0.5)
            try:
                kind, body = self.next()
            except TimeoutError:
                continue
            self.hear(kind, body)

    def read_for(self, seconds):
        end = time.monotonic() + seconds
        self.read_until(lambda: time.monotonic() > end, "", seconds + 5)

    def hear(self, kind, body):
        must(kind != NOTIFICATION, f"NOTIFICATION {body.hex()}")
        if kind == REFRESH:
            afi, subtype, _ = struct.unpack(">HBB", body)
            self.marks.append((afi, subtype))
            self.log.append(("mark", subtype))
        elif kind == UPDATE:
            self.hear_update(body)

    def hear_update(self, body):
        withdrawn, rest = cut(body)
        attributes, nlri = cut(rest)
        self.updates += 1
        if not withdrawn and not attributes and not nlri:
            self.ends.append(1)
            return
        for key in self.prefixes(withdrawn, 1):
            self.drop(key)
        found = self.attributes(attributes, bool(nlri))
        if MP_UNREACH in found:
            value = found.pop(MP_UNREACH)[1]
            must(value[:3] == b"\0\2\1", "MP_UNREACH_NLRI of another family")
            if len(value) == 3:
                self.ends.append(2)
            for key in self.prefixes(value[3:], 2):
                self.drop(key)
        if MP_REACH in found:
            value = found.pop(MP_REACH)[1]
            afi, safi, length = struct.unpack_from(">HBB", value)
            must(safi == 1 and value[4 + length] == 0, "MP_REACH_NLRI: reserved octet or SAFI")
            hop = str(ipaddress.ip_address(value[4:4 + (16 if length == 32 else length)]))
            link_local = str(ipaddress.ip_address(value[20:36])) if length == 32 else None
            self.add(self.prefixes(value[5 + length:], afi), Route(found, hop, link_local))
        if nlri:
            self.add(self.prefixes(nlri, 1), Route(found, socket.inet_ntoa(found[NEXT_HOP][1])))

    def drop(self, key):
        self.log.append(("-", key))
        self.table.pop(key, None)

    def add(self, keys, route):
        for key in keys:
            self.log.append(("+", key))
            self.table[key] = route

    def prefixes(self, octets, afi):
        """Keys of the table: a prefix, or with path ids (prefix, id)."""
        has_ids, found = self.has_ids(afi), []
        while octets:
            path_id = struct.unpack_from(">I", octets)[0] if has_ids else None
            octets = octets[4:] if has_ids else octets
            length = octets[0]
            size = (length + 7) // 8
            must(length <= (32 if afi == 1 else 128) and len(octets) > size, "NLRI that is none")
            address = octets[1:1 + size].ljust(4 if afi == 1 else 16, b"\0")
            prefix = str(ipaddress.ip_network((address, length)))  # strict: no host bits
            found.append((prefix, path_id) if has_ids else prefix)
            octets = octets[1 + size:]
        return found

    def attributes(self, octets, has_nlri):
        found, last = {}, 0
        while octets:
            flags, kind = octets[:2]
            long = flags & 0x10
            length = struct.unpack_from(">H", octets, 2)[0] if long else octets[2]
            value = octets[3 + bool(long):][:length]
            must(len(value) == length, "an attribute that is longer than the rest")
            must(bool(long) == (length > 255), f"attribute {kind}: extended length for {length} octets")
            must(flags & 0x0f == 0, f"attribute {kind}: unused flag bits")
            must(kind not in found, f"attribute {kind} stands twice")
            if kind in (MP_REACH, MP_UNREACH):
                must(not found, f"attribute {kind} is not the first")
            else:
                must(kind > last, f"attribute {kind} behind {last}")
                last = kind
            if kind in FLAGS:
                must(flags & 0xe0 & ~0x20 == FLAGS[kind], f"attribute {kind} has flags {flags:02x}")
                must(not flags & 0x20 or FLAGS[kind] == BOTH, f"attribute {kind} is partial")
            else:
                must(flags & 0xe0 == 0xe0, f"unknown attribute {kind} has flags {flags:02x}")
            must(kind not in (LOCAL_PREF, 9, 10), f"attribute {kind} to an external peer")
            found[kind] = (flags, value)
            octets = octets[3 + bool(long) + length:]
        reach = has_nlri or MP_REACH in found
        must(not reach or (ORIGIN in found and AS_PATH in found), "a mandatory attribute is missing")
        must((NEXT_HOP in found) == has_nlri, "NEXT_HOP without classic NLRI, or the reverse")
        return found


def direction(capabilities, afi):
    """Of RFC 7911 for a family: 1 receive, 2 send."""
    return next((d for kind, value in capabilities if kind == 69
                 for f, _, d in struct.iter_unpack(">HBB", value) if f == afi), 0)


def cut(octets):
    length = struct.unpack_from(">H", octets)[0]
    must(len(octets) >= 2 + length, "a length beyond the message")
    return octets[2:2 + length], octets[2 + length:]


def tlvs(octets):
    """Capabilities, or the parameters of an OPEN: (type, value), with lengths of one octet."""
    found = []
    while len(octets) >= 2:
        found.append((octets[0], octets[2:2 + octets[1]]))
        octets = octets[2 + octets[1]:]
    return found
