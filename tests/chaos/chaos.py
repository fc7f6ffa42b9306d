#!/usr/bin/python3
"""What may happen to nodes and agents must not happen to traffic.

    tests/chaos/chaos.py [--times N] [words of a case's name]

The network of deploy/demo. A stream of 1,000 packets a second runs from the VM to the branch and
another to the Internet side all the time; an `ip monitor route` listens in every host. After every
act: no packet lost, no route removed anywhere, the VM's table as it was.
"""
import argparse
import os
import signal
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab import vnet  # noqa: E402
from lab.check import Stopwatch, hold, poll  # noqa: E402
from lab.net import Lab  # noqa: E402
from lab.stream import reports  # noqa: E402


class Chaos:
    def __init__(self, lab):
        self.net = vnet.Vnet(lab)
        self.a, self.b = self.net.nodes.values()
        self.traffic, self.watches, self.removed_before = (), {}, {}

    def start(self):
        self.net.cluster.start()
        self.net.start_appliances()
        self.net.agent.start()
        self.net.cluster.wait_ready()
        self.settled()
        self.watches = self.net.watches()
        self.traffic = self.net.streams()
        reports(*self.traffic)

    def settled(self):
        """Everybody peers with both nodes, which hold the same; the VM has the whole table."""
        self.net.wait_peers()
        self.net.cluster.expect_equal()
        self.net.expect_whole(15)

    def nothing_happened(self, hosts=None, streams=("branch", "internet")):
        """No packet lost and no route removed since the last question; in these hosts and streams, where
        others must see a difference (who has no route server left has no routes from it)."""
        problems = [f"{part['lost']} of {part['sent']} packets to the {stream.name} lost within {part['outageMs']} ms"
                    for stream, part in zip(self.traffic, reports(*self.traffic))
                    if part["lost"] and stream.name in streams]
        for name, watch in self.watches.items():
            removed = watch.removals()
            if hosts is None or name in hosts:
                problems += [f"{name}: removed {route} at {stamp}"
                             for stamp, route in removed[self.removed_before.get(name, 0):]]
            self.removed_before[name] = len(removed)
        if problems:
            raise Failed("\n".join(problems))

    def return_together(self):
        """Both nodes were gone and start again."""
        for node in (self.a, self.b):
            node.start()
        for node in (self.a, self.b):
            node.wait_ready()
        self.settled()
        # The branch learned its way back from the route servers; the Internet side did not.
        self.nothing_happened(hosts=("vm",), streams=("internet",))

    # The acts.

    def node_killed(self, node, other):
        """kill -9 and return."""
        node.kill()
        hold("the VM's table while a node is away", self.net.is_whole, 1)
        node.start()
        node.wait_ready()
        self.settled()
        self.nothing_happened()

    def node_stopped(self):
        """An orderly stop and a start of each."""
        for node in (self.a, self.b):
            node.stop()
            hold("the VM's table while a node is away", self.net.is_whole, 1)
            node.start()
            node.wait_ready()
            self.settled()
        self.nothing_happened()

    def node_paused(self):
        """A node stands still for longer than any of its timers, and goes on."""
        self.a.process.signal(signal.SIGSTOP)
        hold("the VM's table while a node stands still", self.net.is_whole, 12)
        self.a.process.signal(signal.SIGCONT)
        self.settled()
        self.nothing_happened()

    def agent_restarted(self):
        """kill -9 and an orderly stop of the agent."""
        for end in (self.net.agent.kill, self.net.agent.stop):
            end()
            hold("the VM's table without its agent", self.net.is_whole, 1)
            self.net.agent.start()
            hold("the VM's table under a new agent", self.net.is_whole, 2)
        self.nothing_happened()

    def all_gone(self):
        """Both nodes and the agent die; the VM's kernel keeps what it has, also when the agent is back alone."""
        self.a.kill()
        self.b.kill()
        hold("the VM's table without any node", self.net.is_whole, 3)
        self.net.agent.kill()
        self.net.agent.start()
        hold("the VM's table under an agent without nodes", self.net.is_whole, 3)
        self.return_together()

    def one_session(self):
        """An appliance that peers with one node only is served by both and outlives that node (P6)."""
        prefix = vnet.EXTRA
        self.net.onprem.announce(prefix)
        poll("the new route", lambda: self.net.vm_routes().get(prefix) == [vnet.SDWAN])
        for address in vnet.NODES["rs-b"]:
            self.net.sdwan.vtysh("configure terminal", "router bgp 65010", f"neighbor {address} shutdown")
        poll("rs-b lost the SD-WAN's sessions",
             lambda: {self.b.peers()[n] for n in ("sdwan", "sdwan-v6")}.isdisjoint({"Established"}))
        hold("rs-b serves what rs-a learned", lambda: prefix in self.b.best(), 1)
        self.a.kill()
        hold("the VM keeps what the dead node learned", lambda: prefix in self.net.vm_routes(), 3)
        self.a.start()
        self.a.wait_ready()
        for address in vnet.NODES["rs-b"]:
            self.net.sdwan.vtysh("configure terminal", "router bgp 65010", f"no neighbor {address} shutdown")
        self.net.wait_peers()
        self.nothing_happened(hosts=("vm",), streams=("internet",))
        # And it is no zombie: the withdrawal counts.
        self.net.onprem.withdraw(prefix)
        self.settled()
        self.nothing_happened(hosts=())


def kills(chaos, cases, times):
    """Either node by turns; the longest wait of all is worth knowing."""
    longest = 0
    for number in range(times):
        node, other = ((chaos.a, chaos.b), (chaos.b, chaos.a))[number % 2]
        watch = Stopwatch()
        if not cases.one(f"kill -9 {node.name}, {number + 1} of {times}", chaos.node_killed, node, other):
            time.sleep(2)
        longest = max(longest, watch.ms)
    print(f"       longest kill and return: {longest / 1000:.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=20, help="how often a node is killed")
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    cases = Cases(options.words)
    with Lab("chaos") as lab:
        chaos = Chaos(lab)
        if cases.one("the network stands and traffic flows", chaos.start):
            acts = (("agent restarts remove nothing", chaos.agent_restarted),
                    ("an orderly node restart removes nothing", chaos.node_stopped),
                    ("a paused node removes nothing", chaos.node_paused),
                    ("all nodes gone: the host keeps its table", chaos.all_gone),
                    ("one session is enough, and outlives its node", chaos.one_session))
            if cases.wants("kill -9"):
                kills(chaos, cases, options.times)
            cases.each(acts)
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
