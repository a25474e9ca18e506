import { HeadgateError, passes } from "./errors.ts";
import { type FollowOptions, type FollowSettings, followRun } from "./follow.ts";
import type { CancelRun, RunList, RunView, StartRun } from "./generated/api.ts";
import type { RunEvent } from "./generated/events.ts";
import type { Asking, Given, Http } from "./http.ts";
import type { Read, Transport } from "./transport.ts";
import { delay, linked, sleep } from "./waiting.ts";

export interface StartOptions {
  readonly signal?: AbortSignal;
  /** Makes the start repeatable; one is made up otherwise, so that trying again never begins a second run. */
  readonly idempotencyKey?: string;
}

const TRIES = 4;

export class Runs {
  readonly #http: Http;
  readonly #settings: FollowSettings;
  readonly #reads: readonly (readonly [Transport, Read])[];

  constructor(http: Http, settings: FollowSettings, reads: readonly (readonly [Transport, Read])[]) {
    this.#http = http;
    this.#settings = settings;
    this.#reads = reads;
  }

  /** Begin a run of an agent (`chat`, `todo`, or the id of one's own). It goes on whoever reads it: `follow` does. */
  start(agent: string, run: StartRun, options: StartOptions = {}): Promise<RunView> {
    return this.#begin("POST /api/agents/{agent_id}/invoke", { agent_id: agent }, run, options);
  }

  /** Begin a run that goes on from a final one's partial answer. */
  continue(run: string, options: StartOptions = {}): Promise<RunView> {
    return this.#begin("POST /api/runs/{run_id}/continue", { run_id: run }, undefined, options);
  }

  /** A run's events until it has ended, whatever happens to connections, servers and tokens meanwhile. */
  follow(run: string, options: FollowOptions = {}): AsyncGenerator<RunEvent, void, undefined> {
    const wanted = options.transports;
    const reads = wanted ? wanted.flatMap((name) => this.#reads.filter(([each]) => each === name)) : this.#reads;
    if (!reads.length) throw new TypeError("None of the transports that were asked for exists here.");
    return followRun(run, reads, this.#settings, options);
  }

  get(run: string, asking?: Asking): Promise<RunView> {
    return this.#http.request("GET /api/runs/{run_id}", { path: { run_id: run }, ...asking });
  }

  list(...asked: Given<"GET /api/runs">): Promise<RunList> {
    return this.#http.request("GET /api/runs", ...asked);
  }

  pause(run: string): Promise<RunView> {
    return this.#http.request("POST /api/runs/{run_id}/pause", { path: { run_id: run } });
  }

  resume(run: string): Promise<RunView> {
    return this.#http.request("POST /api/runs/{run_id}/resume", { path: { run_id: run } });
  }

  /** `immediate` closes the provider's connection; `after_turn` lets the answer and its tools finish. */
  cancel(run: string, mode: NonNullable<CancelRun["mode"]> = "immediate"): Promise<RunView> {
    return this.#http.request("POST /api/runs/{run_id}/cancel", { path: { run_id: run }, body: { mode } });
  }

  approve(run: string, approval: string, approve: boolean, reason?: string): Promise<RunView> {
    const body = { approve, ...(reason ? { reason } : {}) };
    return this.#http.request("POST /api/runs/{run_id}/approvals/{approval_id}", {
      path: { run_id: run, approval_id: approval },
      body,
    });
  }

  answer(run: string, input: string, content: string): Promise<RunView> {
    const body = { input_id: input, content };
    return this.#http.request("POST /api/runs/{run_id}/input", { path: { run_id: run }, body });
  }

  async #begin(
    route: "POST /api/agents/{agent_id}/invoke" | "POST /api/runs/{run_id}/continue",
    path: { agent_id: string } | { run_id: string },
    body: StartRun | undefined,
    { signal: outer, idempotencyKey = unique() }: StartOptions,
  ): Promise<RunView> {
    const { signal } = linked(outer);
    const headers = { Prefer: "respond-async", Accept: "application/json", "Idempotency-Key": idempotencyKey };
    for (let tried = 1; ; tried += 1) {
      try {
        const response = await this.#http.send(route, { path, ...(body ? { body } : {}), headers, signal });
        return (await response.json()) as RunView;
      } catch (error) {
        signal.throwIfAborted();
        // A limit is the user's to know about; a server that is away for a moment is not.
        const limited = error instanceof HeadgateError && error.status === 429;
        if (limited || !passes(error) || tried === TRIES) throw error;
        await sleep(
          delay(this.#settings.backoff, tried, error instanceof HeadgateError ? error.retryAfter : 0),
          signal,
        );
      }
    }
  }
}

/** Like `crypto.randomUUID`, which pages over plain HTTP do not have. */
function unique(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
