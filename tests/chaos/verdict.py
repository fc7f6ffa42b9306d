"""Judges the journal of a storm (storm.py) when it is over: what was promised, beside what was seen.

What an appliance surely announced is what it said long enough ago and has not begun to take back; nothing counts as
sure of an appliance that was itself restarted, from then until its round has settled. A removal is a prefix that
vanished from a table, whatever stands there a moment later. Tables are of three kinds, and a fault says whose news it
holds up (`hides` of storm_faults.py).
"""
import json
import statistics

from case import Failed

ARRIVE_S = {"vm": 3, "shared": 10, "kernels": 10}  # from an announcement until it counts as sure: for as long a table may lag
ZOMBIE_MS = 1000  # P5
READY_MS = 2000   # scenario 2: steady again after a pause
SETTLE_MS = 30000  # L3; a round that has not settled by then has failed by itself (storm_net.SETTLE_S)
LATE = 3          # times are judged so many times as long as promised: the machine does other work too
DEATHS = ("kill -9", "kill -9 twice", "power failure", "restart", "another version")
PARTITIONS = ("partition", "one-way partition")
FAULTS_OF_PATHS = ("all killed", "all stopped")  # the branch learned its way back from the nodes


def kind(table):
    return {"vm": "vm", "etcd": "shared", "reader": "shared"}.get(table, "kernels")


class Verdict:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.lines = sorted(map(json.loads, file), key=lambda line: line["at"])
        self.rounds = self._rounds()
        self.faults = [line for line in self.lines if line["event"] == "fault"]
        self.figures = []

    def of(self, *events):
        return [line for line in self.lines if line["event"] in events]

    def _rounds(self):
        """[(begin, end, what was noted in it)]; the last one may have no end of its own."""
        begins = [line["at"] for line in self.lines if line["event"] == "round"]
        ends = begins[1:] + [self.lines[-1]["at"] + 1]
        return [(begin, end, [l for l in self.lines if begin <= l["at"] < end]) for begin, end in zip(begins, ends)]

    def tell(self, what, promised, values, unit="ms"):
        if values:
            self.figures.append((what, promised, f"median {statistics.median(values):.0f} {unit}, worst {max(values):.0f} {unit}"
                                 f" of {len(values)}" if len(values) > 1 else f"{values[0]:.0f} {unit}"))

    def print(self):
        for what, promised, seen in self.figures:
            print(f"       {what:58} promised {promised:12} seen {seen}", flush=True)

    @property
    def tables(self):
        return sorted({line["host"] for line in self.of("removed", "put")} - {"onprem"}, key=lambda name: (kind(name), name))

    # What the appliances said.

    def _announcers(self, prefix):
        """{appliance: [(from, until)]} in which it announces the prefix and nothing else."""
        spans, since = {}, {}
        for line in self.of("announce", "withdraw"):
            if line["prefix"] != prefix:
                continue
            who = line["appliance"]
            if line["event"] == "announce":
                since[who] = line["until"]
            elif who in since:
                spans.setdefault(who, []).append((since.pop(who), line["at"]))
        for who, at in since.items():
            spans.setdefault(who, []).append((at, float("inf")))
        return spans

    def _is_restarted(self, appliance, at, *events):
        """Is it, or was it in this round?"""
        return any(begin <= at < end and any(l["event"] in events and l["name"] == appliance and l["at"] <= at for l in lines)
                   for begin, end, lines in self.rounds)

    def _who_says(self, prefix, at, arrive_s):
        return [who for who, spans in self._announcers(prefix).items()
                if any(begin + arrive_s <= at < end for begin, end in spans) and not self._is_restarted(who, at, "appliance")]

    def _extras(self):
        return {line["prefix"] for line in self.of("announce", "withdraw")}

    # The questions.

    def questions(self):
        return (("what appliances announce is removed nowhere", self.removals),
                ("no packet is lost by what happens to nodes and agents", self.packets),
                ("what is withdrawn is gone, and does not come back", self.zombies),
                ("a stopped node is ready again soon", self.readiness),
                ("everything is as it should be after each round", self.settling))

    def _is_forgotten(self, gone):
        """All nodes that the table could hear had died, and whom it led to withdrew before the others had spoken again."""
        lines = next((lines for begin, end, lines in self.rounds if begin <= gone["at"] < end), [])
        faults = [(l["name"], l["node"]) for l in lines if l["event"] == "fault"]
        parted = any(name in PARTITIONS for name, _ in faults) and len({l["node"] for l in self.of("ready")}) == 2
        alone = {node for name, node in faults if name in DEATHS and parted}
        return (any(name == "all killed" for name, _ in faults) or gone["host"] in alone) and any(
            l["event"] == "withdraw" and l["prefix"] == gone["prefix"] and l["at"] <= gone["at"] for l in lines)

    def removals(self):
        wrong, extras = [], self._extras()
        base = {"0.0.0.0/0": {"fw1", "fw2"}, "10.250.0.0/16": {"sdwan"}, "fd00:10:250::/48": {"sdwan"}}
        gone = [line for line in self.of("removed") if line["host"] in self.tables]
        for line in gone:
            if self._is_forgotten(line):
                continue
            if line["prefix"] in extras:
                who = self._who_says(line["prefix"], line["at"], ARRIVE_S[kind(line["host"])])
            else:
                who = [a for a in base.get(line["prefix"], ()) if not self._is_restarted(a, line["at"], "appliance")]
            if who:
                wrong.append(f"{line['at']:.3f} {line['host']} removes {line['prefix']}, which {', '.join(who)} announces")
        self.figures.append(("removals that no appliance asked for", "0", f"{len(wrong)} of {len(gone)}"))
        if wrong:
            raise Failed("\n".join(wrong))

    def packets(self):
        """In rounds in which nothing happened to the appliances on a stream's way, or to those that taught it the way back."""
        way = {"internet": {"fw1", "fw2"}, "branch": {"sdwan"}}
        lost, wrong = 0, []
        for number, (_, _, lines) in enumerate(self.rounds, 1):
            touched = {l["name"] for l in lines if l["event"] == "appliance"}
            faults = [l["name"] for l in lines if l["event"] == "fault"]
            for stream, count in next((l["lost"] for l in lines if l["event"] == "settled"), {}).items():
                excused = touched & way[stream] or (stream == "branch" and set(faults) & set(FAULTS_OF_PATHS))
                lost += 0 if excused else count
                if count and not excused:
                    wrong.append(f"round {number} ({', '.join(faults)}): {count} packets to the {stream}")
        self.figures.append(("packets lost by faults of nodes and agents", "0", str(lost)))
        if wrong:
            raise Failed("\n".join(wrong))

    def _can_know(self, at, table):
        """No fault keeps a withdrawal of this time from all living nodes, or the table from hearing of it."""
        return not any(f["at"] - 1 <= at <= f.get("until", float("inf")) + 5 and kind(table) in f["hides"] for f in self.faults)

    def zombies(self):
        """From a withdrawal that leaves nobody until a table has no such route."""
        wrong = []
        for table in self.tables:
            self.arrivals, self.times, self.returns = [], [], []
            seen = [line for line in self.of("removed", "put") if line["host"] == table]
            for prefix in self._extras():
                wrong += self._follow(table, prefix, [s for s in seen if s["prefix"] == prefix])
            self.tell(f"{table}: announced until it is there", "-", self.arrivals)
            self.tell(f"{table}: withdrawn until it is gone", f"<= {ZOMBIE_MS} ms", self.times)
            self.tell(f"{table}: back with who had not heard", f"<= {ZOMBIE_MS} ms", self.returns)
        if wrong:
            raise Failed("\n".join(wrong))

    def _follow(self, table, prefix, seen):
        """What is wrong with one prefix in one table."""
        said, wrong = set(), []
        mine = [line for line in self.of("announce", "withdraw") if line["prefix"] == prefix]
        for line, after in zip(mine, mine[1:] + [self.lines[-1]]):
            before = set(said)
            (said.add if line["event"] == "announce" else said.discard)(line["appliance"])
            here = [s for s in seen if line["at"] <= s["at"] < after["at"]]
            is_sure = self._can_know(line["at"], table) and not any(self._is_restarted(who, line["at"], "appliance", "returns")
                                                                    for who in before | said)
            if line["event"] == "announce" and not before and is_sure and here and here[0]["event"] == "put":
                self.arrivals.append(max(here[0]["at"] - line["until"], 0) * 1000)
            if line["event"] == "withdraw" and not said and before and is_sure:
                wrong += self._judge_withdrawal(table, line, after["at"], here, seen)
        return wrong

    def _judge_withdrawal(self, table, line, until, here, seen):
        """A node that comes back may bring it back, for as long as others may have had it."""
        spans = [(a["at"], b["at"]) for a, b in zip(here, here[1:] + [{"at": until}]) if a["event"] == "put"]
        before = [s for s in seen if s["at"] < line["at"]]
        if before and before[-1]["event"] == "put":
            spans.insert(0, (line["until"], next((s["at"] for s in here if s["event"] == "removed"), until)))
        took = [max(end - begin, 0) * 1000 for begin, end in spans]
        self.times += took[:1] if not here or here[0]["event"] == "removed" else []
        self.returns += took[1:]
        return [f"{begin:.3f} {table}: {line['prefix']} stays for {ms:.0f} ms, withdrawn at {line['at']:.3f}"
                for (begin, _), ms in zip(spans, took) if ms > ZOMBIE_MS * LATE]

    def readiness(self):
        """A stopped node is ready again soon. That losing a node makes no other unready is told, not judged: a loop that the
        machine's other work keeps waiting says 503, too."""
        paused, killed, unready = [], [], 0
        changes = self.of("ready")
        for _, end, lines in self.rounds:
            for fault in (l for l in lines if l["event"] == "fault" and l["name"] in ("SIGSTOP", "kill -9")):
                ready = next((c["at"] for c in changes if c["node"] == fault["node"] and c["status"] == 200
                              and c["at"] >= fault["until"]), None)
                unready += sum(c["status"] != 200 and c["node"] != fault["node"] and fault["at"] < c["at"] < fault["until"]
                               for c in changes)
                if ready and ready < end:
                    (paused if fault["name"] == "SIGSTOP" else killed).append((ready - fault["until"]) * 1000)
        self.tell("a stopped node goes on until it is ready", f"<= {READY_MS} ms", paused)
        self.tell("a killed node starts until it is ready", "-", killed)
        self.figures.append(("times that another node's loss made one unready", "0", str(unready)))
        if any(ms > READY_MS * LATE for ms in paused):
            raise Failed("a stopped node was not ready again in time")

    def settling(self):
        times = [line["ms"] for line in self.of("settled")]
        self.tell("from healing until all is as the appliances say", f"<= {SETTLE_MS} ms", times)
        if not times:
            raise Failed("no round was whole")
