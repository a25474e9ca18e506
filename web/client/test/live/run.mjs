/*
 * Runs a case of cases.ts in Node or in a browser. Takes one line of JSON on stdin:
 *   {"where": "node" | "chrome" | "firefox", "executable"?, "port"?, "cases": [[name, world], …]}
 * and answers one line a case, with what it saw. A page is of http://127.0.0.1:<port>, and so of another origin than Headgate.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";
import { build } from "vite";
import "../readme.mjs";

const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--disable-quic",
];

/** The cases and the client that they use, as one script that leaves `cases` behind. */
async function bundled() {
  const [{ output }] = await build({
    configFile: false,
    logLevel: "error",
    define: { "process.env.NODE_ENV": '"production"' },
    build: {
      write: false,
      minify: false,
      lib: { entry: new URL("cases.ts", import.meta.url).pathname, formats: ["iife"], name: "cases" },
    },
  });
  return output[0].code;
}

async function inPage(script, { where, executable, port }, work) {
  const server = createServer((_, response) => response.setHeader("Content-Type", "text/html").end("<!doctype html>"));
  await once(server.listen(port, "127.0.0.1"), "listening");
  const browser = await puppeteer.launch({
    browser: where,
    executablePath: executable,
    headless: true,
    args: where === "chrome" ? QUIET : [],
  });
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${port}/`);
    await page.evaluate(`${script}; globalThis.cases = cases; undefined`);
    await work((name, world) => page.evaluate((n, w) => globalThis.cases.run(n, w), name, world));
  } finally {
    await browser.close();
    server.close();
    server.closeAllConnections();
  }
}

const [line] = await once(createInterface(process.stdin), "line");
const order = JSON.parse(line);
const script = await bundled();
const work = async (run) => {
  for (const [name, world] of order.cases) process.stdout.write(`${JSON.stringify(await run(name, world))}\n`);
};
if (order.where === "node") await work(new Function(`${script}; return cases.run`)());
else await inPage(script, order, work);
process.exit(0);
