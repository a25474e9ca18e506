import type { LanguageFn } from "highlight.js";
import { createLowlight } from "lowlight";

/* Each language is a file of its own that is fetched when a text is written in it: all of them evaluated at once would
   hold the page up while an answer is being written. */

const FILES = {
  bash: () => import("highlight.js/lib/languages/bash"),
  c: () => import("highlight.js/lib/languages/c"),
  cpp: () => import("highlight.js/lib/languages/cpp"),
  csharp: () => import("highlight.js/lib/languages/csharp"),
  css: () => import("highlight.js/lib/languages/css"),
  diff: () => import("highlight.js/lib/languages/diff"),
  go: () => import("highlight.js/lib/languages/go"),
  java: () => import("highlight.js/lib/languages/java"),
  javascript: () => import("highlight.js/lib/languages/javascript"),
  json: () => import("highlight.js/lib/languages/json"),
  python: () => import("highlight.js/lib/languages/python"),
  rust: () => import("highlight.js/lib/languages/rust"),
  sql: () => import("highlight.js/lib/languages/sql"),
  typescript: () => import("highlight.js/lib/languages/typescript"),
  xml: () => import("highlight.js/lib/languages/xml"),
  yaml: () => import("highlight.js/lib/languages/yaml"),
} satisfies Record<string, () => Promise<{ default: LanguageFn }>>;

type Language = keyof typeof FILES;

/** The other names that people and models give them. */
const ALIASES: Partial<Record<Language, string>> = {
  bash: "sh shell zsh",
  c: "h",
  cpp: "c++ cc cxx h++ hh hpp hxx",
  csharp: "c# cs",
  diff: "patch",
  go: "golang",
  java: "jsp",
  javascript: "cjs js jsx mjs",
  json: "jsonc json5",
  python: "gyp ipython py",
  rust: "rs",
  typescript: "cts mts ts tsx",
  xml: "atom html plist rss svg wsf xhtml xjb xsd xsl",
  yaml: "yml",
};
const LANGUAGES = Object.keys(FILES) as Language[];
const NAMES = new Map(
  LANGUAGES.flatMap((language) =>
    [language, ...(ALIASES[language]?.split(" ") ?? [])].map((name) => [name, language] as const),
  ),
);
/** What may stand inside another. */
const INSIDE: Partial<Record<Language, readonly Language[]>> = { xml: ["css", "javascript"] };

const lowlight = createLowlight();

/** Code as a tree of spans with classes. */
export type Colour = (code: string) => ReturnType<typeof lowlight.highlight>;

/** How to colour a language, or null for one that stays plain. */
export async function colours(name: string): Promise<Colour | null> {
  const language = NAMES.get(name.toLowerCase());
  if (!language) return null;
  await Promise.all([language, ...(INSIDE[language] ?? [])].map(register));
  return (code) => lowlight.highlight(language, code);
}

async function register(language: Language): Promise<void> {
  if (!lowlight.registered(language)) lowlight.register(language, (await FILES[language]()).default);
}
