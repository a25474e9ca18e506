import type { FollowSettings } from "./follow.ts";
import type * as api from "./generated/api.ts";
import { type Given, Http, type Token } from "./http.ts";
import { listen } from "./notices.ts";
import { byPolling } from "./poll.ts";
import { Runs } from "./runs.ts";
import { SharedSocket } from "./socket.ts";
import { overFetch } from "./sse.ts";
import type { Read, Transport } from "./transport.ts";

export interface ClientOptions {
  /** Where Headgate is, without `/api`; empty for the page's own server. */
  readonly baseUrl?: string;
  /** An access token, or a function that brings one: it gets the token that was refused, if one was. */
  readonly token?: Token;
  /** A connection that gave no sign of life for so many milliseconds is given up. The server's heartbeat is 10 s. */
  readonly silence?: number;
  /** The bounds of the waits between connections, in milliseconds. */
  readonly backoff?: FollowSettings["backoff"];
  readonly fetch?: typeof fetch;
  /** For where there is none, such as Node 20. Without one, runs are never followed over a socket. */
  readonly WebSocket?: typeof WebSocket;
}

/** Headgate, as one user. */
export class HeadgateClient {
  readonly runs: Runs;
  readonly #http: Http;
  readonly #settings: FollowSettings;
  readonly #socket: SharedSocket | undefined;

  constructor(options: ClientOptions = {}) {
    const http = new Http(options.baseUrl ?? "", options.token, options.fetch ?? globalThis.fetch);
    const WebSocket = options.WebSocket ?? globalThis.WebSocket;
    const socket = WebSocket && new SharedSocket(http, WebSocket);
    const reads: [Transport, Read][] = [["stream", (reading) => overFetch(http, reading)]];
    if (socket) reads.push(["socket", (reading) => socket.read(reading)]);
    reads.push(["poll", (reading) => byPolling(http, reading)]);
    const settings = {
      backoff: options.backoff ?? { base: 250, cap: 10_000 },
      silence: options.silence ?? 25_000,
      tries: 3,
    };
    this.#http = http;
    this.#settings = settings;
    this.#socket = socket;
    this.runs = new Runs(http, settings, reads);
  }

  /** Any route of the API, typed: `request("PATCH /api/me", { body: { name } })`. */
  request<R extends keyof api.Routes>(route: R, ...asked: Given<R>): Promise<api.Routes[R]["answer"]> {
    return this.#http.request(route, ...asked);
  }

  /** The same as a `Response`, for files. */
  download<R extends keyof api.Routes>(route: R, ...asked: Given<R>): Promise<Response> {
    return this.#http.send(
      route,
      ...(asked as Parameters<Http["send"]> extends [string, ...infer Rest] ? Rest : never),
    );
  }

  readonly sessions = {
    list: (...asked: Given<"GET /api/sessions">) => this.request("GET /api/sessions", ...asked),
    get: (id: string) => this.request("GET /api/sessions/{session_id}", { path: { session_id: id } }),
    history: (id: string, query?: { limit?: number; offset?: number }) =>
      this.request("GET /api/sessions/{session_id}/history", { path: { session_id: id }, ...(query && { query }) }),
    export: (id: string, format: "json" | "markdown" = "json") =>
      this.download("GET /api/sessions/{session_id}/export", { path: { session_id: id }, query: { format } }),
    delete: (id: string) => this.request("DELETE /api/sessions/{session_id}", { path: { session_id: id } }),
  };

  readonly todos = {
    list: (...asked: Given<"GET /api/todos">) => this.request("GET /api/todos", ...asked),
    get: (id: string) => this.request("GET /api/todos/{todo_id}", { path: { todo_id: id } }),
    create: (body: api.NewTodo) => this.request("POST /api/todos", { body }),
    update: (id: string, body: api.TodoChanges) =>
      this.request("PATCH /api/todos/{todo_id}", { path: { todo_id: id }, body }),
    delete: (id: string) => this.request("DELETE /api/todos/{todo_id}", { path: { todo_id: id } }),
  };

  readonly secrets = {
    list: (...asked: Given<"GET /api/secrets">) => this.request("GET /api/secrets", ...asked),
    get: (id: string) => this.request("GET /api/secrets/{secret_id}", { path: { secret_id: id } }),
    create: (body: api.NewSecret) => this.request("POST /api/secrets", { body }),
    update: (id: string, body: api.PatchSecret) =>
      this.request("PATCH /api/secrets/{secret_id}", { path: { secret_id: id }, body }),
    rotate: (id: string, body: api.RotateSecret) =>
      this.request("POST /api/secrets/{secret_id}/rotate", { path: { secret_id: id }, body }),
    verify: (body: api.VerifySecret) => this.request("POST /api/secrets/verify", { body }),
    delete: (id: string) => this.request("DELETE /api/secrets/{secret_id}", { path: { secret_id: id } }),
  };

  readonly usage = {
    get: () => this.request("GET /api/usage"),
    history: (...asked: Given<"GET /api/usage/history">) => this.request("GET /api/usage/history", ...asked),
  };

  /**
   * Calls `heard` with what concerns the user: runs that any of their clients begins and that end, keys that end soon;
   * until what this returns is called. Notices are not kept: look for yourself when a connection is there again
   * (`onConnection(true)`), and now and then as long as there is none.
   */
  notices(heard: (notice: api.Notice) => void, onConnection?: (connected: boolean) => void): () => void {
    const stop = new AbortController();
    if (this.#socket) void listen(this.#socket, this.#settings, heard, onConnection, stop.signal);
    return () => stop.abort();
  }

  /** Give the shared socket back at once; it goes by itself when nobody follows or listens any more. */
  close(): void {
    this.#socket?.close();
  }
}
