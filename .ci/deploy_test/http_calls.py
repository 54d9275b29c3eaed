"""The calls of the HTTP API: every route with its answer, authentication, rate limit, odd URLs, CORS."""

import re

import access

ACTIONS = "/api/v1/actions/"
ID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$")
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\+00:00|Z)$")
UNAUTHENTICATED = {"message": "Unauthenticated."}
PHONE, DIGITS = "+5511987654321", "5511987654321"
# The same number without the ninth digit, as WhatsApp writes it.
SPELLING = "+551187654321"


class Api:
    """Sends calls and reports what they answer."""

    def __init__(self, stack, report):
        self.stack, self.report = stack, report

    def call(self, name, method, path, body=None, token=None, expect=(200, ...), headers=()):
        """Sends a call, and expects its status and body. Returns the answer's headers and body."""
        sent = dict(headers) | ({"Authorization": f"Bearer {token}"} if token else {})
        status, received, answer = self.stack.request(method, path, body, sent)
        wanted = expect if expect[1] is not ... else (expect[0], answer)
        self.report.expect(f"{name} ({method} {path})", (status, answer), wanted)
        return received, answer

    def action(self, name, action, body, token, expect=(200, ...)):
        return self.call(name, "POST", ACTIONS + action, body, token, expect)


def contact(**fields):
    """A contact as get-contact returns it."""
    return {
        "id": ID, "phone": PHONE, "name": None, "email": None, "source": "api", "locale": None, "metadata": None,
        "tags": [], "opted_in_at": None, "opted_out_at": None, "last_message_at": None, "total_messages": 0,
        "created_at": TIME,
    } | fields


def found(**fields):
    """A contact as search-contacts returns it."""
    return {
        "id": ID, "phone": PHONE, "name": None, "email": None, "source": "api", "tags": [], "last_message_at": None,
        "created_at": TIME,
    } | fields


def qyvo(api, who):
    """Each of Qyvo's actions. Leaves a contact with the tag `vip`."""
    token = who.token
    api.call("me", "GET", "/api/v1/me", token=token, expect=(200, dict))
    api.action("create", "create-contact", {
        "phone": PHONE, "name": "José", "email": "Jose@Example.com", "tags": "vip, pt-BR",
        "metadata": {"lifetime_value": 8742.0},
    }, token, (201, {
        "id": ID, "phone": PHONE, "name": "José", "email": "Jose@Example.com", "tags": ["vip", "pt-BR"],
        "created_at": TIME,
    }))
    _, known = api.action("get by phone number", "get-contact", {"phone": SPELLING}, token, (200, contact(
        name="José", email="Jose@Example.com", tags=["vip", "pt-BR"], metadata={"lifetime_value": 8742.0},
    )))
    by_id = {"contact_id": known.get("id") if isinstance(known, dict) else None}
    api.action("get by id", "get-contact", by_id, token, (200, known))
    api.action("get by email address", "get-contact", {"email": "jose@example.com"}, token, (200, known))
    api.action("replace the tags", "create-contact", {"phone": PHONE, "tags": "vip"}, token, (201, {
        "id": ID, "phone": PHONE, "name": "José", "email": "Jose@Example.com", "tags": ["vip"], "created_at": TIME,
    }))
    api.action("update", "update-contact", {**by_id, "name": "Zoé", "tags": "vip,new", "metadata": {"city": "Santos"}},
        token, (200, {
            "id": ID, "phone": PHONE, "name": "Zoé", "email": "Jose@Example.com", "tags": ["vip", "new"],
            "updated_at": TIME,
        }))
    api.action("update replaces tags", "update-contact", {**by_id, "tags": "vip"}, token, (200, {"tags": ["vip"], ...: 0}))
    api.action("add a tag", "add-tag", {"phone": PHONE, "tag": "São Paulo"}, token, (200, {
        "id": ID, "phone": PHONE, "tag_added": "São Paulo", "tags": ["vip", "São Paulo"],
    }))
    api.action("remove a tag", "remove-tag", {"phone": PHONE, "tag": "São Paulo"}, token, (200, {
        "id": ID, "phone": PHONE, "tag_removed": "São Paulo", "tags": ["vip"],
    }))
    # With a membership under a tag and one under the label of numbers, which are deleted with the contact.
    api.action("create another", "create-contact", {"phone": "+14155550142", "name": "+1 x", "tags": "gone"}, token, (201, {
        "id": ID, "phone": "+14155550142", "name": "+1 x", "email": None, "tags": ["gone"], "created_at": TIME,
    }))
    api.action("delete it", "delete-contact", {"phone": "+1 (415) 555-0142"}, token, (200, {"id": ID, "deleted": True}))
    api.action("delete it again", "delete-contact", {"phone": "+14155550142"}, token, (404, {"error": "Contact not found"}))
    api.action("search for its tag", "search-contacts", {"tag": "gone"}, token, (200, []))
    api.action("tags", "list-tags", {}, token, (200, list))
    changed = found(name="Zoé", email="Jose@Example.com", tags=["vip"])
    for name, criteria in {
        "everything": {}, "text": {"query": "ZOE"}, "a tag": {"tag": "vip"}, "an email address": {"email": "jose@example.com"},
        "the beginning of a number": {"query": "+55119"}, "a complete number": {"query": "+55 11 8765-4321"},
    }.items():
        api.action(f"search for {name}", "search-contacts", criteria, token, (200, [changed]))
    api.action("search without a match", "search-contacts", {"tag": "new"}, token, (200, []))
    _, updated = api.action("get after the update", "get-contact", {"phone": PHONE}, token, (200, {
        "name": "Zoé", "metadata": {"lifetime_value": 8742.0, "city": "Santos"}, "tags": ["vip"], ...: 0,
    }))
    return updated


def flowiq(api, who):
    """FlowIQ's endpoints, in every way a client finds a contact, and their errors."""
    at, key = f"/contact?tenantId={who.slug}", who.key
    api.call("get", "GET", f"{at}&phone_number={DIGITS}", token=key, expect=(200, {"success": True, "contact": {
        "whatsapp_id": DIGITS, "full_name": "Zoé", "tags": ["vip"], "organization_id": who.tenant, ...: 0,
    }}))
    new = {"phone_number": "27123456789", "name": "John Doe", "tags": "customer"}
    api.call("create", "POST", at, new, key, (201, {"success": True, "message": str, "contact": {
        "id": ID, "full_name": "John Doe", "whatsapp_id": "27123456789", "phone_number": "+27123456789", "email": None,
        "tags": ["customer"], "organization_id": who.tenant, "created_at": TIME, ...: 0,
    }}))
    api.call("create again", "POST", at, new, key, (409, {"error": "Contact already exists", "message": str}))
    api.call("no such contact", "GET", f"{at}&phone_number=1999999999", token=key, expect=(404, {
        "error": "Contact not found", "message": "No contact found with phone number 1999999999",
    }))
    api.call("no number", "GET", at, token=key, expect=(400, {"error": "Phone number is required", ...: 0}))
    api.call("no tenant", "GET", f"/contact?phone_number={DIGITS}", token=key, expect=(400, {"error": "Tenant ID is required", ...: 0}))
    api.call("other tenant", "GET", f"/contact?tenantId=other&phone_number={DIGITS}", token=key, expect=(401, {
        "error": "Authentication mismatch", ...: 0,
    }))
    api.call("token of Qyvo", "GET", f"{at}&phone_number={DIGITS}", token=who.token, expect=(401, {"error": "Invalid API key", ...: 0}))
    api.call("no key", "GET", f"{at}&phone_number={DIGITS}", expect=(401, {"error": "Authorization required", ...: 0}))
    api.call("malformed body", "POST", at, b"{", key, (400, {"error": "Malformed JSON", ...: 0}))
    # A space has to arrive as one, and `+` in a query string is a space in forms but not for these clients.
    for spelling in ("%2B55%2011%2098765-4321", "+5511987654321", "55%2011%2098765%2D4321"):
        api.call("a spelling of the number", "GET", f"{at}&phone_number={spelling}", token=key,
            expect=(200, {"success": True, "contact": dict}))
    for odd in ("%22", "%3Cb%3E", "%F0%9F%93%9E", "%25", "%00", "", "a&phone_number=b", "%7B%7D%7C%5C%5E%60"):
        api.call("an odd number", "GET", f"{at}&phone_number={odd}", token=key, expect=(lambda status: status in (400, 404), dict))


def agents(api, who):
    """The tools of the MCP server: each kind of request to DynamoDB, and the rate limit of agents. Leaves no contact."""
    phone = "+14155550143"

    def tool(name, arguments, returned):
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
        answer = {"jsonrpc": "2.0", "id": 1, "result": {"content": list, "structuredContent": returned}}
        return api.call(name, "POST", "/mcp", message, who.token, (200, answer))

    contact = {"phone": phone, "name": "Agent", "email": "agent@example.com", "tags": ["by-agent", "gone"]}
    headers, made = tool("create_contact", contact, {"outcome": "created", "tags": ["by-agent", "gone"], ...: 0})
    default = api.stack.resolver.values["McpRateLimit"]
    api.report.expect("X-RateLimit-Limit of an agent", headers.get("x-ratelimit-limit"), str(default))
    found = made.get("result", {}).get("structuredContent", {}).get("id") if isinstance(made, dict) else None
    one = {"data": [{"id": found, ...: 0}], "meta": {"total": 1, ...: 0}}
    for criteria in ({"tag": "by-agent"}, {"search": "agent"}, {"search": "+1415555014"}):
        tool("list_contacts", criteria, one)
    tool("get_contact", {"email": "agent@example.com"}, {"id": found, ...: 0})
    tool("update_contact", {"id": found, "name": "Agent 2"}, {"outcome": "updated", ...: 0})
    tool("tag_contact", {"id": found, "add_tags": ["new"], "remove_tags": ["gone"]}, {"tags": ["by-agent", "new"], ...: 0})
    tool("import_contacts", {"contacts": [{"phone": phone, "name": "Agent"}]}, {"updated": 1, ...: 0})
    tool("delete_contact", {"id": found}, {"id": found, "deleted": True})
    headers, _ = api.call("no token", "POST", "/mcp", {}, expect=(401, UNAUTHENTICATED))
    api.report.expect("WWW-Authenticate", headers.get("www-authenticate"), "Bearer")


def documents_and_paths(api, who):
    """The OpenAPI and the AsyncAPI document, and paths and methods that do not exist."""
    api.call("document", "GET", "/api/v1/openapi.json", expect=(200, {"openapi": str, "paths": dict, ...: 0}))
    api.call("document", "GET", "/api/v1/openapi.yaml", expect=(200, re.compile("^openapi: ")))
    events = {"asyncapi": str, "channels": dict, ...: 0}
    api.call("document of events", "GET", "/api/v1/asyncapi.json", expect=(200, events))
    api.call("document of events", "GET", "/api/v1/asyncapi.yaml", expect=(200, re.compile("^asyncapi: ")))
    missing = {"message": "Not Found.", "error": "Not Found."}
    for path in ("/", "/api/v1/actions/rename-contact", "/api/v1/actions/", "/contacts", "//", "/api/v1/actions/get%2Dcontacts",
                 "/%C3%A9%20%22%3C", "/contact/1?x=%22&y=+", "/a?%3C%22%20", "/api/v1/me/x"):
        api.call("no such path", "GET", path, token=who.token, expect=(404, missing))
    refused = {"message": "Method Not Allowed.", "error": "Method Not Allowed."}
    for method, path in (("GET", ACTIONS + "get-contact"), ("POST", "/api/v1/me"), ("DELETE", "/contact"), ("GET", "/mcp"),
                         ("PUT", "/api/v1/openapi.json")):
        headers, _ = api.call("other method", method, path, token=who.token, expect=(405, refused))
        api.report.expect(f"Allow of {path}", headers.get("allow"), str)


def authentication(api, who, table):
    """Tokens that are not accepted, on every route that needs one, and invalid input."""
    emulator = api.stack.emulator
    actions = sorted(
        path for path in routes(api.stack) if path.startswith(ACTIONS)
    )
    api.report.expect("routes of actions", len(actions), lambda count: count >= 7)
    for path in actions:
        api.call("no token", "POST", path, {}, expect=(401, UNAUTHENTICATED))
        api.call("malformed body", "POST", path, b"{", who.token, (422, {"message": "Malformed JSON.", "error": str}))
    api.call("no token", "GET", "/api/v1/me", expect=(401, UNAUTHENTICATED))
    for name, token in {
        "unknown token": "x" * 48,
        "expired token": access.issue(emulator, table, who.tenant, expires_at=1),
        "token of no tenant": access.issue(emulator, table, "00000000-0000-4000-8000-000000000000"),
    }.items():
        api.action(name, "get-contact", {"phone": PHONE}, token, (401, UNAUTHENTICATED))
    orphan = access.issue(emulator, table, None)
    api.action("user without a tenant", "get-contact", {"phone": PHONE}, orphan, (422, {
        "error": "No workspace configured for this account.",
    }))
    api.action("invalid input", "create-contact", {"phone": "1", "email": "x"}, who.token, (422, {
        "message": "The given data was invalid.", "errors": {"phone": [str], "email": [str]},
    }))
    api.action("no such contact", "get-contact", {"phone": "+19999999999"}, who.token, (404, {"error": "Contact not found"}))
    other = access.make(emulator, table, "another")
    api.action("contact of another tenant", "get-contact", {"phone": PHONE}, other.token, (404, {"error": "Contact not found"}))
    headers, _ = api.call("request id", "GET", "/api/v1/me", token=who.token, headers={"X-Request-Id": "mine-1"}, expect=(200, dict))
    api.report.expect("X-Request-Id of a caller", headers.get("x-request-id"), "mine-1")


def rate_limit(api, who, table):
    """A token's own limit, and the default of the template for a token without one."""
    limited = access.issue(api.stack.emulator, table, who.tenant, rate_limit=3)
    for left in (2, 1, 0):
        headers, _ = api.call("within the limit", "GET", "/api/v1/me", token=limited, expect=(200, dict))
        api.report.expect("calls left", headers.get("x-ratelimit-remaining"), str(left))
    headers, _ = api.call("beyond the limit", "GET", "/api/v1/me", token=limited, expect=(429, {
        "message": "Too Many Attempts.", "error": "Too Many Attempts.",
    }))
    api.report.expect("Retry-After", headers.get("retry-after", ""), re.compile(r"^([1-9]|[1-5]\d|60)$"))
    headers, _ = api.call("default limit", "GET", "/api/v1/me", token=who.token, expect=(200, dict))
    default = api.stack.resolver.values["RateLimit"]
    api.report.expect("X-RateLimit-Limit", headers.get("x-ratelimit-limit"), str(default))


def cross_origin(api):
    """What a browser asks before a call, if the template allows other origins."""
    bodies = [each["Properties"].get("Body", {}) for each in api.stack.of_type("AWS::ApiGatewayV2::Api").values()]
    settings = api.stack.resolver.value(bodies[0].get("x-amazon-apigateway-cors", {}))
    if not settings:
        return
    origins = settings.get("allowOrigins", [])
    status, headers, _ = api.stack.request("OPTIONS", ACTIONS + "get-contact", None, {
        "Origin": "https://app.example.com" if "*" in origins else origins[0],
        "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type",
    })
    api.report.expect("preflight", (status, headers), (lambda code: code in (200, 204), {
        "access-control-allow-origin": str, "access-control-allow-methods": str, "access-control-allow-headers": str,
        ...: 0,
    }))


def routes(stack):
    """The paths of the HTTP API's document."""
    bodies = [each["Properties"].get("Body", {}) for each in stack.of_type("AWS::ApiGatewayV2::Api").values()]
    return [path for body in bodies for path in body.get("paths", {})]
