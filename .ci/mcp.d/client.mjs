// Uses every tool with an official TypeScript client:  client.mjs PACKAGE MODE REVISION URL
import assert from "node:assert/strict";

const [name, mode, revision, url] = process.argv.slice(2);
const phone = "+5511987654321";

const { Client, StreamableHTTPClientTransport } =
  name === "client"
    ? await import("@modelcontextprotocol/client")
    : {
        ...(await import("@modelcontextprotocol/sdk/client/index.js")),
        ...(await import("@modelcontextprotocol/sdk/client/streamableHttp.js")),
      };

async function connected(token) {
  const requestInit = { headers: { Authorization: `Bearer ${token}` } };
  const transport = new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit });
  const client = new Client({ name: "check", version: "1" }, { versionNegotiation: { mode } });
  await client.connect(transport);
  return { client, transport };
}

// What a tool returns. The client holds it against the output schema.
async function call(client, tool, args = {}) {
  const result = await client.callTool({ name: tool, arguments: args });
  assert(!result.isError, `${tool}: ${JSON.stringify(result)}`);
  return result.structuredContent;
}

// The text of a tool's error.
async function failure(client, tool, args) {
  const result = await client.callTool({ name: tool, arguments: args });
  assert(result.isError, `${tool}: ${JSON.stringify(result)}`);
  return result.content[0].text;
}

const { client, transport } = await connected("demo-token");
const negotiated = client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion;
assert.equal(negotiated, revision);
const { tools } = await client.listTools();
const reading = tools.filter((tool) => tool.annotations.readOnlyHint).map((tool) => tool.name);
assert.deepEqual(reading, ["list_contacts", "get_contact"]);
assert.equal(tools.length, 7);

const metadata = { city: "São Paulo", orders: [1, 2.5] };
const made = await call(client, "create_contact", { phone, name: "José", tags: ["vip"], metadata, locale: "pt-BR" });
assert.deepEqual([made.outcome, made.tags, made.metadata, made.locale], ["created", ["vip"], metadata, "pt-BR"]);
const { id } = made;
const found = await call(client, "list_contacts", { search: "jose", tag: "vip" });
assert.deepEqual([found.data.map((contact) => contact.id), found.meta.total], [[id], 1]);
assert.equal((await call(client, "get_contact", { phone: "+55 11 8765-4321" })).id, id);

const changed = await call(client, "update_contact", { id, name: "José Silva", metadata: { city: "Santos" } });
assert.deepEqual([changed.name, changed.metadata], ["José Silva", { city: "Santos", orders: [1, 2.5] }]);
const tagged = await call(client, "tag_contact", { id, add_tags: ["new", "pt"], remove_tags: ["vip"] });
assert.deepEqual(tagged.tags, ["new", "pt"]);
const imported = await call(client, "import_contacts", { contacts: [{ phone, name: "José" }, { phone: "12" }] });
assert.deepEqual(imported.results.map((result) => result.outcome), ["updated", "failed"]);

assert.match(await failure(client, "create_contact", { phone: "5511987654321" }), /The phone must be in international format/);
const other = (await connected("acme-token")).client;
assert.deepEqual((await call(other, "list_contacts")).data, []);
assert.match(await failure(other, "get_contact", { id }), /not found/);
assert.match(await failure(other, "delete_contact", { id }), /not found/);
await other.close();

assert.deepEqual(await call(client, "delete_contact", { id }), { id, deleted: true });
assert.match(await failure(client, "get_contact", { id }), /not found/);
await client.close();

let refused;
await connected("wrong").catch((error) => (refused = error));
assert.match(refused?.message ?? "a wrong token was accepted", /401|Unauthenticated/);
console.log(`${negotiated}; a wrong token: ${refused.message.slice(0, 80)}`);
