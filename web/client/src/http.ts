import { HeadgateError, refusal } from "./errors.ts";
import type { Routes } from "./generated/api.ts";

/**
 * An access token, or how to get one. It is asked again with the token that the server refused, so that it can tell
 * whether another request has brought a new one meanwhile.
 */
export type Token = string | ((refused?: string) => string | undefined | Promise<string | undefined>);

export interface Asking {
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

type Asked<R extends keyof Routes> = Omit<Routes[R], "answer"> & Asking;
/** What a route needs, which may be nothing. */
export type Given<R extends keyof Routes> =
  Record<never, never> extends Asked<R> ? [asked?: Asked<R>] : [asked: Asked<R>];

interface Loose extends Asking {
  readonly path?: Record<string, string | number>;
  readonly query?: Record<string, unknown>;
  readonly body?: unknown;
}

export class Http {
  readonly #base: string;
  readonly #token: Token | undefined;
  readonly #fetch: typeof fetch;
  #refreshing: { readonly refused: string; readonly token: Promise<string | undefined> } | undefined;

  constructor(base: string, token: Token | undefined, fetcher: typeof fetch) {
    this.#base = base.replace(/\/+$/, "");
    this.#token = token;
    this.#fetch = fetcher;
  }

  /** Where the WebSocket is. */
  get socket(): string {
    const here = (globalThis as { location?: { href: string } }).location?.href;
    return new URL(`${this.#base}/api/ws`, here).href.replace(/^http/, "ws");
  }

  /** Any number of requests that were refused with the same token ask for a new one once. */
  async token(refused?: string): Promise<string | undefined> {
    if (typeof this.#token !== "function") return this.#token;
    if (refused === undefined) return this.#token();
    if (this.#refreshing?.refused !== refused) {
      this.#refreshing = { refused, token: Promise.resolve(this.#token(refused)) };
    }
    const asked = this.#refreshing;
    try {
      return await asked.token;
    } finally {
      // A refresh that failed is no answer for whoever asks next.
      if (this.#refreshing === asked) this.#refreshing = undefined;
    }
  }

  /** Any route of the API, by its method and path. Throws a `HeadgateError` where it is refused. */
  async request<R extends keyof Routes>(route: R, ...[asked]: Given<R>): Promise<Routes[R]["answer"]> {
    const response = await this.send(route, asked as Loose | undefined);
    const type = response.headers.get("Content-Type") ?? "";
    if (response.status === 204) return undefined as Routes[R]["answer"];
    return (await (/[/+]json\b/.test(type) ? response.json() : response.text())) as Routes[R]["answer"];
  }

  /** The response itself, for what is no JSON. An expired token is renewed once. */
  async send(route: string, { path, query, body, headers, signal }: Loose = {}): Promise<Response> {
    const [method, template = ""] = route.split(" ");
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== undefined && value !== null) search.append(name, String(value));
    }
    const filled = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(path?.[name])));
    const url = `${this.#base}${filled}${search.size ? `?${search}` : ""}`;
    const ask = (token: string | undefined) =>
      this.#fetch.call(globalThis, url, {
        method,
        headers: {
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
          ...(token ? { Authorization: `Bearer ${token}` } : {}),
          ...headers,
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal: signal ?? null,
      });
    const token = await this.token();
    let response = await ask(token);
    if (response.status === 401 && token !== undefined && typeof this.#token === "function") {
      const renewed = await this.token(token);
      if (renewed !== undefined && renewed !== token) response = await ask(renewed);
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }
}

export { HeadgateError };
