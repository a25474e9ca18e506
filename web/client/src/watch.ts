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

/** A run as its events tell it, and how they come. */
export interface RunState extends Omit<RunSnapshot, "status"> {
  readonly status: RunStatus;
  readonly connection: Connection;
  /** When this page heard of a call of a tool, and of its result; not of those that it read from the log later. */
  readonly times: Readonly<Record<string, { readonly called: number; readonly returned?: number }>>;
}

/** Many runs in one page: they share one socket, where a browser allows six streams. */
export const PAGE_TRANSPORTS: readonly Transport[] = ["socket", "stream", "poll"];
/** How often a page is told; more often than this nobody sees. */
const FRAME = 16;

export const unknownRun: RunState = { ...emptyRun, connection: { state: "connecting" }, times: {} };

/** One run, followed while somebody looks, and kept when it has ended. */
export class RunWatch extends Store<RunState> {
  readonly #client: HeadgateClient;
  readonly #run: string;
  #snapshot = emptyRun;
  #connection: Connection = { state: "connecting" };
  #times: RunState["times"] = {};
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

  #take(event: RunEvent): void {
    if (event.event === "tool_call" || event.event === "tool_result") this.#time(event.event, event.data.tool_call_id);
    this.#snapshot = reduce(this.#snapshot, event);
    if (isEnd(event) || event.event === "reset") this.#tell();
    else this.#soon();
  }

  #time(event: "tool_call" | "tool_result", call: string): void {
    const now = Date.now();
    const before = this.#times[call];
    if (event === "tool_call") this.#times = { ...this.#times, [call]: { called: now } };
    else if (before) this.#times = { ...this.#times, [call]: { ...before, returned: now } };
  }

  #soon(): void {
    this.#timer ??= setTimeout(() => this.#tell(), FRAME);
  }

  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const snapshot = this.#snapshot;
    const away = this.#connection.state === "reconnecting" && !snapshot.outcome;
    const status = this.#failure ? "error" : away ? "reconnecting" : snapshot.status;
    this.set({
      ...snapshot,
      status,
      error: this.#failure ?? snapshot.error,
      connection: this.#connection,
      times: this.#times,
    });
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
