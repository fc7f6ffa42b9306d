"""Faults: packets that vanish without a word, as in a partition or at a power failure, and programs that stand still."""
import contextlib
import itertools
import signal

_numbers = itertools.count()  # of nftables tables: faults of one host may overlap


@contextlib.contextmanager
def dropping(host, **rules):
    """Packets vanish in a table of the host's own: rules by the hook that they are at."""
    table = f"tandem_fault{next(_numbers)}"
    chains = "".join(f"  chain {hook} {{\n    type filter hook {hook} priority 0;\n"
                     + "".join(f"    {rule} drop\n" for rule in lines) + "  }\n" for hook, lines in rules.items())
    host.run("nft", "-f", "-", text=f"table inet {table} {{\n{chains}}}\n")
    try:
        yield
    finally:
        host.run("nft", "delete", "table", "inet", table)


def deaf(host, *addresses):
    """One direction only: the host hears nothing from these addresses, and is heard."""
    return dropping(host, input=[f"{'ip6' if ':' in address else 'ip'} saddr {address}" for address in addresses])


def unplugged(host, port="eth0"):
    """No packet in or out, and nobody is told: a power failure as the others see it."""
    return dropping(host, input=[f"iifname {port}"], output=[f"oifname {port}"])


def lossy(host, percent):
    """So many of a hundred packets do not reach the host."""
    return dropping(host, input=[f"iifname != lo numgen random mod 100 < {percent}"])


@contextlib.contextmanager
def partition(*hosts):
    """Two hosts, given as (host, its addresses), do not hear each other."""
    (one, its), (other, others) = hosts
    with deaf(one, *others), deaf(other, *its):
        yield


@contextlib.contextmanager
def stopped(process):
    """It stands still and knows nothing of it, as in a pause of its machine."""
    process.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.signal(signal.SIGCONT)
