#!/usr/bin/python3
"""The house rules that a compiler does not keep: floors, symbols, sizes, mirrors, the top level.

    tests/arch/arch.py [words of a case's name]

The symbols are read from the libraries of build/release (TANDEM_BUILD names another build).
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "arch"
sys.path.insert(0, str(ROOT / "tests" / "lib"))
sys.dont_write_bytecode = True

from case import Cases, Failed  # noqa: E402

BUILD = pathlib.Path(os.environ.get("TANDEM_BUILD", ROOT / "build" / "release"))
TOP = {"node", "replication", "bgp", "proto", "deploy", "tests", "CMakeLists.txt", "CMakePresets.json",
       "README.md", "LICENSE"}  # dotfiles are free; cmake looks for its presets here only
FLOORS = {"bgp/base": 1, "bgp": 2, "replication": 3, "node": 4}
# floor: its rooms, and what each may include beside itself
ROOMS = {
    "bgp": {
        "base": (),
        "codec": ("base",),
        "session": ("base", "codec"),
        "bfd": ("base", "codec"),
        "policy": ("base", "codec"),
        "rib": ("base", "codec", "policy"),
        "adjout": ("base", "codec", "policy", "rib"),
        "monitor": ("base", "codec", "policy", "rib"),
    },
    "node": {
        "base": (),
        "config": ("base",),
        "io": ("base", "config"),
        "program": ("base", "config"),
        "core": ("base", "config", "program"),
        "targets": ("base", "config", "program", "io"),
        "keys": ("base", "core", "io"),
        "api": ("base", "config", "core", "keys"),
        "loop": ("base", "config", "core", "targets", "keys", "api", "io"),
        "agent": ("base", "config", "program", "targets", "keys", "loop", "io"),
        "ctl": ("base", "config", "keys"),
    },
}
SIZE = 700

# who has to do with sockets, clocks and files: base, config, program and core have not
WORLD = ("node/tandemd.c", *(f"node/{room}/*" for room in ("io", "targets", "keys", "api", "loop", "agent", "ctl")))

# header: the files that may include it (fnmatch patterns on the path from the root)
RESERVED = {
    r"uv\.h": WORLD,
    r"\S+\.pb-c\.h": ("replication/codec*",),
    r"sodium(/\S+)?\.h": ("replication/keys.c", "replication/noise*.c", "replication/seal.[ch]", "replication/digest.c",
                          "node/*"),
    r"libmnl/\S+": ("node/targets/*",),
    r"(microhttpd|jansson|yaml|curl/curl|libsmartcols/libsmartcols)\.h": ("node/*",),
    r"(sys/socket|sys/un|netinet/\S+|poll|sys/epoll|pthread|signal|time|sys/time|unistd|fcntl)\.h": WORLD,
}

cases = Cases()


def tracked(*endings):
    """The repository's files by git, or what lies there where git is not."""
    command = ["git", "-C", ROOT, "-c", f"safe.directory={ROOT}", "ls-files", "-co", "--exclude-standard"]
    listing = shutil.which("git") and subprocess.run(command, capture_output=True, text=True, check=False)
    names = listing.stdout.split("\n") if listing and listing.returncode == 0 else [
        str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file() and "build" not in p.relative_to(ROOT).parts]
    return sorted(pathlib.PurePosixPath(n) for n in names if n and n.endswith(endings) and (ROOT / n).is_file())


def read(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def table(name):
    """A text file of ours: the first word of every line that is not a comment, with the rest behind it."""
    lines = (line.split("#", 1)[0].split(None, 1) for line in (HERE / name).read_text().splitlines())
    return {words[0]: words[1].strip() if len(words) > 1 else "" for words in lines if words}


def floor_of(path):
    for folder, floor in FLOORS.items():
        if path.startswith(folder + "/"):
            return floor
    return None


def includes():
    """(file, how it is quoted, header) of every include in the product."""
    for path in tracked(".c", ".h"):
        if floor_of(str(path)):
            for quote, header in re.findall(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', read(path), re.MULTILINE):
                yield str(path), quote, header


def none(found):
    if found:
        raise Failed("\n".join(found))


@cases.case("includes go down or level: node > replication > bgp > bgp/base")
def _():
    none([f"{path} includes {header}, which lies above it" for path, quote, header in includes()
          if quote == '"' and (floor_of(header) or 0) > floor_of(path)])


@cases.case("the rooms of bgp and node build on each other one way")
def _():
    found = []
    for path, quote, header in includes():
        place, wanted = (re.match(r"(\w+)/(?:(\w+)/)?", name) for name in (path, header))
        rooms = ROOMS.get(place[1], {})
        if place[2] in rooms and quote == '"' and wanted and wanted[1] == place[1] \
                and wanted[2] not in (place[2], *rooms[place[2]]):
            found.append(f"{path} includes {header}")
        if place[2] and place[1] in ROOMS and place[2] not in rooms:
            found.append(f"{path} stands in a room that has no row here")
    none(found)


@cases.case("own headers are written from the root")
def _():
    none([f"{path}: \"{header}\"" for path, quote, header in includes()
          if quote == '"' and floor_of(header) is None and not header.endswith(".pb-c.h")])


@cases.case("libraries and system interfaces are used where they belong only")
def _():
    none([f"{path} includes <{header}>" for path, _, header in includes() for pattern, allowed in RESERVED.items()
          if re.fullmatch(pattern, header) and not any(pathlib.PurePosixPath(path).match(p) or (
              p.endswith("/*") and path.startswith(p[:-1])) for p in allowed)])


def library(floor):
    path = BUILD / floor / f"libtandem_{floor}.a"
    if not path.exists():
        raise Failed(f"{path} is not built")
    return path


def lines_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def symbols(floor):
    """[(name, type)] of a floor's library as built."""
    listing = (line.split() for line in lines_of("nm", "--format=posix", library(floor)))
    return [(words[0], words[1]) for words in listing if len(words) >= 2]


def defined(floor):
    return {name for name, kind in symbols(floor) if kind not in "Uw"}


def from_outside(floor):
    """What the library takes from elsewhere and the allow-list does not grant."""
    return {name for name, kind in symbols(floor) if kind == "U"} - defined(floor) - set(table("symbols.txt"))


@cases.case("bgp calls nothing of the world: no clock, socket, file, thread")
def _():
    none([f"bgp uses {name}" for name in sorted(from_outside("bgp"))])


@cases.case("replication calls bgp, libsodium and protobuf only")
def _():
    granted = re.compile(r"(sodium_|crypto_|randombytes_|protobuf_c_|tandem__)")
    none([f"replication uses {name}" for name in sorted(from_outside("replication") - defined("bgp"))
          if not granted.match(name)])


@cases.case("bgp and replication keep no state of their own")
def _():
    # A constant that holds pointers lies in .data.rel.ro: written once by the loader, then read-only.
    found = []
    for floor in ("bgp", "replication"):
        for line in lines_of("objdump", "--syms", library(floor)):
            words = re.match(r"[0-9a-f]+ .{7} (\S+)\t[0-9a-f]+ (\S+)$", line)
            if words and re.match(r"\.(data(?!\.rel\.ro)|bss|tdata|tbss)|\*COM\*", words[1]) and words[2] != words[1]:
                found.append(f"{floor}: {words[2]} is writable")
    none(found)


TEXTS = (".c", ".h", ".py", ".sh", ".proto", ".md", ".txt", ".yaml", "/run", "/demo", "/install")


@cases.case(f"no file has more than {SIZE} lines")
def _():
    none([f"{path}: {lines} lines" for path in tracked(*TEXTS)
          if (lines := len(read(path).splitlines())) > SIZE])


@cases.case("every source of bgp and replication has its mirror test")
def _():
    elsewhere = table("without_mirror.txt")
    found = [f"without_mirror.txt names {path}, which is gone" for path in elsewhere if not (ROOT / path).exists()]
    for path in tracked(".c"):
        if path.parts[0] in ("bgp", "replication"):
            mirror = elsewhere.get(str(path), f"tests/{path.parts[0]}/test_{path.name}")
            if not (ROOT / mirror).exists():
                found.append(f"{path} has no {mirror}")
    none(found)


def named(cell, folder):
    """The patterns of files that a cell of bgp/README.md names: `x.c` lies in the folder given, `a/x.c` at the root."""
    for name in re.findall(r"`([^`]+)`", cell):
        if re.fullmatch(r"rfc[\w.-]+", name):
            yield f"tests/golden/{name}.golden"
        elif "/" in name or not name.endswith(".c"):
            yield name
        else:
            yield f"tests/fuzz/{name}" if name.startswith("fuzz_") else f"{folder}/{name}"


@cases.case("every RFC of bgp/README.md has its files and its tests")
def _():
    rows = [line.strip("| ").split(" | ") for line in read("bgp/README.md").splitlines() if re.match(r"\| \d{4}", line)]
    if len(rows) < 30:
        raise Failed(f"bgp/README.md has {len(rows)} rows")
    found = [f"{row[0]}: a row has four cells, not {len(row)}" for row in rows if len(row) != 4]
    for rfc, _what, files, tests in (row for row in rows if len(row) == 4):
        for pattern in [*named(files, "bgp/*"), *named(tests, "tests/bgp")]:
            if not list(ROOT.glob(pattern)):
                found.append(f"{rfc}: there is no {pattern}")
        if not re.search("`", files) or not re.search("`", tests):
            found.append(f"{rfc}: no file, or no test")
    golden = {path.stem for path in (ROOT / "tests" / "golden").glob("*.golden")}
    found += [f"tests/golden/{name}.golden is not named" for name in sorted(golden - set(re.findall(r"`(rfc[^`]+)`", read("bgp/README.md"))))]
    none(found)


@cases.case("the top level is fixed")
def _():
    top = {path.parts[0] for path in tracked("") if not path.parts[0].startswith(".")}
    none([f"{name} does not belong there" for name in sorted(top - TOP)] +
         [f"{name} is missing" for name in sorted(TOP - top)])


@cases.case("nothing is left for later")
def _():
    pattern = re.compile(r"\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b")
    none([f"{path}:{number}: {line.strip()}" for path in tracked(*TEXTS)
          for number, line in enumerate(read(path).splitlines(), 1) if pattern.search(line)])


if __name__ == "__main__":
    sys.exit(cases.run())
