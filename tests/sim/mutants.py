#!/usr/bin/python3
"""Does the simulator see anything? Rules of the product are broken, one at a time, and each has to be caught
within SEEDS seeds.

    tests/sim/mutants.py [words of a mutant's name]

A mutant is a change of a place or two in a copy of the sources; when a place is gone, the mutant must follow.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402

SEEDS = int(os.environ.get("SEEDS", "500"))
COPY = ROOT / "build" / "mutants"
FOLDERS = ("bgp", "replication", "node", "proto", "tests", "deploy/debian", "CMakeLists.txt", "CMakePresets.json")

# name: what is broken, file, text, what stands there instead, further texts
MUTANTS = {
    "NO_EVIDENCE": ("what living sessions say disproves no held copy", "replication/evidence.c",
                    "if (!p->nva || !is_held(r, p))\n        return;",
                    "if (p->nva <= r->nva_count || !is_held(r, p))\n        return;"),
    "NO_TOMBSTONE": ("withdrawals leave no trace", "node/core/core.c",
                     ".keep_tombstones = c->config->node_count > 1 ||", ".keep_tombstones = c->config->node_count > 9 ||"),
    "DELETE_UNKNOWN": ("what stands in a target and nobody has named yet is deleted", "node/program/program.c",
                       "if ((merging && !proven) || held)\n            return MERGE;",
                       "if ((merging && !proven) || held)\n            return merging ? DELETE : MERGE;"),
    "ETAG_ONLY": ("an owner that was taken over goes on, with the fresh ETag or revision", "replication/fence.c",
                  "if (f->role == REPL_ACTIVE && f->record.epoch && !(is_ours && f->record.epoch == f->epoch))",
                  "if (f->role == REPL_ACTIVE && f->record.epoch && !is_ours && !f->epoch)",
                  "if (f->role == REPL_ACTIVE && epoch > f->epoch)",
                  "if (f->role == REPL_ACTIVE && epoch > f->epoch && !f->epoch)"),
    "DUEL": ("either side of a partition takes a target back", "replication/fence.c",
             "return 2 * heard > f->cfg.nodes;", "return heard > 0;"),
    "LEASE_ON_ROUTES": ("keys in etcd end with a lease", "node/targets/etcd_wire.c",
                        'json_pack("{s:{s:o, s:o}}", "request_put", "key", key_bytes(key), "value",',
                        'json_pack("{s:{s:s, s:o, s:o}}", "request_put", "lease", "1", "key", key_bytes(key), "value",'),
    "BARRIER_BY_POSITION": ("End-of-RIB counts where it stands in a stream", "replication/stream_apply.c",
                            "set_pending(p, nva, is_news);\n    if (is_news)",
                            "set_pending(p, nva, is_news);\n    if (is_news && p->quarantined == UINT64_MAX)"),
    "NO_FLUSH": ("what only one survivor heard of a dead node stays with it", "node/core/core_streams.c",
                 "return has_more(c, teller, m) ? WORTH_READING : WORTH_NOTHING;",
                 "return has_more(c, teller, m) && !p->version ? WORTH_READING : WORTH_NOTHING;"),
    "NO_HEARSAY": ("only a link shows that a node lives", "node/core/core_heard.c",
                   "    if (!is_news(m, h))\n        return;",
                   "    if (!is_news(m, h) || !m->link)\n        return;"),
    "NO_SILENCE": ("a session counts as one that is heard until its hold time is over", "node/core/core_silence.c",
                   "p->heard_ms + hold_ms / 2);", "p->heard_ms + hold_ms);"),
    "NO_WAKE_RULE": ("a pause is not noticed", "node/core/core.c", "if (paused)\n        wake(c);",
                     "if (paused && !c->started_ms)\n        wake(c);"),
    "TIMER_BEFORE_IO": ("timers are judged before sockets are read", "node/core/core.c",
                        "if (paused)\n        wake(c);\n    bool heard = drain_received(c);\n    settle_wake(c, paused, heard);\n    tick(c);",
                        "tick(c);\n    if (paused)\n        wake(c);\n    bool heard = drain_received(c);\n"
                        "    settle_wake(c, paused, heard);"),
    "TIE_BY_ARRIVAL": ("of too many equals the first to come are kept", "bgp/rib/decision.c",
                       "equals.count = nhset_sort(equals.next_hops, equals.count, r->max_paths);",
                       "equals.count = equals.count < r->max_paths ? equals.count : r->max_paths;\n"
                       "    equals.count = nhset_sort(equals.next_hops, equals.count, r->max_paths);"),
    "NO_ROOM": ("nets that a target brought have no room in the RIB's queues", "bgp/rib/rib.c",
                "has_room = reserve_queues(r, (enum bgp_family)prefix->family, 1)",
                "has_room = hint->index || reserve_queues(r, (enum bgp_family)prefix->family, 1)",
                "&& reserve_queues(r, (enum bgp_family)s->prefixes[0].family, changes);",
                "&& (s->hints[0].index || reserve_queues(r, (enum bgp_family)s->prefixes[0].family, changes));",
                "if (!rib_net(r, net)->paths && reserve_queues(r, prefix_index_family(net), 1))",
                "if (!rib_net(r, net)->paths)"),
    "ECHO": ("an NVA is told its own routes", "bgp/adjout/adjout_told.c",
             "who.except_nva = nva;\n    uint32_t best", "who.except_nva = -1;\n    uint32_t best"),
    "NO_END": ("nobody is told of a net's end", "bgp/adjout/adjout_plain.c",
               "    adjout_batch_add(g->batch, net, 0, &(struct adjout_word){ .except = t->nva });\n    *t =", "    (void)net;\n    *t ="),
    "HELLO_ACTS_EARLY": ("the first message of a handshake is believed", "replication/link.c",
                         "fail(l, REPL_FAIL_NOMEM);\n        return 2 + message;\n    }\n    agree(l, now_ms);",
                         "fail(l, REPL_FAIL_NOMEM);\n        return 2 + message;\n    }\n    agree(l, now_ms);\n    come_up(l);"),
}


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))}\n{(done.stdout + done.stderr)[-2000:]}")


def copy_sources():
    """Files that did not change keep their time, so that only a mutant's own file is compiled again."""
    for folder in FOLDERS:
        source = ROOT / folder
        for path in [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.is_file()):
            to = COPY / path.relative_to(ROOT)
            to.parent.mkdir(parents=True, exist_ok=True)
            if not to.exists() or to.read_bytes() != path.read_bytes():
                shutil.copyfile(path, to)


def break_file(file, changes):
    path = COPY / file
    source = path.read_text()
    for text, instead in zip(changes[::2], changes[1::2]):
        if source.count(text) != 1:
            raise Failed(f"{file} has not exactly one place like this:\n{text}")
        source = source.replace(text, instead)
    path.write_text(source)


def catch(file, *changes):
    """The first violation that the broken simulator finds."""
    copy_sources()
    break_file(file, changes)
    run("cmake", "-S", COPY, "--preset", "release")
    run("cmake", "--build", COPY / "build" / "release", "--target", "sim")
    done = subprocess.run([COPY / "build/release/bin/sim", "--until-violation", "--no-shrink", "--jobs",
                           str(os.cpu_count()), "--seeds", str(SEEDS)],
                          capture_output=True, text=True, check=False)
    seen = re.search(r"^seed (\d+): (.*)$", done.stdout + done.stderr, re.MULTILINE)
    if not seen:
        raise Failed(f"{SEEDS} seeds saw nothing of it")
    return seen[0]


def main():
    cases = Cases()
    for name, (broken, *change) in MUTANTS.items():
        if cases.wants(name):
            cases.one(f"{name}: {broken}", lambda c=change: print("      ", catch(*c)))
    shutil.rmtree(COPY, ignore_errors=True)
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
