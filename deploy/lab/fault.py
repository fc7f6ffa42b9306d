"""Faults: packets that vanish without a word, as in a partition or at a power failure, and programs that stand still."""
import contextlib
import itertools
import signal

_numbers = itertools.count()  # of nftables tables: faults of one host may overlap


class Silence:
    """What a host receives from these addresses vanishes; what it sends them still arrives."""

    def __init__(self, host, *addresses):
        self.host, self.table = host, f"tandem_fault{next(_numbers)}"
        rules = "".join(f"    {'ip6' if ':' in address else 'ip'} saddr {address} drop\n" for address in addresses)
        host.run("nft", "-f", "-", text=f"table inet {self.table} {{\n  chain input {{\n"
                 f"    type filter hook input priority 0;\n{rules}  }}\n}}\n")

    def end(self):
        self.host.run("nft", "delete", "table", "inet", self.table)


@contextlib.contextmanager
def partition(*hosts):
    """Two hosts, given as (host, its addresses), do not hear each other."""
    (one, its), (other, others) = hosts
    silences = [Silence(one, *others), Silence(other, *its)]
    try:
        yield
    finally:
        for silence in silences:
            silence.end()


@contextlib.contextmanager
def deaf(host, *addresses):
    """One direction only: the host hears nothing from these addresses, and is heard."""
    silence = Silence(host, *addresses)
    try:
        yield
    finally:
        silence.end()


@contextlib.contextmanager
def unplugged(host, port="eth0"):
    """No packet in or out, and nobody is told: a power failure as the others see it."""
    table = f"tandem_fault{next(_numbers)}"
    host.run("nft", "-f", "-", text=f"table inet {table} {{\n"
             f"  chain input {{\n    type filter hook input priority 0;\n    iifname {port} drop\n  }}\n"
             f"  chain output {{\n    type filter hook output priority 0;\n    oifname {port} drop\n  }}\n}}\n")
    try:
        yield
    finally:
        host.run("nft", "delete", "table", "inet", table)


@contextlib.contextmanager
def lossy(host, percent):
    """So many of a hundred packets do not reach the host."""
    table = f"tandem_fault{next(_numbers)}"
    host.run("nft", "-f", "-", text=f"table inet {table} {{\n  chain input {{\n"
             f"    type filter hook input priority 0;\n    iifname != lo numgen random mod 100 < {percent} drop\n  }}\n}}\n")
    try:
        yield
    finally:
        host.run("nft", "delete", "table", "inet", table)


@contextlib.contextmanager
def stopped(process):
    """It stands still and knows nothing of it, as in a pause of its machine."""
    process.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.signal(signal.SIGCONT)
