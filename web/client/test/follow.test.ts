import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Connection, emptyRun, HeadgateClient, HeadgateError, type RunEvent, reduce } from "../src/index.ts";
import { begun, numbered, usage } from "./events.ts";
import { json, problem, Scripted, stream } from "./server.ts";

const words = ["Mil", "k 🥛", " is ", "on the", " list."];
const log = numbered([
  begun,
  ...words.map((content) => ({ event: "message_delta" as const, data: { content } })),
  { event: "completed", data: { final_message: words.join(""), usage, finish_reason: "stop" } },
]);
const run = {
  id: "r",
  session_id: "s",
  agent: "chat",
  model: "m",
  attempt: 1,
  last_seq: log.length,
  usage,
  error: null,
};

function clientOf(server: Scripted, options: Partial<ConstructorParameters<typeof HeadgateClient>[0]> = {}) {
  const backoff = { base: 1, cap: 2 };
  return new HeadgateClient({
    baseUrl: "http://headgate",
    token: "t",
    fetch: server.fetch,
    backoff,
    silence: 200,
    ...options,
  });
}

async function all(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const read: RunEvent[] = [];
  for await (const event of events) read.push(event);
  return read;
}

describe("follow", () => {
  test("reads a run to its end, whatever the pieces it comes in", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 60 }), async (pieces) => {
        const server = new Scripted().queue(stream(log, "stays", pieces));
        expect(await all(clientOf(server).runs.follow("r"))).toEqual(log);
      }),
      { numRuns: 15 },
    );
  });

  test("comes back after the last id it has, however the connection ended", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(log.length), fc.constantFrom("ends" as const, "breaks" as const)), { maxLength: 8 }),
        async (cuts) => {
          const server = new Scripted();
          let known = 0;
          const expected: number[] = [];
          for (const [upTo, ending] of cuts) {
            // The server repeats what is known, too.
            server.queue(stream(log.slice(Math.max(0, known - 2), Math.min(upTo, log.length - 1)), ending));
            expected.push(known);
            known = Math.max(known, Math.min(upTo, log.length - 1));
          }
          server.queue(stream(log.slice(known), "stays"));
          expected.push(known);

          expect(await all(clientOf(server).runs.follow("r", { transports: ["stream"] }))).toEqual(log);

          expect(server.asked.map(({ headers }) => Number(headers.get("Last-Event-ID")))).toEqual(expected);
        },
      ),
      { numRuns: 30 },
    );
  });

  test("unpacks batches", async () => {
    const batch = { id: log.length, event: "batch", data: log } as unknown as RunEvent;
    expect(await all(clientOf(new Scripted().queue(stream([batch]))).runs.follow("r"))).toEqual(log);
  });

  test("asks again rather than pass over a gap", async () => {
    const server = new Scripted().queue(stream([...log.slice(0, 2), ...log.slice(3)]), stream(log.slice(2)));
    expect(await all(clientOf(server).runs.follow("r"))).toEqual(log);
  });

  test("gives up a connection that has fallen silent", async () => {
    const server = new Scripted().queue(stream(log.slice(0, 3), "stays"), stream(log.slice(3)));
    const states: Connection["state"][] = [];

    const read = await all(clientOf(server).runs.follow("r", { onConnection: ({ state }) => states.push(state) }));

    expect(read).toEqual(log);
    expect(states).toEqual(["connecting", "open", "reconnecting", "open"]);
  });

  test("takes a comment for a sign of life", async () => {
    const beats = new ReadableStream<Uint8Array>({
      async start(controller) {
        for (let n = 0; n < 6; n += 1) {
          controller.enqueue(new TextEncoder().encode(": ping\n\n"));
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        controller.close();
      },
    });
    const server = new Scripted().queue(new Response(beats), stream(log));
    const waits: unknown[] = [];

    await all(
      clientOf(server).runs.follow("r", {
        onConnection: (it) => it.state === "reconnecting" && waits.push(String(it.error)),
      }),
    );

    expect(waits).toEqual(["Broken: The stream ended before the run."]);
  });

  test("renews a token that expired in mid-run, once for all who need it", async () => {
    const answers = (asked: { headers: Headers }) => asked.headers.get("Authorization") === "Bearer new";
    const server = new Scripted().always((asked, signal) =>
      answers(asked)
        ? (stream(log) as (a: unknown, s: unknown) => Response)(asked, signal)
        : problem(401, "token_expired"),
    );
    const refused: (string | undefined)[] = [];
    let current = "old";
    const client = clientOf(server, {
      token: async (old) => {
        if (old) {
          refused.push(old);
          await Promise.resolve();
          current = "new";
        }
        return current;
      },
    });

    const read = await Promise.all([all(client.runs.follow("r")), all(client.runs.follow("r"))]);

    expect(read).toEqual([log, log]);
    expect(refused).toEqual(["old"]);
  });

  test("says that the login is over when no token helps", async () => {
    const server = new Scripted().always(problem(401, "token_revoked"));
    const failed = all(clientOf(server, { token: () => "same" }).runs.follow("r"));
    await expect(failed).rejects.toMatchObject({ name: "HeadgateError", status: 401, code: "token_revoked" });
  });

  test.each([
    ["seconds", () => "1"],
    // Dates have no fractions of a second.
    ["a date", () => new Date(Date.now() + 1600).toUTCString()],
  ])("waits as long as it is told to, in %s", async (_, after) => {
    const server = new Scripted().queue(problem(503, "overloaded", { "Retry-After": after() }), stream(log));
    let wait = 0;
    const begin = Date.now();

    await all(
      clientOf(server).runs.follow("r", {
        onConnection: (it) => {
          if (it.state === "reconnecting") wait = it.wait;
        },
      }),
    );

    expect(wait).toBeGreaterThan(400);
    expect(Date.now() - begin).toBeGreaterThanOrEqual(Math.floor(wait) - 5);
  });

  test("ends where a limit ended the run", async () => {
    const data = {
      message: "No more.",
      kind: "tokens",
      current_usage: 1,
      monthly_limit: 1,
      remaining_quota: 0,
      reset_date: null,
      retry_after: null,
    };
    const limited = numbered([begun, { event: "rate_limit_exceeded", data } as never]);

    const read = await all(clientOf(new Scripted().queue(stream(limited, "stays"))).runs.follow("r"));

    expect(read.reduce(reduce, emptyRun)).toMatchObject({
      status: "error",
      outcome: "limited",
      error: { kind: "tokens" },
    });
  });

  test("does not come back for what coming back does not change", async () => {
    const server = new Scripted().always(problem(404, "run_not_found"));
    await expect(all(clientOf(server).runs.follow("r"))).rejects.toBeInstanceOf(HeadgateError);
    expect(server.asked).toHaveLength(1);
  });

  test("waits for the history where it is wanted", async () => {
    const history: RunEvent = { event: "history", data: [] };
    const server = () => clientOf(new Scripted().queue(stream([...log, history], "stays")));

    expect(await all(server().runs.follow("r", { history: true }))).toEqual([...log, history]);
    expect(await all(server().runs.follow("r"))).toEqual(log);
  });

  test("begins again where its cursor was beyond the log's end", async () => {
    const reset = {
      event: "reset",
      data: { reason: "cursor_ahead", run, text: "", next_seq: 1 },
    } as unknown as RunEvent;
    const read = await all(clientOf(new Scripted().queue(stream([reset, ...log]))).runs.follow("r", { after: 99 }));
    expect(read).toEqual([reset, ...log]);
  });

  test("ends where nothing is left", async () => {
    const server = new Scripted().queue(new Response(null, { status: 204 }));
    expect(await all(clientOf(server).runs.follow("r", { after: log.length }))).toEqual([]);
  });

  test("is aborted, also while it waits", async () => {
    for (const answer of [stream(log.slice(0, 2), "stays"), problem(503, "overloaded", { "Retry-After": "60" })]) {
      const stop = new AbortController();
      const onConnection = ({ state }: Connection) => {
        if (state !== "connecting") setTimeout(() => stop.abort(), 20);
      };
      const following = all(
        clientOf(new Scripted().queue(answer)).runs.follow("r", { signal: stop.signal, onConnection }),
      );
      await expect(following).rejects.toMatchObject({ name: "AbortError" });
    }
  });

  test("hangs up when its reader has had enough", async () => {
    let hungUp = false;
    const server = new Scripted().queue((asked, signal) => {
      signal?.addEventListener("abort", () => (hungUp = true));
      return (stream(log, "stays") as (a: unknown, s: unknown) => Response)(asked, signal);
    });
    for await (const event of clientOf(server).runs.follow("r")) if (event.id === 2) break;
    expect(hungUp).toBe(true);
  });

  test("does without streams where the server streams to nobody", async () => {
    const server = new Scripted().queue(
      problem(403, "streaming_disabled"),
      json({ ...run, state: "completed", final_message: "All of it." }),
    );
    const read = await all(clientOf(server).runs.follow("r", { transports: ["stream", "poll"] }));
    expect(read.reduce(reduce, emptyRun)).toMatchObject({ status: "completed", text: "All of it." });
  });

  test("streams again as soon as the server is back", async () => {
    const down = () => Promise.reject(new TypeError("fetch failed"));
    const server = new Scripted().queue(stream(log.slice(0, 2), "breaks"), down, down, down, down);
    server.queue(json({ ...run, state: "running" }), stream(log.slice(2)));
    const begin = Date.now();

    expect(await all(clientOf(server).runs.follow("r", { transports: ["stream", "poll"] }))).toEqual(log);

    expect(Date.now() - begin).toBeLessThan(1000);
  });

  test("does without streams where none gets through", async () => {
    const view = json({ ...run, state: "completed", final_message: "All of it." });
    const server = new Scripted().always((asked, signal) =>
      asked.path.endsWith("/events")
        ? (stream([], "stays") as (a: unknown, s: unknown) => Response)(asked, signal)
        : view.clone(),
    );
    const read = await all(clientOf(server, { silence: 20 }).runs.follow("r", { transports: ["stream", "poll"] }));
    expect(read.reduce(reduce, emptyRun).text).toBe("All of it.");
  });
});

describe("start", () => {
  test("begins one run however often it has to be said", async () => {
    const server = new Scripted().queue(
      () => Promise.reject(new TypeError("fetch failed")),
      problem(503, "overloaded", { "Retry-After": "0" }),
      json({ ...run, state: "running" }, 202),
    );

    const started = await clientOf(server).runs.start("chat", { messages: [{ role: "user", content: "Hello" }] });

    expect(started.id).toBe("r");
    expect(new Set(server.asked.map(({ headers }) => headers.get("Idempotency-Key"))).size).toBe(1);
    expect(server.asked[0]).toMatchObject({
      path: "/api/agents/chat/invoke",
      body: { messages: [{ content: "Hello" }] },
    });
  });

  test("tells of a limit at once, and how long to wait", async () => {
    const server = new Scripted().queue(problem(429, "rate_limit_exceeded", { "Retry-After": "7" }));
    const refused = clientOf(server).runs.start("chat", { messages: [{ role: "user", content: "Hello" }] });
    await expect(refused).rejects.toMatchObject({ code: "rate_limit_exceeded", retryAfter: 7000, retryable: false });
    expect(server.asked).toHaveLength(1);
  });
});

test("request fills in path, query and body", async () => {
  const server = new Scripted().always(json({ items: [] }));
  const client = clientOf(server);

  await client.request("PATCH /api/todos/{todo_id}", { path: { todo_id: "a/b" }, body: { item: "Milk" } });
  await client.todos.list({ query: { q: "a&b", tag: null, limit: 5 } });

  expect(server.asked.map(({ method, path, body }) => [method, path, body])).toEqual([
    ["PATCH", "/api/todos/a%2Fb", { item: "Milk" }],
    ["GET", "/api/todos?q=a%26b&limit=5", undefined],
  ]);
});
