import hljs from "highlight.js";
import { expect, test } from "vitest";
import { colours } from "../src/markdown/highlight";

const LANGUAGES = "bash c cpp csharp css diff go java javascript json python rust sql typescript xml yaml".split(" ");

test.each(LANGUAGES)("code in %s is coloured under each of its names", async (language) => {
  const names = [language, language.toUpperCase(), ...(hljs.getLanguage(language)?.aliases ?? [])];

  for (const name of names) expect(await colours(name), name).not.toBeNull();
});

test("a language that is not known stays plain", async () => {
  expect(await colours("klingon")).toBeNull();
  expect(await colours("")).toBeNull();
});

test("a script within a page has its own colours", async () => {
  const html = await colours("html");

  const tree = JSON.stringify(html?.("<script>const x = 1;</script>"));

  expect(tree).toContain("hljs-keyword");
});
