"""Observers: what the kernel itself says about a host's routes, from `ip monitor`."""
import datetime
import re
import time

from .check import poll
from .proc import Process

MARK = "192.0.2.255"  # TEST-NET-1: a route that only says "up to here"


class RouteWatch:
    """Every change of the kernel's routes in one host since the watch began."""

    def __init__(self, lab, host):
        self.host = host
        self.process = Process(lab, host, f"{host.name}.routes", "ip", "-ts", "monitor", "route")
        poll(f"route monitor in {host.name}", self._heard)

    def _heard(self):
        self._toggle_mark()
        time.sleep(0.02)
        return MARK in self._text()

    def _toggle_mark(self):
        self.host.ip(f"route add blackhole {MARK}")
        self.host.ip(f"route del blackhole {MARK}")

    def _text(self):
        with open(self.process.log, encoding="utf-8") as log:
            return log.read()

    def _all(self):
        """[(time stamp, "Deleted " or "", route)] up to now, our mark aside."""
        seen = self._text().count(MARK)
        self._toggle_mark()
        poll(f"route monitor in {self.host.name} is up to date", lambda: self._text().count(MARK) >= seen + 2)
        found = re.findall(r"^\[([^\]]+)\]\s*(Deleted )?(.+)$", self._text(), re.MULTILINE)
        return [(stamp, deleted, route.strip()) for stamp, deleted, route in found if MARK not in route]

    def removals(self):
        """[(time, route)] of every removal."""
        return [(stamp, route) for stamp, deleted, route in self._all() if deleted]

    def changes(self):
        """[(seconds since the epoch, was removed, prefix)] of every change."""
        return [(datetime.datetime.fromisoformat(stamp).timestamp(), bool(deleted), _prefix(route))
                for stamp, deleted, route in self._all()]


def _prefix(route):
    """Of a route as `ip` writes it."""
    kinds = ("unicast", "blackhole", "unreachable", "prohibit", "local", "broadcast", "multicast", "anycast")
    words = route.split()
    first = words[1] if words[0] in kinds and len(words) > 1 else words[0]
    if first == "default":
        return "0.0.0.0/0"
    return first if "/" in first else first + ("/128" if ":" in first else "/32")


def kernel_routes(host, family=4, table="main", protocol=None):
    """{prefix: sorted next hops} of a kernel table; multipath and nexthop objects are resolved."""
    import json
    selection = f"table {table}" + (f" proto {protocol}" if protocol else "")
    groups = {item["id"]: item for item in json.loads(host.ip(f"-{family} -j nexthop show") or "[]")}
    routes = {}
    for route in json.loads(host.ip(f"-{family} -j route show {selection}") or "[]"):
        prefix = route["dst"] if route["dst"] != "default" else ("0.0.0.0/0" if family == 4 else "::/0")
        if "/" not in prefix:
            prefix += "/32" if family == 4 else "/128"
        routes[prefix] = sorted(_hops(route, groups))
    return routes


def _hops(route, groups):
    if "nhid" in route and route["nhid"] in groups:
        item = groups[route["nhid"]]
        members = [groups[m["id"]] for m in item["group"]] if "group" in item else [item]
        return [m.get("gateway", m.get("dev", "")) for m in members]
    if "nexthops" in route:
        return [hop.get("gateway", hop.get("via", {}).get("host", "")) for hop in route["nexthops"]]
    return [route.get("gateway") or route.get("dev") or route.get("type", "")]
