// Parses the Mermaid blocks of the Markdown files given as arguments; see .ci/diagrams, which runs it beside its packages.

import { readFileSync } from 'node:fs';
import { JSDOM } from 'jsdom';

// Mermaid looks for these when it is loaded.
globalThis.window = new JSDOM('').window;
globalThis.document = window.document;
const { default: mermaid } = await import('mermaid');

let diagrams = 0;
let problems = 0;
for (const file of process.argv.slice(2)) {
  const text = readFileSync(file, 'utf8');
  for (const block of text.matchAll(/^( *)```mermaid *\n(.*?)^ *```/gms)) {
    diagrams += 1;
    try {
      await mermaid.parse(block[2]);
    } catch (error) {
      problems += 1;
      const line = text.slice(0, block.index).split('\n').length;
      console.log(`${file}:${line}: ${error.message}`);
    }
  }
}
console.log(`diagrams: ${diagrams}, ${problems} problems`);
process.exit(problems && 1);
