/* What of an unfinished text can be shown without taking it back: syntax that is still open is held back or closed for now. */

const FENCE = /^ {0,3}(`{3,}|~{3,})/;

/** The text to render while more is to come. Of what is shown, no more changes its look than the last word or two. */
export function held(text: string): string {
  const lines = text.split("\n");
  const last = lines.length - 1;
  const open = openFence(lines);
  if (open) return holdInFence(lines, open);
  lines[last] = holdInLine(lines[last] ?? "", lines, last);
  return lines.join("\n");
}

/** The fence that the text ends in, if it does. */
function openFence(lines: readonly string[]): string | null {
  let fence: string | null = null;
  for (const line of lines) {
    const found = FENCE.exec(line.replace(/^(?: {0,3}(?:>|[-*+]|\d{1,9}[.)]) {0,4})*/, ""))?.[1];
    if (!found) continue;
    if (fence === null) fence = found;
    else if (found[0] === fence[0] && found.length >= fence.length && isClosing(line)) fence = null;
  }
  return fence;
}

const isClosing = (line: string) => /^[\s>]*(`{3,}|~{3,})\s*$/.test(line);

function holdInFence(lines: string[], fence: string): string {
  const last = lines.at(-1) ?? "";
  const tail = last.trim();
  const mark = fence[0] ?? "`";
  // The opening line may still grow a language; a last line of marks may be the end of the block.
  const isOpening = FENCE.test(last) && tail.length > 0 && !isClosing(last);
  if (isOpening || (tail !== "" && tail === mark.repeat(tail.length))) lines.pop();
  return lines.join("\n");
}

function holdInLine(line: string, lines: readonly string[], at: number): string {
  // Marks that begin a block may become another one with the next character: "-", "1.", "#", "|", "```", "==".
  if (/^\s*(?:[-*+_=]{1,}|\d{1,9}[.)]?|#{1,6}|>+|`{1,}|~{1,}|\|[^|]*)\s*$/.test(line)) {
    return "";
  }
  if (isTableHead(line, lines, at)) return "";
  return closeInline(line);
}

/** A row with bars is a paragraph until the line below it says that it is the head of a table. */
function isTableHead(line: string, lines: readonly string[], at: number): boolean {
  const isBar = /^\s*\|?[\s:|-]*$/.test(line) && line.includes("-");
  return isBar && (lines[at - 1] ?? "").includes("|");
}

/** What cannot be told yet from the line's end alone: a link, a tag or an entity that is not whole, or marks that may grow. */
const UNTOLD =
  /!?\[[^\]\n]*$|!?\[[^\]\n]*\]\([^)\n]*$|!?\[[^\]\n]*\]$|<[a-zA-Z/!][^>\n]*$|<$|&#?\w{0,31}$|\\$|!$|[*_~`]+$/;

/** Closes emphasis and code that is open at the line's end. */
function closeInline(line: string): string {
  let text = line.replace(UNTOLD, "");
  const tick = openTick(text);
  if (tick !== null) return text.endsWith(tick) ? text.slice(0, -tick.length) : text + tick;
  for (const mark of openMarks(text).reverse()) {
    const end = text.trimEnd();
    text = end.endsWith(mark) ? end.slice(0, -mark.length) : end + mark + text.slice(end.length);
  }
  return text;
}

function openTick(text: string): string | null {
  let open: string | null = null;
  for (const run of text.match(/`+/g) ?? []) {
    if (open === null) open = run;
    else if (open === run) open = null;
  }
  return open;
}

/** Marks without a partner, outermost first. Between spaces a star is a star, and inside a word an underline is one. */
function openMarks(text: string): string[] {
  const bare = text
    .replace(/^\s*(?:[*+-]|\d{1,9}[.)])\s/, (bullet) => " ".repeat(bullet.length))
    .replace(/\\./g, "xx")
    .replace(/(`+)[^`]*\1/g, (code) => "x".repeat(code.length))
    .replace(/\]\([^)\n]*\)/g, (target) => "x".repeat(target.length));
  const open: string[] = [];
  for (const found of bare.matchAll(/\*+|_+|~~/g)) {
    const [run] = found;
    const before = bare[found.index - 1] ?? " ";
    const after = bare[found.index + run.length] ?? " ";
    if (run[0] === "_" && /[\p{L}\p{N}]/u.test(before) && /[\p{L}\p{N}]/u.test(after)) continue;
    let left = run.length;
    while (/\S/.test(before) && left > 0 && open.at(-1)?.[0] === run[0] && (open.at(-1)?.length ?? 0) <= left) {
      left -= open.pop()?.length ?? 0;
    }
    if (left > 0 && /\S/.test(after)) open.push(run.slice(0, left));
  }
  return open;
}
