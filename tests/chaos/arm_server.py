#!/usr/bin/python3
"""The lab's resource manager keeps the promises that the tests of the azure target build on.

    tests/chaos/arm_server.py [words of a case's name]
"""
import json
import os
import ssl
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402
from lab.arm import ArmServer, Control  # noqa: E402

TABLE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/routeTables/rt"
FOREIGN = {"name": "to-internet", "properties": {"addressPrefix": "0.0.0.0/0", "nextHopType": "Internet"}}
cases = Cases()
directory = tempfile.TemporaryDirectory()
server = ArmServer(directory.name, seconds=0.3)
control = Control(server.control)
trust = ssl.create_default_context(cafile=os.path.join(directory.name, "ca.pem"))


def call(method, path, body=None, version="2025-07-01", token=None, timeout=3, **headers):
    """(status, headers, document)"""
    url = path if path.startswith("https://") else f"{server.endpoint}{path}?api-version={version}"
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), method=method, headers={
        "Authorization": f"Bearer {token or login()}", "Content-Type": "application/json",
        **{name.replace("_", "-"): value for name, value in headers.items()}})
    try:
        with urllib.request.urlopen(request, timeout=timeout, context=trust) as answer:
            return answer.status, answer.headers, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, error.headers, json.loads(error.read() or b"null")


def login():
    request = urllib.request.Request(f"{server.control}/metadata/identity/oauth2/token?api-version=2018-02-01&resource=x",
                                     headers={"Metadata": "true"})
    with urllib.request.urlopen(request, timeout=3) as answer:
        return json.load(answer)["access_token"]


def same(what, wanted, seen):
    if wanted != seen:
        raise Failed(f"{what}: wanted {wanted}, seen {seen}")


def fresh(**properties):
    server.arm.__dict__.update(allowed=True, provisioning_s=0.3, fail_provisioning=0, token_s=3600, limit=400)
    control.post("/lab/faults")
    control.post("/lab/table", id=TABLE, routes=[FOREIGN], tags={"team": "net"}, properties=properties)
    return call("GET", TABLE)[2]


def with_route(document, name="tandem-fw-1", prefix="10.9.0.0/16", hop="10.1.2.4"):
    route = {"name": name, "properties": {"addressPrefix": prefix, "nextHopType": "VirtualAppliance",
                                          "nextHopIpAddress": hop}}
    routes = document["properties"]["routes"] + [route]
    return {**document, "properties": {**document["properties"], "routes": routes}}


def code(answer):
    return answer[0], answer[2]["error"]["code"]


@cases.case("an ETag moves when a write is accepted and again when provisioning ends")
def _():
    before = fresh(disablePeeringRoute="All")
    status, headers, document = call("PUT", TABLE, with_route(before), If_Match=before["etag"])
    same("status, state", (200, "Updating"), (status, document["properties"]["provisioningState"]))
    operation = headers["Azure-AsyncOperation"]
    same("the operation", "InProgress", call("GET", operation)[2]["status"])
    time.sleep(0.35)
    same("the operation", "Succeeded", call("GET", operation)[2]["status"])
    after = call("GET", TABLE)[2]
    same("three ETags", 3, len({before["etag"], document["etag"], after["etag"]}))
    same("what nobody changed", ("All", {"team": "net"}),
         (after["properties"]["disablePeeringRoute"], after["tags"]))
    same("the data plane", 2, len(control.get("/lab/table", id=TABLE)["effective"]))


@cases.case("a write with an old ETag is refused, one beside a running one too")
def _():
    before = fresh()
    document = call("PUT", TABLE, with_route(before), If_Match=before["etag"])[2]
    same("old", (412, "PreconditionFailedEtagMismatch"), code(call("PUT", TABLE, before, If_Match=before["etag"])))
    refusals = {code(call("PUT", TABLE, before, If_Match=document["etag"])) for _ in range(2)}
    same("beside", {(429, "RetryableErrorDueToAnotherOperation"), (409, "AnotherOperationInProgress")}, refusals)
    same("without If-Match the later one wins", 200, call("PUT", TABLE, before)[0])


@cases.case("a failed operation leaves the data plane as it was")
def _():
    before = fresh()
    control.post("/lab/set", fail_provisioning=1, provisioning_s=0)
    document = call("PUT", TABLE, with_route(before), If_Match=before["etag"])[2]
    same("state", "Failed", document["properties"]["provisioningState"])
    same("the data plane", 1, len(control.get("/lab/table", id=TABLE)["effective"]))


@cases.case("ECMP needs its API version and two different next hops of one family")
def _():
    before = fresh()
    document = with_route(before)
    hops = {"addressPrefix": "10.9.0.0/16", "nextHopType": "VirtualApplianceEcmp",
            "nextHop": {"nextHopIpAddresses": ["10.1.2.4", "10.1.2.5"]}}
    document["properties"]["routes"][-1]["properties"] = hops
    same("older", (400, "InvalidRequestFormat"), code(call("PUT", TABLE, document, version="2024-05-01")))
    for wrong in (["10.1.2.4"], ["10.1.2.4"] * 2, ["10.1.2.4", "fd00::1"]):
        hops["nextHop"]["nextHopIpAddresses"] = wrong
        same(f"{wrong}", 400, call("PUT", TABLE, document)[0])
    hops["nextHop"]["nextHopIpAddresses"] = ["10.1.2.4", "10.1.2.5"]
    same("right", 200, call("PUT", TABLE, document)[0])


@cases.case("too many routes, two of one prefix, a bad name are refused")
def _():
    before = fresh()
    control.post("/lab/set", limit=2)
    two = with_route(with_route(before), "tandem-fw-2", "10.8.0.0/16")
    same("limit", (400, "RouteTableRoutesLimitReached"), code(call("PUT", TABLE, two)))
    control.post("/lab/set", limit=400)
    same("prefix", (400, "RouteConflict"), code(call("PUT", TABLE, with_route(with_route(before), "b"))))
    same("name", (400, "InvalidResourceName"), code(call("PUT", TABLE, with_route(before, "-x"))))


@cases.case("permissions, tokens and unknown tables have their own answers")
def _():
    fresh()
    same("unknown", (404, "ResourceNotFound"), code(call("GET", TABLE + "x")))
    same("no token", (401, "InvalidAuthenticationToken"), code(call("GET", TABLE, token="made-up")))
    control.post("/lab/set", token_s=0)
    same("expired", (401, "ExpiredAuthenticationToken"), code(call("GET", TABLE, token=login())))
    control.post("/lab/set", token_s=3600, allowed=False)
    same("forbidden", (403, "AuthorizationFailed"), code(call("GET", TABLE)))


@cases.case("a service principal gets a token for its secret only")
def _():
    fresh()
    form = {"client_id": "c", "client_secret": "lab-secret", "grant_type": "client_credentials", "scope": "x/.default"}
    url = f"{server.endpoint}/tenant/oauth2/v2.0/token"
    with urllib.request.urlopen(url, urllib.parse.urlencode(form).encode(), timeout=3, context=trust) as answer:
        same("use", 200, call("GET", TABLE, token=json.load(answer)["access_token"])[0])
    form["client_secret"] = "wrong"
    try:
        urllib.request.urlopen(url, urllib.parse.urlencode(form).encode(), timeout=3, context=trust)
        raise Failed("a wrong secret got a token")
    except urllib.error.HTTPError as error:
        same("refusal", 401, error.code)


@cases.case("throttling says when to come back, and lets pass then")
def _():
    fresh()
    bucket = server.arm.buckets["PUT"]
    bucket.left, bucket.at = 0.0, time.time()
    status, headers, _ = call("PUT", TABLE, {})
    same("status", 429, status)
    time.sleep(int(headers["Retry-After"]))
    same("after it", True, call("PUT", TABLE, {})[0] != 429)


@cases.case("faults happen as ordered: in turn, by method, and by a seed alike")
def _():
    before = fresh()
    control.post("/lab/faults", list=[{"kind": "503", "method": "GET", "count": 2}, {"kind": "lost", "method": "PUT"}])
    same("ordered", [503, 503, 200], [call("GET", TABLE)[0] for _ in range(3)])
    try:
        call("PUT", TABLE, with_route(before), If_Match=before["etag"])
        raise Failed("the lost answer arrived")
    except (OSError, urllib.error.URLError):
        pass
    same("but the write was done", 2, len(call("GET", TABLE)[2]["properties"]["routes"]))
    runs = []
    for _ in range(2):
        control.post("/lab/faults", seed=4, rate=0.5, kinds=["500", "503", "412"])
        runs.append([call("GET", TABLE)[0] for _ in range(12)])
    same("by a seed", runs[0], runs[1])
    same("faults among them", True, len(set(runs[0])) > 2)


@cases.case("broken answers are broken, and a stranger's certificate is not trusted")
def _():
    fresh()
    for kind in ("malformed", "html"):
        control.post("/lab/faults", list=[{"kind": kind}])
        try:
            call("GET", TABLE)
            raise Failed(f"{kind} was readable")
        except ValueError:
            pass
    other = ssl.create_default_context(cafile=os.path.join(directory.name, "other-ca.pem"))
    try:
        urllib.request.urlopen(server.endpoint, timeout=3, context=other)
        raise Failed("the other CA was accepted")
    except urllib.error.URLError as error:
        same("why", True, "certificate" in str(error))


@cases.case("the journal has every accepted write, with what others changed")
def _():
    before = fresh()
    start = len(control.get("/lab/journal"))
    call("PUT", TABLE, with_route(before), If_Match=before["etag"])
    call("PUT", TABLE, before, If_Match=before["etag"])
    control.post("/lab/edit", id=TABLE, add=[{**FOREIGN, "name": "second", "properties": {
        "addressPrefix": "10.77.0.0/16", "nextHopType": "None"}}], remove=["to-internet"], tags={"team": None})
    last = control.get("/lab/journal")[start:]
    same("writers", ["system", "somebody else"], [entry["principal"] for entry in last])
    same("routes", ["tandem-fw-1", "second"], [route["name"] for route in last[-1]["routes"]])
    same("tags", {}, last[-1]["tags"])


try:
    status = cases.run()
finally:
    server.close()
    directory.cleanup()
sys.exit(status)
