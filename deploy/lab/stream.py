"""A running stream of test traffic between two hosts; traffic.py does the work inside them."""
import json
import os
import select
import socket

from .check import Failed, poll
from .proc import Process

PYTHON = "/usr/bin/python3"
TRAFFIC = os.path.join(os.path.dirname(__file__), "traffic.py")


def echo(lab, host, *addresses, port=7000):
    """Start the answering side."""
    Process(lab, host, f"{host.name}.echo", PYTHON, TRAFFIC, "echo", *addresses, port)
    poll(f"echo on {host.name}", lambda: str(port) in host.run("ss", "-Huln", "sport", "=", f":{port}"))


def reaches(host, address, port=7000):
    """Does the echo at address answer this host?"""
    with host.inside(), socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.3)
        sock.connect((address, port))
        sock.send(bytes(8))
        return len(sock.recv(64)) == 8


class Stream:
    """1,000 packets a second from host to the echoes at addresses."""

    def __init__(self, lab, host, name, *addresses, port=7000):
        self.name = name
        self.process = Process(lab, host, f"{host.name}.{name}", PYTHON, TRAFFIC, "send", *addresses, port, pipes=True)

    def ask(self):
        """Close the interval; answer() has the figures a second later."""
        self.process.popen.stdin.write("report\n")
        self.process.popen.stdin.flush()

    def answer(self, seconds=10):
        stdout = self.process.popen.stdout
        if not select.select([stdout], [], [], seconds)[0]:
            raise Failed(f"stream {self.name}: no report\n{self.process.tail()}")
        return json.loads(stdout.readline())

    def report(self):
        """{"sent", "lost", "outageMs"} since the last report (or the start)."""
        self.ask()
        return self.answer()


def reports(*streams):
    """The reports of several streams, about the same time."""
    for stream in streams:
        stream.ask()
    return [stream.answer() for stream in streams]
