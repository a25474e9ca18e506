import type { RunEvent } from "../src/index.ts";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: unknown;
}

type Answer = Response | ((asked: Asked, signal: AbortSignal | null) => Response | Promise<Response>);

/** Answers requests as it was told to, in that order; notes them. */
export class Scripted {
  readonly asked: Asked[] = [];
  readonly #answers: Answer[] = [];
  #always: Answer | undefined;

  queue(...answers: Answer[]): this {
    this.#answers.push(...answers);
    return this;
  }

  always(answer: Answer): this {
    this.#always = answer;
    return this;
  }

  readonly fetch = (async (url: string | URL | Request, init: RequestInit = {}) => {
    const { pathname, search } = new URL(String(url), "http://headgate");
    const body = init.body ? JSON.parse(String(init.body)) : undefined;
    const asked = { method: init.method ?? "GET", path: pathname + search, headers: new Headers(init.headers), body };
    this.asked.push(asked);
    init.signal?.throwIfAborted();
    const answer = this.#answers.shift() ?? this.#always;
    if (!answer) throw new TypeError("fetch failed");
    return typeof answer === "function" ? answer(asked, init.signal ?? null) : answer.clone();
  }) as typeof fetch;
}

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return Response.json(body, { status, headers });
}

export function problem(status: number, code: string, headers: Record<string, string> = {}): Response {
  const body = { type: `urn:problem:${code}`, title: "No", status, detail: `It is ${code}.`, code, retryable: false };
  return Response.json(body, { status, headers: { "Content-Type": "application/problem+json", ...headers } });
}

export function frame({ id, event, data }: RunEvent): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** A stream of these events, which ends, breaks or stays open. */
export function stream(
  events: readonly RunEvent[],
  ending: "ends" | "breaks" | "stays" = "ends",
  pieces?: number,
): Answer {
  return (_, signal) => {
    const bytes = new TextEncoder().encode(events.map(frame).join(""));
    const size = pieces ?? Math.max(1, bytes.length);
    let at = 0;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        signal?.addEventListener("abort", () => {
          if (ending === "stays") controller.error(signal.reason);
        });
      },
      pull(controller) {
        if (at < bytes.length) {
          controller.enqueue(bytes.slice(at, at + size));
          at += size;
        } else if (ending === "ends") controller.close();
        else if (ending === "breaks") controller.error(new TypeError("terminated"));
        else return new Promise(() => undefined);
        return undefined;
      },
    });
    return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
  };
}
