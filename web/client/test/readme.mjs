/* Writes the README's examples into files, so that they are compiled and run as they stand there. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const root = new URL("../", import.meta.url);
const readme = readFileSync(new URL("README.md", root), "utf8");
const examples = [...readme.matchAll(/<!-- (\S+) -->\n```\w+\n([\s\S]*?)```\n/g)];
if (examples.length !== 2) throw new Error(`The README has ${examples.length} examples to try, not 2.`);
for (const [, name, code] of examples) {
  const file = new URL(name, root);
  mkdirSync(new URL(".", file), { recursive: true });
  writeFileSync(file, code);
}
