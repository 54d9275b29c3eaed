"""Tests the API page in a browser: sends every operation's first example with two clicks, and looks at every section.

With `--pictures DIR`, it saves a screenshot of every section, for a desktop and a phone, light and dark.
"""

import argparse
import contextlib
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import expect, sync_playwright

# A headless browser that makes no requests of its own. Timeouts are long because the machine may be slow.
CHROMIUM = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync""".split()
TIMEOUT_MS = 60_000
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
# What a visitor sees the page with: width and height in pixels.
SCREENS = {"desktop": (1440, 900), "phone": (390, 844)}
SCHEMES = ("light", "dark")


@contextlib.contextmanager
def stack(*options, log=None):
    """Starts a local stack with an in-memory database, whose log goes to the file `log`; yields its URL."""
    # `cargo run` replaces itself with the stack, so this process id is the stack's.
    command = ["cargo", "run", "--quiet", "--locked", "--", "--memory", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process:
        try:
            ready, _, url = process.stdout.readline().strip().partition(" ")
            assert ready == "ready", "the local stack did not start"
            yield url
        finally:
            process.terminate()


@contextlib.contextmanager
def chromium():
    """Starts a browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A visitor's page, and the problems that were seen while using it."""

    def __init__(self, browser, url, screen, scheme, pictures):
        width, height = SCREENS[screen]
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        self.page, self.url, self.name = context.new_page(), url, f"{screen}-{scheme}"
        self.scheme, self.pictures, self.problems, self.seen = scheme, pictures, [], 0
        page = self.page
        page.set_default_timeout(TIMEOUT_MS)
        page.on("console", self.logged)
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.on("request", self.requested)
        page.on("requestfailed", lambda request: self.problems.append(f"{request.url}: {request.failure}"))
        page.on("response", self.answered)

    def logged(self, message):
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.type}: {message.text}")

    def requested(self, request):
        to = urlsplit(request.url)
        if to.scheme not in ("data", "blob") and to.netloc != urlsplit(self.url).netloc:
            self.problems.append(f"request to another host: {request.url}")

    def answered(self, response):
        if response.status >= 400:
            self.problems.append(f"{response.request.method} {response.url}: {response.status}")

    def open(self, document):
        """Opens one of the two documents."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.url}/#{document}")
        expect(self.page).to_have_title("Carnet")
        self.page.locator(f"section[id='{document}/description/introduction']").wait_for()

    def section(self, place):
        """Shows a section, by its id; returns its element, which exists once it is near the screen."""
        self.page.evaluate("place => { location.hash = place }", place)
        section = self.page.locator(f"[id='{place}']").first
        section.wait_for(state="attached")
        section.scroll_into_view_if_needed()
        return section

    def look(self, what):
        """Checks what is on the screen, and saves a picture of it."""
        # Sections that come into view are rendered then, and the colours change gradually.
        self.page.wait_for_timeout(400)
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        if wider := self.page.evaluate(wider):
            self.problems.append(f"{what}: {wider} pixels wider than the screen")
        if self.page.get_by_text("Pattern", exact=True).count():
            self.problems.append(f"{what}: a regular expression is shown")
        if self.pictures:
            self.seen += 1
            name = re.sub(r"\W+", "-", what).strip("-")
            self.page.screenshot(path=self.pictures / f"{self.name}-{self.seen:02}-{name}.png")

    def send(self, operation):
        """Sends the first example of an operation with two clicks; returns the response."""
        page, (method, path, _) = self.page, operation
        section = self.section(place_of(operation))
        section.get_by_role("button", name=re.compile("^Test Request")).click()
        send = page.locator("[data-addressbar-action=send]:visible")
        with page.expect_response(
            lambda response: urlsplit(response.url).path == path and response.request.method == method.upper()
        ) as response:
            send.click()
        response = response.value
        text = f"{method.upper()} {path}: {response.status} {response.text()[:200]}"
        assert 200 <= response.status < 300, text
        expect(page.get_by_text(f"{response.status} {response.status_text}").locator("visible=true").first).to_be_visible()
        self.look(f"sent {method} {path}")
        page.locator(".scalar-app-exit:visible").first.click(position={"x": 3, "y": 3})
        expect(send).to_have_count(0)
        print(self.name, text)
        return response


def place_of(operation):
    method, path, tag = operation
    return f"api/tag/{re.sub(r'[^a-z0-9]+', '-', tag.lower())}/{method.upper()}{path}"


def operations_of(document):
    """Method, path and tag of each operation; those that delete come last."""
    found = [
        (method, path, operation["tags"][0])
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]
    return sorted(found, key=lambda operation: "delete" in operation[1] or operation[0] == "delete")


def check_tokens(visit):
    """Each demo token opens what the page says."""
    rows = visit.page.locator("table tr").all_inner_texts()
    shown = [tuple(row.split("\t")) for row in map(str.strip, rows) if "\t" in row][1:]
    assert len(shown) >= 5, rows
    for token, kind, opens in shown:
        if kind == "qyvo":
            answer = visit.page.request.get(f"{visit.url}/api/v1/me", headers={"authorization": f"Bearer {token}"})
            tenant = answer.json()["tenant"]
            assert opens == (f"the tenant {tenant['name']}" if tenant else "no tenant"), (token, opens, tenant)
    print(len(shown), "demo tokens")


def check_requests(visit, api):
    """Sends every operation's first example. Each request has the demo token of its security scheme."""
    tokens = {"qyvo": "demo-token", "flowiq": "fiq_demo"}
    for operation in operations_of(api):
        method, path, _ = operation
        request = visit.send(operation).request
        schemes = [name for each in api["paths"][path][method].get("security", []) for name in each]
        expected = [f"Bearer {tokens[name]}" for name in schemes[:1]] or [None]
        sent = request.headers.get("authorization")
        assert sent == expected[0], f"{method} {path} was sent with {sent} instead of {expected[0]}"


def check_sections(visit, api, events):
    """Shows every section of both documents."""
    visit.open("api")
    body = visit.page.locator("body")
    expect(body).to_have_class(re.compile(rf"\b{visit.scheme}-mode\b"))
    visit.look("introduction")
    for heading in ("events", "documents", "demo-tokens"):
        visit.section(f"api/description/{heading}")
        visit.look(heading)
    tags = list(dict.fromkeys(tag for _, _, tag in operations_of(api)))
    if "/mcp" in api["paths"]:
        assert any("MCP" in tag for tag in tags), f"/mcp has no section of its own: {tags}"
    for operation in operations_of(api):
        visit.section(place_of(operation)).get_by_role("button", name=re.compile("^Test Request")).wait_for()
        visit.look(place_of(operation))
    visit.section("api/models")
    visit.look("models")

    # The link in the introduction leads to the other document.
    visit.open("api")
    visit.page.get_by_role("link", name="A document of their own").click()
    visit.page.locator("section[id='events/description/introduction']").wait_for()
    visit.look("events introduction")
    for tag in events["info"]["tags"]:
        place = f"events/tag/{tag['name'].lower().replace(' ', '-')}"
        visit.section(place)
        visit.look(place)
    for name, operation in events["operations"].items():
        channel = operation["channel"]["$ref"].split("/")[-1]
        tag = events["channels"][channel]["tags"][0]["name"].lower().replace(" ", "-")
        section = visit.section(f"events/tag/{tag}/channel/{channel.lower()}/operation/{name.lower()}")
        expect(section).to_contain_text(operation["title"])
        visit.look(name)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="use a stack that is already running, with new demo data")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="save screenshots of the page in this folder")
    args = parser.parse_args()
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
    # On SIGTERM, leave the `with` blocks, which end the stack and the browser.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped by SIGTERM"))
    with contextlib.nullcontext(args.url) if args.url else stack() as url, chromium() as browser:
        url = url.rstrip("/")
        for screen in SCREENS:
            for scheme in SCHEMES:
                visit = Visit(browser, url, screen, scheme, args.pictures)
                try:
                    check(visit)
                except Exception:
                    print(*visit.problems, sep="\n", file=sys.stderr)
                    raise
                visit.page.context.close()


def check(visit):
    """Uses the page as one visitor. The first sends requests, which only a new stack answers without an error."""
    get = visit.page.request.get
    api, events = get(f"{visit.url}/api/v1/openapi.json").json(), get(f"{visit.url}/api/v1/asyncapi.json").json()
    first = visit.name == "desktop-light"
    if first:
        visit.open("api")
        visit.section("api/description/demo-tokens")
        check_tokens(visit)
        check_requests(visit, api)
    elif visit.name == "phone-dark":
        visit.open("api")
        visit.send(("post", "/api/v1/actions/create-contact", "Qyvo"))
    check_sections(visit, api, events)
    assert not visit.problems, "\n".join(visit.problems)
    print(visit.name, len(operations_of(api)), "requests,", len(events["operations"]), "events: no problem")


if __name__ == "__main__":
    main()
