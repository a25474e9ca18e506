import { Marked, type Token, type Tokens } from "marked";
import { held } from "./held";

const marked = new Marked({ gfm: true, breaks: false });

export interface Block {
  /** Its place: blocks are only ever added at the end, so it names one for as long as the text only grows. */
  key: number;
  token: Token;
}

/** How many blocks at the end may still change with what comes: a list goes on over an empty line. */
const UNSETTLED = 4;

/** Cuts a growing text into blocks, and reads anew only the last few of them. */
export class BlockReader {
  #text = "";
  /** Where in the text each block begins. */
  #starts: number[] = [];
  #tokens: Token[] = [];

  /** The blocks of `text`; with `open`, of what can be shown while more of it comes. */
  read(written: string, open: boolean): Block[] {
    const text = written.replace(/\r\n?/g, "\n");
    if (!text.startsWith(this.#text)) this.#forget();
    let keep = Math.max(0, this.#tokens.length - UNSETTLED);
    // What is defined in one place has a meaning in all others.
    if (/^ {0,3}\[[^\]]+\]:/m.test(text)) keep = 0;
    const from = this.#starts[keep] ?? 0;
    const settled = this.#tokens.slice(0, keep);
    const rest = text.slice(from);
    const tail = marked.lexer(open ? held(rest) : rest);
    // What is held back is read again next time, so nothing may be remembered beyond it.
    const whole = open ? marked.lexer(rest) : tail;
    this.#remember(text, settled, whole, from, keep);
    return [...settled, ...tail].filter((token) => token.type !== "space").map((token, key) => ({ key, token }));
  }

  #remember(text: string, settled: Token[], tail: Token[], from: number, keep: number) {
    this.#text = text;
    this.#tokens = [...settled, ...tail];
    this.#starts = this.#starts.slice(0, keep);
    let at = from;
    for (const token of tail) {
      this.#starts.push(at);
      at += token.raw.length;
    }
  }

  #forget() {
    this.#text = "";
    this.#starts = [];
    this.#tokens = [];
  }
}

/** The same of two readings, so that a block which has not changed is not drawn again. */
export function sameToken(one: Token, other: Token): boolean {
  return one === other || (one.type === other.type && one.raw === other.raw);
}

export type { Token, Tokens };
