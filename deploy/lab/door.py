"""A TCP port of this machine that leads into a host of the lab: for a browser that runs outside."""
import contextlib
import socket
import threading

PLACE = "127.0.0.1"


class Door:
    """Whoever connects to 127.0.0.1:port here is connected to 127.0.0.1:port there."""

    def __init__(self, host, port):
        self.host, self.port = host, port
        self.listener = socket.create_server((PLACE, port))
        threading.Thread(target=self._open, daemon=True).start()

    @property
    def url(self):
        return f"http://{PLACE}:{self.port}/"

    def _open(self):
        while True:
            outside, _ = self.listener.accept()
            with contextlib.suppress(OSError):  # nobody listens there at the moment: the visitor may come again
                with self.host.inside():
                    inside = socket.create_connection((PLACE, self.port), timeout=2)
                inside.settimeout(None)
                for ends in ((outside, inside), (inside, outside)):
                    threading.Thread(target=_carry, args=ends, daemon=True).start()
                continue
            outside.close()


def _carry(here, there):
    with contextlib.suppress(OSError):
        while data := here.recv(65536):
            there.sendall(data)
    for end in (here, there):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
