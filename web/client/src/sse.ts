import { createParser } from "eventsource-parser";
import { Broken } from "./errors.ts";
import type { RunEvent } from "./generated/events.ts";
import type { Http } from "./http.ts";
import type { Reading } from "./transport.ts";
import { linked } from "./waiting.ts";

/** A run's events over `fetch`. Returns where the server has nothing more to tell; throws `Broken` where it just ended. */
export async function* overFetch(
  http: Http,
  { run, after, signal, silence, opened }: Reading,
): AsyncGenerator<RunEvent> {
  const connection = linked(signal);
  let quiet: ReturnType<typeof setTimeout> | undefined;
  // Also comments count: a server that is there sends one when it has nothing to say.
  const heard = () => {
    clearTimeout(quiet);
    quiet = setTimeout(() => connection.abort(new Broken("The connection fell silent.")), silence);
  };
  const ready: RunEvent[] = [];
  const parser = createParser({ onEvent: ({ id, event, data }) => ready.push(...decode(id, event, data)) });
  try {
    heard();
    const response = await http.send("GET /api/runs/{run_id}/events", {
      path: { run_id: run },
      headers: { Accept: "text/event-stream", ...(after ? { "Last-Event-ID": String(after) } : {}) },
      signal: connection.signal,
    });
    if (response.status === 204 || !response.body) return;
    opened();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      heard();
      const { done, value } = await reader.read();
      if (done) break;
      parser.feed(value);
      yield* ready.splice(0);
    }
    throw new Broken("The stream ended before the run.");
  } finally {
    clearTimeout(quiet);
    connection.abort();
  }
}

function decode(id: string | undefined, event: string | undefined, data: string): RunEvent[] {
  const value: unknown = JSON.parse(data);
  if (event === "batch") return value as RunEvent[];
  return [{ ...(id === undefined ? {} : { id: Number(id) }), event, data: value } as RunEvent];
}
