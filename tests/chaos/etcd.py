#!/usr/bin/python3
"""A shared table in Debian's etcd: two nodes, one writer, a watch from the first revision as witness.

    tests/chaos/etcd.py [--times N] [words of a case's name]

The NVA is a speaker of this process, so that the moment of an announcement is known.
"""
import argparse
import os
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab.arm import make_certificates  # noqa: E402
from lab.check import expect, hold, poll  # noqa: E402
from lab.etcd import Store, Watch  # noqa: E402
from lab.fault import partition, unplugged  # noqa: E402
from lab.net import Lab  # noqa: E402
from lab.tandem import Cluster, program  # noqa: E402
from lab.watch import RouteWatch, kernel_routes  # noqa: E402
from late import Lateness  # noqa: E402
from speaker import Session  # noqa: E402

NODES = {"rs-a": "10.30.0.4", "rs-b": "10.30.0.5"}
NVA, NVA_ASN = "10.30.0.10", 65010
KEPT = [f"10.{i}.0.0/16" for i in range(100, 140)]
PREFIX = "/tandem/hub-rs/shared"
KILL_MS, POWER_MS = 150, 600  # promise P3
STEPS, WRITES = 6, 3  # processes that wake one after the other in a takeover, and what etcd writes to its disk in it
STRANGER = "somebody"  # whose hand damages the fence


class Shared:
    """A pair of nodes, an NVA that peers with both, and a store of `members`."""

    def __init__(self, lab, members=1, nodes=tuple(NODES), secure=False, options=()):
        self.fabric = fabric = lab.subnet("fabric", "10.30.0.1/24")
        self.lab, self.cluster, self.sessions = lab, Cluster(lab), {}
        self.counter, self.extra, self.withdrawn = 0, [], set()
        for name in nodes:
            host = self._host(fabric, name, NODES[name])
            self.cluster.node(host, NODES[name])
        self.nva = self._host(fabric, "nva", NVA)
        etcds = [(self._host(fabric, f"etcd{i}", f"10.30.0.{20 + i}"), f"10.30.0.{20 + i}") for i in range(members)]
        tls = os.path.join(lab.directory, "tls")
        certificates = (os.path.join(tls, "ca.pem"), *make_certificates(tls, *(a for _, a in etcds))) if secure else None
        self.store = Store(lab, *etcds, certificates=certificates, options=options).start()
        self.target = {"name": "shared", "type": "etcd", "endpoints": self.store.urls}
        self.watch = None

    def demand_login(self):
        """Users and roles, and what a client's configuration needs for them; everybody's password is \"right\"."""
        tls = os.path.join(self.lab.directory, "tls")
        for name, text in (("etcd.user", "tandem\n"), ("etcd.password", "right\n")):
            with open(os.path.join(tls, name), "w", encoding="utf-8") as file:
                file.write(text)
        for words in (("user", "add", "root:root"), ("user", "add", "tandem:right"), ("role", "add", "tables"),
                      ("role", "grant-permission", "tables", "--prefix=true", "readwrite", "/tandem/"),
                      ("user", "grant-role", "root", "root"), ("user", "grant-role", "tandem", "tables"),
                      ("auth", "enable")):
            self.store.ctl(*words)
        self.store.user = "root:root"
        return {"caFile": self.store.ca, "userFile": os.path.join(tls, "etcd.user"),
                "passwordFile": os.path.join(tls, "etcd.password")}

    def _host(self, fabric, name, address):
        host = self.lab.host(name)
        self.lab.attach(fabric, host, f"{address}/24")
        return host

    def start(self, **settings):
        self.cluster.peer("nva", NVA, NVA_ASN, passive=True, holdTime="9s")
        self.cluster.server = {"gracefulShutdown": "2s"}
        self.cluster.targets = [{**self.target, **settings}]
        self.cluster.configure()
        self.cluster.start()
        for node in self.nodes.values():
            self.join(node)
        self.cluster.wait_ready()
        self.watch = Watch(self.store, PREFIX)
        self.expect_routes()

    @property
    def nodes(self):
        return self.cluster.nodes

    def join(self, node):
        """The NVA's session with a node, with all it has to tell."""
        self.sessions[node.name] = poll(f"a session with {node.name}",
                                        lambda: Session(self.nva, NVA, NVA_ASN, node.address, KEPT + self.extra), 60)

    def programmed(self, node):
        return node.ctl("programmed", "--target", "shared")

    def owner(self):
        """The node that writes, and the other one."""
        def writers():
            return [n for n in self.nodes.values() if self.programmed(n)["role"] == "active"]

        poll("one node writes", lambda: len(writers()) == 1)
        writer = writers()[0]
        other = next((n for n in self.nodes.values() if n is not writer), None)
        if other:
            poll(f"{other.name} stands by and hears {writer.name}", lambda: self.programmed(other)["role"] == "standby"
                 and not self.programmed(other)["lastError"]
                 and {node["health"] for node in other.items("node", "list")} == {"ok"}, 20)
        return writer, other

    def expect_routes(self, *more, member=None, seconds=40):
        wanted = {prefix: [NVA] for prefix in [*KEPT, *more]}
        expect("what differs in etcd", [], lambda: sorted(set(map(str, wanted.items())).symmetric_difference(
            map(str, self.store.routes(PREFIX, member).items()))), seconds)

    def next_prefix(self):
        self.counter += 1
        return f"10.200.{self.counter}.0/24"

    def change(self):
        """Announce something new to every node that is there; (the prefix, when)."""
        prefix, begun = self.next_prefix(), time.monotonic()
        self.extra.append(prefix)
        self._tell(lambda session: session.announce(prefix))
        return prefix, begun

    def _tell(self, say):
        for session in self.sessions.values():
            try:
                say(session)
            except OSError:
                pass  # its node is gone

    def undo(self, *prefixes):
        self.withdrawn.update(prefixes)
        self.extra = [prefix for prefix in self.extra if prefix not in prefixes]
        self._tell(lambda session: session.withdraw(*prefixes))

    def back(self, node):
        node.start()
        node.wait_linked()
        self.join(node)
        node.wait_ready()

    def no_other_removals(self):
        gone = [prefix for prefix in self.watch.removals() if prefix not in self.withdrawn]
        if gone:
            raise Failed(f"removed: {gone}")

    def epochs_never_fall(self):
        epochs = [epoch for epoch, writer in self.watch.epochs() if writer != STRANGER]
        if epochs != sorted(epochs):
            raise Failed(f"epochs fell: {epochs}")
        owners = {owner for owner in self.watch.owners() if owner[1] != STRANGER}
        if len({epoch for epoch, _ in owners}) != len(owners):
            raise Failed(f"an epoch has two owners: {sorted(owners)}")


def told(what, values, promised):
    """values: (what it took, what the machine made it longer by), in ms."""
    took = sorted(value for value, _ in values)
    print(f"       {what}: median {took[len(took) // 2]:.0f} ms, worst {took[-1]:.0f} ms of {len(took)}, "
          f"promised {promised} ms, the machine was late by up to {max(late for _, late in values):.0f} ms", flush=True)
    for value, late in values:
        if value > promised + late:
            raise Failed(f"{what} took {value:.0f} ms, promised are {promised}, the machine was late by {late:.0f}")


def takeovers(shared, times, fault, what, promised):
    """The writer fails; the survivor is told of a change at that moment: when does it stand in etcd?"""
    took, announced, lateness = [], [], Lateness()
    for _ in range(times):
        owner, other = shared.owner()
        disk = shared.store.write_s(PREFIX)
        with fault(owner):
            prefix, begun = shared.change()
            at = shared.watch.heard(f"routes/{prefix}", since=begun, seconds=20)
            if at is None:
                raise Failed(f"{prefix} did not arrive within 20 s\n{other.process.tail()}")
            took.append(((at - begun) * 1000, (STEPS * lateness.worst(begun) + WRITES * disk) * 1000))
            announced.append(prefix)
        if not owner.process.running():
            shared.sessions[owner.name].close()
            shared.back(owner)
        shared.no_other_removals()
    lateness.close()
    for name, session in list(shared.sessions.items()):
        if session.ends:
            shared.join(shared.nodes[name])
    shared.undo(*announced)
    shared.expect_routes()
    told(what, took, promised)


def failovers(node, reason):
    """How many takeovers of this node its histogram has."""
    start = f'tandem_failover_duration_seconds_count{{target="shared",reason="{reason}"}} '
    return sum(int(line.removeprefix(start)) for line in node.metrics() if line.startswith(start))


def pair_cases(cases, shared, times):
    @cases.case("what is announced stands in etcd with its origin, and what is withdrawn goes")
    def _():
        prefix, _ = shared.change()
        value = poll("the new route", lambda: shared.store.values(PREFIX + "/").get(f"routes/{prefix}"))
        if (value["nextHops"], value["from"]) != ([NVA], "nva"):
            raise Failed(f"the route's value is {value}")
        gen = shared.store.values(PREFIX + "/")["gen"]
        expect("gen counts the routes", len(KEPT) + 1, lambda: shared.store.values(PREFIX + "/")["gen"]["count"])
        shared.undo(prefix)
        shared.expect_routes()
        if shared.store.values(PREFIX + "/")["gen"]["version"] <= gen["version"]:
            raise Failed("gen did not move on")

    @cases.case("one node writes, both show the same")
    def _():
        owner, other = shared.owner()
        for node in (owner, other):
            expect(f"what {node.name} shows", (owner.name, len(KEPT), 0), lambda node=node: tuple(
                shared.programmed(node)[key] for key in ("owner", "installed", "pending")))
        expect(f"the role of {other.name}", "standby", lambda: shared.programmed(other)["role"])

    @cases.case("the writer hands over when it is told to, and nothing is removed")
    def _():
        owner, other = shared.owner()
        said = owner.order("failover", "shared")
        if f"{other.name} writes it now" not in said:
            raise Failed(said)
        prefix, begun = shared.change()
        if shared.watch.heard(f"routes/{prefix}", since=begun) is None:
            raise Failed("the new writer does not write")
        hold("it keeps the target", lambda: shared.owner()[0] is other, 2)
        shared.undo(prefix)
        shared.expect_routes()
        shared.epochs_never_fall()
        shared.no_other_removals()

    @cases.case(f"the writer is killed {times} times: the survivor's next change is accepted")
    def _():
        class Killed:
            def __init__(self, node):
                self.node = node

            def __enter__(self):
                self.node.kill()

            def __exit__(self, *_):
                pass

        takeovers(shared, times, Killed, "kill -9 to the next accepted change", KILL_MS)

    @cases.case("the writer loses its power: the survivor's next change is accepted")
    def _():
        takeovers(shared, 3, lambda node: unplugged(node.host), "power-off to the next accepted change", POWER_MS)
        shared.cluster.expect_equal()

    @cases.case("a writer that stood still is fenced: nothing of its old epoch is accepted")
    def _():
        owner, other = shared.owner()
        owner.process.signal(signal.SIGSTOP)
        prefix, begun = shared.change()
        if shared.watch.heard(f"routes/{prefix}", since=begun) is None:
            raise Failed("the survivor did not take over")
        owner.process.signal(signal.SIGCONT)
        poll("the old writer stands back", lambda: shared.programmed(owner)["role"] in ("standby", "fenced"))
        hold("no duel", lambda: shared.programmed(other)["role"] == "active", 2)
        shared.epochs_never_fall()
        shared.undo(prefix)
        shared.expect_routes()
        shared.no_other_removals()

    @cases.case("the nodes are parted, both reach the store and the NVA: the writer changes once at most, no duel")
    def _():
        before = len(shared.watch.owners())
        with partition(*((node.host, (node.address,)) for node in shared.nodes.values())):
            poll("they miss each other", lambda: all({n["health"] for n in node.items("node", "list") if not n["self"]} == {"dead"}
                                                     for node in shared.nodes.values()))
            prefix, begun = shared.change()
            if shared.watch.heard(f"routes/{prefix}", since=begun, seconds=20) is None:
                raise Failed("nobody writes")
            hold("no duel", lambda: len(shared.watch.owners()) <= before + 1, 4)
        shared.owner()
        if len(shared.watch.owners()) > before + 1:
            raise Failed(f"the writer changed more than once: {shared.watch.owners()[before:]}")
        shared.undo(prefix)
        shared.expect_routes()
        shared.epochs_never_fall()
        shared.no_other_removals()

    @cases.case("a newer file at the other node: the writer with the older one yields, and stands by until it has it, too")
    def _():
        owner, other = shared.owner()
        newer, moved = ("version: 1\n", "version: 1\ngeneration: 7\n"), time.monotonic()
        other.rewrite(*newer)
        taken = shared.watch.heard("fence", since=moved, seconds=20)
        if taken is None:
            raise Failed("the writer did not yield")
        print(f"       a newer file to the takeover {(taken - moved) * 1000:.0f} ms, promised 1000 ms", flush=True)
        hold("who has the older file stays away", lambda: shared.programmed(owner)["role"] != "active", 2)
        owner.rewrite(*newer)
        if shared.owner()[0] is not other:
            raise Failed("the table went back")
        shared.expect_routes()
        shared.no_other_removals()

    @cases.case("an orderly stop hands the table over at once")
    def _():
        owner, other = shared.owner()
        owner.stop()
        prefix, begun = shared.change()
        if shared.watch.heard(f"routes/{prefix}", since=begun, seconds=20) is None:
            raise Failed("the other node did not take over")
        poll("its metrics time that as a handover", lambda: failovers(other, "handover") > 0)
        shared.sessions[owner.name].close()
        shared.back(owner)
        shared.undo(prefix)
        shared.expect_routes()

    @cases.case("foreign keys stay, what somebody changed is put right")
    def _():
        ctl = shared.store.ctl
        ctl("put", f"{PREFIX}/routes/10.1.2.3/8", "not ours")
        ctl("put", f"{PREFIX}/somebody", "else")
        ctl("put", f"{PREFIX}/routes/{KEPT[0]}", '{"nextHops":["192.0.2.1"]}')
        ctl("put", f"{PREFIX}/routes/{KEPT[1]}", "broken")
        ctl("del", f"{PREFIX}/routes/{KEPT[2]}")
        shared.withdrawn.add(KEPT[2])
        shared.expect_routes()
        values = shared.store.values(PREFIX + "/")
        if values["somebody"] != "else" or values["routes/10.1.2.3/8"] != "not ours":
            raise Failed("a foreign key was touched")
        ctl("del", f"{PREFIX}/routes/10.1.2.3/8")
        shared.withdrawn.add("10.1.2.3/8")

    @cases.case("a fence that somebody deletes or damages is raised above every epoch seen")
    def _():
        highest = max(epoch for epoch, _ in shared.watch.epochs())
        for spoil in (("del", f"{PREFIX}/fence"), ("put", f"{PREFIX}/fence", "{}"),
                      ("put", f"{PREFIX}/fence",
                       f'{{"epoch":1,"owner":1,"node":"{STRANGER}","incarnation":1}}')):
            shared.store.ctl(*spoil)
            highest = poll("a fence above", lambda: (
                lambda f: f.get("epoch") if isinstance(f, dict) and f.get("epoch", 0) > highest else None)(
                    shared.store.values(PREFIX + "/").get("fence", {})))
        shared.owner()
        shared.expect_routes()

    @cases.case("etcd is killed and started: what changed meanwhile arrives")
    def _():
        member = shared.store.members[0]
        member.kill()
        prefix, _ = shared.change()
        poll("both say so", lambda: all(shared.programmed(n)["lastError"] and not shared.programmed(n)["reachable"]
                                        for n in shared.nodes.values()))
        member.start()
        shared.expect_routes(prefix)
        poll("no trouble is left",
             lambda: not any(shared.programmed(n)["lastError"] for n in shared.nodes.values()), 20)
        shared.undo(prefix)
        shared.expect_routes()

    @cases.case("etcd is down while nothing changes: said all the same")
    def _():
        member, begun = shared.store.members[0], time.monotonic()
        member.kill()
        poll("both say so", lambda: {shared.programmed(n)["state"] for n in shared.nodes.values()} == {"unreachable"}, 10)
        print(f"         said after {time.monotonic() - begun:.1f} s")
        member.start()
        poll("both are well", lambda: {shared.programmed(n)["state"] for n in shared.nodes.values()} <= {"ok", "standby"}, 20)
        shared.owner()
        shared.expect_routes()

    @cases.case("etcd hangs: said, no busy loop, nothing is removed, and what changed meanwhile arrives")
    def _():
        member, node = shared.store.members[0], next(iter(shared.nodes.values()))
        member.process.signal(signal.SIGSTOP)
        try:
            prefix, _ = shared.change()
            poll("both say so", lambda: all(shared.programmed(n)["state"] == "timeout" for n in shared.nodes.values()), 20)
            before = node.cpu_seconds()
            time.sleep(2)
            if node.cpu_seconds() - before > 0.3:
                raise Failed(f"{node.cpu_seconds() - before:.2f} CPU seconds in two seconds of a hung store")
        finally:
            member.process.signal(signal.SIGCONT)
        shared.expect_routes(prefix)
        poll("no trouble is left", lambda: not any(shared.programmed(n)["lastError"] for n in shared.nodes.values()), 20)
        shared.undo(prefix)
        shared.expect_routes()

    @cases.case("a node is drained: the table moves first, nothing is removed, and it comes back")
    def _():
        owner, other = shared.owner()
        session, moved = shared.sessions[owner.name], time.monotonic()
        order = subprocess.Popen(owner.host.command(program("tandemctl"), "--socket", owner.socket, "node", "drain",
                                                    "--message", "planned"), stdout=subprocess.DEVNULL)
        taken = shared.watch.heard("fence", since=moved, seconds=20)
        if taken is None or session.ended and session.ended < taken:
            raise Failed(f"the NVA's session went at {session.ended}, the table moved at {taken}")
        print(f"         drain to the other node's takeover {(taken - moved) * 1000:.0f} ms")
        if order.wait(30):
            raise Failed(f"node drain ended with {order.returncode}")
        prefix, _ = shared.change()
        shared.expect_routes(prefix)
        hold("it stays away from the table", lambda: shared.programmed(owner)["role"] != "active", 2)
        owner.ctl("node", "undrain")
        shared.sessions[owner.name].close()
        shared.join(owner)
        shared.owner()
        shared.undo(prefix)
        shared.expect_routes()
        shared.no_other_removals()

    @cases.case("another target for the same place, by reload: nothing is removed, and one node writes")
    def _():
        for old, new in (("name: shared,", "name: again, prefix: /tandem/hub-rs/shared,"),
                         ("name: again, prefix: /tandem/hub-rs/shared,", "name: shared,")):
            for node in shared.nodes.values():
                node.rewrite(old, new)
            name = new.split()[1].rstrip(",")
            poll(f"one node writes {name}", lambda name=name: sorted(
                node.ctl("programmed", "--target", name)["role"] for node in shared.nodes.values()) == ["active", "standby"], 20)
            prefix, _ = shared.change()
            shared.expect_routes(prefix)
            shared.undo(prefix)
            shared.expect_routes()
        shared.no_other_removals()
        shared.epochs_never_fall()

    @cases.case("history is compacted: nothing is missed")
    def _():
        shared.store.ctl("compact", str(shared.store.revision()))
        owner, other = shared.owner()
        other.process.signal(signal.SIGSTOP)  # its watch must begin again in what is history then
        prefix, _ = shared.change()
        poll("the new route", lambda: prefix in shared.store.routes(PREFIX))
        shared.store.ctl("compact", str(shared.store.revision()))
        other.process.signal(signal.SIGCONT)
        expect("both shadows", [len(KEPT) + 1] * 2,
               lambda: [shared.programmed(n)["installed"] for n in shared.nodes.values()])
        shared.undo(prefix)
        shared.expect_routes()

    @cases.case("both nodes restart together: they inherit, and remove only what is no longer announced")
    def _():
        prefix, _ = shared.change()
        shared.expect_routes(prefix)
        shared.extra.remove(prefix)
        for node in shared.nodes.values():
            node.kill()
            shared.sessions[node.name].close()
        for node in shared.nodes.values():
            node.start()
        for node in shared.nodes.values():
            node.wait_linked()
            shared.join(node)
        shared.withdrawn.add(prefix)
        shared.cluster.wait_ready()
        shared.expect_routes()

    @cases.case("over the whole run: nothing else was removed, epochs never fell")
    def _():
        shared.no_other_removals()
        shared.epochs_never_fall()


def pair(cases, times):
    with Lab("etcd") as lab:
        shared = Shared(lab)
        shared.start()
        pair_cases(cases, shared, times)
        cases.run_some()
        shared.watch.close()


def three_members(cases):
    with Lab("etcd3") as lab:
        shared = Shared(lab, members=3)
        shared.start()

        @cases.case("three members: any one may die, also while it is the one that is used")
        def _():
            for member in shared.store.members:
                witness = next(m for m in shared.store.members if m is not member)
                member.kill()
                prefix, _ = shared.change()
                poll(f"a change without {member.name}",
                     lambda: prefix in shared.store.routes(PREFIX, witness), 40)
                member.start()
                shared.store.wait(member)
                shared.undo(prefix)
                shared.expect_routes(member=witness)
            shared.epochs_never_fall()

        cases.run_some()
        shared.watch.close()


def secure(cases):
    """TLS with a private CA, users and a small quota; one node is enough."""
    with Lab("etcds") as lab:
        shared = Shared(lab, nodes=("rs-a",), secure=True, options=["--quota-backend-bytes", "800000"])
        store, node_path = shared.store, shared.nodes["rs-a"].path
        login = shared.demand_login()
        with open(login["passwordFile"], "w", encoding="utf-8") as file:
            file.write("wrong\n")

        @cases.case("a wrong password is said, and the right one is taken without a restart")
        def _():
            shared.cluster.peer("nva", NVA, NVA_ASN, passive=True, holdTime="9s")
            shared.cluster.targets = [{**shared.target, **login}]
            shared.cluster.configure()
            shared.cluster.start()
            node = shared.nodes["rs-a"]
            shared.join(node)
            poll("the trouble has a name", lambda: "authentication failed" in (shared.programmed(node)["lastError"] or ""))
            poll("and a state", lambda: shared.programmed(node)["state"] in ("forbidden", "unauthorized"))
            with open(login["passwordFile"], "w", encoding="utf-8") as file:
                file.write("right\n")
            shared.expect_routes()
            node.wait_ready()

        @cases.case("a full store is said once, without a busy loop, and goes on when there is room")
        def _():
            node = shared.nodes["rs-a"]
            big = "x" * 100000
            for i in range(12):
                try:
                    store.ctl("put", f"/other/{i}", big)
                except RuntimeError:
                    break
            prefix, _ = shared.change()
            poll("the trouble has a name", lambda: "space exceeded" in (shared.programmed(node)["lastError"] or ""))
            before = node.cpu_seconds()
            time.sleep(2)
            if node.cpu_seconds() - before > 0.3:
                raise Failed(f"{node.cpu_seconds() - before:.2f} CPU seconds in two seconds of a full store")
            store.ctl("del", "/other/", "--prefix")
            store.ctl("compact", str(store.revision()))
            store.ctl("defrag")
            store.ctl("alarm", "disarm")
            shared.expect_routes(prefix)
            poll("no trouble is left", lambda: not shared.programmed(node)["lastError"])

        @cases.case("a role that may only read: said, nothing is removed, and goes on when it may write")
        def _():
            node = shared.nodes["rs-a"]
            role = ("role", "grant-permission", "tables", "--prefix=true")
            store.ctl(*role, "read", "/tandem/")
            prefix, _ = shared.change()
            poll("the trouble has a state", lambda: shared.programmed(node)["state"] == "forbidden")
            if 'tandem_program_state{target="shared",state="forbidden"} 1' not in node.metrics():
                raise Failed("no metric says so")
            hold("nothing is removed", lambda: set(KEPT) <= set(store.routes(PREFIX)), 2)
            store.ctl(*role, "readwrite", "/tandem/")
            poll("the new route", lambda: prefix in store.routes(PREFIX), 20)
            poll("no trouble is left", lambda: shared.programmed(node)["state"] == "ok")

        @cases.case("tokens that the server forgot are renewed")
        def _():
            member = store.members[0]
            member.stop()
            member.start()
            store.wait()
            prefix, _ = shared.change()
            poll("the new route", lambda: prefix in shared.store.routes(PREFIX), 20)

        @cases.case("a certificate of another CA is refused and said")
        def _():
            node = shared.nodes["rs-a"]
            node.stop()
            shared.sessions["rs-a"].close()
            with open(node_path("tandem.yaml"), encoding="utf-8") as file:
                text = file.read().replace("/ca.pem", "/other-ca.pem")
            with open(node_path("tandem.yaml"), "w", encoding="utf-8") as file:
                file.write(text)
            node.start()
            poll("the trouble has a name", lambda: "untrusted" in (shared.programmed(node)["lastError"] or ""))

        cases.run_some()


def reader(cases):
    """A VM host whose agent reads from the store, of three members with TLS and logins; a node only hears what it has."""
    with Lab("etcdr") as lab:
        shared = Shared(lab, members=3, nodes=("rs-a",), secure=True)
        login = shared.demand_login()
        vm = shared._host(shared.fabric, "vm", "10.30.0.30")
        agent = shared.cluster.agent(vm, source="etcd", etcd={"endpoints": shared.store.urls, "prefix": PREFIX, **login})
        shared.start(**login)
        node = shared.nodes["rs-a"]

        def table():
            return {prefix for prefix, hops in kernel_routes(vm, protocol=201).items() if hops == [NVA]}

        @cases.case("an agent that reads from etcd has what stands there, and follows it")
        def _():
            agent.start()
            expect("the host's kernel", set(KEPT), table)
            prefix, begun = shared.change()
            poll("a new route", lambda: prefix in table(), every=0.01)
            print(f"         announcement to the host's kernel by etcd: {(time.monotonic() - begun) * 1000:.0f} ms")
            shared.undo(prefix)
            poll("a withdrawn route", lambda: prefix not in table())

        @cases.case("what it has is shown beside the table that it reads")
        def _():
            def shown():
                host = next(a for a in shared.programmed(node)["agents"] if a["name"] == "vm")
                return tuple(host.get(key) for key in ("connected", "store", "wanted", "installed", "failed", "synced"))

            expect("wanted against installed", (True, PREFIX, len(KEPT), len(KEPT), 0, None), shown)
            prefix, _ = shared.change()
            expect("one more", (True, PREFIX, len(KEPT) + 1, len(KEPT) + 1, 0, None), shown)
            shared.undo(prefix)
            expect("one less", (True, PREFIX, len(KEPT), len(KEPT), 0, None), shown)

        @cases.case("most of the table is withdrawn: the reader believes the writer's sum, not its own brake")
        def _():
            many = [f"10.210.{i}.0/24" for i in range(200)]
            shared.extra += many
            shared._tell(lambda session: session.announce(*many))
            expect("the host's kernel", set(KEPT + many), table)
            shared.undo(*many)
            expect("the host's kernel", set(KEPT), table)

        @cases.case("somebody empties the store: nothing goes from the host, the node writes it anew")
        def _():
            witness = RouteWatch(lab, vm)
            shared.store.ctl("del", PREFIX + "/routes/", "--prefix")
            hold("the host's kernel", lambda: table() == set(KEPT), 2)
            shared.expect_routes()
            gone = witness.removals()
            witness.process.stop()
            if gone:
                raise Failed(f"removed: {gone}")

        @cases.case("members die one after the other, then all: the reader goes on, then keeps what it has")
        def _():
            for member in shared.store.members:
                member.kill()
                prefix, _ = shared.change()
                poll(f"a change without {member.name}", lambda: prefix in table(), 40)
                member.start()
                shared.store.wait(member)
                shared.undo(prefix)
                poll(f"a removal without {member.name}", lambda: prefix not in table(), 40)
            for member in shared.store.members:
                member.kill()
            agent.kill()
            agent.start()
            hold("the host's kernel without a store", lambda: table() == set(KEPT), 3)
            for member in shared.store.members:
                member.start()
            shared.store.wait()
            prefix, _ = shared.change()
            poll("a change when they are back", lambda: prefix in table(), 40)
            if agent.stop() != 0:
                raise Failed(agent.process.tail(30))

        cases.run_some()
        shared.watch.close()


class Parts(Cases):
    """Cases that are made lab by lab."""

    def run_some(self):
        for name, function in self.list:
            if self.wants(name):
                self.one(name, function)
        self.list.clear()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    cases = Parts(arguments.words)
    for part in (lambda: pair(cases, arguments.times), lambda: three_members(cases), lambda: secure(cases),
                 lambda: reader(cases)):
        part()
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
