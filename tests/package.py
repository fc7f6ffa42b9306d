#!/usr/bin/python3
"""The Debian package: made, installed into a folder of its own, run from there, upgraded and removed.

    tests/package.py [words of a case's name]

Of build/release. The machine's own packages are not touched.
"""
import os
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "lib"))
sys.dont_write_bytecode = True

from case import Cases, Failed, said  # noqa: E402

BUILD = ROOT / "build" / "release"
PROGRAMS = ("usr/sbin/tandemd", "usr/sbin/tandem-agent", "usr/bin/tandemctl")
FILES = {*PROGRAMS,
         "usr/lib/systemd/system/tandemd.service", "usr/lib/systemd/system/tandem-agent.service",
         "usr/share/man/man1/tandemctl.1.gz", "usr/share/man/man5/tandem.yaml.5.gz",
         "usr/share/man/man8/tandemd.8.gz", "usr/share/man/man8/tandem-agent.8.gz",
         "usr/share/bash-completion/completions/tandemctl", "usr/share/zsh/vendor-completions/_tandemctl",
         "usr/share/fish/vendor_completions.d/tandemctl.fish",
         *(f"usr/share/doc/tandem/{name}" for name in (
             "README.md", "deploying.md", "copyright", "changelog.gz", "examples/pair.yaml", "examples/single.yaml",
             "examples/agent.yaml", "examples/loopback.yaml",
             "monitoring/alerts.yml", "monitoring/dashboard.json", "monitoring/alice-lg.conf"))}
cases = Cases()


def package():
    found = list(BUILD.glob("tandem_*.deb"))
    if len(found) != 1:
        raise Failed(f"packages in {BUILD}: {found}")
    return found[0]


class Machine:
    """A folder that a Debian package can be installed into."""

    def __init__(self, folder):
        self.root = pathlib.Path(folder)
        for name in ("dpkg/updates", "dpkg/info", "root"):
            (self.root / name).mkdir(parents=True)
        (self.root / "dpkg" / "status").touch()

    def dpkg(self, *words):
        """Dependencies are this machine's: what is installed here is not in that folder's list."""
        return said("dpkg", f"--admindir={self.root}/dpkg", f"--instdir={self.root}/root", "--force-depends",
                    "--force-script-chrootless", "--force-not-root", f"--log={self.root}/log", *words)

    def path(self, name):
        return self.root / "root" / name

    def files(self):
        return {str(f.relative_to(self.root / "root")) for f in (self.root / "root").rglob("*") if not f.is_dir()}


@cases.case("it is made, and has every file in its place")
def _():
    for old in BUILD.glob("tandem_*.deb"):
        old.unlink()
    said("cmake", "--build", BUILD, "--target", "package", seconds=300)
    listed = said("dpkg-deb", "-c", package())
    there = {line.split()[5].removeprefix("./") for line in listed.splitlines() if line.startswith("-")}
    if there != FILES:
        raise Failed(f"lacks {sorted(FILES - there)}, has also {sorted(there - FILES)}")


@cases.case("it asks for every library that its programs use")
def _():
    depends = set(re.findall(r"([a-z0-9.+-]+)(?: \([^)]*\))?(?:, |$)", said("dpkg-deb", "-f", package(), "Depends").strip()))
    for program in PROGRAMS:
        needed = re.findall(r"NEEDED +(\S+)", said("objdump", "-p", BUILD / "bin" / os.path.basename(program)))
        for library in needed:
            owners = {line.split(":")[0] for line in said("dpkg-query", "-S", f"*/{library}").splitlines()}
            if not owners & depends:
                raise Failed(f"{program} needs {library} of {owners}; Depends has {sorted(depends)}")


@cases.case("it is installed, runs, is upgraded and removed, and leaves keys alone")
def _():
    with tempfile.TemporaryDirectory(prefix="tandem-package-") as folder:
        machine = Machine(folder)
        machine.dpkg("--install", package())
        for program in PROGRAMS:
            said(machine.path(program), "--version")
        key = machine.path("etc/tandem/cluster.key")
        said(machine.path("usr/bin/tandemctl"), "key", "new", key)
        machine.dpkg("--install", package())
        machine.dpkg("--remove", "tandem")
        if machine.files() != {"etc/tandem/cluster.key"}:
            raise Failed(f"left: {sorted(machine.files())}")
        machine.dpkg("--purge", "tandem")
        if not key.is_file():
            raise Failed("the key is gone")
        key.unlink()
        machine.dpkg("--install", package())
        machine.dpkg("--purge", "tandem")
        if machine.path("etc/tandem").exists():
            raise Failed("an empty /etc/tandem stays behind")


if __name__ == "__main__":
    sys.exit(cases.run())
