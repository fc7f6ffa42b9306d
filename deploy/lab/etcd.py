"""Debian's etcd as a shared route table, and a witness of everything that happens in it."""
import base64
import http.client
import json
import os
import ssl
import threading
import time

from .check import poll
from .net import LabError, run
from .proc import Process

PORT, PEER_PORT = 2379, 2380


def b64(text):
    return base64.b64encode(text.encode()).decode()


def unb64(text):
    return base64.b64decode(text or "").decode()


class Member:
    """One etcd in a host of its own."""

    def __init__(self, store, host, address):
        self.store, self.host, self.address, self.process = store, host, address, None

    @property
    def name(self):
        return self.host.name

    @property
    def url(self):
        return f"{self.store.scheme}://{self.address}:{PORT}"

    def start(self):
        peer = f"http://{self.address}:{PEER_PORT}"
        words = ["etcd", "--name", self.name, "--data-dir", self.store.lab.path(self.name, "data"),
                 "--listen-client-urls", self.url, "--advertise-client-urls", self.url,
                 "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                 "--initial-cluster", ",".join(f"{m.name}=http://{m.address}:{PEER_PORT}" for m in self.store.members),
                 "--heartbeat-interval", "100", "--election-timeout", "1000", *self.store.options]
        self.process = Process(self.store.lab, self.host, self.name, *words)
        return self

    def kill(self):
        self.process.kill()

    def stop(self):
        self.process.stop()


class Store:
    """One to three members. `certificates`: (ca, certificate, key) for TLS."""

    def __init__(self, lab, *hosts, certificates=None, options=()):
        self.lab, self.scheme, self.user = lab, "https" if certificates else "http", None
        self.seconds = 3  # that an order of ctl may take
        self.ca, self.options = None, list(options)
        if certificates:
            self.ca, certificate, key = certificates
            self.options += ["--cert-file", certificate, "--key-file", key]
        self.members = [Member(self, host, address) for host, address in hosts]

    def start(self):
        for member in self.members:
            member.start()
        self.wait()
        return self

    def wait(self, member=None):
        poll("etcd answers", lambda: self.ctl("endpoint", "health", member=member) is not None, 20)

    @property
    def urls(self):
        return [member.url for member in self.members]

    def ctl(self, *words, member=None):
        """etcdctl in a member's host; a failure raises."""
        member = member or self.members[0]
        options = ["--endpoints", member.url, "--command-timeout", f"{self.seconds}s"]
        options += ["--cacert", self.ca] if self.ca else []
        options += ["--user", self.user] if self.user else []
        return run(*member.host.command("env", "ETCDCTL_API=3", "etcdctl", *options, *words))

    def write_s(self, prefix, member=None):
        """How long the store takes for one write now, over a connection that stands."""
        member = member or self.members[0]
        with member.host.inside():
            connection = http.client.HTTPConnection(member.address, PORT, timeout=20)
            connection.connect()
        begun = time.monotonic()
        connection.request("POST", "/v3/kv/put", json.dumps({"key": b64(prefix + ".clock"), "value": b64("now")}))
        connection.getresponse().read()
        connection.close()
        return time.monotonic() - begun

    def revision(self):
        return json.loads(self.ctl("get", "/", "-w", "json"))["header"]["revision"]

    def values(self, prefix, member=None):
        """{key below prefix: decoded JSON value}."""
        answer = json.loads(self.ctl("get", prefix, "--prefix", "-w", "json", member=member))
        return {unb64(kv["key"])[len(prefix):]: _value(unb64(kv.get("value"))) for kv in answer.get("kvs", [])}

    def routes(self, prefix, member=None):
        """{prefix: next hops} as it stands there."""
        return {key.split("/", 1)[1]: value["nextHops"] for key, value in self.values(prefix + "/", member).items()
                if key.startswith("routes/") and isinstance(value, dict)}


def _value(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


class Watch:
    """Every event of a prefix from the store's first revision on, with the time at which it was heard."""

    def __init__(self, store, prefix, member=None, revision=1):
        self.store, self.prefix, self.member = store, prefix + "/", member or store.members[0]
        self.events, self.next_revision, self.ends = [], revision, False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _connect(self):
        with self.member.host.inside():
            if self.store.ca:
                context = ssl.create_default_context(cafile=self.store.ca)
                connection = http.client.HTTPSConnection(self.member.address, PORT, timeout=5, context=context)
            else:
                connection = http.client.HTTPConnection(self.member.address, PORT, timeout=5)
            connection.connect()
        connection.sock.settimeout(None)
        end = self.prefix[:-1] + chr(ord("/") + 1)
        body = {"create_request": {"key": b64(self.prefix), "range_end": b64(end),
                                   "start_revision": str(self.next_revision)}}
        connection.request("POST", "/v3/watch", json.dumps(body))
        return connection.getresponse()

    def _run(self):
        while not self.ends:
            try:
                answer = self._connect()
                while not self.ends:
                    line = answer.readline()
                    if not line:
                        break
                    self._take(json.loads(line))
            except (OSError, ValueError, http.client.HTTPException, LabError):
                pass  # it is dead for now, or has gone with its network
            time.sleep(0.02)

    def _take(self, message):
        now = time.monotonic()
        with self.changed:
            for event in message.get("result", {}).get("events", []):
                kv = event["kv"]
                self.next_revision = max(self.next_revision, int(kv["mod_revision"]) + 1)
                self.events.append((now, event.get("type", "PUT"), unb64(kv["key"])[len(self.prefix):],
                                    _value(unb64(kv.get("value"))), int(kv["mod_revision"])))
            self.changed.notify_all()

    def heard(self, key, kind="PUT", since=0.0, seconds=10):
        """When this was heard for the first time after `since`."""
        end = time.monotonic() + seconds
        with self.changed:
            while True:
                for at, what, name, _, _ in self.events:
                    if at >= since and what == kind and name == key:
                        return at
                if not self.changed.wait(max(0.0, end - time.monotonic())):
                    return None

    def removals(self):
        """Routes that vanished, in order."""
        with self.changed:
            return [key.split("/", 1)[1] for _, kind, key, _, _ in self.events
                    if kind == "DELETE" and key.startswith("routes/")]

    def epochs(self):
        """(epoch, writer) of fences, beats and routes, in the order of the store."""
        with self.changed:
            return [(value["epoch"], value.get("node")) for _, _, key, value, _ in self.events
                    if isinstance(value, dict) and "epoch" in value and key != "gen"]

    def owners(self):
        """(epoch, owner's name) of every takeover."""
        with self.changed:
            return [(value["epoch"], value["node"]) for _, kind, key, value, _ in self.events
                    if key == "fence" and kind == "PUT" and isinstance(value, dict) and "node" in value]

    def close(self):
        self.ends = True
