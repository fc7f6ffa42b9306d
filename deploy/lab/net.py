"""Hosts and wires: every host is a network namespace of this run, and everything in it ends with the run.

A namespace is called tandem-PID-NAME after the process that made it, so that runs do not meet and a
run that was killed without warning is swept up by the next one.
"""
import atexit
import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

PREFIX = "tandem-"
NETNS = "/run/netns"
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


class LabError(RuntimeError):
    """The lab itself could not be built: never a verdict about what runs in it."""


def run(*argv, check=True, text=None, timeout=20):
    """Run a command to its end and return what it printed."""
    done = subprocess.run([str(a) for a in argv], input=text, capture_output=True, text=True, timeout=timeout)
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(map(str, argv))}: {done.stderr.strip() or done.stdout.strip() or 'failed'}")
    return done.stdout


def require_root():
    if os.geteuid() != 0:
        sys.exit("The lab makes network namespaces and kernel routes of its own: run it as root (sudo).")


class Host:
    """One network namespace."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.namespace = f"{PREFIX}{os.getpid()}-{name}"
        run("ip", "netns", "add", self.namespace)
        self.ip("link set lo up")
        self.sysctl("net.ipv4.conf.all.rp_filter", 0)
        self.sysctl("net.ipv4.conf.default.rp_filter", 0)
        # Addresses must work at once: duplicate address detection would hold them for a second.
        self.sysctl("net.ipv6.conf.default.accept_dad", 0)
        self.sysctl("net.ipv6.conf.all.accept_dad", 0)

    def command(self, *argv):
        """The argument list that runs argv in this host; exec keeps the process id."""
        return ["nsenter", f"--net={NETNS}/{self.namespace}", *map(str, argv)]

    def run(self, *argv, **options):
        return run(*self.command(*argv), **options)

    def ip(self, arguments, check=True):
        return run("ip", "-n", self.namespace, *arguments.split(), check=check)

    def sysctl(self, key, value):
        self.run("sysctl", "-qw", f"{key}={value}")

    def forward(self):
        """Act as a router."""
        self.sysctl("net.ipv4.ip_forward", 1)
        self.sysctl("net.ipv6.conf.all.forwarding", 1)

    def address(self, interface, *addresses):
        for address in addresses:
            self.ip(f"address add {address} dev {interface}")

    @contextlib.contextmanager
    def inside(self):
        """The calling thread's sockets belong to this host."""
        with open("/proc/thread-self/ns/net", encoding="ascii") as home:
            _enter(f"{NETNS}/{self.namespace}")
            try:
                yield
            finally:
                _set_namespace(home.fileno())


def _enter(path):
    with open(path, encoding="ascii") as namespace:
        _set_namespace(namespace.fileno())


def _set_namespace(descriptor):
    if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
        raise LabError(f"setns: {os.strerror(ctypes.get_errno())}")


class Lab:
    """All hosts, wires, processes and files of one run; close() takes everything away again."""

    def __init__(self, title="lab", keep_logs=False):
        require_root()
        sweep()
        self.directory = tempfile.mkdtemp(prefix=f"tandem-{title}-")
        os.chmod(self.directory, 0o755)
        self.keep_logs = keep_logs
        self.hosts, self.processes, self.switch = {}, [], None
        atexit.register(self.close)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _leave)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()

    def path(self, *parts):
        """A file or folder name of this run; the folder above it exists."""
        name = os.path.join(self.directory, *parts)
        os.makedirs(os.path.dirname(name), mode=0o755, exist_ok=True)
        return name

    def host(self, name):
        self.hosts[name] = Host(self, name)
        return self.hosts[name]

    def wire(self, one, one_port, other, other_port):
        """A cable between two hosts."""
        run("ip", "link", "add", one_port, "netns", one.namespace, "type", "veth",
            "peer", "name", other_port, "netns", other.namespace)
        one.ip(f"link set {one_port} up")
        other.ip(f"link set {other_port} up")

    def subnet(self, name="fabric", *gateways):
        """A switch; `gateways` are the addresses that it answers for itself."""
        switch = self.host(name)
        switch.ip("link add br0 type bridge forward_delay 0 mcast_snooping 0")
        switch.ip("link set br0 up")
        switch.address("br0", *gateways)
        return switch

    def attach(self, switch, host, *addresses, port="eth0"):
        """Plug a host into a switch."""
        plug = f"to-{host.name}"[:15]
        self.wire(host, port, switch, plug)
        switch.ip(f"link set {plug} master br0")
        host.address(port, *addresses)

    def close(self):
        """End what was started, newest first, and remove what was made. May be called again."""
        for process in reversed(self.processes):
            process.kill()
        self.processes.clear()
        for host in self.hosts.values():
            _remove(host.namespace)
        self.hosts.clear()
        if not self.keep_logs:
            shutil.rmtree(self.directory, ignore_errors=True)


def _leave(number, _frame):
    # A second signal must not tear the clean-up apart.
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    sys.exit(128 + number)


def _remove(namespace):
    """A namespace of ours and whatever still runs in it (daemons may have forked)."""
    for pid in run("ip", "netns", "pids", namespace, check=False).split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    run("ip", "netns", "delete", namespace, check=False)


def sweep():
    """Remove the namespaces of runs that are no longer there."""
    for name in os.listdir(NETNS) if os.path.isdir(NETNS) else []:
        made_by = re.fullmatch(rf"{PREFIX}(\d+)-.+", name)
        if made_by and not os.path.exists(f"/proc/{made_by.group(1)}"):
            _remove(name)
