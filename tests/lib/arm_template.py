"""Templates of Azure's resource manager, worked out: as much of the language as deploy/azure speaks.

    made = Template(json.load(file), {"name": value})
    made.resources()    {id: resource}, loops and expressions undone
    made.outputs()      {name: value}

Source: Azure Resource Manager, "Understand the structure and syntax of ARM templates", "Template functions".
"""
import base64
import re

from case import Failed

TOKEN = re.compile(r"\s*(?:'((?:[^']|'')*)'|(\d+)|([A-Za-z]\w*)|([][().,]))")
LEAST = {"minLength": lambda value, bound: len(value) >= bound, "maxLength": lambda value, bound: len(value) <= bound}
TYPES = {"string": str, "array": list}


class Expression:
    """One expression, read from left to right and worked out on the way."""

    def __init__(self, text, call):
        self.text, self.call, self.tokens, at = text, call, [], 0
        while at < len(text.rstrip()):
            found = TOKEN.match(text, at)
            if not found:
                raise Failed(f"{text}: not understood at {text[at:]}")
            self.tokens.append(found.groups())
            at = found.end()

    def is_next(self, mark):
        return bool(self.tokens) and self.tokens[0][3] == mark

    def take(self, mark):
        if not self.is_next(mark):
            raise Failed(f"{self.text}: {mark} is missing")
        self.tokens.pop(0)

    def whole(self):
        value = self.value()
        if self.tokens:
            raise Failed(f"{self.text}: something is left over")
        return value

    def value(self):
        if not self.tokens:
            raise Failed(f"{self.text}: it ends too early")
        string, number, name, mark = self.tokens.pop(0)
        if mark:
            raise Failed(f"{self.text}: {mark} in the wrong place")
        value = string.replace("''", "'") if string is not None else int(number) if number else self.call(name, self.arguments())
        while self.is_next(".") or self.is_next("["):
            value = self.part(value)
        return value

    def arguments(self):
        found = []
        self.take("(")
        while not self.is_next(")"):
            if found:
                self.take(",")
            found.append(self.value())
        self.take(")")
        return found

    def part(self, value):
        if self.is_next("."):
            self.take(".")
            key = self.tokens.pop(0)[2]
        else:
            self.take("[")
            key = self.value()
            self.take("]")
        try:
            return value[key]
        except (KeyError, IndexError, TypeError) as error:
            raise Failed(f"{self.text}: there is no {key}") from error


class Template:
    GROUP = "/subscriptions/s/resourceGroups/tandem"

    def __init__(self, source, given):
        self.source, self.given, self.used, self.loops = source, given, set(), {}
        self.made = {}  # what outputs may refer to
        unknown = set(given) - set(source["parameters"])
        if unknown:
            raise Failed(f"no such parameters: {unknown}")

    # ---- functions ----

    def call(self, name, arguments):
        function = getattr(self, "f_" + name, None)
        if not function:
            raise Failed(f"no such function here: {name}")
        return function(*arguments)

    def f_parameters(self, name):
        if name not in self.source["parameters"]:
            raise Failed(f"no parameter {name}")
        self.used.add(name)
        row = self.source["parameters"][name]
        value = self.given[name] if name in self.given else self.evaluate(row["defaultValue"])
        if not isinstance(value, TYPES[row["type"]]) or not all(fits(value, row[bound]) for bound, fits in LEAST.items() if bound in row):
            raise Failed(f"{name} cannot be {value}")
        return value

    def f_variables(self, name):
        variables = self.source["variables"]
        for loop in variables.get("copy", ()):
            if loop["name"] == name:
                return self.repeat(loop, loop["input"], name)
        if name not in variables:
            raise Failed(f"no variable {name}")
        return self.evaluate(variables[name])

    def f_copyIndex(self, name=None):
        """Of a resource or an output without a name, of a variable by its name."""
        if name not in self.loops:
            raise Failed(f"copyIndex({name or ''}) outside its loop")
        return self.loops[name]

    def f_resourceId(self, kind, *names):
        types = kind.split("/")
        if len(types) != 1 + len(names):
            raise Failed(f"resourceId of {kind} with {names}")
        return "/".join([self.GROUP, "providers", types[0], *(part for pair in zip(types[1:], names) for part in pair)])

    def f_reference(self, identifier, version, full):
        resource = self.made[identifier]
        if (resource["apiVersion"], full, resource["identity"]["type"]) != (version, "Full", "SystemAssigned"):
            raise Failed(f"reference of {identifier} in {version}, {full}")
        return {"identity": {"principalId": f"principal of {resource['name']}"}}

    @staticmethod
    def f_resourceGroup():
        return {"location": "westeurope"}

    @staticmethod
    def f_concat(*parts):
        return sum(parts, []) if isinstance(parts[0], list) else "".join(parts)

    @staticmethod
    def f_length(value):
        return len(value)

    @staticmethod
    def f_base64(text):
        return base64.b64encode(text.encode()).decode()

    @staticmethod
    def f_replace(text, old, new):
        if old not in text:
            raise Failed(f"there is no {old} to replace")
        return text.replace(old, new)

    # ---- the document ----

    def evaluate(self, value):
        if isinstance(value, dict):
            return {key: self.evaluate(below) for key, below in value.items()}
        if isinstance(value, list):
            return [self.evaluate(below) for below in value]
        is_expression = isinstance(value, str) and value.startswith("[") and value.endswith("]") and not value.startswith("[[")
        return Expression(value[1:-1], self.call).whole() if is_expression else value

    def repeat(self, loop, what, name=None):
        made = []
        for index in range(self.evaluate(loop["count"])):
            self.loops[name] = index
            made.append(self.evaluate(what))
        self.loops.pop(name, None)
        return made

    def resources(self):
        found = {}
        for source in self.source["resources"]:
            body = {key: value for key, value in source.items() if key != "copy"}
            copies = self.repeat(source["copy"], body) if "copy" in source else [self.evaluate(body)]
            for resource in copies:
                identifier = self.f_resourceId(resource["type"], resource["name"])
                if identifier in found:
                    raise Failed(f"{identifier} is made twice")
                found[identifier] = resource
        return found

    def outputs(self):
        self.made = self.resources()
        return {name: self.repeat(output["copy"], output["copy"]["input"]) for name, output in self.source["outputs"].items()}
