"""Runs every snippet of the two products' documentation and compares the answer with the documented one."""

import asyncio
import re

import httpx
import snippet
import stack

UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
QYVO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")
FLOWIQ_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

PHONE = "+14155550123"
ROMAIN = {"phone": PHONE, "name": "Romain", "email": "romain@example.com"}
JANE = {"phone": PHONE, "name": "Jane Smith", "email": "jane.smith@example.com"}
NOT_FOUND = {"error": "Contact not found"}

JOHN = {
    "id": UUID,
    "full_name": "John Doe",
    "whatsapp_id": "27123456789",
    "phone_number": "+27123456789",
    "email": "john@example.com",
    "tags": ["customer", "premium"],
    "organization_id": UUID,
    "bot_status": "active",
    "allow_broadcast": True,
    "archived": False,
    "blocked": False,
    "active_status": False,
    "has_unread_messages": False,
    "source": {"type": "api", "location": {}, "created_at": FLOWIQ_TIME},
    "contact_summary": None,
    "contact_summary_updated_at": None,
    "created_at": FLOWIQ_TIME,
    "updated_at": FLOWIQ_TIME,
}


def difference(answer, expected, at="the answer"):
    """Describes how an answer differs from the expected one, or returns None if it does not.

    The order of keys counts. An expected pattern has to match; an expected Ellipsis stands for any value.
    """
    if expected is ...:
        return None
    if isinstance(expected, re.Pattern):
        fits = isinstance(answer, str) and expected.fullmatch(answer)
        return None if fits else f"{at} is {answer!r}, which does not match {expected.pattern}"
    if isinstance(expected, dict) and isinstance(answer, dict) and list(answer) == list(expected):
        inner = (difference(answer[key], expected[key], f"{at}.{key}") for key in expected)
        return next(filter(None, inner), None)
    if isinstance(expected, list) and isinstance(answer, list) and len(answer) == len(expected):
        inner = (difference(*pair, f"{at}[{n}]") for n, pair in enumerate(zip(answer, expected)))
        return next(filter(None, inner), None)
    # Python considers 1 and True equal, and dictionaries equal in any order of keys.
    same = answer == expected and isinstance(answer, bool) == isinstance(expected, bool)
    same = same and not isinstance(expected, dict)
    return None if same else f"{at} is {answer!r}, not {expected!r}"


class Checks:
    """Runs snippets against a stack, prints each result, and counts them."""

    def __init__(self, stack):
        self.stack = stack
        self.run = 0
        self.failed = 0
        self.id = UUID

    async def check(self, page, client, token, status, expected, printed=None, result=None):
        """Runs one snippet. It has to print the body of the answer, or `printed` if that is given."""
        try:
            answer = await snippet.run(self.stack, page, client, token, result)
            problem = (
                difference(answer.status, status, "the status")
                or difference(answer.body, expected)
                or difference(answer.printed, printed or answer.body, "what the client prints")
            )
        except (snippet.Failed, asyncio.TimeoutError) as error:
            answer, problem = None, f"{type(error).__name__} {error}"
        self.run += 1
        self.failed += bool(problem)
        print(f"{'FAILED' if problem else 'ok':8}{page:18}{client:20}{token:14}{problem or status}", flush=True)
        return None if problem else answer.body

    def make(self, **contact):
        """Creates a contact that a documentation page assumes; returns its id."""
        url = f"{self.stack}/api/v1/actions/create-contact"
        headers = {"Authorization": "Bearer demo-token"}
        answer = httpx.post(url, headers=headers, json=contact, trust_env=False)
        return answer.raise_for_status().json()["id"]

    async def qyvo(self, client):
        """Qyvo's four pages: creates Romain, then renames the contact to Jane, whom the search page finds."""
        tagged, token = {"tags": ["vip", "fr-FR"]}, "demo-token"
        made = {"id": self.id, **ROMAIN, **tagged, "created_at": QYVO_TIME}
        if answer := await self.check("create-contact", client, token, 201, made):
            # Other clients create the same contact again and get the same id.
            self.id = answer["id"]
        await self.check("get-contact", client, token, 200, self.shown(lifetime_value=8742.0))
        changed = {"id": self.id, **ROMAIN, **tagged, "updated_at": QYVO_TIME}
        await self.check("update-contact", client, token, 200, changed)
        await self.check("get-contact", client, token, 200, self.shown(lifetime_value=9120.0))

        await self.check("search-contacts", client, token, 200, [])
        self.make(**JANE, tags="vip")
        rest = {"source": "api", "tags": ["vip"], "last_message_at": None, "created_at": QYVO_TIME}
        await self.check("search-contacts", client, token, 200, [{"id": self.id, **JANE, **rest}])

        # Errors: another tenant does not have the contact, and a user without a tenant gets 422.
        await self.check("get-contact", client, "acme-token", 404, NOT_FOUND)
        await self.check("update-contact", client, "acme-token", 404, NOT_FOUND)
        no_tenant = {"error": "No workspace configured for this account."}
        await self.check("create-contact", client, "orphan-token", 422, no_tenant)

    def shown(self, **metadata):
        """Romain's contact as get-contact returns it."""
        return {
            "id": self.id,
            **ROMAIN,
            "source": "api",
            "locale": None,
            "metadata": {"shopify_id": "12345", **metadata},
            "tags": ["vip", "fr-FR"],
            "opted_in_at": None,
            "opted_out_at": None,
            "last_message_at": None,
            "total_messages": 0,
            "created_at": QYVO_TIME,
        }

    async def aws(self):
        """The AWS CLI command of the README."""
        self.make(**ROMAIN, tags="vip, fr-FR", metadata={"shopify_id": "12345"})
        await self.check("lambda-invoke", "aws.sh", "demo-token", 200, ..., [200, self.shown()])

    async def flowiq(self):
        """FlowIQ's page: finds a contact that was created through Qyvo's endpoint."""
        person = {"phone": "+27123456789", "name": "John Doe", "email": "john@example.com"}
        made = self.make(**person, tags="customer,premium")
        john = JOHN | {"id": made}
        page, found = "flowiq-contact", {"success": True, "contact": john}
        no_tenant = {
            "success": False,
            "error": "Tenant ID is required",
            "message": "Please provide tenantId query parameter",
        }
        await self.check(page, "curl-reference.sh", "fiq_demo", 400, no_tenant)
        await self.check(page, "curl.sh", "fiq_demo", 200, found)
        for number in ("27123456789", "+27123456789"):
            await self.check(page, "fetch.mjs", "fiq_demo", 200, found, john, get(number))
        message = "No contact found with phone number 27000000000"
        unknown = NOT_FOUND | {"message": message}
        await self.check(page, "fetch.mjs", "fiq_demo", 404, unknown, {"thrown": message}, get("27000000000"))


def get(number):
    """JavaScript that calls FlowIQ's function and catches what it throws."""
    call = f"await getContact('fiq_demo', 'demo', '{number}')"
    return f"{call}.catch((error) => ({{ thrown: error.message }}))"


async def main():
    async with stack.running() as url:
        checks = Checks(url)
        for client in ("curl.sh", "fetch.mjs", "laravel.php", "httpx.py"):
            await checks.qyvo(client)
        await checks.aws()
        await checks.flowiq()
    print(f"{checks.run} run, {checks.failed} failed")
    return bool(checks.failed)


if __name__ == "__main__":
    stack.main(main())
