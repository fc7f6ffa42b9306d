#!/usr/bin/python3
"""A resource manager for the lab: arm_model.py behind HTTPS with a private CA, and faults on request.

    deploy/lab/arm.py --directory DIR [--address 127.0.0.1] [--port 8443] [--control 8480] [--seconds 0.2]

HTTPS port:    Microsoft.Network/routeTables, and POST /TENANT/oauth2/v2.0/token
control port:  plain HTTP: /metadata/identity/oauth2/token, and for tests
    GET  /lab/journal[?table=ID]    every accepted write, oldest first
    GET  /lab/requests              {"METHOD status": count}
    POST /lab/table                 {"id", "routes": [...], "tags": {...}, "properties": {...}}
    GET  /lab/table?id=ID           {"document", "effective", "etag"}
    POST /lab/delete                {"id"}
    POST /lab/edit                  {"id", "add": [...], "remove": [names], "tags": {...}}: somebody else's hand
    POST /lab/set                   {"allowed", "provisioning_s", "fail_provisioning", "token_s", "limit", "secret"}
    POST /lab/faults                {"list": [{"kind", "method", "count", "table"}]} or {"seed", "rate", "kinds"}; the
                                    identity endpoint fails when "method" is IDENTITY only; "table": its name
DIR gets ca.pem (what clients trust), other-ca.pem (what they should not) and principal.json.

Faults: 401 403 404 409 412 429 500 503, hang (no answer), reset (closed unheard), lost (done, but no answer),
malformed, truncated, html, wrong (JSON of another shape), redirect, fail (the operation ends Failed).
"""
import argparse
import email.utils
import http.server
import json
import os
import random
import signal
import socketserver
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

if __package__ in (None, ""):
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab.arm_model import Answer, Arm, refuse  # noqa: E402

HANG_S = 60
ANSWER_S = 30  # a long journal on a busy machine takes its time
STATUS_FAULTS = {
    "401": ("ExpiredAuthenticationToken", {}), "403": ("AuthorizationFailed", {}), "404": ("ResourceNotFound", {}),
    "409": ("AnotherOperationInProgress", {}), "412": ("PreconditionFailedEtagMismatch", {}),
    "429": ("TooManyRequests", {"Retry_After": 1}), "500": ("InternalServerError", {}),
    "503": ("ServerTimeout", {}),
}
BROKEN = {
    "malformed": b'{"name": "rt", "etag": "W/\\"1\\"", "properties": {"routes": [{"name": ',
    "html": b"<html><head><title>502 Bad Gateway</title></head></html>",
    "wrong": b'{"name": 7, "etag": [], "properties": {"routes": {"name": null}}, "tags": "none"}',
}
DONE_FIRST = {"lost", "truncated"}  # the request takes effect, only its answer is harmed
KINDS = [*STATUS_FAULTS, *BROKEN, "hang", "reset", "lost", "truncated", "redirect", "fail"]


class Faults:
    """Which request meets which fault: a list worked off in order, or chance from a seed."""

    def __init__(self):
        self.list, self.random, self.rate, self.kinds = [], random.Random(1), 0.0, []

    def set(self, wish):
        self.list = [dict(fault) for fault in wish.get("list", [])]
        self.rate, self.kinds = wish.get("rate", 0.0), wish.get("kinds", KINDS)
        self.random = random.Random(wish.get("seed", 1))

    def ordered(self, method, path=""):
        for fault in self.list:
            concerns = fault.get("table", "").lower() in path.lower().split("/") or "table" not in fault
            if concerns and fault.get("method") == method and fault.get("count", 1) > 0:
                fault["count"] = fault.get("count", 1) - 1
                return fault["kind"]
        return None

    def next(self, method, path):
        kind = self.ordered(method, path) or self.ordered(None, path)
        if kind:
            return kind
        return self.random.choice(self.kinds) if self.random.random() < self.rate else None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = HANG_S

    def log_message(self, *_):
        pass

    def answer(self, result, cut=0):
        data = result.data
        self.send_response(result.status)
        for name, value in result.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:len(data) - cut])
        if cut:
            self.hang_up()

    def hang_up(self):
        self.close_connection = True

    def heard(self):
        """(path, query, lower-case headers, body)"""
        url = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return (urllib.parse.unquote(url.path), dict(urllib.parse.parse_qsl(url.query)),
                {name.lower(): value for name, value in self.headers.items()}, body)

    def do_GET(self):
        self.serve("GET")

    def do_PUT(self):
        self.serve("PUT")

    def do_POST(self):
        self.serve("POST")

    def do_DELETE(self):
        self.serve("DELETE")


class ArmHandler(Handler):
    """The HTTPS port."""

    def serve(self, method):
        lab = self.server.lab
        path, query, headers, body = self.heard()
        if method == "POST" and path.endswith("/oauth2/v2.0/token"):
            self.answer(lab.locked(lambda arm: arm.login(path.split("/")[1],
                                                         dict(urllib.parse.parse_qsl(body.decode())), time.time())))
            return
        with lab.lock:
            fault = lab.faults.next(method, path)
            if fault == "fail" and method == "PUT":
                lab.arm.fail_provisioning += 1
        result = None
        if fault in (None, "fail") or fault in DONE_FIRST:
            result = lab.locked(lambda arm: arm.handle(method, path, query, headers, body, time.time()))
        lab.count(method, fault, result)
        if fault in (None, "fail"):
            self.answer(result)
        else:
            self.harm(fault, result)

    def harm(self, fault, result):
        if fault in STATUS_FAULTS:
            code, headers = STATUS_FAULTS[fault]
            if fault == "503":  # the other form of it (RFC 9110 section 10.2.3)
                headers = {"Retry_After": email.utils.formatdate(time.time() + 2, usegmt=True)}
            self.answer(refuse(int(fault), code, "The lab was asked for this fault.", **headers))
        elif fault in BROKEN:
            broken = Answer(502 if fault == "html" else 200)
            broken.data = BROKEN[fault]
            self.answer(broken)
        elif fault == "redirect":
            self.answer(Answer(307, None, {"Location": f"{self.server.lab.elsewhere}/stolen"}))
        elif fault == "truncated":
            self.answer(result, cut=max(1, len(result.data) // 2))
        else:
            if fault == "hang":
                self.server.lab.ending.wait(HANG_S)
            self.hang_up()


class ControlHandler(Handler):
    """The plain port: the identity endpoint, and the test's hand."""

    def serve(self, method):
        lab = self.server.lab
        path, query, headers, body = self.heard()
        if path == "/metadata/identity/oauth2/token":
            with lab.lock:
                fault = lab.faults.ordered("IDENTITY")
            self.answer(lab.locked(lambda arm: arm.identity(query, headers, time.time())) if not fault else
                        refuse(int(fault) if fault in STATUS_FAULTS else 500, "identity", "The lab was asked."))
            return
        action = lab.actions.get((method, path))
        if not action:
            lab.strays.append(path)
            self.answer(refuse(404, "NoSuchControl", path))
            return
        result = lab.locked(lambda arm: action(query if method == "GET" else json.loads(body)))
        self.answer(Answer(200, {} if result is None else result))


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address, handler, lab, context=None):
        self.lab = lab
        super().__init__(address, handler)
        if context:  # the handshake is the connection's own thread's work: a silent client stops nobody
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request, client_address):
        pass  # clients that are killed in mid-sentence are this server's trade


class ArmServer:
    """Both ports, in threads of this process."""

    def __init__(self, directory, address="127.0.0.1", port=0, control=0, seconds=0.2):
        self.arm, self.faults, self.lock = Arm(), Faults(), threading.RLock()
        self.ending = threading.Event()
        self.requests, self.strays = {}, []
        self.arm.provisioning_s = seconds
        certificate = make_certificates(directory, address)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        self.servers = [Server((address, port), ArmHandler, self, context),
                        Server((address, control), ControlHandler, self)]
        self.endpoint = self.arm.origin = f"https://{address}:{self.servers[0].server_port}"
        self.control = self.elsewhere = f"http://{address}:{self.servers[1].server_port}"
        write_principal(directory, self.endpoint, self.arm.secret)
        self.actions = {
            ("GET", "/lab/journal"): lambda query: self.arm.written(query.get("table")),
            ("GET", "/lab/requests"): lambda _: {**self.requests, "stray": len(self.strays)},
            ("GET", "/lab/table"): lambda query: self.look(query["id"]),
            ("POST", "/lab/table"): lambda wish: self.arm.create(
                wish["id"], wish.get("routes", ()), wish.get("tags"), **wish.get("properties", {})) and None,
            ("POST", "/lab/delete"): lambda wish: self.arm.tables.pop(wish["id"].lower()) and None,
            ("POST", "/lab/edit"): self.edit,
            ("POST", "/lab/set"): lambda wish: vars(self.arm).update(wish),
            ("POST", "/lab/faults"): self.faults.set,
        }
        for server in self.servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def locked(self, question):
        with self.lock:
            return question(self.arm)

    def count(self, method, fault, result):
        with self.lock:
            key = f"{method} {fault or result.status}"
            self.requests[key] = self.requests.get(key, 0) + 1

    def look(self, identifier):
        self.arm.settle(time.time())
        table = self.arm.tables[identifier.lower()]
        return {"document": table.document, "effective": table.effective, "etag": table.etag}

    def edit(self, wish):
        def change(document):
            gone = {name.lower() for name in wish.get("remove", ())} | {r["name"].lower() for r in wish.get("add", ())}
            kept = [r for r in document["properties"]["routes"] if r["name"].lower() not in gone]
            document["properties"]["routes"] = kept + wish.get("add", [])
            document["tags"].update(wish.get("tags", {}))
            document["tags"] = {key: value for key, value in document["tags"].items() if value is not None}
        self.arm.edit(wish["id"], change, time.time())

    def close(self):
        self.ending.set()
        for server in self.servers:
            server.shutdown()
            server.server_close()


class Control:
    """The test's hand on a server, wherever it runs."""

    def __init__(self, url, opener=urllib.request.urlopen):
        self.url, self.opener = url, opener

    def get(self, path, **query):
        text = urllib.parse.urlencode(query)
        with self.opener(f"{self.url}{path}" + (f"?{text}" if text else ""), timeout=ANSWER_S) as answer:
            return json.load(answer)

    def post(self, path, **wish):
        request = urllib.request.Request(f"{self.url}{path}", json.dumps(wish).encode(), method="POST")
        with self.opener(request, timeout=ANSWER_S) as answer:
            return json.load(answer)


# ---- certificates ----

def openssl(*words, cwd):
    subprocess.run(["openssl", *words], cwd=cwd, check=True, capture_output=True, timeout=30)


def make_certificates(directory, *addresses):
    """A CA, a server certificate for the addresses, and a second CA that signed nothing."""
    os.makedirs(directory, exist_ok=True)
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    for name in ("ca", "other-ca"):
        openssl("req", "-x509", *new, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "30",
                "-subj", f"/CN=lab {name}", "-addext", "basicConstraints=critical,CA:TRUE", cwd=directory)
    openssl("req", *new, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=management.lab", cwd=directory)
    with open(os.path.join(directory, "server.ext"), "w", encoding="ascii") as file:
        names = ",".join(f"IP:{address}" for address in addresses)
        file.write(f"subjectAltName={names},DNS:localhost\nbasicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
            "-extfile", "server.ext", "-out", "server.pem", cwd=directory)
    return os.path.join(directory, "server.pem"), os.path.join(directory, "server.key")


def write_principal(directory, authority, secret):
    """As `az ad sp create-for-rbac --json-auth` prints it."""
    path = os.path.join(directory, "principal.json")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        json.dump({"clientId": "00000000-0000-0000-0000-00000000c11e", "clientSecret": secret,
                   "tenantId": "00000000-0000-0000-0000-000000007e4a", "activeDirectoryEndpointUrl": authority}, file)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8443)
    parser.add_argument("--control", type=int, default=8480)
    parser.add_argument("--seconds", type=float, default=0.2, help="how long provisioning takes")
    words = parser.parse_args()
    server = ArmServer(words.directory, words.address, words.port, words.control, words.seconds)
    print(f"resource manager {server.endpoint}  identity and control {server.control}", flush=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.ending.set())
    server.ending.wait()
    server.close()


if __name__ == "__main__":
    main()
