"""How late this machine runs what is due: other work on it makes every measured time longer."""
import threading
import time

NAP_S = 0.005


class Lateness:
    """A thread that naps, and notes by how much each nap was too long."""

    def __init__(self):
        self.seen, self.ends = [], False
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while not self.ends:
            begun = time.monotonic()
            time.sleep(NAP_S)
            now = time.monotonic()
            self.seen.append((now, now - begun - NAP_S))

    def worst(self, since):
        """Seconds, since that moment."""
        return max((late for at, late in reversed(self.seen) if at >= since), default=0.0)

    def close(self):
        self.ends = True
