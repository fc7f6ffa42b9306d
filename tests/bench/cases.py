"""The cases: each is a function of a trial and the sizes, and returns {row: figures}."""
import dataclasses
import time

import daemons


@dataclasses.dataclass(frozen=True)
class Sizes:
    table: object = 577000   # a full table: a number of prefixes, or an MRT file
    million: int = 1000000
    mesh8: int = 100000      # of each of 8 peers
    mesh30: int = 10000      # of each of 30
    some: int = 100000       # prefixes of the other cases
    seconds: int = 10        # of single routes
    rate: int = 1000         # a second
    few: int = 20            # receivers
    many: int = 100
    at_hand: int = 4 << 30   # octets of memory that were touched a moment before each measurement


QUICK = Sizes(at_hand=0, table=20000, million=20000, mesh8=2000, mesh30=300, some=5000, seconds=1, few=5, many=20)


def full(senders, receivers, what="table"):
    """Each sender announces the whole table with its own next hop; each receiver takes all of it."""
    def case(trial, sizes):
        from_ = trial.add("f", senders)
        to = trial.add("r", getattr(sizes, receivers) if isinstance(receivers, str) else receivers, judged=True)
        prefixes = trial.start(getattr(sizes, what))
        trial.up(*from_, *to)
        for peer in from_:
            trial.announce(peer, 0, prefixes)
        return {"": trial.go()}
    return case


def mesh(peers, what):
    """Everybody announces a part of its own, and takes the parts of all others."""
    def case(trial, sizes):
        part = getattr(sizes, what)
        all_ = trial.add("f", peers, judged=True)
        trial.start(part * peers)
        trial.up(*all_)
        for number, peer in enumerate(all_):
            trial.announce(peer, number * part, part)
        return {"": trial.go()}
    return case


def lost(trial, sizes):
    """The peer with the best paths vanishes: eight receivers move to the second best."""
    best, = trial.add("f", 1)
    second, = trial.add("f", 1, prepend=2)
    to = trial.add("r", 8, judged=True)
    trial.start(sizes.some)
    trial.up(best, second, *to)
    for peer in (best, second):
        trial.announce(peer, 0, sizes.some)
    trial.go()
    trial.tell("drop", best.name)
    return {"": trial.go()}


def latency(trial, sizes):
    """Single routes change in a large table."""
    from_, to = trial.add("f", 1)[0], trial.add("r", 1, judged=True)
    trial.start(sizes.some)
    trial.up(from_, *to)
    trial.announce(from_, 0, sizes.some)
    trial.go()
    trial.tell("trickle", from_.name, sizes.rate, sizes.seconds)
    return {"": trial.go()}


def flaps(trial, sizes):
    """All prefixes of a peer go and come back five times, the last time with another MED."""
    from_, to = trial.add("f", 1)[0], trial.add("r", 1, judged=True)
    trial.start(sizes.some)
    trial.up(from_, *to)
    trial.announce(from_, 0, sizes.some)
    trial.go()
    for flap in range(1, 6):
        trial.tell("withdraw", from_.name)
        trial.announce(from_, 0, sizes.some, flap)
    return {"": trial.go()}


def join(trial, sizes):
    """A new peer connects to a server with eight peers' routes and takes them all."""
    from_, late = trial.add("f", 8), trial.add("r", 1, judged=True)[0]
    trial.start(sizes.mesh8 * 8)
    trial.up(*from_)
    for number, peer in enumerate(from_):
        trial.announce(peer, number * sizes.mesh8, sizes.mesh8)
    settle(trial)
    trial.tell("join", late.name)
    return {"": trial.go()}


def kernel(what):
    """Routes into the kernel of the daemon's host, and out of it again."""
    def case(trial, sizes):
        from_, = trial.add("f", 1)
        prefixes = trial.start(getattr(sizes, what))
        trial.up(from_)
        trial.announce(from_, 0, prefixes)
        rows = {" install": trial.go()}
        trial.tell("withdraw", from_.name)
        rows[" removal"] = trial.go()
        return rows
    return case


def memory(paths):
    """Bytes per path with so many paths a prefix; nobody takes them."""
    def case(trial, sizes):
        from_ = trial.add("f", paths)
        trial.start(sizes.some)
        trial.up(*from_)
        empty = trial.daemon.memory("VmRSS")
        for peer in from_:
            trial.announce(peer, 0, sizes.some)
        result = settle(trial)
        result["bytes"] = (trial.daemon.memory("VmRSS") - empty) * 1048576 / (sizes.some * paths)
        return {"": result}
    return case


def pair(trial, sizes):
    """A full table, then single routes, from a peer of the first node to a peer of each node (where there
    are two): what replication costs the node that the routes come to, and how much later the other sends them."""
    is_pair = trial.kind is daemons.TandemPair
    from_ = trial.add("f", 1)[0]
    to = trial.add("r", 1, judged=True)
    to += trial.add("r", 1, judged=True, node=daemons.OTHER) if is_pair else []
    prefixes = trial.start(sizes.table)
    trial.up(from_, *to)
    trial.announce(from_, 0, prefixes)
    rows = {" full": on_first(trial)}
    trial.tell("trickle", from_.name, sizes.rate, sizes.seconds)
    rows[" single"] = on_first(trial)
    return rows


def on_first(trial):
    """A measurement whose CPU is that of the first node alone."""
    first = trial.daemon.processes[0].pid
    return trial.go(cpu=lambda: time.clock_gettime(~first << 3 | daemons.CPU_CLOCK), both=trial.daemon.cpu)


def settle(trial, patience=300):
    """Everything is sent and read, and the daemon has come to rest."""
    result, begin = trial.go(), time.monotonic()
    last, quiet = trial.daemon.cpu(), 0
    while quiet < 3 and time.monotonic() < begin + patience:
        trial.tell("rest", 100)
        now = trial.daemon.cpu()
        quiet = quiet + 1 if now - last < 0.01 and not trial.unread() else 0
        last = now
    result["mb"] = trial.daemon.memory("VmHWM")
    return result


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    title: str
    run: object
    figures: tuple = ("seconds", "cpu", "mb")  # the first one is drawn
    kernel: bool = False
    kinds: tuple = ()   # instead of the chosen daemons
    floor: bool = False  # a relay that only copies bytes can run it: nothing is below that
    quick: bool = False  # --quick runs it through BIRD as well: is the load itself right?


LATENCY = ("p99", "p50", "p99.9", "cpu")
CASES = {case.name: case for case in (
    Case("full-1-1", "a full table, 1 to 1", full(1, 1), quick=True, floor=True),
    Case("million-1-1", "a million prefixes, 1 to 1", full(1, 1, "million"), floor=True),
    Case("full-1-20", "a full table, 1 to 20", full(1, "few"), floor=True),
    Case("full-8-20", "8 full tables to 20", full(8, "few"), floor=True),
    Case("full-1-100", "a full table, 1 to 100", full(1, "many"), floor=True),
    Case("mesh-8", "8 peers, all to all", mesh(8, "mesh8"), floor=True),
    Case("mesh-30", "30 peers, all to all", mesh(30, "mesh30"), floor=True),
    Case("lost", "best paths lost, 8 moved", lost, quick=True),
    Case("latency", "single routes, microseconds", latency, LATENCY, floor=True),
    Case("flaps", "5 flaps", flaps, floor=True),
    Case("join", "a new peer takes all", join),
    Case("kernel", "kernel", kernel("some"), ("seconds", "cpu"), kernel=True),
    Case("kernel-million", "kernel, a million", kernel("million"), ("seconds", "cpu"), kernel=True),
    Case("pair", "one node and a pair", pair, ("cpu", "seconds", "both", "p50", "p99"),
         kinds=(daemons.Tandem, daemons.TandemPair)),
    *(Case(f"memory-{n}", f"bytes per path, {n} a prefix", memory(n), ("bytes", "mb")) for n in (1, 4, 8, 30)),
)}
