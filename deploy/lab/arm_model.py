"""Azure's side of a route table, without a socket: requests in, answers out, time is what the caller says.

Microsoft.Network/routeTables as the resource manager speaks it: whole-table and child PUT, ETags that move with
every change and again when provisioning ends, If-Match, asynchronous operations, one update at a time, token
buckets, limits, permissions, tokens that expire. Every accepted write goes into a journal: that is what tests judge.
"""
import copy
import ipaddress
import json
import re

ECMP_VERSION = "2025-07-01"  # the first API version with VirtualApplianceEcmp and disablePeeringRoute
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,78}[A-Za-z0-9_])?\Z")
HOP_TYPES = {"VirtualNetworkGateway", "VnetLocal", "Internet", "VirtualAppliance", "VirtualApplianceEcmp", "None"}
ID = re.compile(r"/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/Microsoft\.Network/routeTables/([^/]+)"
                r"(?:/routes/([^/]+))?\Z", re.IGNORECASE)
OPERATION = re.compile(r"/subscriptions/[^/]+/providers/Microsoft\.Network/locations/[^/]+/operations/([^/]+)\Z",
                       re.IGNORECASE)
READ_ONLY = ("provisioningState", "resourceGuid", "subnets")


class Answer:
    def __init__(self, status, body=None, headers=None):
        self.status, self.headers = status, dict(headers or {})
        self.data = b"" if body is None else json.dumps(body).encode()

    def json(self):
        return json.loads(self.data)


def refuse(status, code, message, **headers):
    return Answer(status, {"error": {"code": code, "message": message}},
                  {name.replace("_", "-"): str(value) for name, value in headers.items()})


class Invalid(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Bucket:
    """Azure's own limits: so many calls at once, refilled by the second."""

    def __init__(self, size, per_second):
        self.size, self.per_second, self.left, self.at = size, per_second, float(size), 0.0

    def take(self, now):
        """Seconds to wait, 0 when the call may pass."""
        self.left = min(self.size, self.left + (now - self.at) * self.per_second)
        self.at = now
        if self.left >= 1:
            self.left -= 1
            return 0
        return max(1, int((1 - self.left) / self.per_second + 0.999))


class Table:
    def __init__(self, identifier, document):
        self.id, self.document = identifier, document
        self.effective = copy.deepcopy(document["properties"]["routes"])  # what the data plane has
        self.etag = ""
        self.operation = None  # id of the one that runs


class Arm:
    """The resource manager, the identity endpoint and the token endpoint."""

    def __init__(self):
        self.tables, self.operations, self.tokens = {}, {}, {}
        self.journal = []
        self.counter = 0
        self.busy_answers = 0
        self.allowed = True           # of every principal, to read and write
        self.provisioning_s = 0.2     # how long a write takes to reach the data plane; 0 = answered at once
        self.fail_provisioning = 0    # so many operations to come will fail
        self.token_s = 3600
        self.limit = 400
        self.secret = "lab-secret"    # of the service principal
        self.origin = ""              # "https://host:port", for absolute addresses in answers
        self.buckets = {"GET": Bucket(250, 25), "PUT": Bucket(200, 10), "DELETE": Bucket(200, 10)}

    def new_etag(self):
        self.counter += 1
        return f'W/"{self.counter:08x}-7a6d-4e0c-9b1f-0a5c6e2d9f31"'

    # ---- what tests prepare and look at ----

    def create(self, identifier, routes=(), tags=None, **properties):
        """A table as an administrator made it, with routes of his own."""
        table = Table(identifier, {
            "name": identifier.rsplit("/", 1)[1], "id": identifier, "type": "Microsoft.Network/routeTables",
            "location": "westeurope", "tags": dict(tags or {}),
            "properties": {"provisioningState": "Succeeded", "disableBgpRoutePropagation": False,
                           "resourceGuid": "3f0c2a8e-2a53-4a5c-8a2e-1d6f4d0b1c11",
                           "routes": [copy.deepcopy(route) for route in routes], **properties}})
        table.etag = self.new_etag()
        self.tables[identifier.lower()] = table
        return table

    def edit(self, identifier, change, now):
        """Somebody else changes the table; change(document) does it in place."""
        table = self.tables[identifier.lower()]
        change(table.document)
        table.effective = copy.deepcopy(table.document["properties"]["routes"])
        table.etag = self.new_etag()
        self._note(table, "somebody else", now, "")

    # ---- the identity and token endpoints ----

    def identity(self, query, headers, now):
        if headers.get("metadata", "").lower() != "true":
            return refuse(400, "bad_request", "Required metadata header not specified")
        if not query.get("resource"):
            return refuse(400, "invalid_request", "resource is missing")
        return self._token("system", query["resource"], now, "expires_on")

    def login(self, tenant, form, now):
        if form.get("grant_type") != "client_credentials" or not form.get("scope", "").endswith("/.default"):
            return Answer(400, {"error": "invalid_request", "error_description": "AADSTS900144: a parameter is missing"})
        if form.get("client_secret") != self.secret:
            return Answer(401, {"error": "invalid_client",
                                "error_description": f"AADSTS7000215: Invalid client secret in tenant {tenant}."})
        return self._token(form["client_id"], form["scope"][:-len(".default")], now, None)

    def _token(self, principal, resource, now, extra):
        self.counter += 1
        token = f"lab.{principal}.{self.counter}"
        self.tokens[token] = (principal, now + self.token_s)
        body = {"access_token": token, "token_type": "Bearer", "resource": resource,
                "expires_in": str(self.token_s) if extra else self.token_s}
        if extra:
            body[extra] = str(int(now + self.token_s))
        return Answer(200, body)

    def _principal(self, headers, now):
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token not in self.tokens:
            return None, refuse(401, "InvalidAuthenticationToken", "The access token is invalid.")
        principal, until = self.tokens[token]
        if now >= until:
            return None, refuse(401, "ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than now.")
        return principal, None

    # ---- requests ----

    def handle(self, method, path, query, headers, body, now):
        """One request of the resource manager; header names are lower case."""
        self.settle(now)
        principal, refused = self._principal(headers, now)
        if refused:
            return refused
        wait = self.buckets[method].take(now) if method in self.buckets else 0
        if wait:
            return refuse(429, "TooManyRequests", "The request is throttled.", Retry_After=wait)
        if not re.fullmatch(r"\d{4}-\d\d-\d\d(-preview)?", query.get("api-version", "")):
            return refuse(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
        operation = OPERATION.match(path)
        if operation and method == "GET":
            return self._poll(operation.group(1))
        match = ID.match(path)
        if not match:
            return refuse(404, "InvalidResourceType", f"The resource {path} does not exist.")
        if not self.allowed:
            return refuse(403, "AuthorizationFailed", f"The client '{principal}' does not have authorization to perform "
                          f"action 'Microsoft.Network/routeTables/{'read' if method == 'GET' else 'write'}'.")
        identifier, child = path[:match.start(4) - len("/routes/")] if match.group(4) else path, match.group(4)
        table = self.tables.get(identifier.lower())
        answer = {"GET": self._get, "PUT": self._put, "DELETE": self._delete}.get(method)
        if not answer:
            return refuse(405, "MethodNotAllowed", method)
        if not table and not (method == "PUT" and not child):
            return refuse(404, "ResourceNotFound", f"The Resource '{identifier}' was not found.")
        result = answer(identifier, table, child, query, headers, body, principal, now)
        if method in self.buckets:
            kind = {"GET": "reads", "PUT": "writes", "DELETE": "deletes"}[method]
            result.headers[f"x-ms-ratelimit-remaining-subscription-{kind}"] = str(int(self.buckets[method].left))
        return result

    def _get(self, _identifier, table, child, _query, _headers, _body, _principal, _now):
        if not child:
            return Answer(200, self._shown(table), {"ETag": table.etag})
        route = self._child(table, child)
        return Answer(200, self._shown_route(table, route)) if route else refuse(404, "NotFound", f"Route {child}.")

    def _put(self, identifier, table, child, query, headers, body, principal, now):
        refused = self._gate(table, headers, now)
        if refused:
            return refused
        try:
            document = self._document(identifier, table, child, json.loads(body), query["api-version"])
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            return refuse(400, "InvalidRequestFormat", f"Cannot parse the request: {error}")
        except Invalid as error:
            return refuse(400, error.code, str(error))
        created = table is None
        if created:
            table = self.create(identifier)
            table.effective = []
        self._accept(table, document, principal, headers, now)
        headers = self._operation_headers(table, query["api-version"])
        shown = self._shown_route(table, self._child(table, child)) if child else self._shown(table)
        return Answer(201 if created else 200, shown, headers)

    def _delete(self, identifier, table, child, query, headers, _body, principal, now):
        refused = self._gate(table, headers, now)
        if refused:
            return refused
        if not child:
            del self.tables[identifier.lower()]
            return Answer(202, None, {"Location": f"{self.origin}/gone", "Retry-After": "1"})
        document = copy.deepcopy(table.document)
        routes = document["properties"]["routes"]
        document["properties"]["routes"] = [r for r in routes if r["name"].lower() != child.lower()]
        self._accept(table, document, principal, headers, now)
        return Answer(202, None, self._operation_headers(table, query["api-version"]))

    def _gate(self, table, headers, now):
        """If-Match, and one update at a time."""
        match = headers.get("if-match")
        if match and match != "*" and (not table or match != table.etag):
            return refuse(412, "PreconditionFailedEtagMismatch",
                          f"Etag provided in if-match header {match} does not match etag "
                          f"{table.etag if table else 'null'} of resource.")
        if table and table.operation and match:
            left = max(1, int(self.operations[table.operation]["until"] - now + 0.999))
            self.busy_answers += 1
            if self.busy_answers % 2:
                return refuse(429, "RetryableErrorDueToAnotherOperation",
                              f"Operation PutRouteTableOperation is updating resource {table.id}. "
                              f"The call can be retried in {left} seconds.", Retry_After=left)
            return refuse(409, "AnotherOperationInProgress", "Another operation on this or dependent resource is in "
                          "progress.", Retry_After=left)
        if table and table.operation:  # without If-Match the later one wins
            self.operations[table.operation]["status"] = "Canceled"
            table.operation = None
        return None

    # ---- documents ----

    def _document(self, identifier, table, child, sent, version):
        if child:
            document = copy.deepcopy(table.document)
            routes = [r for r in document["properties"]["routes"] if r["name"].lower() != child.lower()]
            routes.append({"name": child, "properties": sent["properties"]})
            document["properties"]["routes"] = routes
        else:
            properties = {key: value for key, value in sent.get("properties", {}).items() if key not in READ_ONLY}
            if not sent.get("location"):
                raise Invalid("LocationRequired", "The location property is required for this definition.")
            if table and sent["location"] != table.document["location"]:
                raise Invalid("InvalidResourceLocation", "The resource already exists in another location.")
            document = {"name": identifier.rsplit("/", 1)[1], "id": identifier,
                        "type": "Microsoft.Network/routeTables", "location": sent["location"],
                        "tags": sent.get("tags", {}), "properties": properties}
        routes = document["properties"].setdefault("routes", [])
        document["properties"]["routes"] = [self._checked(route, version) for route in routes]
        self._check_table(document)
        kept = table.document["properties"] if table else {}
        for key in READ_ONLY:
            if key in kept:
                document["properties"][key] = copy.deepcopy(kept[key])
        return document

    @staticmethod
    def _checked(route, version):
        name, p = route["name"], route["properties"]
        if not NAME.match(name):
            raise Invalid("InvalidResourceName", f"Resource name {name} is invalid.")
        kind, prefix = p["nextHopType"], p["addressPrefix"]
        if kind not in HOP_TYPES or (kind == "VirtualApplianceEcmp" and version < ECMP_VERSION):
            raise Invalid("InvalidRequestFormat", f"Error converting value {kind} to type RouteNextHopType.")
        hops = {"VirtualAppliance": [p.get("nextHopIpAddress")],
                "VirtualApplianceEcmp": p.get("nextHop", {}).get("nextHopIpAddresses", [])}.get(kind, [])
        if kind == "VirtualApplianceEcmp" and not 2 <= len(set(hops)) == len(hops) <= 64:
            raise Invalid("InvalidNextHopIpAddresses", f"Route {name} needs 2 to 64 different next hops.")
        if (p.get("nextHopIpAddress") is not None) != (kind == "VirtualAppliance"):
            raise Invalid("RouteNextHopIpAddressInvalid", f"nextHopIpAddress of route {name} does not fit {kind}.")
        if "/" in prefix:
            network = ipaddress.ip_network(prefix)
            if any(ipaddress.ip_address(hop).version != network.version for hop in hops):
                raise Invalid("RouteNextHopIpAddressInvalid", f"Next hop of {name} is of another family.")
        wanted = ("addressPrefix", "nextHopType", "nextHopIpAddress", "nextHop")
        return {"name": name, "properties": {key: copy.deepcopy(p[key]) for key in wanted if key in p}}

    def _check_table(self, document):
        routes = document["properties"]["routes"]
        if len(routes) > self.limit:
            raise Invalid("RouteTableRoutesLimitReached",
                          f"Cannot have more than {self.limit} routes in a route table; {len(routes)} were sent.")
        for what, values in (("name", [r["name"].lower() for r in routes]),
                             ("addressPrefix", [r["properties"]["addressPrefix"] for r in routes])):
            if len(set(values)) != len(values):
                raise Invalid("RouteConflict", f"Two routes have the same {what}.")
        tags = document["tags"]
        if len(tags) > 50 or any(not isinstance(v, str) or len(v) > 256 for v in tags.values()):
            raise Invalid("InvalidTags", "At most 50 tags, with values of at most 256 characters.")

    def _shown(self, table):
        document = {"name": table.document["name"], "id": table.id, "etag": table.etag,
                    **copy.deepcopy(table.document)}
        document["properties"]["routes"] = [self._shown_route(table, r) for r in table.document["properties"]["routes"]]
        return document

    @staticmethod
    def _shown_route(table, route):
        return {"name": route["name"], "id": f"{table.id}/routes/{route['name']}", "etag": table.etag,
                "type": "Microsoft.Network/routeTables/routes",
                "properties": {"provisioningState": table.document["properties"]["provisioningState"],
                               **copy.deepcopy(route["properties"]), "hasBgpOverride": False}}

    @staticmethod
    def _child(table, name):
        return next((r for r in table.document["properties"]["routes"] if r["name"].lower() == name.lower()), None)

    # ---- provisioning ----

    def _accept(self, table, document, principal, headers, now):
        table.document = document
        table.etag = self.new_etag()
        self.counter += 1
        key = f"operation-{self.counter}"
        fails = self.fail_provisioning > 0
        self.fail_provisioning -= fails
        self.operations[key] = {"status": "InProgress", "table": table, "until": now + self.provisioning_s,
                                "fails": fails}
        table.operation = key
        document["properties"]["provisioningState"] = "Updating"
        self._note(table, principal, now, headers.get("if-match", ""))
        self.settle(now)

    def _operation_headers(self, table, version):
        if not table.operation:
            return {"ETag": table.etag}
        where = f"/subscriptions/lab/providers/Microsoft.Network/locations/westeurope/operations/{table.operation}"
        return {"ETag": table.etag, "Azure-AsyncOperation": f"{self.origin}{where}?api-version={version}",
                "Retry-After": "1"}

    def _poll(self, key):
        operation = self.operations.get(key)
        if not operation:
            return refuse(404, "OperationNotFound", key)
        body = {"status": operation["status"]}
        if operation["status"] == "Failed":
            body["error"] = {"code": "InternalServerError", "message": "The lab was asked to fail this operation."}
        return Answer(200, body, {"Retry-After": "1"} if operation["status"] == "InProgress" else {})

    def settle(self, now):
        """What should have ended by now ends."""
        for operation in self.operations.values():
            table = operation["table"]
            if operation["status"] != "InProgress" or now < operation["until"]:
                continue
            operation["status"] = "Failed" if operation["fails"] else "Succeeded"
            table.document["properties"]["provisioningState"] = operation["status"]
            if not operation["fails"]:
                table.effective = copy.deepcopy(table.document["properties"]["routes"])
            table.etag = self.new_etag()
            table.operation = None

    def written(self, identifier=None):
        """The journal, or what of it concerns one table."""
        return [entry for entry in self.journal if not identifier or entry["table"].lower() == identifier.lower()]

    def _note(self, table, principal, now, if_match):
        self.journal.append({"at": now, "table": table.id, "principal": principal, "ifMatch": if_match,
                             "tags": dict(table.document["tags"]),
                             "properties": {k: v for k, v in table.document["properties"].items()
                                            if k not in READ_ONLY + ("routes",)},
                             "routes": copy.deepcopy(table.document["properties"]["routes"])})
