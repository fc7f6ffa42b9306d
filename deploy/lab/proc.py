"""Processes: started in a host, watched by their parent, ended by their id."""
import ctypes
import os
import signal
import subprocess

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def _die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One running program; what it says goes to a file of the run."""

    def __init__(self, lab, host, name, *argv, pipes=False, environment=None):
        self.name, self.log = name, lab.path("log", name)
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(
                host.command(*argv), stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else log, stderr=log, text=pipes, cwd=lab.directory,
                env={**os.environ, **(environment or {})}, start_new_session=True, preexec_fn=_die_with_parent)
        lab.processes.append(self)

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def signal(self, number):
        if self.running():
            self.popen.send_signal(number)

    def kill(self):
        """kill -9, for the program and what it forked."""
        if self.running():
            os.killpg(self.popen.pid, signal.SIGKILL)
        self._reap()

    def stop(self, seconds=5):
        """SIGTERM, then kill -9 for who does not listen; the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds):
        """Its exit status; it has so long to end by itself."""
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        return self._reap()

    def _reap(self):
        status = self.popen.wait()
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe and not pipe.closed:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass
        return status

    def tail(self, lines=15):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-lines:])
