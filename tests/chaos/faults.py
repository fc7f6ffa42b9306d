#!/usr/bin/python3
"""Partitions, power failures and pauses: what the network and the hypervisor do to a pair.

    tests/chaos/faults.py [words of a case's name]

The network and the observers of chaos.py. Routes also change while a fault lasts: what an appliance
withdraws is gone within a second wherever any node hears it, what it announces arrives.
"""
import contextlib
import os
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from chaos import Chaos  # noqa: E402
from lab import vnet  # noqa: E402
from lab.check import Stopwatch, hold, poll  # noqa: E402
from lab.fault import deaf, partition, stopped, unplugged  # noqa: E402
from lab.net import Lab  # noqa: E402

AGENT_SILENCE_S = 1.3  # an agent takes so much for the end of a node
ZOMBIE_S = 1  # a withdrawn route is gone everywhere within this time (promise P5)


class Faults(Chaos):
    """Acts of the network; each ends with everything as it was."""

    def has_extra(self):
        return self.net.vm_routes().get(vnet.EXTRA) == [vnet.SDWAN]

    def announce_extra(self):
        self.net.onprem.announce(vnet.EXTRA)
        poll("the new route in the VM's kernel", self.has_extra)

    def withdraw_extra(self):
        """Withdraw it at its source; the time until the VM has it no longer, from when a node could know."""
        self.net.onprem.withdraw(vnet.EXTRA)
        watch = Stopwatch()
        poll("the withdrawn route is gone from the VM's kernel", lambda: not self.has_extra(), 10, every=0.01)
        return watch.ms

    def changes_arrive(self):
        """A new route reaches the VM and leaves it."""
        self.announce_extra()
        self.withdraw_extra()

    def sees(self, node, other, *states):
        return {n["name"]: n["health"] for n in node.items("node", "list")}[other.name] in states

    def lost(self, node, other):
        poll(f"{node.name} misses {other.name}", lambda: self.sees(node, other, "dead"), 5)

    def calm(self, removed_extra=0):
        """Nothing lost; the VM removed the extra route as often as it was withdrawn, and nothing else."""
        removed = self.watches["vm"].removals()
        fresh = removed[self.removed_before.get("vm", 0):]
        self.removed_before["vm"] = len(removed)
        others = [route for _, route in fresh if not route.startswith(vnet.EXTRA)]
        if others or len(fresh) - len(others) != removed_extra:
            raise Failed(f"the VM's kernel: wanted {removed_extra} removals of {vnet.EXTRA} and no other, saw "
                         + "; ".join(f"{stamp} {route}" for stamp, route in fresh))
        self.nothing_happened(hosts=())

    # The acts.

    def split(self):
        """The nodes do not hear each other; both see every appliance."""
        ends = [(node.host, vnet.NODES[node.name]) for node in (self.a, self.b)]
        with partition(*ends):
            self.lost(self.a, self.b)
            self.lost(self.b, self.a)
            hold("the VM's table in a partition", self.net.is_whole, 2)
            self.changes_arrive()
        self.settled()
        self.calm(removed_extra=1)

    def one_way(self):
        """One node is heard and hears nothing: both must come to the same view of their link."""
        with deaf(self.a.host, *vnet.NODES["rs-b"]):
            self.lost(self.a, self.b)
            self.lost(self.b, self.a)
            hold("the VM's table in a one-way partition", self.net.is_whole, 1)
            self.changes_arrive()
        self.settled()
        self.calm(removed_extra=1)

    def power_failure(self):
        """A node vanishes without a word. Its sessions elsewhere end by the hold time of 9 s."""
        self.announce_extra()
        with unplugged(self.a.host):
            self.lost(self.b, self.a)
            hold("the VM's table after a power failure", self.net.is_whole_with_extra, 1)
            gone_ms = self.withdraw_extra()
            hold("the VM's table while the node is away", self.net.is_whole, 12)
        self.settled()
        self.calm(removed_extra=1)
        if gone_ms > ZOMBIE_S * 1000 + 500:
            raise Failed(f"a withdrawn route stayed for {gone_ms:.0f} ms")

    def withdrawn_while_paused(self):
        """A route is withdrawn while a node stands still: it must not come back with that node."""
        self.announce_extra()
        with stopped(self.b.process):
            self.lost(self.a, self.b)
            self.withdraw_extra()
            hold("the VM's table while a node stands still", self.net.is_whole, 12)
        hold("no zombie comes back with the node", lambda: not self.has_extra(), 2, every=0.02)
        self.settled()
        self.calm(removed_extra=1)

    def withdrawn_as_one_pauses(self):
        """A route is withdrawn as one node stops, and the other has just stood still: that one holds what is lost, no more."""
        for first, second in ((self.a, self.b), (self.b, self.a)):
            self.announce_extra()
            with stopped(first.process):
                time.sleep(AGENT_SILENCE_S)  # the VM's agent follows the other one
            poll("the nodes hear each other", lambda first=first, second=second: self.sees(first, second, "ok") and
                 self.sees(second, first, "ok"), 5, every=0.02)
            with stopped(second.process):
                gone_ms = self.withdraw_extra()
                time.sleep(AGENT_SILENCE_S)
            if gone_ms > ZOMBIE_S * 1000 + 500:
                raise Failed(f"a withdrawn route stayed for {gone_ms:.0f} ms as {second.name} stopped")
            self.settled()
            self.calm(removed_extra=1)

    def unheard(self):
        """An appliance withdraws while it does not reach one node, which cannot know that yet: its hold time runs."""
        self.announce_extra()
        poll("rs-a has the new route", lambda: vnet.EXTRA in self.a.routes(), 5)
        with deaf(self.a.host, vnet.SDWAN, vnet.SDWAN6):
            self.withdraw_extra()
            poll("it is gone from the node that is not reached, too", lambda: vnet.EXTRA not in self.a.routes(), 4, every=0.02)
            if "sdwan" not in self.up(self.a):
                raise Failed("the hold time was over before")
        self.settled()
        self.calm(removed_extra=1)

    def halves(self):
        """Each node sees half of the appliances, and the nodes each other: the union is programmed."""
        with contextlib.ExitStack() as faults:
            faults.enter_context(deaf(self.a.host, vnet.FW1, vnet.FW2))
            faults.enter_context(deaf(self.b.host, vnet.SDWAN, vnet.SDWAN6))
            poll("rs-a has lost the firewalls", lambda: self.up(self.a).isdisjoint({"fw1", "fw2"}), 25)
            poll("rs-b has lost the SD-WAN", lambda: self.up(self.b).isdisjoint({"sdwan", "sdwan-v6"}), 25)
            hold("the VM's table from both halves", self.net.is_whole, 2)
            self.changes_arrive()
            with partition(*((node.host, vnet.NODES[node.name]) for node in (self.a, self.b))):
                self.lost(self.a, self.b)
                self.lost(self.b, self.a)
                hold("the VM's table from two halves that do not hear each other", self.net.is_whole, 3)
        self.settled()
        self.calm(removed_extra=1)

    def up(self, node):
        return {name for name, state in node.peers().items() if state == "Established"}

    def both_at_once(self):
        """Both nodes are killed and come back together."""
        self.a.kill()
        self.b.kill()
        hold("the VM's table without any node", self.net.is_whole, 1)
        self.return_together()

    def alone(self):
        """Both die, one comes back alone: it serves, and removes nothing that the other had."""
        self.a.kill()
        self.b.kill()
        self.a.start()
        self.net.wait_peers("rs-a")
        self.a.wait_ready(20)
        hold("the VM's table under a node alone", self.net.is_whole, 2)
        self.announce_extra()
        self.withdraw_extra()
        self.b.start()
        self.b.wait_ready()
        self.settled()
        removed = self.watches["vm"].removals()[self.removed_before.get("vm", 0):]
        if [route for _, route in removed if not route.startswith(vnet.EXTRA)]:
            raise Failed(f"removed: {removed}")
        self.nothing_happened(hosts=(), streams=("internet",))
        self.removed_before["vm"] = len(self.watches["vm"].removals())


def main():
    cases = Cases()
    with Lab("faults") as lab:
        faults = Faults(lab)
        acts = (("the nodes are parted, both see every appliance", faults.split),
                ("one node hears nothing and is heard", faults.one_way),
                ("a node's power fails", faults.power_failure),
                ("withdrawn while a node stands still: no zombie", faults.withdrawn_while_paused),
                ("withdrawn as one node stops, and then as the other does: no zombie", faults.withdrawn_as_one_pauses),
                ("withdrawn by an appliance that does not reach one node: no zombie there", faults.unheard),
                ("each node sees half of the appliances, and then not even the other node", faults.halves),
                ("both nodes die and return together", faults.both_at_once),
                ("both nodes die, one returns alone", faults.alone))
        return cases.story("the network stands and traffic flows", faults.start, acts)


if __name__ == "__main__":
    sys.exit(main())
