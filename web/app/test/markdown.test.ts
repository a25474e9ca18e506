import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import { BlockReader } from "../src/markdown/blocks";
import Markdown from "../src/markdown/markdown";
import { safeHref } from "../src/markdown/safe";

const TEXT = `# A title

Some **bold and *nested* words**, a \`code span\`, ~~gone~~ and [a link](https://example.com/a_b) at 5 * 3 < 20.

- one
- two with **bold**
  - deeper
- [x] done

1. first
2. second

> A quote with _emphasis_.

| Name | Value |
| --- | ---: |
| a | 1 |
| b | 2 |

\`\`\`python
def f(x):
    return x + 2  # *not* bold
\`\`\`

The snake_case_name stays, and so does the end.
`;

function words(text: string, open: boolean): string {
  return renderToStaticMarkup(createElement(Markdown, { text, open }))
    .replace(/<[^>]+>/g, " ")
    .replace(/&[a-z#0-9]+;/g, " ")
    .replace(/\s+/g, " ");
}

describe("Markdown that is still being written", () => {
  it("never shows a mark that is gone when more has come", () => {
    for (let length = 1; length < TEXT.length; length += 1) {
      const shown = words(TEXT.slice(0, length), true);
      expect(shown, JSON.stringify(TEXT.slice(Math.max(0, length - 30), length))).not.toMatch(
        /\*\*|~~|`|\]\(|\| ---|_emph|# A/,
      );
    }
  }, 30_000);

  it("holds back little: nearly all that has come is there", () => {
    for (let length = 1; length < TEXT.length; length += 5) {
      const now = words(TEXT.slice(0, length), true).length;
      const whole = words(TEXT.slice(0, length), false).length;
      expect(whole - now, TEXT.slice(Math.max(0, length - 30), length)).toBeLessThan(45);
    }
  }, 30_000);

  it("reads the same from pieces as at once", () => {
    const reader = new BlockReader();
    for (let length = 1; length <= TEXT.length; length += 3) reader.read(TEXT.slice(0, length), true);
    const pieces = reader.read(TEXT, false).map(({ token }) => token.raw);
    expect(pieces).toEqual(new BlockReader().read(TEXT, false).map(({ token }) => token.raw));
  });
});

describe("A link", () => {
  it.each(["https://example.com/", "http://example.com/", "mailto:ada@example.com"])("may go to %s", (address) => {
    expect(safeHref(address)).toBe(address);
  });

  it.each([
    "javascript:alert(1)",
    "java\nscript:alert(1)",
    " JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://example.com/x",
    "//evil.example/x",
    "/api/access/logout",
    "https://bank.example@evil.example/",
    "\u200bjavascript:alert(1)",
  ])("may not go to %j", (address) => {
    expect(safeHref(address)).toBeNull();
  });
});
