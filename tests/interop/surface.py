#!/usr/bin/python3
"""What scripts rely on, as DESIGN section 11 and the study of interfaces say it: exit codes, paths, fields, metrics.

    tests/interop/surface.py [words of a case's name]

Two nodes on loopback addresses, ports above 1024 and without privileges, one NVA that speaks to both.
"""
import http.client
import json
import os
import pathlib
import pty
import re
import select
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from rawbgp import Session, attribute  # noqa: E402

BIN = os.environ.get("TANDEM_BIN", os.path.join(ROOT, "build", "debug", "bin"))
ADDRESSES = {"rs-a": "127.77.0.1", "rs-b": "127.77.0.2"}
BGP, CLUSTER, API, HEALTH = 17900, 18177, 18179, 18178
NVA, ASN = "127.77.1.1", 65001
PREFIX, HOP = "10.44.0.0/16", "10.1.2.4"
TOKEN = "only-for-the-test"
cases = Cases()


def program(name, *words, code=0, env=None):
    """It ends with this status; what it said."""
    done = subprocess.run([os.path.join(BIN, name), *words], capture_output=True, text=True, timeout=60, check=False, env=env)
    if done.returncode != code:
        raise Failed(f"{name} {' '.join(words)}: status {done.returncode} instead of {code}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def poll(what, holds, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return
        time.sleep(0.05)
    raise Failed(f"not within {seconds} s: {what}")


def must(holds, text):
    if not holds:
        raise Failed(text)


class Pair:
    def __init__(self, directory):
        self.directory, self.processes, self.sessions = directory, {}, []
        self.config = os.path.join(directory, "tandem.yaml")
        self.public = {name: program("tandemctl", "key", "new", self.path(f"{name}.key")).strip() for name in ADDRESSES}
        program("tandemctl", "key", "new", "--secret", self.path("cluster.secret"))
        with open(self.path("token"), "w", encoding="utf-8") as file:
            file.write(TOKEN + "\n")
        self.configure()
        for name in ADDRESSES:
            log = open(self.path(f"{name}.log"), "w", encoding="utf-8")
            self.processes[name] = subprocess.Popen([os.path.join(BIN, "tandemd"), "--config", self.config, "--node", name],
                                                    stdout=log, stderr=log)
            log.close()

    def path(self, name):
        return os.path.join(self.directory, name)

    def configure(self, level="info"):
        nodes = "".join(f"  - {{ name: {name}, address: {address}, bgpPort: {BGP}, clusterPort: {CLUSTER}, "
                        f"publicKey: \"{self.public[name]}\", api: [\"{address}:{API}\"], health: [\"{address}:{HEALTH}\"] }}\n"
                        for name, address in ADDRESSES.items())
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f"version: 1\nrouteServer: {{ name: hub-rs, runDirectory: {self.directory} }}\nnodes:\n{nodes}"
                       f"cluster: {{ keyFile: \"{{node}}.key\", secretFile: cluster.secret, defer: 2s, dead: 10s }}\n"
                       f"peers: [{{ name: fw, peerIp: {NVA}, peerAsn: {ASN}, passive: true, "
                       f"maxRoutes: {{ limit: 1000 }} }}]\nvirtualNetworks: []\napi: {{ tokenFile: token }}\nlog: {{ level: {level} }}\n")

    def ask(self, name, method, path, headers=None, port=API, over=None, body=None):
        """(status, headers, body) from the node over TCP, or over its socket."""
        connection = http.client.HTTPConnection(ADDRESSES[name], port, timeout=20)
        if over:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(over)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, body

    def get(self, path, name="rs-a"):
        status, _, body = self.ask(name, "GET", path)
        must(status == 200, f"{path}: {status} {body}")
        return json.loads(body)

    def items(self, path, name="rs-a"):
        answer = self.get(path, name)
        must(set(answer) == {"items", "nextCursor", "revision"}, f"{path}: a list has {sorted(answer)}")
        return answer["items"]

    def problem(self, status, path, name="rs-a", method="GET", headers=None, port=API):
        got, answer_headers, body = self.ask(name, method, path, headers, port)
        must(got == status, f"{method} {path}: {got} instead of {status}: {body}")
        must(answer_headers["Content-Type"] == "application/problem+json", f"{method} {path}: {answer_headers['Content-Type']}")
        return json.loads(body)

    def up(self):
        """Both nodes ready, the NVA with both, its route everywhere."""
        for name in ADDRESSES:
            poll(f"{name} answers", lambda name=name: self.answers(name))
        for name in ADDRESSES:
            session = Session(ADDRESSES[name], BGP, NVA, ASN)
            session.announce(PREFIX, hop=HOP, path=[ASN, 65099], extra=attribute(8, b"\xfd\xe9\x00\x07", 0xc0))
            session.end_of_rib()
            self.sessions.append(session)
        for name in ADDRESSES:
            poll(f"{name} has both paths", lambda name=name: len(self.items("/v1/routes", name)) == 2)
            poll(f"{name} is ready", lambda name=name: self.ask(name, "GET", "/readyz")[0] == 200)

    def answers(self, name):
        try:
            return self.ask(name, "GET", "/livez")[0] == 200
        except OSError:
            return False

    def end(self):
        for session in self.sessions:
            session.close()
        for process in self.processes.values():
            process.terminate()
        bad = [name for name, process in self.processes.items() if process.wait(30) != 0]
        logs = {name: open(self.path(f"{name}.log"), encoding="utf-8").read() for name in self.processes}
        must(not bad and not any("Sanitizer" in log for log in logs.values()), f"{bad}\n{json.dumps(logs)[-4000:]}")
        must(not any(TOKEN in log for log in logs.values()), "the token stands in the log")


def fields(what, thing, names):
    missing = [name for name in names.split() if name not in thing]
    must(not missing, f"{what}: {missing} missing in {sorted(thing)}")


@cases.case("exit codes")
def _(pair):
    bad = pair.path("bad.yaml")
    with open(bad, "w", encoding="utf-8") as file:
        file.write("routeServer: { name: x, hubRoutingPrefrence: ASPath }\nnodes: [{ name: a, address: 127.0.0.1 }]\n")
    said = program("tandemd", "--config", bad, "--node", "a", "--check", code=1)
    must("bad.yaml:1:25: error: routeServer: unknown key \"hubRoutingPrefrence\" (did you mean" in said, said)
    program("tandemd", "--config", bad, "--node", "a", code=1)
    program("tandemd", "--config", pair.config, "--node", "rs-a", "--check")
    program("tandemd", "--config", pair.config, "--node", "nobody", "--check", code=1)
    lost = pair.path("lost.yaml")
    with open(lost, "w", encoding="utf-8") as file:
        file.write("routeServer: { name: x }\nnodes: [{ name: a, address: 127.0.0.1 }]\nexport: { mrt: { directory: no/where } }\n")
    said = program("tandemd", "--config", lost, "--node", "a", "--check", code=1)
    must("export.mrt.directory:" in said and "no/where: No such file or directory; make it" in said, said)
    program("tandemd", "--wrong", code=2)
    program("tandem-agent", "--config", bad, code=1)
    program("tandem-agent", code=2)
    agent = pair.path("agent.yaml")
    with open(agent, "w", encoding="utf-8") as file:
        file.write("name: vm\nrouteServer: hub\nkeyFile: none.key\nsecretFile: none.secret\n"
                   f"nodes: [{{ name: a, address: 127.0.0.1, publicKey: \"{'A' * 43}=\" }}]\n")
    said = program("tandem-agent", "--config", agent, "--check", code=1)
    for word in ("none.key: error: No such file", "tandemctl key new FILE", "none.secret: error: No such file",
                 "copy it from another machine"):
        must(word in said, said)
    socket_words = ("--socket", pair.path("rs-a.sock"))
    program("tandemctl", "config", "check", bad, code=5)
    program("tandemctl", *socket_words, "status")
    program("tandemctl", *socket_words, "frobnicate", code=2)
    program("tandemctl", *socket_words, "route", "list", "10.44.0.1/16", code=2)
    for words in (("status",), ("metrics",)):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([os.path.join(BIN, "tandemctl"), *socket_words, *words], stdout=full, stderr=subprocess.PIPE,
                                  text=True, timeout=60, check=False)
        must(done.returncode == 1 and "No space left on device" in done.stderr, f"{words}: {done}")
    program("tandemctl", *socket_words, "peer", "show", "nobody", code=3)
    program("tandemctl", "--socket", pair.path("nowhere.sock"), "status", code=4)


@cases.case("/v1/status and /v1/nodes")
def _(pair):
    status = pair.get("/v1/status")
    fields("status", status, "name asn ready epoch leader nodes counts warnings node version uptimeSeconds phase checks")
    must(status["ready"] is True and status["name"] == "hub-rs" and status["asn"] == 65515, status)
    must(status["leader"] is None and status["epoch"] == 0, "nothing is shared, and somebody leads")
    for node in pair.items("/v1/nodes"):
        fields("a node", node, "name address role health lagSeconds uptimeSeconds version")
        must(node["health"] == "ok" and node["version"] == status["version"] and node["role"] == "active", node)
        must(0 < node["uptimeSeconds"] < 600, node)
    must(status["nodes"] and status["counts"]["programmed"] == 0, "there is no target")


@cases.case("/v1/peers")
def _(pair):
    for peer in [*pair.items("/v1/peers"), pair.get("/v1/peers/fw")]:
        fields("a peer", peer, "name peerIp peerAsn type state adminState uptimeSeconds lastError bfdState capabilities "
                               "routes messages sessions")
        fields("its routes", peer["routes"], "received accepted filtered best advertised limit")
        must(peer["state"] == "Established" and peer["routes"]["received"] == 1 and peer["routes"]["limit"] == 1000, peer)
        must([s["node"] for s in peer["sessions"] if s["up"]] == list(ADDRESSES), peer["sessions"])
    pair.problem(404, "/v1/peers/nobody")


@cases.case("/v1/routes")
def _(pair):
    for name in ADDRESSES:
        routes = pair.items(f"/v1/routes?prefix={PREFIX}&peer=fw&match=exact&state=accepted&limit=10", name)
        must(sorted(r["node"] for r in routes) == list(ADDRESSES), routes)
        for route in routes:
            fields("a route", route, "prefix nextHop peer asPath origin med communities largeCommunities best multipath "
                                     "programmed stale filteredBy selectionReason ageSeconds since")
            must(route["asPath"] == [ASN, 65099] and route["communities"] == ["65001:7"] and route["nextHop"] == HOP, route)
            must(route["programmed"] is False and route["stale"] is False and route["filteredBy"] is None, route)
            must(0 <= route["ageSeconds"] < 600, route)
        must([r["best"] for r in routes].count(True) == 1, routes)
    must(pair.items("/v1/routes?prefix=10.44.7.7/32&match=lpm"), "longest match")
    must(not pair.items("/v1/routes?community=65001:8"), "another community")
    wrong = pair.problem(400, "/v1/routes?colour=red")
    must(wrong["errors"][0]["path"] == "colour", wrong)
    fields("explain", pair.get(f"/v1/routes/explain?prefix={PREFIX}"), "prefix paths programmed")


@cases.case("a route's age is that of its last change")
def _(pair):
    session, late = pair.sessions[0], "10.45.0.0/16"
    session.announce(late, hop=HOP, path=[ASN])
    poll("both nodes have it", lambda: all(pair.items(f"/v1/routes?prefix={late}", name) for name in ADDRESSES))
    poll("it ages", lambda: all(1.5 < pair.items(f"/v1/routes?prefix={late}", name)[0]["ageSeconds"] for name in ADDRESSES))
    session.announce(late, hop=HOP, path=[ASN])
    session.announce(PREFIX, hop=HOP, path=[ASN, 65098])
    poll("the other one is new", lambda: all(any(65098 in r["asPath"] and r["ageSeconds"] < 1.5 for r in
                                                 pair.items(f"/v1/routes?prefix={PREFIX}", name)) for name in ADDRESSES))
    must(all(pair.items(f"/v1/routes?prefix={late}", name)[0]["ageSeconds"] > 1.5 for name in ADDRESSES), "said again, and young")
    session.announce(PREFIX, hop=HOP, path=[ASN, 65099], extra=attribute(8, b"\xfd\xe9\x00\x07", 0xc0))
    session.withdraw(late)
    poll("it is gone", lambda: not any(pair.items(f"/v1/routes?prefix={late}", name) for name in ADDRESSES))
    must("AGE" in program("tandemctl", "--socket", pair.path("rs-a.sock"), "route", "list"), "no column AGE")


@cases.case("learned and advertised, ours and the cloud's form")
def _(pair):
    learned = pair.items("/v1/peers/fw/learnedRoutes")
    must(len(learned) == 2, learned)
    az = pair.get("/v1/peers/fw/learnedRoutes?format=az")
    must(set(az) == {"RouteServiceRole_IN_0", "RouteServiceRole_IN_1"}, az)
    for (role, routes), address in zip(sorted(az.items()), ADDRESSES.values()):
        must(len(routes) == 1, f"{role}: {routes}")
        must(routes[0] == {"asPath": f"{ASN}-65099", "localAddress": address, "network": PREFIX, "nextHop": HOP,
                           "origin": "EBgp", "sourcePeer": NVA, "weight": 32768}, routes[0])
    must(pair.items("/v1/peers/fw/advertisedRoutes") == [], "it is told its own route")
    must(pair.get("/v1/peers/fw/advertisedRoutes?format=az")["RouteServiceRole_IN_0"] == [], "")
    pair.problem(400, "/v1/peers/fw/learnedRoutes?format=xml")


@cases.case("programming, events, and what is none of ours")
def _(pair):
    must(pair.items("/v1/programming") == [], "there is no target")
    pair.problem(404, "/v1/programming/nothing")
    events = pair.items("/v1/events?limit=1000")
    fields("an event", events[0], "sequence time level event subject fields")
    must([e["sequence"] for e in events] == sorted(e["sequence"] for e in events), "events in order")
    resumed = pair.items(f"/v1/events?after={events[-2]['sequence']}")
    must([e["sequence"] for e in resumed][0] == events[-1]["sequence"], "a page goes on behind a sequence number")
    told = program("tandemctl", "--socket", pair.path("rs-a.sock"), "-o", "jsonl", "events", "--since", "1h").splitlines()
    must([json.loads(line)["sequence"] for line in told] == [e["sequence"] for e in events], "all is of this hour")
    must(pair.items("/v1/events?since=9999-01-01T00:00") == [], "nothing happened since then")
    must("10 m" in pair.problem(400, "/v1/events?since=10%20m")["detail"], "a wrong time is named")
    connection = http.client.HTTPConnection(ADDRESSES["rs-a"], API, timeout=20)
    connection.request("GET", "/v1/events", headers={"Accept": "text/event-stream",
                                                     "Last-Event-ID": str(events[-2]["sequence"])})
    stream = connection.getresponse()
    must(stream.headers["Content-Type"] == "text/event-stream", stream.headers)
    seen = b""
    while b"\ndata: {" not in seen:
        seen += stream.read1(4096)
    must(f"id: {events[-1]['sequence']}\nevent: {events[-1]['event']}\n".encode() in seen, seen)
    connection.close()
    pair.problem(404, "/v1/nothing")


@cases.case("orders over TCP need the token")
def _(pair):
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    pair.problem(401, "/v1/peers/fw/clear?kind=softOut", method="POST")
    pair.problem(401, "/v1/peers/fw/clear?kind=softOut", method="POST", headers={"Authorization": "Bearer wrong"})
    status, _, body = pair.ask("rs-a", "POST", "/v1/peers/fw/clear?kind=softOut", bearer)
    must(status == 200, body)
    wrong = pair.problem(405, "/v1/peers/fw", method="DELETE", headers=bearer)
    must("change it there" in wrong["detail"], wrong)
    pair.problem(405, "/livez", method="POST", headers=bearer, port=HEALTH)
    program("tandemctl", "--url", f"http://{ADDRESSES['rs-a']}:{API}", "--token-file", pair.path("token"), "peer", "clear",
            "fw", "soft-out")
    program("tandemctl", "--url", f"http://{ADDRESSES['rs-a']}:{API}", "peer", "clear", "fw", "soft-out", code=1)
    with open(pair.path("token"), "w", encoding="utf-8") as file:
        file.write(TOKEN + "-2")
    status, _, body = pair.ask("rs-a", "POST", "/v1/config/reload", over=pair.path("rs-a.sock"))
    must(status == 200 and "another token" in body, body)
    pair.problem(401, "/v1/peers/fw/clear?kind=softOut", method="POST", headers=bearer)
    must(pair.ask("rs-b", "POST", "/v1/peers/fw/clear?kind=softOut", bearer)[0] == 200, "rs-b has not reloaded")


@cases.case("the log's level, until the next reload")
def _(pair):
    ctl = ("tandemctl", "--socket", pair.path("rs-b.sock"))

    def orders():
        program(*ctl, "peer", "clear", "fw", "soft-out")
        with open(pair.path("rs-b.log"), encoding="utf-8") as file:
            return file.read().count("peer_admin")

    must(program(*ctl, "log", "level") == "info\n", "it is the configuration's")
    before = orders()
    said = program(*ctl, "log", "level", "warn")
    must(said == "warn, until the next reload or start; the configuration says info\n", said)
    must(orders() == before, "an order is told although it is no warning")
    program(*ctl, "reload")
    must(program(*ctl, "log", "level") == "info\n", "a reload goes by the file")
    poll("it tells of orders again", lambda: orders() > before)
    pair.problem(401, "/v1/log/level?level=debug", method="POST")


@cases.case("/v1/config and what belongs to it")
def _(pair):
    status, headers, body = pair.ask("rs-a", "GET", "/v1/config")
    config = json.loads(body)
    must(status == 200 and config["peers"][0]["peerAsn"] == ASN and config["virtualNetworks"] == [], body)
    shown = pair.path("shown.json")
    with open(shown, "w", encoding="utf-8") as file:
        file.write(program("tandemctl", "--socket", pair.path("rs-a.sock"), "config", "show"))
    program("tandemd", "--config", shown, "--node", "rs-a", "--check")
    schema = json.loads(program("tandemctl", "config", "schema"))
    must(schema == pair.get("/v1/config/schema") and "peerIp" in schema["properties"]["peers"]["items"]["properties"], "schema")
    document = pair.get("/v1/openapi.json")
    must(document["openapi"].startswith("3.1") and "/v1/peers/{name}/clear" in document["paths"], sorted(document["paths"]))
    before = pair.items("/v1/config/revisions")[0]["revision"]
    pair.configure(level="debug")
    post = {"If-Match": "\"7-00000000\""}
    over = pair.path("rs-a.sock")
    must(pair.ask("rs-a", "POST", "/v1/config/reload", post, over=over)[0] == 412, "If-Match")
    status, _, body = pair.ask("rs-a", "POST", "/v1/config/reload", {"If-Match": headers["ETag"]}, over=over)
    must(status == 200 and json.loads(body)["revision"] == before + 1, body)
    must(pair.ask("rs-a", "GET", "/v1/config")[1]["ETag"] != headers["ETag"], "the ETag is the old one")
    with open(pair.config, "a", encoding="utf-8") as file:
        file.write("export: { mrd: {} }\n")
    status, _, body = pair.ask("rs-a", "POST", "/v1/config/check", over=over)
    error = json.loads(body)["errors"][0]
    must(status == 422 and error["path"] == "export" and error["line"] > 1 and error["column"] == 11 and
         "did you mean \"mrt\"" in error["message"], body)
    pair.configure()
    must(pair.ask("rs-a", "POST", "/v1/config/reload", over=over, body="{}")[0] == 200, "back to the first one")
    with open(pair.config, encoding="utf-8") as file:
        text = file.read()
    status, _, body = pair.ask("rs-a", "POST", "/v1/config/check", over=over, body=text.replace("limit: 1000", "limit: 900"))
    must(status == 200 and "peer fw" in body and not json.loads(body)["applied"], body)
    status, _, body = pair.ask("rs-a", "POST", "/v1/config/check", over=over, body=text.replace("limit: 1000", "limit: no"))
    must(status == 422 and json.loads(body)["errors"][0]["path"] == "peers[0].maxRoutes.limit", body)
    must(pair.ask("rs-a", "POST", "/v1/config/check", over=over, body="#" * (2 << 20))[0] == 413, "more than a file may have")
    must(pair.ask("rs-a", "POST", "/v1/peers/fw/clear?kind=softOut", over=over, body="{\"kind\": 1}")[0] == 400, "a body")


@cases.case("a configuration of the past is shown, compared, and put back")
def _(pair):
    ctl = ("tandemctl", "--socket", pair.path("rs-a.sock"), "config")
    good = pathlib.Path(pair.config).read_text(encoding="utf-8")
    number = str(pair.items("/v1/config/revisions")[0]["revision"])
    pair.configure(level="debug")
    program(*ctl, "reload")
    must(program(*ctl, "show", number) == good, "the text is another one")
    must(program(*ctl, "diff", number) == "log.level: changed\n", program(*ctl, "diff", number))
    broken = "peers: [\n"
    pathlib.Path(pair.config).write_text(broken, encoding="utf-8")
    os.chmod(pair.config, 0o640)
    said = program(*ctl, "rollback", number)
    must(said.startswith("log.level: changed\nfollowed\n"), said)
    must(pathlib.Path(pair.config).read_text(encoding="utf-8") == good and os.stat(pair.config).st_mode & 0o777 == 0o640, "the file")
    must(pathlib.Path(f"{pair.config}~").read_text(encoding="utf-8") == broken, "what was there is not kept")
    must(not [name for name in os.listdir(pair.directory) if name.startswith("tandem.yaml.")], os.listdir(pair.directory))
    said = program(*ctl, "rollback", "99", code=3)
    must("not remembered" in said, said)
    program("tandemctl", "--url", f"http://{ADDRESSES['rs-a']}:{API}", "config", "rollback", number, code=2)
    os.rename(pair.config, f"{pair.config}.away")
    said = program(*ctl, "rollback", number, code=1)
    must("cannot write" in said and f"tandemctl config show {number}" in said, said)
    os.rename(f"{pair.config}.away", pair.config)


@cases.case("the looking glass, with the types that Alice-LG insists on")
def _(pair):
    session, loop = pair.sessions[0], "10.47.0.0/16"
    session.announce(loop, hop=HOP, path=[ASN, 65515])
    lg = "/lg/birdwatcher"
    poll("the loop is refused", lambda: pair.get(f"{lg}/routes/filtered/fw")["routes"])
    for path in ("/status", "/protocols/bgp", "/protocols/short?uncached=true", "/routes/protocol/fw", "/routes/noexport/fw",
                 "/routes/table/master", "/routes/table/master/filtered", f"/routes/prefix?prefix={PREFIX}"):
        answer = pair.get(lg + path)
        must(isinstance(answer["api"]["Version"], str) and answer["api"]["result_from_cache"] is False, answer)
        time.strptime(answer["ttl"], "%Y-%m-%d %H:%M:%S")
    must(pair.get(f"{lg}/status")["status"]["router_id"] == ADDRESSES["rs-a"], "router_id")
    peer = pair.get(f"{lg}/protocols/bgp")["protocols"]["fw"]
    must(peer["state"] == "up" and peer["neighbor_as"] == ASN and peer["routes"]["imported"] == 1 and
         peer["routes"]["filtered"] == 1, peer)
    time.strptime(peer["state_changed"], "%Y-%m-%d %H:%M:%S")
    route = pair.get(f"{lg}/routes/protocol/fw")["routes"][0]
    must((route["network"], route["gateway"], route["learnt_from"], route["primary"]) == (PREFIX, HOP, NVA, True), route)
    must(route["bgp"]["as_path"] == [str(ASN), "65099"] and route["bgp"]["communities"] == [[65001, 7]], route)
    must(isinstance(route["bgp"]["local_pref"], str) and isinstance(route["bgp"]["med"], str), route)
    refused = pair.get(f"{lg}/routes/filtered/fw")["routes"]
    must([r["network"] for r in refused] == [loop] and [65515, 1101, 101] in refused[0]["bgp"]["large_communities"], refused)
    pair.problem(404, f"{lg}/routes/protocol/nobody")
    openbgpd = pair.get(f"/lg/bgplgd/rib?neighbor={NVA}")["rib"]
    must([(r["prefix"], r["aspath"], r["communities"]) for r in openbgpd] == [(PREFIX, f"{ASN} 65099", ["65001:7"])], openbgpd)
    must(pair.get("/lg/bgplgd/neighbors?neighbor=fw")["neighbors"][0]["remote_as"] == str(ASN), "remote_as")
    pair.problem(404, "/lg/bgplgd/rib?neighbor=10.9.9.9")
    pair.problem(400, "/lg/bgplgd/rib?prefix=somewhere")
    session.withdraw(loop)
    poll("it is gone", lambda: not pair.get(f"{lg}/routes/filtered/fw")["routes"])


@cases.case("what nva-config prints is what the daemons read")
def _(pair):
    for daemon, *check in (("bird", "bird", "-p", "-c"), ("frr", "vtysh", "-C", "-f"), ("openbgpd", "bgpd", "-n", "-f"),
                           ("gobgp", "gobgpd", "--dry-run", "-f")):
        said = program("tandemctl", "--socket", pair.path("rs-a.sock"), "nva-config", "fw", "--for", daemon)
        must(all(address in said for address in (*ADDRESSES.values(), NVA)) and str(BGP) in said and "{" + "as}" not in said, said)
        must(daemon != "bird" or "protocol direct" in said, f"BIRD could not reach any next hop: {said}")
        file = pair.path(f"nva.{daemon}")
        with open(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as out:
            out.write(said)
        done = subprocess.run([*check, file], capture_output=True, text=True, timeout=60, check=False)
        must(done.returncode == 0, f"{daemon}: {done.stdout}{done.stderr}\n{said}")
    for system, words in (("cisco", "remote-as 65515"), ("fortios", "set remote-as 65515")):
        said = program("tandemctl", "--socket", pair.path("rs-a.sock"), "nva-config", "fw", "--for", system)
        must(all(word in said for word in (*ADDRESSES.values(), NVA, str(BGP), words)) and "{" not in said, said)


class Screen:
    """tandemctl on a terminal."""

    def __init__(self, pair, *words):
        self.leader, follower = pty.openpty()
        self.program = subprocess.Popen([os.path.join(BIN, "tandemctl"), "--socket", pair.path("rs-a.sock"), *words], stdin=follower,
                                        stdout=follower, stderr=follower,
                                        env={**os.environ, "TERM": "xterm", "LINES": "24", "COLUMNS": "80"})
        os.close(follower)
        self.seen = b""

    def shows(self, words):
        while select.select([self.leader], [], [], 0)[0]:
            self.seen += os.read(self.leader, 65536)
        return words in self.seen

    def after(self, key, words):
        self.seen = b""
        os.write(self.leader, key)
        poll(f"the screen has {words} after {key}", lambda: self.shows(words))

    def is_over(self):
        try:
            return self.shows(b"nothing")
        except OSError:  # nobody has the other end any more
            return True

    def end(self):
        os.write(self.leader, b"q")
        poll("it ends", self.is_over)
        os.close(self.leader)
        must(self.program.wait() == 0, f"status {self.program.returncode}")


@cases.case("top: one screen, its pages by their first letters")
def _(pair):
    top = Screen(pair, "top")
    for key, words in ((b"", b"hub-rs"), (b"p", b"[peers]"), (b"e", b"peer_state"), (b"d", b"[doctor]")):
        top.after(key, words)
    top.end()


@cases.case("-w: a verb again and again, as one screen on a terminal")
def _(pair):
    watch = Screen(pair, "-w", "1", "peer", "list")
    watch.after(b"", b"[peer list]  every 1 s")
    watch.after(b"", b"\x1b[2;")  # how long it is up: drawn again by itself
    watch.end()
    closed = Screen(pair, "-w", "1", "peer", "list")
    closed.after(b"", b"every 1 s")
    os.close(closed.leader)
    closed.program.wait(10)


@cases.case("--node: by the other socket of this machine, or by its API")
def _(pair):
    here, there = ("--socket", pair.path("rs-a.sock")), ("--url", f"http://{ADDRESSES['rs-a']}:{API}")
    for way in (here, there):
        status = json.loads(program("tandemctl", *way, "--node", "rs-b", "-o", "json", "status"))
        must(status["node"] == "rs-b", status)
        levels = json.loads(program("tandemctl", *way, "--node", "all", "-o", "json", "log", "level"))
        must(levels == {name: {"level": "info", "configured": "info"} for name in ADDRESSES}, levels)
    said = program("tandemctl", *there, "--node", "rs-b", "peer", "clear", "fw", "soft-out", code=1)
    must("token" in said, said)
    program("tandemctl", *there, "--token-file", pair.path("token"), "--node", "rs-b", "peer", "clear", "fw", "soft-out")
    said = program("tandemctl", *here, "--node", "all", "node", "list")
    must(re.findall(r"^(\S+):$", said, re.MULTILINE) == list(ADDRESSES), said)


@cases.case("bash completes verbs, options and names of NVAs")
def _(pair):
    wanted = {"peer s": "show", "log level d": "debug", "ev": "events", "-o js": "json jsonl", "--token": "--token-file", "-o json peer show f": "fw",
              "--node rs-b peer sh": "show", "--node r": "rs-a rs-b"}
    script = f"""source <({BIN}/tandemctl completion bash)
        ctl() {{ {BIN}/tandemctl --socket {pair.path("rs-a.sock")} "$@"; }}
        for line; do
            COMP_WORDS=(tandemctl $line) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
            _tandemctl ctl "${{COMP_WORDS[COMP_CWORD]}}"
            echo "${{COMPREPLY[*]}}"
        done"""
    done = subprocess.run(["bash", "-c", script, "bash", *wanted], capture_output=True, text=True, timeout=60, check=False)
    must(done.stdout.splitlines() == list(wanted.values()), done)


@cases.case("health")
def _(pair):
    poll("it is ready", lambda: pair.ask("rs-a", "GET", "/readyz")[0] == 200)
    for port in (API, HEALTH):
        for path in ("/livez", "/readyz", "/healthz", "/readyz?fail=open"):
            status, headers, body = pair.ask("rs-a", "GET", path, port=port)
            must((status, body) == (200, "ok\n") and headers["Content-Type"].startswith("text/plain"), f"{path}: {status} {body}")
    said = pair.ask("rs-a", "GET", "/readyz?verbose&exclude=loop,converged", port=HEALTH)[2]
    must("[+]bgp-listener ok\n" in said and "[+]loop excluded: ok\n" in said and said.endswith("\nok\n"), said)
    pair.problem(404, "/v1/status", port=HEALTH)


METRICS = """tandem_build_info tandem_node_info tandem_ready tandem_leader tandem_epoch tandem_bgp_peer_up tandem_bgp_peer_state
tandem_bgp_peer_routes_learned tandem_bgp_peer_routes_accepted tandem_bgp_peer_routes_filtered tandem_bgp_peer_routes_best
tandem_bgp_peer_routes_advertised tandem_bgp_peer_routes_limit tandem_bgp_peer_established_timestamp_seconds
tandem_bgp_peer_flaps_total tandem_bgp_peer_one_sided tandem_bgp_messages_total tandem_bgp_notifications_total
tandem_bgp_prefix_updates_total tandem_rib_prefixes tandem_rib_paths tandem_rib_memory_bytes tandem_convergence_seconds
tandem_replication_lag_seconds tandem_replication_bytes_total tandem_replication_connected tandem_failovers_total
tandem_failover_duration_seconds tandem_program_duration_seconds
tandem_program_routes tandem_program_operations_total tandem_bfd_session_up tandem_bmp_connected tandem_config_revision
tandem_config_last_reload_success tandem_http_requests_total tandem_loop_delay_seconds process_cpu_seconds_total
process_resident_memory_bytes process_virtual_memory_bytes process_open_fds process_max_fds process_start_time_seconds"""


@cases.case("metrics: names, labels, promtool")
def _(pair):
    page = pair.ask("rs-a", "GET", "/metrics")[2]
    there = set(re.findall(r"^# TYPE (\S+)", page, re.MULTILINE))
    must(not set(METRICS.split()) - there, f"missing: {sorted(set(METRICS.split()) - there)}")
    for line in (f'tandem_bgp_peer_up{{peer="{NVA}",peer_as="{ASN}",name="fw"}} 1',
                 f'tandem_bgp_prefix_updates_total{{peer="{NVA}",peer_as="{ASN}",name="fw",direction="received",action="announce"}} ',
                 'tandem_replication_connected{node="rs-b"} 1'):
        must(line in page, f"{line} is not among the metrics")
    took = re.search(r'^tandem_convergence_seconds_count\{stage="receive_to_advertise"\} (\d+)$', page, re.MULTILINE)
    must(took and int(took[1]) > 0, "no UPDATE was timed")
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True, timeout=60, check=False)
    must(done.returncode == 0, done.stdout + done.stderr)
    _, headers, page = pair.ask("rs-a", "GET", "/metrics", {"Accept": "application/openmetrics-text;version=1.0.0"})
    must(headers["Content-Type"].startswith("application/openmetrics-text") and page.endswith("# EOF\n") and
         "# TYPE tandem_bgp_messages counter" in page, page[-200:])
    must(program("tandemctl", "--socket", pair.path("rs-a.sock"), "metrics").startswith("# HELP"), "tandemctl metrics")


@cases.case("the end of a session, in the events and on the other node")
def _(pair):
    pair.sessions.pop(0).close()

    def ends():
        return [e for e in pair.items("/v1/events?limit=1000") if e["event"] == "peer_down" and e["subject"] == "peer=fw"]

    poll("it is told", ends)
    fields("peer_down", ends()[-1]["fields"], "ip as code by reason text uptime_s routes_lost")
    must(ends()[-1]["fields"]["ip"] == NVA and ends()[-1]["fields"]["routes_lost"] == "1", ends()[-1])
    error = pair.get("/v1/peers/fw")["lastError"]
    fields("lastError", error, "code subcode text time")
    must([s["node"] for s in pair.get("/v1/peers/fw")["sessions"] if s["up"]] == ["rs-b"], "sessions")
    poll("rs-b's path stays", lambda: [r["node"] for r in pair.items("/v1/routes")] == ["rs-b"])


def main():
    with tempfile.TemporaryDirectory() as directory:
        pair = Pair(directory)
        cases.one("the pair comes up", pair.up)
        cases.each(cases.list, pair)
        cases.one("the nodes end cleanly", pair.end)
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
