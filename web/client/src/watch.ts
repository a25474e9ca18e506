import type { HeadgateClient } from "./client.ts";
import { HeadgateError } from "./errors.ts";
import { isEnd } from "./events.ts";
import type { Connection } from "./follow.ts";
import type { RunEvent } from "./generated/events.ts";
import { reduce } from "./reduce.ts";
import { emptyRun, type RunFailure, type RunSnapshot } from "./snapshot.ts";
import { Store } from "./store.ts";
import type { Transport } from "./transport.ts";

export type RunStatus = RunSnapshot["status"] | "reconnecting";

/** When a page saw things happen, by its own clock. Of what it read from the log later it knows no time. */
export interface Seen {
  readonly began: number | null;
  /** Its first visible word. */
  readonly spoke: number | null;
  readonly ended: number | null;
  readonly tools: Readonly<Record<string, { readonly called: number; readonly returned?: number }>>;
}

/** A run as its events tell it, and how they come. */
export interface RunState extends Omit<RunSnapshot, "status"> {
  readonly status: RunStatus;
  readonly connection: Connection;
  /** Its user has stopped it: it is shown as it was then, until the server has stopped it too. */
  readonly stopping: boolean;
  readonly seen: Seen;
}

/** Many runs in one page: they share one socket, where a browser allows six streams. */
export const PAGE_TRANSPORTS: readonly Transport[] = ["socket", "stream", "poll"];
/** How often a page is told; more often than this nobody sees. */
const FRAME = 16;

const unseen: Seen = { began: null, spoke: null, ended: null, tools: {} };

export const unknownRun: RunState = {
  ...emptyRun,
  connection: { state: "connecting" },
  stopping: false,
  seen: unseen,
};

/** One run, followed while somebody looks, and kept when it has ended. */
export class RunWatch extends Store<RunState> {
  readonly #client: HeadgateClient;
  readonly #run: string;
  #snapshot = emptyRun;
  #connection: Connection = { state: "connecting" };
  #seen = unseen;
  /** Events up to this one happened before they were read. */
  #past = Number.POSITIVE_INFINITY;
  /** This page has begun it, so that all of it happens now. */
  #own = false;
  /** What is shown while it is being stopped. */
  #stopped: RunSnapshot | undefined;
  #following: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failure: RunFailure | undefined;

  constructor(client: HeadgateClient, run: string) {
    super(unknownRun);
    this.#client = client;
    this.#run = run;
  }

  /** Follow again after the connection was given up. */
  reconnect(): void {
    if (!this.#failure) return;
    this.#failure = undefined;
    this.begin();
  }

  /** This page has just begun the run. */
  begun(): void {
    this.#own = true;
    this.#seen = { ...this.#seen, began: Date.now() };
  }

  /** Ends the run. It looks so at once, and goes on where the server does not do it. */
  async stop(mode?: "immediate" | "after_turn"): Promise<void> {
    if (mode !== "after_turn") this.#stopped = this.#snapshot;
    this.#tell();
    try {
      await this.#client.runs.cancel(this.#run, mode);
    } catch (error) {
      this.#stopped = undefined;
      this.#tell();
      throw error;
    }
  }

  protected begin(): void {
    if (this.#following || this.#snapshot.outcome || this.#failure) return;
    this.#following = new AbortController();
    void this.#follow(this.#following.signal);
  }

  protected leave(): void {
    this.#following?.abort();
    this.#following = undefined;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const onConnection = (connection: Connection) => {
      this.#connection = connection;
      if (connection.state === "open") this.#opened(connection.lastSeq);
      this.#soon();
    };
    try {
      const options = { after: this.#snapshot.lastSeq, signal, transports: PAGE_TRANSPORTS, onConnection };
      for await (const event of this.#client.runs.follow(this.#run, options)) this.#take(event);
    } catch (error) {
      if (signal.aborted) return;
      this.#failure = failed(error);
    }
    if (!signal.aborted) this.#following = undefined;
    this.#tell();
  }

  #opened(lastSeq = Number.POSITIVE_INFINITY): void {
    this.#past = this.#own ? 0 : lastSeq;
    this.#own = false;
  }

  #take(event: RunEvent): void {
    if (event.id !== undefined && event.id > this.#past) this.#seen = see(this.#seen, event, Date.now());
    this.#snapshot = reduce(this.#snapshot, event);
    if (isEnd(event) || event.event === "reset") this.#tell();
    else this.#soon();
  }

  #soon(): void {
    this.#timer ??= setTimeout(() => this.#tell(), FRAME);
  }

  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const over = this.#snapshot.outcome !== null || !!this.#failure;
    const snapshot = over ? this.#snapshot : (this.#stopped ?? this.#snapshot);
    const away = this.#connection.state === "reconnecting" && !over;
    const status = this.#failure ? "error" : away ? "reconnecting" : snapshot.status;
    this.set({
      ...snapshot,
      status,
      error: this.#failure ?? snapshot.error,
      connection: this.#connection,
      stopping: !!this.#stopped && !over,
      seen: this.#seen,
    });
  }
}

function see(seen: Seen, event: RunEvent, now: number): Seen {
  switch (event.event) {
    case "session_initialized":
      return { ...seen, began: seen.began ?? now };
    case "message_delta":
      return seen.spoke === null ? { ...seen, spoke: now } : seen;
    case "tool_call":
      return { ...seen, tools: { ...seen.tools, [event.data.tool_call_id]: { called: now } } };
    case "tool_result": {
      const { tool_call_id: id } = event.data;
      const call = seen.tools[id];
      return call ? { ...seen, tools: { ...seen.tools, [id]: { ...call, returned: now } } } : seen;
    }
    default:
      return isEnd(event) ? { ...seen, ended: now } : seen;
  }
}

/** Any failure, as a run's own would be told. */
export function failed(error: unknown): RunFailure {
  if (!(error instanceof HeadgateError)) {
    return { code: "unreachable", detail: "The server could not be reached.", retryable: true };
  }
  const { problem, code, message, retryable, retryAfter } = error;
  return {
    ...(problem as Partial<RunFailure>),
    code,
    detail: message,
    retryable,
    ...(retryAfter === undefined ? {} : { retry_after: retryAfter / 1000 }),
  };
}
