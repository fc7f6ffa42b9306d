"""Judges the journal of the lab's resource manager: what every accepted write kept, and who made it."""
from .check import Failed

OURS = "tandem-"


def foreign(entry):
    """What of an entry belongs to others: routes, properties, tags."""
    tags = {key: value for key, value in entry["tags"].items() if key != "tandem-fence"}
    routes = [route for route in entry["routes"] if not route["name"].startswith(OURS)]
    return routes, entry["properties"], tags


def ours(routes):
    """{prefix: sorted next hops} of our routes."""
    table = {}
    for route in routes:
        if route["name"].startswith(OURS):
            p = route["properties"]
            table[p["addressPrefix"]] = sorted(p["nextHop"]["nextHopIpAddresses"] if "nextHop" in p else
                                               [p["nextHopIpAddress"]])
    return table


class Journal:
    """The writes to one table, oldest first; `first` is the table as it was made."""

    def __init__(self, entries, table, first):
        self.entries = [first] + [entry for entry in entries if entry["table"].lower() == table.lower()]

    def writes(self):
        return [entry for entry in self.entries[1:] if entry["principal"] != "somebody else"]

    def changes(self):
        """Those of them that changed what is programmed: not a takeover, not a sign of life."""
        return [entry for before, entry in zip(self.entries, self.entries[1:])
                if entry["principal"] != "somebody else" and ours(before["routes"]) != ours(entry["routes"])]

    def check_fence(self):
        """Epochs never fall, never jump, and each has one owner."""
        epoch, owner = 0, None
        for entry in self.writes():
            _cluster, number, name, incarnation, _beat = entry["tags"]["tandem-fence"].split(";")
            number, who = int(number), (name, incarnation)
            if number < epoch or (number == epoch and who != owner):
                raise Failed(f"epoch {number} of {who} was accepted after epoch {epoch} of {owner}")
            epoch, owner = number, who
        return epoch

    def check_foreign(self):
        """Whatever others had in the table is in every write of ours, to the letter."""
        for before, entry in zip(self.entries, self.entries[1:]):
            if entry["principal"] != "somebody else" and foreign(before) != foreign(entry):
                raise Failed(f"a write changed what others had:\n  {foreign(before)}\n  {foreign(entry)}")

    def check_if_match(self):
        if not all(entry["ifMatch"] for entry in self.writes()):
            raise Failed("a write came without If-Match")

    def removals(self):
        """[(time, prefix)] of our routes that a write of ours took away."""
        gone = []
        for before, entry in zip(self.entries, self.entries[1:]):
            if entry["principal"] != "somebody else":
                gone += [(entry["at"], prefix) for prefix in set(ours(before["routes"])) - set(ours(entry["routes"]))]
        return gone

    def check(self):
        self.check_fence()
        self.check_foreign()
        self.check_if_match()
