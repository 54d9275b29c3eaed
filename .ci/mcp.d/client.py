"""Uses every tool with the official Python client:  client.py MODE REVISION URL"""

import asyncio
import sys

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

MODE, REVISION, URL = sys.argv[1:]
PHONE = "+5511987654321"


statuses = []


async def note(response):
    """Notes the status of an answer, which the client does not show."""
    statuses.append(response.status_code)


def client(token):
    headers = {"Authorization": f"Bearer {token}"}
    http = httpx2.AsyncClient(headers=headers, trust_env=False, event_hooks={"response": [note]})
    return Client(streamable_http_client(f"{URL}/mcp", http_client=http), mode=MODE)


async def call(session, tool, **arguments):
    """What a tool returns. The client holds it against the output schema."""
    result = await session.call_tool(tool, arguments)
    assert not result.is_error, f"{tool}: {result.content}"
    return result.structured_content


async def failure(session, tool, **arguments):
    """The text of a tool's error."""
    result = await session.call_tool(tool, arguments)
    assert result.is_error, f"{tool}: {result.structured_content}"
    return result.content[0].text


def equal(actual, expected):
    assert actual == expected, f"{actual!r} instead of {expected!r}"


async def use(session):
    equal(session.protocol_version, REVISION)
    listed = (await session.list_tools()).tools
    hints = {tool.name: tool.annotations for tool in listed}
    equal([name for name, hint in hints.items() if hint.read_only_hint], ["list_contacts", "get_contact"])
    equal(len(listed), 7)

    metadata = {"city": "São Paulo", "orders": [1, 2.5]}
    made = await call(session, "create_contact", phone=PHONE, name="José", tags=["vip"], metadata=metadata, locale="pt-BR")
    equal((made["outcome"], made["tags"], made["metadata"], made["locale"]), ("created", ["vip"], metadata, "pt-BR"))
    id = made["id"]
    found = await call(session, "list_contacts", search="jose", tag="vip")
    equal(([contact["id"] for contact in found["data"]], found["meta"]["total"]), ([id], 1))
    equal((await call(session, "get_contact", phone="+55 11 8765-4321"))["id"], id)

    changed = await call(session, "update_contact", id=id, name="José Silva", metadata={"city": "Santos"})
    equal((changed["name"], changed["metadata"]), ("José Silva", {"city": "Santos", "orders": [1, 2.5]}))
    tagged = await call(session, "tag_contact", id=id, add_tags=["new", "pt"], remove_tags=["vip"])
    equal(tagged["tags"], ["new", "pt"])
    imported = await call(session, "import_contacts", contacts=[{"phone": PHONE, "name": "José"}, {"phone": "12"}])
    equal([result["outcome"] for result in imported["results"]], ["updated", "failed"])

    text = await failure(session, "create_contact", phone="5511987654321")
    assert "The phone must be in international format" in text, text
    async with client("acme-token") as other:
        equal((await call(other, "list_contacts"))["data"], [])
        assert "not found" in await failure(other, "get_contact", id=id)
        assert "not found" in await failure(other, "delete_contact", id=id)

    equal(await call(session, "delete_contact", id=id), {"id": id, "deleted": True})
    assert "not found" in await failure(session, "get_contact", id=id)


async def main():
    async with client("demo-token") as session:
        await use(session)
    try:
        async with client("wrong") as session:
            await session.list_tools()
    except (MCPError, httpx2.HTTPStatusError, ExceptionGroup) as error:
        equal(statuses[-1], 401)
        print(f"{REVISION}; a wrong token: {type(error).__name__}, status {statuses[-1]}")
    else:
        raise AssertionError("a wrong token was accepted")


asyncio.run(main())
