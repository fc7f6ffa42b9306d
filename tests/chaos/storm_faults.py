"""What a storm does: a row for each kind of fault.

A fault is a context of a storm and a node; what is in it happens while it lasts. `apart` is what it has to itself: no
other fault that names one of these is drawn beside it. `hides` says whose tables may learn late of what appliances say
meanwhile: the agent's of the VM, what is shared (etcd, and who reads it), the nodes' kernels.
"""
import contextlib
import copy
import dataclasses
import signal

from lab import vnet
from lab.check import poll
from lab.fault import deaf, lossy, partition, stopped, unplugged
from lab.net import LabError
from lab.tandem import program
from storm_net import CONTROLLER

LOST = 20  # packets of a hundred, on a bad wire
CUTS = (vnet.FW1, vnet.SDWAN, CONTROLLER)


# ---- nodes

@contextlib.contextmanager
def kill(_storm, node):
    node.kill()
    yield
    node.start()


@contextlib.contextmanager
def kill_again(_storm, node):
    """It dies once more while it starts."""
    node.kill()
    node.start()
    yield
    node.kill()
    node.start()


@contextlib.contextmanager
def restart(storm, node):
    storm.ends(node)
    yield
    node.start()


@contextlib.contextmanager
def another_version(storm, node):
    """Upgraded, or back again; it stays that way."""
    storm.ends(node)
    yield
    node.program = program("tandemd" if node.program != program("tandemd") else "tandemd-minor-3")
    node.start()


@contextlib.contextmanager
def all_killed(storm, _node):
    for node in storm.nodes:
        node.kill()
    yield
    for node in storm.nodes:
        node.start()


@contextlib.contextmanager
def all_stopped(storm, _node):
    """As if their machines were moved at the same time; for less than BFD and hold times, which would be 8b."""
    with contextlib.ExitStack() as pauses:
        for node in storm.nodes:
            pauses.enter_context(stopped(node.process))
        yield


def pause(_storm, node):
    return stopped(node.process)


def power(_storm, node):
    return unplugged(node.host)


@contextlib.contextmanager
def drain(storm, node):
    """Planned work, and back from it."""
    storm.later(node.order, "node", "drain")
    yield
    node.order("node", "undrain")


# ---- the network

@contextlib.contextmanager
def parted(storm, node):
    """From one of the others, or from more."""
    others = [other for other in storm.nodes if other is not node]
    with contextlib.ExitStack() as partitions:
        for other in storm.random.sample(others, storm.random.randint(1, len(others))):
            partitions.enter_context(partition(*((n.host, storm.net.places[n.name]) for n in (node, other))))
        yield


def one_way(storm, node):
    other = storm.random.choice([other for other in storm.nodes if other is not node])
    return deaf(node.host, *storm.net.places[other.name])


def cut_off(storm, node):
    """From one appliance; for less than the hold time, or more."""
    return deaf(node.host, storm.random.choice(CUTS))


def bad_wire(_storm, node):
    return lossy(node.host, LOST)


# ---- appliances

@contextlib.contextmanager
def absent(storm, appliance, event):
    """It says nothing new, and what it said may be forgotten."""
    storm.journal.note(event, name=appliance.name)
    storm.down.add(appliance)
    yield
    storm.down.remove(appliance)


def one(storm):
    return storm.random.choice(storm.net.appliances)


@contextlib.contextmanager
def restarted(storm, appliance, end, event="appliance"):
    with absent(storm, appliance, event):
        end()
        yield
        appliance.start()


def told(storm, _node):
    """An orderly restart: its neighbours are told."""
    appliance = one(storm)
    return restarted(storm, appliance, appliance.stop)


def untold(storm, _node):
    appliance = one(storm)
    return restarted(storm, appliance, appliance.kill)


def graceful(storm, _node):
    """A firewall's BGP restarts and its kernel forwards on: nobody may notice (scenario 7)."""
    wall = storm.random.choice([storm.net.fw1, storm.net.fw2])
    return restarted(storm, wall, wall.kill, "returns")


@contextlib.contextmanager
def frozen(storm, _node):
    appliance = one(storm)
    with absent(storm, appliance, "appliance"), stopped(appliance.process):
        yield


@contextlib.contextmanager
def dark(storm, _node):
    """Its power fails: nobody hears of it but by silence."""
    appliance = one(storm)
    with absent(storm, appliance, "appliance"), unplugged(appliance.host):
        yield


# ---- what people do

def publish(storm):
    """The files of all nodes, and word to those that run; who does not will read them."""
    cluster = storm.net.cluster
    cluster.generation += 1
    cluster.write()
    for node in storm.nodes:
        if node.process.running():
            poll(f"{node.name} listens to SIGHUP", lambda node=node: listens(node.process, signal.SIGHUP) or
                 not node.process.running())
            node.process.signal(signal.SIGHUP)


def listens(process, number):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        caught = next(line.split()[1] for line in status if line.startswith("SigCgt:"))
    return int(caught, 16) >> (number - 1) & 1


# (peer, what its entry says for a while)
EDITS = (
    ("controller", {"maxRoutes": {"limit": 5000}}),
    ("sdwan", {"inboundRouteMap": "backup"}),
    ("fw1", {"outboundRouteMap": "backup"}),
    ("fw2", {"nodes": ["rs-a"]}),
)


@contextlib.contextmanager
def edited(storm, _node):
    """Another configuration, and back."""
    peers, (name, words) = storm.net.cluster.peers, storm.random.choice(EDITS)
    before = copy.deepcopy(peers)
    storm.journal.note("edit", name=name, words=words)
    if "nodes" in words:  # who loses a session by that may lose its routes
        storm.journal.note("appliance", name=name)
    storm.net.listed(name).update(words)
    publish(storm)
    yield
    peers[:] = before
    publish(storm)


@contextlib.contextmanager
def unlisted(storm, _node):
    """A peer is removed, and added again."""
    peers, gone = storm.net.cluster.peers, storm.net.listed("controller")
    storm.journal.note("appliance", name="controller")
    peers.remove(gone)
    publish(storm)
    yield
    peers.append(gone)
    publish(storm)


@contextlib.contextmanager
def another_secret(storm, _node):
    """Known to all, then the only one, as deploy/README.md says."""
    times, fresh = storm.net.cluster.times, f"cluster.secret.{storm.net.cluster.generation}"
    storm.net.cluster.share_secret(fresh)
    times["nextSecretFile"] = fresh
    publish(storm)
    yield
    times["secretFile"] = times.pop("nextSecretFile")
    publish(storm)


SOFT, HARD = (("soft-in",), ("soft-out",)), ((), ("hard",))


def cleared(storm, node, *how):
    """A session, if there is one."""
    with contextlib.suppress(LabError):
        node.order("peer", "clear", storm.random.choice(storm.net.peers), *how)
    return contextlib.nullcontext()


def refreshed(storm, node):
    return cleared(storm, node, *storm.random.choice(SOFT))


def reset(storm, node):
    """What only the lost session said goes with it: while the nodes do not hear each other, all of it."""
    return cleared(storm, node, *storm.random.choice(HARD))


@contextlib.contextmanager
def disabled(storm, node):
    """A session with one node only."""
    peer = storm.random.choice(storm.net.peers)
    node.order("peer", "disable", peer)
    yield
    node.order("peer", "enable", peer)


# ---- targets

@contextlib.contextmanager
def agent_killed(storm, _node):
    agent = storm.random.choice(list(storm.net.cluster.agents.values()))
    agent.kill()
    yield
    agent.start()


def agent_stopped(storm, _node):
    return stopped(storm.random.choice(list(storm.net.cluster.agents.values())).process)


def agent_deaf(storm, node):
    """It does not hear one node and goes over to another."""
    return deaf(storm.net.vm, *storm.net.places[node.name])


@contextlib.contextmanager
def store_killed(storm, _node):
    member = storm.net.store.members[0]
    member.kill()
    yield
    member.start()


def store_stopped(storm, _node):
    return stopped(storm.net.store.members[0].process)


@dataclasses.dataclass(frozen=True)
class Kind:
    share: int      # of a hundred and some
    longest: float  # seconds
    apart: set
    hides: set
    run: object
    needs: str = "" # one of storm_net.MORE


ALL, LATE, SHARED = {"vm", "shared", "kernels"}, {"shared", "kernels"}, {"shared"}
FAULTS = {
    "kill -9": Kind(4, 4, {"node"}, LATE, kill),
    "kill -9 twice": Kind(1, 1, {"node"}, LATE, kill_again),
    "SIGSTOP": Kind(4, 5, {"node"}, LATE, pause),
    "restart": Kind(2, 2, {"node"}, LATE, restart),
    "another version": Kind(2, 1, {"node"}, LATE, another_version),
    "power failure": Kind(2, 4, {"node", "link"}, LATE, power),
    "all killed": Kind(1, 2, {"node", "agent"}, ALL, all_killed),
    "all stopped": Kind(1, 5.5, {"node", "agent"}, ALL, all_stopped),
    "drain": Kind(2, 4, {"node", "files"}, LATE, drain),
    "partition": Kind(3, 5, {"link"}, SHARED, parted),
    "one-way partition": Kind(3, 5, {"link"}, SHARED, one_way),
    "cut off an appliance": Kind(2, 14, {"node", "link"}, ALL, cut_off),
    "bad wire": Kind(1, 6, {"node", "link"}, ALL, bad_wire),
    "appliance restarts": Kind(2, 2, {"appliance"}, set(), told),
    "appliance killed": Kind(2, 2, {"appliance"}, set(), untold),
    "appliance restarts gracefully": Kind(3, 5, {"appliance"}, set(), graceful, "graceful"),
    "appliance stands still": Kind(1, 14, {"appliance", "link"}, set(), frozen),
    "appliance's power": Kind(1, 14, {"appliance", "link"}, set(), dark),
    "reload": Kind(2, 3, {"files"}, SHARED, edited),
    "peer removed": Kind(1, 3, {"files", "node"}, SHARED, unlisted),
    "another secret": Kind(1, 3, {"files"}, SHARED, another_secret),
    "peer refreshed": Kind(1, 1, {"node", "files"}, set(), refreshed),
    "peer reset": Kind(1, 1, {"node", "link", "files"}, set(), reset),
    "peer disabled": Kind(2, 4, {"node", "link", "files"}, set(), disabled),
    "agent killed": Kind(1, 1, {"agent"}, {"vm", "shared"}, agent_killed),
    "agent stopped": Kind(1, 4, {"agent"}, {"vm", "shared"}, agent_stopped),
    "agent hears one node less": Kind(1, 5, {"agent", "node"}, set(), agent_deaf),
    "etcd killed": Kind(2, 3, {"store"}, SHARED, store_killed, "etcd"),
    "etcd stands still": Kind(2, 5, {"store"}, SHARED, store_stopped, "etcd"),
}
