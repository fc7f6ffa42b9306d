#!/usr/bin/python3
"""The product's story, told and checked: a pair of route servers, three appliances, a VM, and what goes wrong."""
import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True

from lab import vnet  # noqa: E402
from lab.check import Failed, Stopwatch, expect, hold, poll  # noqa: E402
from lab.door import Door  # noqa: E402
from lab.net import Lab, LabError, require_root  # noqa: E402
from lab.nva import Route  # noqa: E402
from lab.stream import reports  # noqa: E402
from lab.tandem import API_PORT, program  # noqa: E402

KEPT = {vnet.BRANCH, vnet.BRANCH6, vnet.DEFAULT, "default"}  # ip monitor writes 0.0.0.0/0 as "default"


class Story:
    """Each step acts, checks, and returns lines about what was seen; it raises Failed otherwise."""

    def __init__(self, lab):
        self.net = vnet.Vnet(lab)
        self.a, self.b = self.net.nodes.values()
        self.watch = self.traffic = None

    # What several steps say.

    def losses(self):
        """Close the interval of both streams; packets lost in it."""
        parts = reports(*self.traffic)
        text = ", ".join(f"{part['lost']} of {part['sent']} to the {stream.name}"
                         + (f" (within {part['outageMs']} ms)" if part["lost"] else "")
                         for stream, part in zip(self.traffic, parts))
        return sum(part["lost"] for part in parts), f"packets lost: {text}"

    def none_lost(self):
        lost, text = self.losses()
        if lost:
            raise Failed(text)
        return text

    def none_removed(self):
        removed = [route for _, route in self.watch.removals() if route.split()[0] in KEPT]
        if removed:
            raise Failed("routes removed from the VM's kernel: " + "; ".join(removed))
        return "routes removed from the VM's kernel: 0"

    def kernel(self):
        """The VM's programmed routes, as `ip route` would list them."""
        routes = self.net.vm_routes() | self.net.vm_routes(6)
        return [f"vm: {prefix:<18}" + " ".join(f"via {hop}" for hop in hops) for prefix, hops in sorted(routes.items())]

    # The steps.

    def nodes_up(self):
        """two nodes up and connected to each other"""
        self.net.cluster.start()
        return [f"{node.name} {node.address}: " + ", ".join(f"{n['name']} {n['health']}" for n in node.items("node", "list"))
                for node in (self.a, self.b)]

    def appliances_peer(self):
        """every appliance peers with BOTH nodes (BIRD, BIRD, FRR; FRR over IPv4 and IPv6)"""
        self.net.start_appliances()
        self.net.agent.start()
        self.net.wait_peers()
        self.net.cluster.wait_ready()
        digest = self.net.cluster.expect_equal()
        return [f"{node.name}: " + ", ".join(f"{name} {state}" for name, state in sorted(node.peers().items()))
                for node in (self.a, self.b)] + [f"/readyz 200 on both, and both decided the same table: digest {digest[:16]}"]

    def vm_programmed(self):
        """the VM's kernel sends the branch to the SD-WAN, everything else over both firewalls"""
        self.net.expect_whole()
        return self.kernel()

    def announced(self):
        """the appliances have the VNet from both nodes, the on-premises router from the SD-WAN"""
        for appliance in self.net.appliances:
            for node in (self.a, self.b):
                wanted = Route(node.address, (vnet.ASN,))
                expect(f"{appliance.name}: {vnet.VNET} from {node.name}", wanted,
                       lambda: appliance.received(node.address).get(vnet.VNET))
        behind = Route("172.16.0.1", (65010, vnet.ASN))
        expect("on-premises router: the VNet", behind, lambda: self.net.onprem.received("172.16.0.1").get(vnet.VNET))
        return [f"fw1, fw2, sdwan: {vnet.VNET} from {self.a.address} and {self.b.address}, path {vnet.ASN}",
                f"onprem: {vnet.VNET} via 172.16.0.1, path 65010 {vnet.ASN}"]

    def traffic_flows(self):
        """1,000 packets a second from the VM to the branch, 1,000 to the Internet side"""
        self.watch = self.net.watches()["vm"]
        self.traffic = self.net.streams()
        self.losses()
        before = self.carried()
        text = self.none_lost()
        shares = [after - early for after, early in zip(self.carried(), before)]
        if min(shares) == 0:
            raise Failed(f"one firewall carries nothing: fw1 {shares[0]}, fw2 {shares[1]} packets")
        return [text, f"carried by fw1: {shares[0]}, by fw2: {shares[1]} packets"]

    def carried(self):
        """Packets that each firewall sent towards the Internet side."""
        counters = []
        for wall in (self.net.fw1, self.net.fw2):
            counters.append(int(wall.host.run("cat", "/proc/net/dev").split("wan:")[1].split()[9]))
        return counters

    def passive_and_back(self):
        """fw1 prepends its AS twice and becomes passive, then active again"""
        seen, watch = [], Stopwatch()
        self.net.fw1.announce(vnet.DEFAULT, prepend=2)
        self.net.expect_vm(branch=[vnet.SDWAN], default=[vnet.FW2])
        seen.append(f"prepended: {vnet.DEFAULT} via {vnet.FW2} only, after {watch.ms:.0f} ms")
        watch = Stopwatch()
        self.net.fw1.announce(vnet.DEFAULT)
        self.net.expect_whole()
        seen.append(f"restored: {vnet.DEFAULT} via {vnet.FW1} and {vnet.FW2}, after {watch.ms:.0f} ms")
        return [*seen, self.none_lost()]

    def node_dies(self):
        """kill -9 rs-a under the traffic"""
        watch = Stopwatch()
        self.a.kill()
        poll("rs-b notices", lambda: self.health_of_a() == "dead", every=0.01)
        seen = f"rs-b: rs-a is dead, after {watch.ms:.0f} ms"
        hold("the VM's routes", self.net.is_whole, 3)
        return [seen, self.none_removed(), self.none_lost(), *self.kernel()]

    def health_of_a(self):
        return next(node["health"] for node in self.b.items("node", "list") if node["name"] == "rs-a")

    def survivor_works(self):
        """the survivor carries a new route and its withdrawal to the VM"""
        watch = Stopwatch()
        self.net.onprem.announce(vnet.EXTRA)
        self.net.expect_vm(branch=[vnet.SDWAN], extra=[vnet.SDWAN], default=[vnet.FW1, vnet.FW2])
        seen = [f"{vnet.EXTRA} announced on-premises: in the VM's kernel after {watch.ms:.0f} ms"]
        watch = Stopwatch()
        self.net.onprem.withdraw(vnet.EXTRA)
        self.net.expect_whole()
        return [*seen, f"{vnet.EXTRA} withdrawn: gone from the VM's kernel after {watch.ms:.0f} ms", self.none_lost()]

    def firewall_dies(self):
        """fw1 dies, its share moves to fw2"""
        watch = Stopwatch()
        self.net.power_off(self.net.fw1)
        self.net.expect_vm(branch=[vnet.SDWAN], default=[vnet.FW2])
        seen = [f"{vnet.DEFAULT} via {vnet.FW2} only, after {watch.ms:.0f} ms"]
        lost, text = self.losses()
        if lost > 500:
            raise Failed(f"the share did not move within half a second: {text}")
        return [*seen, text + " while it moved", "then " + self.none_lost()]

    def firewall_returns(self):
        """fw1 comes back and takes its share again"""
        watch = Stopwatch()
        self.net.power_on(self.net.fw1)
        self.net.expect_whole(20)
        return [f"{vnet.DEFAULT} via {vnet.FW1} and {vnet.FW2}, after {watch.ms:.0f} ms", self.none_lost()]

    def node_returns(self):
        """rs-a comes back, resyncs, and nothing moves"""
        watch = Stopwatch()
        self.a.start()
        self.a.wait_ready()
        ready = watch.ms
        self.net.wait_peers()
        self.net.cluster.expect_equal()
        everything = watch.ms
        self.net.expect_whole()
        return [f"ready after {ready:.0f} ms; all sessions up and both tables equal after {everything:.0f} ms",
                self.none_removed(), self.none_lost()]

    STEPS = (nodes_up, appliances_peer, vm_programmed, announced, traffic_flows, passive_and_back, node_dies,
             survivor_works, firewall_dies, firewall_returns, node_returns)

    def tell(self):
        """Play all steps; true when every one held. A later step is of no use after a failed one."""
        for number, step in enumerate(self.STEPS, 1):
            watch = Stopwatch()
            head = f"[{number:2}/{len(self.STEPS)}] {step.__doc__}"
            print(head, end=" ", flush=True)
            try:
                lines, verdict = step(self), "ok"
            except (Failed, LabError) as failure:
                lines, verdict = str(failure).splitlines(), "FAILED"
            print(f"{'':<{max(0, 92 - len(head))}}{verdict} {watch.ms / 1000:.1f} s")
            for line in lines:
                print(f"        {line}")
            if verdict != "ok":
                return False
        return True


def dashboard(node):
    """Where a browser on this machine sees the node's page, unless its port is taken."""
    try:
        return f" Dashboard of {node.name}: {Door(node.host, API_PORT).url}"
    except OSError:
        return ""


def invite(story):
    """How to play with the lab that stays up."""
    ctl = os.path.relpath(program("tandemctl"))
    print(f"\nThe lab stays up.{dashboard(story.a)}\nIn another terminal, as root:")
    for node in story.net.nodes.values():
        print(f"  {ctl} --socket {node.socket} status      # also: peer list, route list, route explain {vnet.DEFAULT}")
    print(f"  ip -n {story.net.vm.namespace} route         # what the VM's kernel has")
    print(f"  ip -n {story.net.vm.namespace} monitor route # and what changes there")
    print(f"  birdc -s {story.net.fw1.path('bird.ctl')} show protocols")
    print(f"  vtysh --vty_socket {story.net.sdwan.path('')} --config_dir {story.net.sdwan.path('')} -c 'show bgp summary'")
    print(f"  kill -9 {story.b.process.pid}                 # rs-b; the VM's traffic does not notice")
    print(f"Files and logs: {story.net.lab.directory}\nCtrl-C ends everything.", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="deploy/demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the last step; exit 0 only if every step held")
    parser.add_argument("--keep-logs", action="store_true", help="leave the run's files behind and say where")
    options = parser.parse_args()
    require_root()
    watch = Stopwatch()
    with Lab("demo", keep_logs=options.keep_logs) as lab:
        story = Story(lab)
        held = story.tell()
        print(f"\n{'Every step held' if held else 'A step FAILED'}, {watch.ms / 1000:.0f} s in all.")
        if options.keep_logs or not held:
            print(f"Files and logs: {lab.directory}" + ("" if options.keep_logs else " (kept with --keep-logs)"))
        if not options.once:
            invite(story)
            poll_forever()
    return 0 if held else 1


def poll_forever():
    import signal
    while True:
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
