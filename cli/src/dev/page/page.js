// Shows the documents of the stack. They are prepared for people, and where there is demo data, for sending requests.

const demo = JSON.parse(document.getElementById("demo").textContent);
const METHODS = ["get", "put", "post", "delete", "patch"];

// Regular expressions are for programs: descriptions say the same in words.
const withoutPatterns = (node) => {
  if (Array.isArray(node)) return node.map(withoutPatterns);
  if (node === null || typeof node !== "object") return node;
  const shown = Object.entries(node).filter(([key, value]) => key !== "pattern" || typeof value !== "string");
  return Object.fromEntries(shown.map(([key, value]) => [key, /^examples?$/.test(key) ? value : withoutPatterns(value)]));
};

const read = async (url) => {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} is answered with ${answer.status}`);
  return withoutPatterns(await answer.json());
};

const sections = `
## Events

Carnet also takes events from queues and from an event bus, and publishes every change of a contact.
[A document of their own](/?api=events) describes them; the menu at the top leads there too.

## Documents

For client generators and other programs: [openapi.yaml](/api/v1/openapi.yaml), [openapi.json](/api/v1/openapi.json), and
for events [asyncapi.yaml](/api/v1/asyncapi.yaml), [asyncapi.json](/api/v1/asyncapi.json).
`;

const tokens = () => `
## Demo tokens

The token that is filled in below is the first of its kind. Any other can be pasted in its place.

| token | for | opens |
|---|---|---|
${demo.tokens.map(({ token, scheme, opens }) => `| \`${token}\` | ${scheme} | ${opens} |`).join("\n")}
`;

// Fills in the tokens, and numbers of demo contacts in look-ups. Returns Scalar's settings of the tokens.
const withDemo = (api) => {
  api.info.description += tokens();
  for (const [name, scheme] of Object.entries(api.components.securitySchemes)) {
    const opened = demo.tokens.filter((each) => each.scheme === name).map(({ token, opens }) => `\`${token}\` opens ${opens}`);
    if (opened.length > 0) scheme.description = `Here, ${opened.join("; ")}. ${scheme.description ?? ""}`;
  }
  for (const item of Object.values(api.paths)) {
    for (const parameter of METHODS.flatMap((method) => item[method]?.parameters ?? [])) {
      if (parameter.name in demo.parameters) parameter.example = demo.parameters[parameter.name];
    }
  }
  const first = new Map(demo.tokens.toReversed().map(({ scheme, token }) => [scheme, { token }]));
  return Object.fromEntries(first);
};

const show = async () => {
  const [api, events] = await Promise.all([read("/api/v1/openapi.json"), read("/api/v1/asyncapi.json")]);
  api.info.description += sections;
  const securitySchemes = demo.tokens.length > 0 ? withDemo(api) : {};
  // Scalar would ask for a name and a password, because it does not know how requests to AWS are signed.
  for (const server of Object.values(events.servers)) delete server.security;
  delete events.components.securitySchemes;

  Scalar.createApiReference("#app", {
    sources: [
      { title: "HTTP API", slug: "api", content: api },
      { title: "Events", slug: "events", content: events },
    ],
    // No `preferredSecurityScheme`: its token would be sent to all operations, and each dialect takes only its own.
    authentication: { securitySchemes },
    documentDownloadType: "none",
    // Nothing comes from another host, and nothing is sent to one.
    withDefaultFonts: false,
    telemetry: false,
    hideClientButton: true,
    agent: { disabled: true },
    mcp: { disabled: true },
    showDeveloperTools: "never",
  });
};

show().catch((error) => {
  document.getElementById("app").textContent = `The API page cannot show the documents of this stack: ${error.message}`;
  throw error;
});
