"""Judges the journal of a storm (storm.py) when it is over: what was promised, beside what was seen.

What an appliance surely announced is what it said long enough ago (ARRIVE_S) and has not begun to take back; nothing
counts as sure of an appliance that was itself restarted, from then until its round has settled. A removal is a prefix
that vanished from a kernel, whatever stands there a moment later.
"""
import json
import statistics

from case import Failed

ARRIVE_S = 3      # from an announcement until it counts as sure
ZOMBIE_MS = 1000  # P5
READY_MS = 2000   # scenario 2: steady again after a pause
SETTLE_MS = 30000  # L3
LATE = 3          # times are judged so many times as long as promised: the machine does other work too
FAULTS_OF_PATHS = ("both killed",)  # the branch learned its way back from the nodes


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
        """[(begin, end, what was noted in it)]"""
        rounds, begin = [], None
        for line in self.lines:
            if line["event"] == "round":
                begin = line["at"]
            elif line["event"] == "settled" and begin is not None:
                rounds.append((begin, line["at"], [l for l in self.lines if begin <= l["at"] <= line["at"]]))
                begin = None
        return rounds

    def tell(self, what, promised, values, unit="ms"):
        if values:
            self.figures.append((what, promised, f"median {statistics.median(values):.0f} {unit}, worst {max(values):.0f} {unit}"
                                 f" of {len(values)}" if len(values) > 1 else f"{values[0]:.0f} {unit}"))

    def print(self):
        for what, promised, seen in self.figures:
            print(f"       {what:58} promised {promised:12} seen {seen}", flush=True)

    # What the appliances said.

    def _announcers(self, prefix):
        """{appliance: [(from, until)]} in which it surely announces the prefix."""
        spans, since = {}, {}
        for line in self.of("announce", "withdraw"):
            if line["prefix"] != prefix:
                continue
            who = line["appliance"]
            if line["event"] == "announce":
                since[who] = line["until"] + ARRIVE_S
            elif who in since:
                spans.setdefault(who, []).append((since.pop(who), line["at"]))
        for who, at in since.items():
            spans.setdefault(who, []).append((at, float("inf")))
        return spans

    def _is_restarted(self, appliance, at):
        """Is it, or was it in this round?"""
        return any(begin <= at <= end and any(l["event"] == "appliance" and l["name"] == appliance and l["at"] <= at for l in lines)
                   for begin, end, lines in self.rounds)

    def _who_says(self, prefix, at):
        return [who for who, spans in self._announcers(prefix).items()
                if any(begin <= at < end for begin, end in spans) and not self._is_restarted(who, at)]

    def _extras(self):
        return {line["prefix"] for line in self.of("announce", "withdraw")}

    # The questions.

    def questions(self):
        return (("what appliances announce is removed nowhere", self.removals),
                ("no packet is lost by what happens to nodes and agents", self.packets),
                ("what is withdrawn is gone, and does not come back", self.zombies),
                ("a stopped node is ready again soon", self.readiness),
                ("everything is as it should be after each round", self.settling))

    def removals(self):
        wrong, extras = [], self._extras()
        base = {"0.0.0.0/0": {"fw1", "fw2"}, "10.250.0.0/16": {"sdwan"}}
        gone = [line for line in self.of("removed") if line["host"] == "vm"]
        for line in gone:
            if line["prefix"] in extras:
                who = self._who_says(line["prefix"], line["at"])
            else:
                who = [a for a in base.get(line["prefix"], ()) if not self._is_restarted(a, line["at"])]
            if who:
                wrong.append(f"{line['at']:.3f} the VM's kernel removes {line['prefix']}, which {', '.join(who)} announces")
        self.figures.append(("removals that no appliance asked for", "0", f"{len(wrong)} of {len(gone)}"))
        if wrong:
            raise Failed("\n".join(wrong))

    def packets(self):
        """In rounds in which nothing happened to the appliances on a stream's way."""
        way = {"internet": {"fw1", "fw2"}, "branch": {"sdwan"}}
        lost, wrong = 0, []
        for number, (_, _, lines) in enumerate(self.rounds, 1):
            touched = {l["name"] for l in lines if l["event"] == "appliance"}
            faults = [l["name"] for l in lines if l["event"] == "fault"]
            for stream, count in lines[-1]["lost"].items():
                excused = touched & way[stream] or (stream == "branch" and set(faults) & set(FAULTS_OF_PATHS))
                lost += 0 if excused else count
                if count and not excused:
                    wrong.append(f"round {number} ({', '.join(faults)}): {count} packets to the {stream}")
        self.figures.append(("packets lost by faults of nodes and agents", "0", str(lost)))
        if wrong:
            raise Failed("\n".join(wrong))

    def _can_know(self, at):
        """No fault keeps a withdrawal of this time from a living node, or the VM from hearing of it."""
        hindering = ("both killed", "agent killed", "cut off an appliance")
        return not any(f["at"] - 1 <= at <= f.get("until", float("inf")) + 5 and f["name"] in hindering for f in self.faults)

    def zombies(self):
        """From a withdrawal that leaves nobody until the VM's kernel has no such route; and nothing puts it back."""
        times, wrong, arrivals = [], [], []
        seen = [line for line in self.of("removed", "put") if line["host"] == "vm"]
        changes = self.of("announce", "withdraw")
        for prefix in self._extras():
            said, mine = set(), [l for l in changes if l["prefix"] == prefix]
            for number, line in enumerate(mine):
                until = mine[number + 1]["at"] if number + 1 < len(mine) else self.lines[-1]["at"]
                before = set(said)
                (said.add if line["event"] == "announce" else said.discard)(line["appliance"])
                here = [s for s in seen if s["prefix"] == prefix and line["at"] <= s["at"] < until]
                is_sure = self._can_know(line["at"]) and not any(self._is_restarted(w, line["at"]) for w in before | said)
                if line["event"] == "announce" and not before and here and is_sure:
                    arrivals.append(max(here[0]["at"] - line["until"], 0) * 1000)
                if line["event"] == "withdraw" and not said and before and is_sure:
                    wrong += self._judge_withdrawal(line, until, here, times)
        self.tell("announced until it is in the VM's kernel", "-", arrivals)
        self.tell("withdrawn until it is gone from the VM's kernel", f"<= {ZOMBIE_MS} ms", times)
        if wrong:
            raise Failed("\n".join(wrong))

    def _judge_withdrawal(self, line, until, here, times):
        gone = next((s["at"] for s in here if s["event"] == "removed"), None)
        limit = line["until"] + ZOMBIE_MS * LATE / 1000
        if gone is None:
            return [f"{line['at']:.3f} {line['prefix']} was withdrawn and is never removed"] if until > limit and self._is_there(line) else []
        times.append(max(gone - line["until"], 0) * 1000)
        late = [f"{line['at']:.3f} {line['prefix']} stays for {times[-1]:.0f} ms"] if gone > limit else []
        back = [s for s in here if s["event"] == "put" and s["at"] > max(gone, line["until"] + ZOMBIE_MS / 1000)]
        return late + [f"{s['at']:.3f} {s['prefix']} comes back, withdrawn at {line['at']:.3f}" for s in back]

    def _is_there(self, line):
        """Had the VM's kernel that route when it was withdrawn?"""
        before = [s for s in self.of("removed", "put") if s["host"] == "vm" and s["prefix"] == line["prefix"] and s["at"] < line["at"]]
        return before and before[-1]["event"] == "put"

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
                if ready and ready <= end:
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
