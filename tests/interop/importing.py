#!/usr/bin/python3
"""tandemctl import azure: what az prints and ARM templates have, until tandemd takes the result; wrong input by its place.

    tests/interop/importing.py [words of a case's name]

The files in azure/ have the shape of az network routeserver show, … peering list, az network vnet show, of Azure's
quickstart template for a route server and of what Bicep compiles modules and loops to.
"""
import json
import os
import random
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests", "lib")]
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402

BIN = os.environ.get("TANDEM_BIN", os.path.join(ROOT, "build", "debug", "bin"))
SAMPLES = os.path.join(ROOT, "tests", "interop", "azure")
cases = Cases()
folder = tempfile.TemporaryDirectory(prefix="tandem-import-")


def path(name):
    return os.path.join(folder.name, name)


def write(name, content):
    with open(path(name), "wb") as file:
        file.write(content if isinstance(content, bytes) else
                   (content if isinstance(content, str) else json.dumps(content)).encode())
    return path(name)


def sample(name):
    return os.path.join(SAMPLES, name)


def read_sample(name):
    with open(sample(name), encoding="utf-8") as file:
        return json.load(file)


def program(name, *words, text=None):
    return subprocess.run([os.path.join(BIN, name), *words], input=text, capture_output=True, text=True, timeout=60, check=False)


def imported(*words, text=None):
    """The configuration as text, and what was said of the rest."""
    done = program("tandemctl", "import", "azure", *words, text=text)
    if done.returncode:
        raise Failed(f"status {done.returncode}\n{done.stderr}")
    return done.stdout, done.stderr


def must(text, *parts):
    for part in parts:
        if part not in text:
            raise Failed(f"{part!r} is not in\n{text}")


def check(config, node):
    done = program("tandemd", "--config", config, "--node", node, "--check")
    if done.returncode:
        raise Failed(f"{config}: {done.stderr}")


def template(peer, **more):
    return {"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
            "contentVersion": "1.0.0.0",
            "resources": [{"type": "Microsoft.Network/virtualHubs", "name": "hub",
                           "properties": {"sku": "Standard", "virtualRouterIps": ["10.0.1.4"]}},
                          {"type": "Microsoft.Network/virtualHubs/bgpConnections", "name": "hub/nva", "properties": peer}], **more}


@cases.case("what az prints becomes a pair, which starts once the commands in its comments were typed")
def _():
    text, left = imported(sample("routeserver.json"), sample("peerings.json"), sample("vnet.json"))
    must(text, "name: myRouteServer\n", "virtualRouterAsn: 65515", "hubRoutingPreference: ExpressRoute",
         "allowBranchToBranchTraffic: false", "address: 10.0.1.4\n", "{ name: myNVA, peerIp: 10.0.0.4, peerAsn: 65001 }",
         "{ name: sdwan, peerIp: 10.0.0.8, peerAsn: 4200000001 }", '[10.0.0.0/16, "fd00:db8:aaaa::/48"]',
         "{ name: spoke1, addressPrefixes: [10.11.0.0/16, 10.12.0.0/16], useRemoteGateways: true }")
    must(left, "vnet.json: virtualNetworkPeerings[1]", '"lab" has no allowGatewayTransit', "publicKey")
    if "10.99.0.0" in text or "westus" in text + left or "tags" in left:
        raise Failed(text + left)
    for line, node in re.findall(r'^( +# publicKey: "" # tandemctl key new \S+cluster.key, on (\S+))$', text, re.MULTILINE):
        key = program("tandemctl", "key", "new", path(f"{node}.key")).stdout.strip()
        text = text.replace(line, f'    publicKey: "{key}"')
    program("tandemctl", "key", "new", "--secret", path("cluster.secret"))
    pair = write("pair.yaml", text.replace("keyFile: cluster.key", 'keyFile: "{node}.key"'))
    check(pair, "myRouteServer-a")
    check(pair, "myRouteServer-b")


@cases.case("a route server with one address is a single node that passes the check as it stands, as YAML and as JSON")
def _():
    server = dict(read_sample("routeserver.json"), virtualRouterIps=["10.0.1.4"])
    inputs = [write("one.json", server), sample("peerings.json"), sample("vnet.json")]
    check(write("one.yaml", imported(*inputs)[0]), "myRouteServer-a")
    check(write("one-config.json", imported("-o", "json", *inputs)[0]), "myRouteServer-a")
    check(write("stdin.yaml", imported("-", *inputs[1:], text=json.dumps(server))[0]), "myRouteServer-a")


@cases.case("the resource manager's own form, with value and properties, reads as az's flat one")
def _():
    peers = [{"id": p["id"], "name": p["name"], "properties": {"peerIp": p["peerIp"], "peerAsn": p["peerAsn"]}}
             for p in read_sample("peerings.json")]
    server = read_sample("routeserver.json")
    rest = {"id": server["id"], "properties": {k: server[k] for k in ("virtualRouterAsn", "virtualRouterIps")}}
    flat = imported(sample("routeserver.json"), sample("peerings.json"))[0]
    if imported(write("rest.json", rest), write("list.json", {"value": peers}))[0] != flat:
        raise Failed("they differ")
    # The same said twice is said once, and a byte order mark is no text.
    twice = write("mark.json", b"\xef\xbb\xbf" + json.dumps(peers[0]).encode())
    if imported(sample("routeserver.json"), sample("peerings.json"), twice)[0] != flat:
        raise Failed("they differ")


@cases.case("Azure's quickstart template: parameters, variables, concat, a condition, an AS number as text")
def _():
    text, left = imported(sample("quickstart.json"))
    must(text, "name: routeserver\n", "address: 10.1.1.4\n", "address: 10.1.1.5\n", "{ name: conn1, peerIp: 10.0.1.4, peerAsn: 65002 }",
         "{ name: routeservervnet, addressPrefixes: [10.1.0.0/16] }")
    must(left, "10.1.1.4 and 10.1.1.5 are the first that Azure takes of 10.1.1.0/27", "conn1 (10.0.1.4) lies in none")
    if "understood" in left:
        raise Failed(left)


@cases.case("Bicep's template: symbolic names, modules, loops, nested resources, a file of parameters")
def _():
    text, left = imported(sample("bicep.json"), sample("bicep.parameters.json"))
    must(text, "name: westus\n", "hubRoutingPreference: ASPath", "allowBranchToBranchTraffic: true", "address: 10.5.1.5",
         "{ name: lb, peerIp: 10.5.2.9, peerAsn: 65003 }", "{ name: fw-1, peerIp: 10.5.2.4, peerAsn: 65001 }",
         "{ name: fw-2, peerIp: 10.5.2.5, peerAsn: 65001 }", "{ name: spoke1, addressPrefixes: [10.6.0.0/16], useRemoteGateways: true }")
    must(left, "template.resources[3].properties.peerIp: reference() is not understood", 'the peer "westus/vm"',
         'Microsoft.Network/virtualNetworkGateways "vpn"')
    if "sdwan" in text or "name: old" in text or "uniqueString" in left:
        raise Failed(text + left)
    done = program("tandemctl", "import", "azure", sample("bicep.json"))
    must(done.stderr, 'the parameter "hubName" has no defaultValue')
    if done.returncode != 1 or done.stdout:
        raise Failed(done.stdout)


@cases.case("expressions come to what the resource manager makes of them, or are named as not understood")
def _():
    parameters = {"one": {"type": "string", "defaultValue": "a"}, "o": {"defaultValue": {"list": [{"x": "deep"}]}},
                  "self": {"defaultValue": "[parameters('self')]"}, "bare": {"type": "string"}}
    variables = {"v0": "12345678", "two": "[concat(parameters('one'), variables('v0'))]"}
    variables.update({f"v{i}": f"[concat(variables('v{i - 1}'), variables('v{i - 1}'))]" for i in range(1, 30)})
    good = {"[concat('x-', 7, 'y')]": "x-7y", "[CONCAT(Parameters('ONE'), variables('two'))]": "aa12345678",
            "[format('{0}-{1}-{0}', 'p', 5)]": "p-5-p", "[parameters('o').list[0].x]": "deep", "[if(equals('a', 'A'), 'yes', 'no')]": "no",
            "[if(and(true(), not(false())), 'b', 'c')]": "b", "[toLower( 'AB' )]": "ab", "[string(length('four'))]": "4",
            "[if(or(false(), equals(1, 1)), 'q', 'r')]": "q", "[variables('v3')]": "12345678" * 8}
    bad = {"[resourceGroup().location]": "resourceGroup() is not understood", "[parameters('none')]": 'there is no "none"',
           "[parameters('bare')]": "no defaultValue", "[parameters('self')]": "no end", "[variables('v29')]": "",
           "[concat('a'": "", "[concat('a' 'b')]": "is missing", "['a'] ]": "", "[format('{9}')]": "format()", "[parameters('o').no]": '".no"',
           "[" + "concat(" * 3000 + ")" * 3000 + "]": "no end", "[]": "is no expression"}
    for number, (expression, name) in enumerate(good.items()):
        resource = template({"peerIp": "10.9.9.9", "peerAsn": "65001"}, parameters=parameters, variables=variables)
        resource["resources"][1]["name"] = f"[concat('hub/', {expression[1:-1]})]"
        must(imported(write(f"good{number}.json", resource))[0], f"name: {name}, peerIp" if name[0] != "1" else f"name: {name[:61]}, peerIp")
    for number, (expression, why) in enumerate(bad.items()):
        resource = template({"peerIp": expression, "peerAsn": 65001}, parameters=parameters, variables=variables)
        done = program("tandemctl", "import", "azure", write(f"bad{number}.json", resource))
        must(done.stderr, "resources[1].properties.peerIp: " if expression[-2:] != " ]" and expression[-1] == "]" else "", why)
        if done.returncode != 1 or done.stdout or "Sanitizer" in done.stderr:
            raise Failed(f"{expression[:80]}: {done.returncode} {done.stderr}")


def peer(name="nva", ip="10.0.0.4", asn=65001):
    return {"id": f"/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualHubs/myRouteServer/bgpConnections/{name}",
            "name": name, "peerIp": ip, "peerAsn": asn}


@cases.case("wrong input is refused with its file, its place and the mend, and nothing is written")
def _():
    server, other = read_sample("routeserver.json"), read_sample("routeserver.json")
    other.update(name="second", id=other["id"].replace("myRouteServer", "second"))
    wrong = [
        ([server, [peer(asn="abc")]], 'in1.json: [0].peerAsn: error: "abc" is no AS number'),
        ([server, [peer(asn="-1")]], "is no AS number"), ([server, [peer(asn=0)]], "0 is no AS number"),
        ([server, [peer(asn=4294967296)]], "is no AS number"), ([server, [peer(asn="65001x")]], "is no AS number"),
        ([server, [peer(asn=23456)]], "reserved AS number 23456"), ([server, [peer(asn=65515)]], "own AS number 65515"),
        ([server, [peer(ip="10.0.0.400")]], 'in1.json: [0].peerIp: error: "10.0.0.400" is no address'),
        ([server, [peer(ip="10.0.1.4")]], "the route server's own address"),
        ([server, [peer(), peer(ip="10.0.0.5")]], "has another ip than at in1.json: [0]"),
        ([server, [peer(), peer(name="nva2")]], 'in1.json: [1]: error: the peer "nva2" has the address of the peer "nva"'),
        ([server, [{"name": "x", "peerIp": "10.0.0.9"}]], 'the peer "x" has no peerAsn'),
        ([server, []], "in0.json: error: the route server \"myRouteServer\" has no peers"),
        ([server], "az network routeserver peering list"),
        ([[peer()]], "az network routeserver show"),
        ([server, other, [peer()]], "in1.json: error: the route server \"second\" is one of several: choose it with --route-server second"),
        ([dict(server, virtualRouterIps=["10.0.1.4", "here"]), [peer()]], 'virtualRouterIps: error: [1]: "here"'),
        ([dict(server, virtualRouterIps=["10.0.1.4", "10.0.1.4"]), [peer()]], "has 10.0.1.4 twice"),
        ([dict(server, virtualRouterIps=None), [peer()]], "has no virtualRouterIps"),
        ([dict(server, hubRoutingPreference="Carrot"), [peer()]], "it is ExpressRoute, VpnGateway or ASPath"),
        ([dict(server, allowBranchToBranchTraffic="yes"), [peer()]], "true or false"),
        ([server, [peer()], {"addressSpace": {"addressPrefixes": ["10.0.0.1/16"]}}], "addressPrefixes: error: [0]"),
        ([{"not": "azure"}], "in0.json: error: no route server, peering or virtual network"), (["[1, 2"], "in0.json:1:5: error: this is no JSON"),
        (['{"a": 1, "a": 2}'], "duplicate"), ([""], "this is no JSON"), ([b"\xff\xfe{\x00}\x00"], "save it as UTF-8"), (["3"], "no JSON"),
    ]
    for inputs, words in wrong:
        files = [os.path.basename(write(f"in{number}.json", content)) for number, content in enumerate(inputs)]
        done = subprocess.run([os.path.join(BIN, "tandemctl"), "import", "azure", *files], cwd=folder.name, capture_output=True, text=True,
                              timeout=60, check=False)
        must(done.stderr, words, "nothing is written")
        if done.returncode != 1 or done.stdout:
            raise Failed(f"{words}: status {done.returncode}\n{done.stdout}")
    must(imported("--route-server", "SECOND", write("two.json", [server, other]),
                  write("theirs.json", [peer(), dict(peer("n2"), id=peer("n2")["id"].replace("myRouteServer", "second"))]))[0],
         "name: second\n", "{ name: n2, ")
    done = program("tandemctl", "import", "azure", path("nowhere.json"))
    must(done.stderr, "nowhere.json: error: No such file")


@cases.case("names that a tandem.yaml cannot have are changed, and a hub of Virtual WAN is no route server")
def _():
    server = dict(read_sample("routeserver.json"), virtualRouterIps=["10.0.1.4"])
    text, left = imported(write("s.json", [server, dict(server, id=None, name="wan", virtualWan={"id": "/x"}, addressPrefix="10.8.0.0/24")]),
                          write("p.json", [dict(peer(), id=None, name="büro: \"nva\"\n- x")]))
    must(text, "{ name: b--ro---nva----x, peerIp")
    must(left, "the name", '"wan" is a hub of Virtual WAN')
    check(write("names.yaml", text), "myRouteServer-a")


@cases.case("files that were damaged end in a result or in an error, never in a crash")
def _():
    chance = random.Random(7)
    for number in range(20):
        name = chance.choice(["routeserver.json", "peerings.json", "vnet.json", "quickstart.json", "bicep.json"])
        with open(sample(name), "rb") as file:
            content = bytearray(file.read())
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(content))
            content[at:at + chance.choice([0, 0, 1, 30])] = bytes(chance.choice([b"[", b"]", b"'", b"null", b"1", b"(", b"\"", b"{}"]))
        done = program("tandemctl", "import", "azure", write("damaged.json", bytes(content)), sample("peerings.json"), sample("routeserver.json"))
        if done.returncode not in (0, 1) or "Sanitizer" in done.stderr:
            raise Failed(f"{number}, {name}: status {done.returncode}\n{done.stderr[-3000:]}")


if __name__ == "__main__":
    sys.exit(cases.run())
