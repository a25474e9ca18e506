/** How long to wait before coming back. */
export interface Backoff {
  /** The longest first wait, in milliseconds. */
  readonly base: number;
  /** The longest wait of all, in milliseconds. */
  readonly cap: number;
}

/**
 * Full jitter: anything up to a bound that doubles, so that many readers whose server restarted do not come back at
 * once. What the server asked for comes on top.
 */
export function delay(backoff: Backoff, failures: number, retryAfter = 0): number {
  return retryAfter + Math.random() * Math.min(backoff.cap, backoff.base * 2 ** Math.min(failures, 30));
}

/** Throws the signal's reason as soon as it is aborted. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const aborted = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", aborted);
      resolve();
    }, ms);
    signal.addEventListener("abort", aborted, { once: true });
  });
}

/** An abort of one's own, also aborted by `outer`. `AbortSignal.any` is not in every browser that streams. */
export function linked(outer?: AbortSignal): AbortController {
  const inner = new AbortController();
  const abort = () => inner.abort(outer?.reason);
  if (outer?.aborted) abort();
  outer?.addEventListener("abort", abort, { once: true, signal: inner.signal });
  return inner;
}
