/* The product's own renderer on a page without any policy, so that nothing but the renderer keeps a text from harm. */

import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";
import Markdown from "../../src/markdown/markdown";

const FORBIDDEN =
  "img,script,iframe,frame,object,embed,style,link,meta,base,form,video,audio,source,track,svg:not([aria-hidden]),math,template,portal";
const LINKS = /^(https?:|mailto:)/;

/** What in the page must not be there. */
function findings(place: Element): string[] {
  const found = [...place.querySelectorAll(FORBIDDEN)].map((element) => `<${element.localName}>`);
  for (const element of place.querySelectorAll("*")) {
    for (const { name, value } of element.attributes) {
      if (name.startsWith("on") || name === "style" || name === "src" || name === "srcset")
        found.push(`${name}=${value}`);
      if ((name === "href" || name === "action" || name === "formaction") && !LINKS.test(value))
        found.push(`${name}=${value}`);
    }
  }
  return found;
}

/** Draws each text as it grows by one character at a time. Answers what was wrong, and how often it drew. */
function play(texts: readonly string[]): { wrong: string[]; drawn: number } {
  const wrong: string[] = [];
  let drawn = 0;
  for (const text of texts) {
    const place = document.createElement("div");
    document.body.append(place);
    const root = createRoot(place, {
      onUncaughtError: (error) => wrong.push(`${JSON.stringify(text)}: ${String(error)}`),
    });
    for (let length = 1; length <= text.length; length += 1) {
      flushSync(() => root.render(<Markdown text={text.slice(0, length)} open={length < text.length} />));
      drawn += 1;
    }
    wrong.push(...findings(place).map((finding) => `${JSON.stringify(text)}: ${finding}`));
    for (const link of place.querySelectorAll("a")) {
      if (link.rel !== "noopener noreferrer nofollow" || link.target !== "_blank")
        wrong.push(`${JSON.stringify(text)}: a careless link`);
    }
    root.unmount();
    place.remove();
  }
  return { wrong, drawn };
}

Object.assign(globalThis, { play });
