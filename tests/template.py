#!/usr/bin/python3
"""deploy/azure: the template worked out as Azure's resource manager would, and what comes out of it.

    tests/template.py [words of a case's name]

With tandemd of build/debug, or of the build that TANDEM_BUILD names.
"""
import base64
import ipaddress
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "lib"))
sys.dont_write_bytecode = True

from case import Cases, Failed, said  # noqa: E402
from arm_template import Template  # noqa: E402

BUILD = pathlib.Path(os.environ.get("TANDEM_BUILD", ROOT / "build" / "debug"))
cases = Cases()


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


VM, NIC, NSG = "Microsoft.Compute/virtualMachines", "Microsoft.Network/networkInterfaces", "Microsoft.Network/networkSecurityGroups"
SUBNET = "/subscriptions/s/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub/subnets/tandem"
GIVEN = {"subnetId": SUBNET, "nvaPrefixes": ["10.1.2.0/24"], "agentPrefixes": ["10.2.0.0/16"], "operatorPrefixes": ["10.1.9.0/24"],
         "sshPublicKey": "ssh-ed25519 AAAA me", "packageUrl": "https://files.example/tandem.deb", "packageSha256": "0" * 64,
         "cloudInit": read("deploy/azure/cloud-init.yaml")}


def template(**more):
    return Template(json.loads(read("deploy/azure/pair.json")), {**GIVEN, **more})


def of_type(resources, kind):
    return [r for r in resources.values() if r["type"] == kind]


def same(what, seen, wanted):
    if seen != wanted:
        raise Failed(f"{what}: {seen}, not {wanted}")


def ids(value):
    """Every resource id of the deployment's own group in a value."""
    if isinstance(value, str):
        return {value} if value.startswith(Template.GROUP + "/providers/") else set()
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*map(ids, parts))


@cases.case("every parameter is told what for, and used; every expression has a value")
def _():
    made = template()
    made.resources()
    made.outputs()
    same("parameters without a use", set(made.source["parameters"]) - made.used, set())
    same("parameters without a word", [n for n, p in made.source["parameters"].items() if not p["metadata"]["description"]], [])


@cases.case("what a resource needs is made before it, and is there")
def _():
    resources = template().resources()
    for identifier, resource in resources.items():
        needed = ids(resource["properties"])
        same(f"what {identifier} waits for", set(resource.get("dependsOn", ())), needed)
        same(f"what {identifier} needs and nothing makes", needed - set(resources), set())


def node_of(vm, resources):
    """A VM as under nodes of tandem.yaml, with its zones: its one interface has the subnet and an address, and nothing more."""
    (nic,) = vm["properties"]["networkProfile"]["networkInterfaces"]
    (ip,) = resources[nic["id"]]["properties"]["ipConfigurations"]
    address = ip["properties"]["privateIPAddress"]
    same("the interface", ip["properties"], {"subnet": {"id": SUBNET}, "privateIPAllocationMethod": "Static", "privateIPAddress": address})
    return {"name": vm["properties"]["osProfile"]["computerName"], "address": address, "zones": vm["zones"]}


@cases.case("the VMs are the nodes of the example, or those given, each in a zone of its own, without a public address")
def _():
    pair = [{"name": n["name"], "address": n["address"]} for n in yaml.safe_load(read("deploy/examples/pair.yaml"))["nodes"]]
    three = [{"name": f"n{i}", "address": f"10.7.0.{3 + i}", "zone": str(i)} for i in (1, 2, 3)]
    for given, nodes in (({}, pair), ({"nodes": three}, three)):
        made = template(**given)
        resources = made.resources()
        seen = [node_of(vm, resources) for vm in of_type(resources, VM)]
        same("nodes", seen, [{"name": n["name"], "address": n["address"], "zones": [str(i)]} for i, n in enumerate(nodes, 1)])
        same("types of resources", {r["type"] for r in resources.values()}, {VM, NIC, NSG})
        same("identities", made.outputs()["identities"], [f"principal of {n['name']}" for n in nodes])


class Gate:
    """Who gets in where: of the security group's rules the first that fits decides."""

    def __init__(self, resources):
        ((identifier, group),) = [(i, r) for i, r in resources.items() if r["type"] == NSG]
        self.rules = sorted((r["properties"] for r in group["properties"]["securityRules"]), key=lambda r: r["priority"])
        same("priorities", len({r["priority"] for r in self.rules}), len(self.rules))
        same("directions", {r["direction"] for r in self.rules}, {"Inbound"})
        for rule in self.rules:
            for prefix in rule.get("sourceAddressPrefixes", ()):
                ipaddress.ip_network(prefix)  # or it raises: Azure takes a tag, or *, by itself only
        same("where it stands", {nic["properties"]["networkSecurityGroup"]["id"] for nic in of_type(resources, NIC)}, {identifier})

    @staticmethod
    def is_from(rule, source):
        """An address is in a prefix, a tag is a tag."""
        def has(prefix):
            if prefix == "*" or source[0].isalpha() or prefix[0].isalpha():
                return prefix in ("*", source)
            return ipaddress.ip_address(source) in ipaddress.ip_network(prefix)
        return any(map(has, rule.get("sourceAddressPrefixes") or [rule["sourceAddressPrefix"]]))

    @staticmethod
    def is_to(rule, protocol, port):
        def has(value):
            low, _, high = value.replace("*", "0-65535").partition("-")
            return int(low) <= port <= int(high or low)
        return rule["protocol"] in ("*", protocol) and any(map(has, rule.get("destinationPortRanges") or [rule["destinationPortRange"]]))

    def ports(self, source):
        rules = [r for r in self.rules if self.is_from(r, source)]
        return {(protocol, port) for protocol in ("Tcp", "Udp") for port in range(1, 65536)
                if next(r for r in rules if self.is_to(r, protocol, port))["access"] == "Allow"}


@cases.case("who gets in where is what the table of ports says, and nobody else gets in")
def _():
    table = {who: {(protocol.capitalize(), int(port)) for port, protocol in re.findall(r"(\d+)/(tcp|udp)", ports)}
             for ports, who in re.findall(r"^\| ([^|]*/(?:tcp|udp)) \| ([^|]*) \|$", read("deploy/README.md"), re.MULTILINE)}
    (nvas, bfd, nodes, monitors, _api) = table.values()
    gate = Gate(template().resources())
    wanted = {"10.1.2.4": nvas | bfd, "10.1.1.4": nodes, "10.1.1.5": nodes, "10.2.9.9": nodes, "AzureLoadBalancer": monitors,
              "10.1.9.7": monitors | {("Tcp", 22)}, "10.1.1.6": set(), "10.3.0.1": set(), "203.0.113.1": set(), "VirtualNetwork": set()}
    for source, ports in wanted.items():
        same(f"open to {source}", gate.ports(source), ports)


def first_start(**more):
    """The script that a VM runs, as it reads it."""
    (text,) = {vm["properties"]["osProfile"]["customData"] for vm in of_type(template(**more).resources(), VM)}
    config = base64.b64decode(text).decode()
    same("the first line", config.splitlines()[0], "#cloud-config")
    parsed = yaml.safe_load(config)
    same("what cloud-init is told", set(parsed), {"package_update", "packages", "runcmd"})
    (script,) = parsed["runcmd"]
    return script


@cases.case("a VM's first start installs the package that was meant, and no other")
def _():
    with tempfile.TemporaryDirectory(prefix="tandem-template-") as folder:
        tools = pathlib.Path(folder)
        for name, body in {"curl": 'for last; do :; done; echo "$last" >"$TOLD"; printf package >tandem.deb',
                           "apt-get": 'echo "$@" >>"$TOLD"; [ "$(cat "$3")" = package ]'}.items():
            (tools / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
            (tools / name).chmod(0o755)
        environment = {"PATH": f"{folder}:{os.environ['PATH']}", "TOLD": f"{folder}/told", "TMPDIR": folder}
        good = said("sh", "-c", "printf package | sha256sum | cut -c1-64").strip()
        installed = "install --yes ./tandem.deb\n"
        for sum_, status, told in ((good, 0, GIVEN["packageUrl"] + "\n" + installed), ("0" * 64, 1, GIVEN["packageUrl"] + "\n")):
            done = subprocess.run(["sh", "-c", first_start(packageSha256=sum_)], env=environment, capture_output=True, text=True,
                                  timeout=20, check=False)
            same("status\n" + done.stderr, done.returncode, status)
            same("what was done", (tools / "told").read_text(encoding="utf-8"), told)


def block(word):
    """The code block of deploy/azure/README.md that has the word."""
    (found,) = (text for text in re.findall(r"^```\w*\n(.*?)^```$", read("deploy/azure/README.md"), re.MULTILINE | re.DOTALL) if word in text)
    return found


@cases.case("the README's command gives every parameter that has no default, and none that is not there")
def _():
    told = set(re.findall(r"(?<![\w-])([a-z]\w+)=", block("az deployment group create").split("--parameters", 1)[1]))
    parameters = template().source["parameters"]
    same("unknown", told - set(parameters), set())
    same("not given", {n for n, p in parameters.items() if "defaultValue" not in p} - told, set())


@cases.case("the README's commands are bash, and its role has the two rights that the target's requests need")
def _():
    for word in ("az deployment group create", "az role assignment create"):
        said("bash", "-n", "-c", block(word))
    role = re.search(r"--role-definition '(\{.*?\})'", block("az role definition create"), re.DOTALL)[1]
    role = json.loads(re.sub(r"'\".*?\"'", "s", role))
    same("actions", role["Actions"], [f"Microsoft.Network/routeTables/{right}" for right in ("read", "write")])


@cases.case("keys as the steps say, the example with the README's target: it passes the check on each VM")
def _():
    config = yaml.safe_load(read("deploy/examples/pair.yaml"))
    config.update(yaml.safe_load(block("azureRouteTable")))
    names = [vm["properties"]["osProfile"]["computerName"] for vm in of_type(template().resources(), VM)]
    with tempfile.TemporaryDirectory(prefix="tandem-template-") as folder:
        places = {name: pathlib.Path(folder) / name for name in names}  # of each VM its /etc/tandem
        for node in config["nodes"]:
            places[node["name"]].mkdir()
            node["publicKey"] = said(BUILD / "bin" / "tandemctl", "key", "new", places[node["name"]] / "cluster.key").strip()
        for secret in ("cluster.secret", "agents.secret"):
            said(BUILD / "bin" / "tandemctl", "key", "new", "--secret", places[names[0]] / secret)
            shutil.copy(places[names[0]] / secret, places[names[1]])
        for name, place in places.items():
            (place / "tandem.yaml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
            said(BUILD / "bin" / "tandemd", "--config", place / "tandem.yaml", "--node", name, "--check")


if __name__ == "__main__":
    sys.exit(cases.run())
