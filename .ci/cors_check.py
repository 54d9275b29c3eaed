"""Tests in a browser that pages of other origins can call the API as the parameter AllowedOrigins says (CORS)."""

import contextlib
import http.server
import json
import signal
import sys
import tempfile
import threading

from page_check import TIMEOUT_MS, chromium, stack

ACTIONS = "/api/v1/actions/"
# The headers that a page may have to send. Their values are valid, or ignored.
HEADERS = {
    "Content-Type": "application/json", "X-Request-Id": "cors.1", "Prefer": "handling=lenient",
    "MCP-Protocol-Version": "2025-11-25", "Mcp-Session-Id": "1", "Mcp-Method": "tools/list", "Mcp-Name": "x",
    "Last-Event-ID": "1", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=1",
}  # fmt: skip
# Those that writes evaluate, for a call that does not.
CONDITIONS = {"If-Match": '"1"', "If-None-Match": "*", "Idempotency-Key": "cors.1"}
CALL = """async ([url, method, headers, body]) => {
    try {
        const answer = await fetch(url, { method, headers, body });
        return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() };
    } catch (error) {
        return { refused: `${error}` };
    }
}"""


class EmptyPage(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Another origin</title>")

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def origin():
    """Serves an empty page on a free port; yields its origin."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class Caller:
    """A page that calls the API of a stack."""

    def __init__(self, page, origin, url):
        self.page, self.url = page, url
        page.set_default_timeout(TIMEOUT_MS)
        page.goto(origin)
        assert page.evaluate("location.origin") == origin

    def call(self, method, path, body=None, token="demo-token", **headers):
        headers = {"Authorization": f"Bearer {token}", **headers}
        answer = self.page.evaluate(CALL, [self.url + path, method, headers, body])
        print(method, path, json.dumps(answer)[:200])
        return answer

    def create(self, phone, **headers):
        return self.call("POST", ACTIONS + "create-contact", json.dumps({"phone": phone}), **headers)

    def phones(self):
        """The numbers of all contacts."""
        found = self.call("POST", ACTIONS + "search-contacts", "{}", **{"Content-Type": "application/json"})
        return {contact["phone"] for contact in json.loads(found["body"])}


def expect(answer, status, body=None, **headers):
    """Asserts that the page can read an answer: its status, its body as JSON, and these headers, if it has them."""
    assert answer.get("status") == status, f"{status} expected: {answer}"
    if body is not None:
        assert json.loads(answer["body"]) == body, answer
    for name, value in headers.items():
        found = answer["headers"].get(name.replace("_", "-"))
        assert found and (value is ... or found == value), f"{name}: {value} expected: {answer}"


def check_allowed(page):
    """Answers, and errors of functions and of API Gateway, are readable with our headers."""
    expect(page.create("+14155550101", **HEADERS), 201, x_request_id="cors.1", x_contact_outcome="created")
    expect(page.create("+14155550101", Prefer="handling=strict"), 201, preference_applied="handling=strict")
    once = {"Idempotency-Key": "cors.2"}
    expect(page.create("+14155550101", **once), 201, etag=...)
    expect(page.create("+14155550101", **once), 201, etag=..., idempotency_replayed="true")
    expect(page.call("GET", "/api/v1/me", **HEADERS, **CONDITIONS), 200, x_request_id="cors.1")
    limits = {"x_ratelimit_limit": "1000", "x_ratelimit_remaining": ...}
    both = {"message": "Malformed JSON.", "error": "Malformed JSON."}
    expect(page.call("POST", ACTIONS + "create-contact", "x", **HEADERS), 422, both, **limits)
    expect(page.call("GET", "/api/v1/me", token="wrong"), 401, {"message": "Unauthenticated."}, x_request_id=...)
    expect(page.call("GET", ACTIONS + "create-contact"), 405, allow="POST")
    expect(page.call("GET", "/nowhere"), 404, {"message": "Not Found.", "error": "Not Found."})
    expect(page.call("GET", "/contact?tenantId=demo&phone_number=14155550101", token="fiq_demo"), 200)
    too_large = {"message": "Request Entity Too Large"}
    expect(page.call("POST", ACTIONS + "create-contact", " " * 7_000_000, **HEADERS), 413, too_large)


def check_refused(page):
    """A page of an origin that is not allowed reads nothing, and no call with a token arrives."""
    for answer in (
        page.create("+14155550102", **HEADERS),
        page.create("+14155550102"),
        page.call("GET", "/api/v1/me"),
        page.call("GET", "/api/v1/openapi.json"),
    ):
        assert "Failed to fetch" in answer.get("refused", ""), answer


def preflights(log, path):
    """How many preflight requests for a path the stack has answered, by its log."""
    log.seek(0)
    calls = [json.loads(line) for line in log if line.startswith("{")]
    return sum(call.get("method") == "OPTIONS" and call.get("path") == path for call in calls)


def main():
    # On SIGTERM, leave the `with` blocks, which end the stack and the browser.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped by SIGTERM"))
    with tempfile.TemporaryFile("w+") as log, chromium() as browser, origin() as app, origin() as other:
        page = browser.new_page()
        options = ("--empty", "--rate-limit", "1000", "--log-format", "json", "--allowed-origins", f"https://x.example,{app}")
        with stack(*options, log=log) as url:
            allowed = Caller(page, app, url)
            for _ in range(3):
                expect(allowed.call("GET", "/api/v1/me"), 200)
            assert preflights(log, "/api/v1/me") == 1, "the browser has to keep the answer to the preflight request"
            check_allowed(allowed)
            unknown = allowed.create("+14155550103", **{"X-Unknown": "1"})
            assert "Failed to fetch" in unknown.get("refused", ""), unknown
            check_refused(Caller(page, other, url))
            assert Caller(page, app, url).phones() == {"+14155550101"}
        # The default of the parameter allows all origins.
        with stack("--empty", log=log) as url:
            expect(Caller(page, other, url).create("+14155550104", **HEADERS), 201, x_contact_outcome="created")


if __name__ == "__main__":
    main()
