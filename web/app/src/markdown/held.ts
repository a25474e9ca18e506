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

/** Closes emphasis and code that is open at the line's end, and leaves out a link or a tag that is not whole. */
function closeInline(line: string): string {
  let text = line.replace(/!?\[[^\]\n]*$|!?\[[^\]\n]*\]\([^)\s]*$|!?\[[^\]\n]*\]$|<[a-zA-Z/!][^>\n]*$|<$|&#?\w{0,31}$|\\$/, "");
  const ticks = text.match(/`+/g) ?? [];
  let openTick: string | null = null;
  for (const run of ticks) {
    if (openTick === null) openTick = run;
    else if (openTick === run) openTick = null;
  }
  if (openTick !== null) {
    const at = text.lastIndexOf(openTick);
    return text.length > at + openTick.length ? text + openTick : text.slice(0, at);
  }
  const bare = text.replace(/`[^`]*`/g, (code) => "x".repeat(code.length)).replace(/\\./g, "xx");
  const open: string[] = [];
  for (const mark of bare.match(/\*{1,3}|_{2,3}|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])|~~/gu) ?? []) {
    if (open.at(-1) === mark) open.pop();
    else open.push(mark);
  }
  for (const mark of open.reverse()) {
    const bareEnd = text.trimEnd();
    if (bareEnd.endsWith(mark)) text = bareEnd.slice(0, -mark.length);
    else if (/^\s*\*\s/.test(text) && mark === "*" && text.indexOf("*") === text.lastIndexOf("*")) continue; // a list's bullet
    else text = bareEnd + mark + text.slice(bareEnd.length);
  }
  return text;
}
