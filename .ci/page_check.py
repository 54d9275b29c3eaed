"""Tests the API page in a browser: opens it, sends requests with one click each, and looks at the answers."""

import argparse
import contextlib
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
    """Starts a browser with a new profile; yields an empty page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)
        try:
            yield browser.new_page(viewport={"width": 1280, "height": 1600}, color_scheme="light")
        finally:
            browser.close()


class Visit:
    """A page under test, and the problems that were seen while using it."""

    def __init__(self, page, url):
        self.page, self.url, self.problems = page, url, []
        page.set_default_timeout(TIMEOUT_MS)
        expect.set_options(timeout=TIMEOUT_MS)
        page.on("console", self.logged)
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.on("request", self.requested)
        page.on("requestfailed", lambda request: self.problems.append(f"{request.url}: {request.failure}"))
        page.on("response", self.answered)
        # Paths whose status is checked where the request is made.
        self.sent = set()

    def logged(self, message):
        # The browser also logs each status of 400 and above, which `answered` has seen.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource: the server"):
            self.problems.append(f"{message.type}: {message.text}")

    def requested(self, request):
        to = urlsplit(request.url)
        if to.scheme not in ("data", "blob") and to.netloc != urlsplit(self.url).netloc:
            self.problems.append(f"request to another host: {request.url}")

    def answered(self, response):
        if response.status >= 400 and urlsplit(response.url).path not in self.sent:
            self.problems.append(f"{response.url}: {response.status}")

    def open(self):
        """Opens the page; returns the operations of its OpenAPI document by operationId."""
        with self.page.expect_response(f"{self.url}/api/v1/openapi.json") as response:
            self.page.goto(f"{self.url}/")
        assert response.value.ok, f"the OpenAPI document: {response.value.status}"
        expect(self.page).to_have_title("Carnet")
        operations = {
            operation["operationId"]: (method, path, operation["tags"][0].replace(" ", "_"))
            for path, item in response.value.json()["paths"].items()
            for method, operation in item.items()
            if method in METHODS
        }
        expect(self.page.locator(".opblock")).to_have_count(len(operations))
        return operations

    def block(self, name, operation):
        """The element in which the page shows an operation."""
        method, path, tag = operation
        block = self.page.locator(f"[id='operations-{tag}-{name}']")
        expect(block.locator(".opblock-summary-method")).to_have_text(method.upper())
        expect(block.locator(".opblock-summary-path")).to_have_attribute("data-path", path)
        return block

    def send(self, name, operation, *statuses):
        """Opens an operation and executes it; returns the JSON answer and the element that shows it."""
        block, (_, path, _) = self.block(name, operation), operation
        self.sent.add(path)
        block.locator(".opblock-summary-control").click()
        with self.page.expect_response(lambda response: urlsplit(response.url).path == path) as response:
            block.get_by_role("button", name="Execute").click()
        response, shown = response.value, block.locator(".live-responses-table .response").first
        text = f"{name}: {response.status} {response.text()}"
        assert response.status in statuses, text
        expect(shown.locator(".response-col_status")).to_contain_text(str(response.status))
        print(text)
        return response.json(), shown


def check(visit, pictures):
    """Uses the page from opening it to the dark colour scheme."""

    def picture(name):
        if pictures:
            visit.page.screenshot(path=pictures / f"{name}.png", full_page=True)

    operations = visit.open()
    assert operations, "the OpenAPI document has no operations"
    for name, operation in operations.items():
        visit.block(name, operation)
    print(len(operations), "operations")
    picture("page")

    contact, shown = visit.send("create-contact", operations["create-contact"], 201)
    expect(shown).to_contain_text(f'"id": "{contact["id"]}"')
    expect(shown).to_contain_text(f'"phone": "{contact["phone"]}"')
    picture("sent")
    found, _ = visit.send("search-contacts", operations["search-contacts"], 200)
    assert isinstance(found, list), found
    visit.send("flowiq-get-contact", operations["flowiq-get-contact"], 200, 404)

    visit.page.emulate_media(color_scheme="dark")
    expect(visit.page.locator("html")).to_have_class("dark-mode")
    picture("dark")
    assert not visit.problems, "\n".join(visit.problems)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="use a stack that is already running, with demo data")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="save screenshots of the page in this folder")
    args = parser.parse_args()
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
    # On SIGTERM, leave the `with` blocks, which end the stack and the browser.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped by SIGTERM"))
    with contextlib.nullcontext(args.url) if args.url else stack() as url, chromium() as page:
        visit = Visit(page, url.rstrip("/"))
        try:
            check(visit, args.pictures)
        except Exception:
            print(*visit.problems, sep="\n", file=sys.stderr)
            raise


if __name__ == "__main__":
    main()
