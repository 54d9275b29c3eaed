// Parses an AsyncAPI document, and prints what AsyncAPI's parser finds wrong with it.
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const [path] = process.argv.slice(2);
const { document, diagnostics } = await new Parser().parse(await readFile(path, "utf8"));
// Errors and warnings. The rest are recommendations, such as a later version of AsyncAPI, which few tools know yet.
const problems = diagnostics.filter(({ severity }) => severity <= 1);
for (const { range, path: place, message } of problems) {
  console.log(`${path}:${range.start.line + 1}: ${place.join(".")}: ${message}`);
}
const [channels, operations, messages] = ["channels", "operations", "messages"].map((kind) => document?.[kind]().length ?? 0);
console.log(`${path}: ${channels} channels, ${operations} operations, ${messages} messages, ${problems.length} problems`);
process.exitCode = document && problems.length === 0 ? 0 : 1;
