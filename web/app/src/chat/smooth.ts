import { useEffect, useRef, useState } from "react";

/** How far behind the truth the text that is shown may be, in milliseconds. */
export const LAGS = { slow: 450, normal: 250, fast: 120, instant: 0 } as const;
export type Speed = keyof typeof LAGS;

interface Arrival {
  at: number;
  length: number;
}

/**
 * How much of a growing text to show: what had come `lag` milliseconds ago, evenly spread between one piece and the next.
 * So bursts become a flow, and nothing is ever shown later than `lag` after it came.
 */
export class Pace {
  #arrivals: Arrival[] = [{ at: Number.NEGATIVE_INFINITY, length: 0 }];

  constructor(readonly lag: number) {}

  /** The text is so long now. */
  arrive(length: number, now: number): void {
    const last = this.#arrivals.at(-1);
    if (!last || length === last.length) return;
    if (length < last.length) {
      this.#arrivals = [{ at: now, length }];
      return;
    }
    // After a silence the flow begins now; it would otherwise have begun before the piece was there.
    if (now - last.at > this.lag) this.#arrivals.push({ at: now - this.lag, length: last.length });
    this.#arrivals.push({ at: now, length });
  }

  /** All of it is to be shown from the start, such as what was there before anybody looked. */
  skip(length: number, now: number): void {
    this.#arrivals = [{ at: now - this.lag, length }];
  }

  shown(now: number): number {
    const time = now - this.lag;
    while (this.#arrivals.length > 1 && (this.#arrivals[1]?.at ?? 0) <= time) this.#arrivals.shift();
    const [from, to] = this.#arrivals;
    if (!from) return 0;
    if (!to) return from.length;
    const begin = Math.max(from.at, to.at - this.lag);
    const share = Math.min(1, Math.max(0, (time - begin) / Math.max(1, to.at - begin)));
    return Math.floor(from.length + (to.length - from.length) * share);
  }
}

/** Frames that change text are so many milliseconds apart at least: more often is work that nobody sees. */
const FRAME = 30;

/** The text to show of one that is being written. A text that is `done` when it is first seen is shown at once. */
export function useSmooth(text: string, speed: Speed, done: boolean): { text: string; isCaughtUp: boolean } {
  const lag = prefersCalm() ? 0 : LAGS[speed];
  const pace = useRef<Pace>(null);
  const [shown, setShown] = useState(() => (done || lag === 0 ? text.length : 0));

  useEffect(() => {
    if (lag === 0) {
      setShown(text.length);
      return;
    }
    const now = performance.now();
    if (pace.current?.lag !== lag) {
      pace.current = new Pace(lag);
      if (done) pace.current.skip(text.length, now);
    }
    const current = pace.current;
    current.arrive(text.length, now);
    let frame = 0;
    let last = 0;
    const step = (time: number) => {
      if (time - last >= FRAME) {
        last = time;
        const length = current.shown(performance.now());
        setShown(length);
        if (length >= text.length) return;
      }
      frame = requestAnimationFrame(step);
    };
    frame = requestAnimationFrame(step);
    return () => cancelAnimationFrame(frame);
  }, [text, lag, done]);

  const length = lag === 0 ? text.length : Math.min(shown, text.length);
  return { text: whole(text, length), isCaughtUp: length >= text.length };
}

/** Never half of a character. */
function whole(text: string, length: number): string {
  if (length >= text.length) return text;
  const code = text.charCodeAt(length - 1);
  return text.slice(0, code >= 0xd800 && code <= 0xdbff ? length - 1 : length);
}

function prefersCalm(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
