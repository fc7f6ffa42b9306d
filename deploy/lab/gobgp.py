"""GoBGP: a BGP speaker without a kernel table, as controllers embed it."""
import ipaddress
import json

from .nva import Appliance, Route, version

FAMILIES = {4: "ipv4-unicast", 6: "ipv6-unicast"}


class Gobgp(Appliance):
    kind = "GoBGP"

    def start(self):
        self.process = self.spawn("gobgpd", "-t", "json", "-f", self.configure(), "--api-hosts", "127.0.0.1:50051",
                                  "--pprof-disable", "--log-plain")
        # It answers before it has read its configuration, and takes no route yet: AS 0 then.
        self.wait_ready(lambda: str(self.asn) in self.gobgp("global"))
        for prefix in self.announced:
            self.apply(prefix)
        return self

    def gobgp(self, *words, as_json=False):
        text = self.host.run("gobgp", *(["-j"] if as_json else []), *words)
        return json.loads(text) if as_json else text

    def configure(self):
        document = {
            "global": {"config": {"as": self.asn, "router-id": self.address,
                                  "local-address-list": [a for a in (self.address, self.address6) if a]}},
            "neighbors": [self._neighbor(n) for n in self.neighbors]}
        if not self.transit:
            document["policy-definitions"] = [{"name": "own", "statements": [
                {"conditions": {"bgp-conditions": {"route-type": "local"}}, "actions": {"route-disposition": "accept-route"}}]}]
            document["global"]["apply-policy"] = {"config": {
                "export-policy-list": ["own"], "default-export-policy": "reject-route"}}
        return self.write("gobgpd.json", json.dumps(document, indent=1))

    def _neighbor(self, n):
        return {"config": {"neighbor-address": n.address, "peer-as": n.asn},
                "transport": {"config": {"local-address": n.local, "passive-mode": n.passive}},
                "ebgp-multihop": {"config": {"enabled": True, "multihop-ttl": 64}},
                "timers": {"config": {"hold-time": self.hold, "keepalive-interval": self.hold // 3,
                                      "connect-retry": 2, "idle-hold-time-after-reset": 1}},
                "afi-safis": [{"config": {"afi-safi-name": FAMILIES[f]},
                               **({"add-paths": {"config": {"receive": True}}} if n.several else {})}
                              for f in self.families(n)]}

    def apply(self, prefix):
        family = ("-a", f"ipv{version(prefix)}")
        if prefix in self.announced:
            path = ",".join([str(self.asn)] * self.announced[prefix])
            self.gobgp("global", "rib", "add", prefix, *(["aspath", path] if path else []),
                       "nexthop", self.own(prefix), *family)
        else:
            self.gobgp("global", "rib", "del", prefix, *family)

    def established(self, address):
        neighbor = self.gobgp("neighbor", address, as_json=True)
        return neighbor["state"]["session_state"] == 6  # ESTABLISHED in GoBGP's API

    def received(self, address):
        routes = {}
        for family in self.families(self.neighbor(address)):
            for paths in self._table(address, family).values():
                for path in paths:
                    routes[path["nlri"]["prefix"]] = _route(path["attrs"])
        return routes

    def paths(self, address, prefix):
        return sorted((_route(p["attrs"]) for p in self._table(address, version(prefix)).get(prefix, [])), key=repr)

    def _table(self, address, family):
        table = self.gobgp("neighbor", address, "adj-in", "-a", f"ipv{family}", as_json=True)
        return table if isinstance(table, dict) else {}


def _route(attributes):
    """Attribute types by number: 2 AS_PATH, 3 NEXT_HOP, 14 MP_REACH_NLRI."""
    hop, path = "", ()
    for attribute in attributes:
        if attribute["type"] == 2:
            path = tuple(asn for segment in attribute.get("as_paths", []) for asn in segment["asns"])
        elif attribute["type"] in (3, 14):
            hop = str(ipaddress.ip_address(attribute["nexthop"]))
    return Route(hop, path)
