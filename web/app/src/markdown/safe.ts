/* The last word on what a model may make the page do. Markdown becomes React elements of a fixed list, never HTML, so there
   is nothing to break out of; what is left to decide is which addresses a link may have. */

const SCHEMES = new Set(["http:", "https:", "mailto:"]);

/** The address if a link may go there, which it does only when somebody clicks on it; else null. */
export function safeHref(address: string): string | null {
  // Browsers skip these inside of an address, so "java\nscript:" is one.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const plain = address.replace(/[\u0000-\u0020\u007f-\u00a0\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, "");
  let url: URL;
  try {
    url = new URL(plain);
  } catch {
    return null; // relative ones would lead to pages of ours
  }
  if (!SCHEMES.has(url.protocol)) return null;
  if (url.username || url.password) return null; // https://bank.example@evil.example
  return url.href;
}
