import { Broken, HeadgateError, passes } from "./errors.ts";
import { isEnd } from "./events.ts";
import type { RunEvent } from "./generated/events.ts";
import { type Read, Retreat, type Transport } from "./transport.ts";
import { type Backoff, delay, linked, sleep } from "./waiting.ts";

/** What a connection does. `failures` in a row, and `wait` milliseconds until the next one. */
export type Connection =
  | { readonly state: "connecting" }
  /** What comes after `lastSeq` happens now; it is not known of every transport. */
  | { readonly state: "open"; readonly transport: Transport; readonly lastSeq?: number }
  | { readonly state: "reconnecting"; readonly failures: number; readonly wait: number; readonly error: unknown };

export interface FollowOptions {
  /** Only events after this number; 0, from the beginning, is the default. */
  readonly after?: number;
  readonly signal?: AbortSignal;
  /** How events come. The next one is tried where one fails again and again. */
  readonly transports?: readonly Transport[];
  /** Also wait for the session's `history`, which follows a run's end where its start asked for it. */
  readonly history?: boolean;
  readonly onConnection?: (connection: Connection) => void;
}

export interface FollowSettings {
  readonly backoff: Backoff;
  readonly silence: number;
  /** So many failures in a row, and the next transport is tried. */
  readonly tries: number;
}

/**
 * A run's events, each once and in order, until the run has ended: over as many connections as that takes. Throws what
 * coming again would not change (a run that does not exist, a login that is over), and the signal's reason.
 */
export async function* followRun(
  run: string,
  all: readonly (readonly [Transport, Read])[],
  { backoff, silence, tries }: FollowSettings,
  { after = 0, signal: outer, history = false, onConnection }: FollowOptions,
): AsyncGenerator<RunEvent, void, undefined> {
  const own = linked(outer);
  const { signal } = own;
  let reads = all;
  let last = after;
  let failures = 0;
  let turn = 0;
  let patience = 0;
  let ended = false;
  onConnection?.({ state: "connecting" });
  try {
    for (;;) {
      const [transport, read] = reads[turn % reads.length] as readonly [Transport, Read];
      const opened = (lastSeq?: number) =>
        onConnection?.({ state: "open", transport, ...(lastSeq === undefined ? {} : { lastSeq }) });
      const only = reads.length === 1;
      const events = read({
        run,
        after: last,
        signal,
        silence,
        patience: only ? Number.POSITIVE_INFINITY : patience,
        opened,
      });
      try {
        for await (const event of events) {
          signal.throwIfAborted();
          if (event.id !== undefined) {
            if (event.id <= last) continue;
            if (event.id > last + 1) throw new Broken(`Event ${last + 1} is missing.`);
            last = event.id;
            failures = patience = 0;
          } else if (event.event === "reset") {
            last = event.data.next_seq - 1;
          }
          ended ||= isEnd(event) || (event.event === "reset" && event.data.reason === "log_purged");
          yield event;
          if (ended && !(history && event.event !== "history")) return;
        }
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (ended) return;
        const banned = reads.length > 1 && streamsToNobody(error);
        if (!passes(error) && !banned) throw error;
        failures += 1;
        if (banned) {
          reads = reads.filter(([each]) => each !== transport);
        } else if (error instanceof Retreat) {
          // The server is there. Perhaps it was not before, so the others have another chance, and less each time.
          patience = Math.min(60_000, 4 * patience || 15_000);
          turn = 0;
        } else if (patience || failures % tries === 0) {
          turn += 1;
        }
        const asked = error instanceof HeadgateError ? error.retryAfter : 0;
        const wait = delay(backoff, failures - 1, asked);
        onConnection?.({ state: "reconnecting", failures, wait, error });
        await sleep(wait, signal);
      }
    }
  } finally {
    own.abort();
  }
}

/** There is no use in asking for a stream again. */
function streamsToNobody(error: unknown): boolean {
  return error instanceof HeadgateError && error.code === "streaming_disabled";
}
