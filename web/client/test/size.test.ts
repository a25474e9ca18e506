import { gzipSync } from "node:zlib";
import { build } from "vite";
import { expect, test } from "vitest";

/** What a page loads of it, with the parser and without React. */
async function gzipped(...entries: string[]): Promise<number> {
  const built = await build({
    configFile: false,
    logLevel: "error",
    build: {
      write: false,
      modulePreload: { polyfill: false },
      rollupOptions: {
        input: entries,
        external: ["react"],
        preserveEntrySignatures: "strict",
        output: { format: "es" },
      },
    },
  });
  const { output } = built as unknown as { output: { code?: string }[] };
  return gzipSync(output.map(({ code }) => code ?? "").join("")).length;
}

test.each([
  ["the client", ["src/index.ts"], 8000],
  ["what the hooks need of it", ["src/react/index.ts"], 8000],
  ["both together", ["src/index.ts", "src/react/index.ts"], 11_000],
])("%s is small", async (_, entries, limit) => {
  const size = await gzipped(...entries);
  expect(size).toBeGreaterThan(2000);
  expect(size).toBeLessThanOrEqual(limit);
});
