// @vitest-environment jsdom
import { act, cleanup, render, renderHook, waitFor } from "@testing-library/react";
import { type ReactNode, StrictMode } from "react";
import { afterEach, describe, expect, test, vi } from "vitest";
import { HeadgateClient } from "../src/index.ts";
import { forget, HeadgateProvider, useRun, useSession } from "../src/react/index.ts";
import { begun, numbered, usage } from "./events.ts";
import { type Asked, json, problem, Scripted } from "./server.ts";
import { fakeSockets, type Peer } from "./sockets.ts";

const log = numbered([
  begun,
  { event: "reasoning_delta", data: { content: "Hm." } },
  { event: "message_delta", data: { content: "Milk" } },
  { event: "message_delta", data: { content: "." } },
  { event: "completed", data: { final_message: "Milk.", usage, finish_reason: "stop" } },
]);
const view = {
  id: "r1",
  session_id: "s",
  agent: "chat",
  model: "m",
  attempt: 1,
  last_seq: 0,
  state: "running",
  input: "Hello",
  replaces: null,
  secret_id: null,
};

/** A server with one session: what is started there tells the first `upTo` events of the log. */
function house({ upTo = log.length, base = 1, history = [] as unknown[], active = [] as unknown[] } = {}) {
  const state = { upTo, history, active, refuse: undefined as Response | undefined, runs: 0, peers: [] as Peer[] };
  const server = new Scripted().always((asked: Asked) => {
    if (asked.path.includes("/invoke")) {
      if (state.refuse) return state.refuse.clone();
      state.runs += 1;
      return json({ ...view, id: `r${state.runs}` }, 202);
    }
    if (asked.path.includes("/history")) return json({ items: state.history, total: state.history.length });
    if (asked.path.startsWith("/api/runs?")) return json({ items: state.active, total: 0 });
    return json({ ...view, id: asked.path.split("/")[3] });
  });
  const { peers, WebSocket } = fakeSockets(({ op, ref, run_id, after = 0 }, peer) => {
    peer.say({ ref, ok: op === "follow" ? view : true });
    if (op === "follow") for (const event of log.slice(after, state.upTo)) peer.say({ run_id, ...event });
  });
  state.peers = peers;
  const client = new HeadgateClient({
    baseUrl: "http://headgate",
    token: "t",
    fetch: server.fetch,
    WebSocket,
    backoff: { base, cap: 1000 },
  });
  const wrapper = ({ children }: { children: ReactNode }) => (
    <StrictMode>
      <HeadgateProvider client={client}>{children}</HeadgateProvider>
    </StrictMode>
  );
  return {
    state,
    client,
    server,
    wrapper,
    asked: (part: string) => server.asked.filter(({ path, method }) => `${method} ${path}`.includes(part)),
  };
}

function Shown({ run }: { run: string }) {
  return <p>{useRun(run).text}</p>;
}

afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});

describe("useRun", () => {
  test("tells a run to its end", async () => {
    const { wrapper } = house();
    const { result } = renderHook(() => useRun("r1"), { wrapper });

    expect(result.current.status).toBe("connecting");
    await waitFor(() => expect(result.current.status).toBe("completed"));

    expect(result.current).toMatchObject({ text: "Milk.", reasoning: "Hm.", usage, outcome: "completed" });
  });

  test("shows a finished run at once when one comes back to it", async () => {
    const { wrapper, state } = house();
    const first = renderHook(() => useRun("r1"), { wrapper });
    await waitFor(() => expect(first.result.current.status).toBe("completed"));
    first.unmount();

    const texts: string[] = [];
    renderHook(() => texts.push(useRun("r1").text), { wrapper });

    expect(new Set(texts)).toEqual(new Set(["Milk."]));
    expect(state.peers.flatMap(({ heard }) => heard.filter(({ op }) => op === "follow"))).toHaveLength(1);
  });

  test("is one connection for all who look, and for all runs", async () => {
    const { wrapper, state } = house();
    const tab = (name: string, runs: string[]) => runs.map((run) => <Shown key={name + run} run={run} />);

    const { container } = render([...tab("a", ["r1", "r2", "r3"]), ...tab("b", ["r1"])], { wrapper });

    await waitFor(() => expect(container.textContent).toBe("Milk.".repeat(4)));
    expect(state.peers).toHaveLength(1);
    expect(state.peers[0]?.heard.filter(({ op }) => op === "follow")).toHaveLength(3);
  });

  test("says when it reconnects, and keeps what it shows", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    const { wrapper, state } = house({ upTo: 3, base: 500 });
    const { result } = renderHook(() => useRun("r1"), { wrapper });
    await waitFor(() => expect(result.current.text).toBe("Milk"));

    state.upTo = log.length;
    act(() => state.peers[0]?.close(1012));
    await waitFor(() => expect(result.current).toMatchObject({ status: "reconnecting", text: "Milk" }));

    await waitFor(() => expect(result.current).toMatchObject({ status: "completed", text: "Milk." }));
  });

  test("begins a run, steers it and repeats it", async () => {
    const { wrapper, asked, state } = house({ upTo: 3 });
    const { result } = renderHook(() => useRun(), { wrapper });
    expect(result.current.status).toBe("idle");

    await act(() => result.current.send("Hello", { agent: "todo" }));
    await waitFor(() => expect(result.current.status).toBe("streaming"));
    await act(() => result.current.pause());
    await act(() => result.current.resume());
    await act(() => result.current.stop("after_turn"));
    state.upTo = log.length;
    await act(() => result.current.retry());
    await waitFor(() => expect(result.current.status).toBe("completed"));

    expect(asked("POST").map(({ path, body }) => [path, body])).toMatchObject([
      ["/api/agents/todo/invoke", { messages: [{ role: "user", content: "Hello" }] }],
      ["/api/runs/r1/pause", undefined],
      ["/api/runs/r1/resume", undefined],
      ["/api/runs/r1/cancel", { mode: "after_turn" }],
      ["/api/agents/todo/invoke", { replaces: "r1", session_id: "s" }],
    ]);
  });

  test("says why a start was refused, and lets the same be sent again", async () => {
    const { wrapper, state } = house();
    const { result } = renderHook(() => useRun(), { wrapper });
    state.refuse = problem(429, "rate_limit_exceeded", { "Retry-After": "7" });

    await act(() => expect(result.current.send("Hello")).rejects.toMatchObject({ status: 429 }));
    expect(result.current).toMatchObject({ status: "error", error: { code: "rate_limit_exceeded", retry_after: 7 } });
    state.refuse = undefined;
    await act(() => result.current.retry());

    await waitFor(() => expect(result.current).toMatchObject({ status: "completed", error: null }));
  });
});

describe("what a page sees happen", () => {
  const work = numbered([
    begun,
    { event: "tool_call", data: { tool_call_id: "c1", tool_name: "buy", arguments: {} } },
    { event: "tool_result", data: { tool_call_id: "c1", tool_name: "buy", output: "Milk", is_error: false } },
    { event: "message_delta", data: { content: "Bought." } },
    { event: "completed", data: { final_message: "Bought.", usage, finish_reason: "stop" } },
  ]);

  function working(past: number, upTo = work.length) {
    const server = new Scripted().always(json(view));
    const { WebSocket } = fakeSockets(({ op, ref }, peer) => {
      peer.say({ ref, ok: op === "follow" ? { ...view, last_seq: past } : true });
      if (op === "follow") for (const event of work.slice(0, upTo)) peer.say({ run_id: "r1", ...event });
    });
    const client = new HeadgateClient({ baseUrl: "http://headgate", token: "t", fetch: server.fetch, WebSocket });
    const wrapper = ({ children }: { children: ReactNode }) => (
      <HeadgateProvider client={client}>{children}</HeadgateProvider>
    );
    return { server, wrapper };
  }

  test("has its times", async () => {
    const { result } = renderHook(() => useRun("r1"), working(0));
    await waitFor(() => expect(result.current.outcome).toBe("completed"));

    const time = expect.any(Number);
    expect(result.current.seen).toEqual({
      began: time,
      spoke: time,
      ended: time,
      tools: { c1: { called: time, returned: time } },
    });
  });

  test("is not what it reads from the log later", async () => {
    const { result } = renderHook(() => useRun("r1"), working(3));
    await waitFor(() => expect(result.current.outcome).toBe("completed"));

    expect(result.current.toolCalls).toMatchObject([{ id: "c1", result: { output: "Milk" } }]);
    expect(result.current.seen).toMatchObject({ began: null, tools: {}, spoke: expect.any(Number) });
  });

  test("is stopped as soon as its user says so, unless the server does not", async () => {
    const { wrapper, server } = working(0, 3);
    const told: boolean[] = [];
    const shown = renderHook(
      () => {
        const run = useRun("r1");
        told.push(run.stopping);
        return run;
      },
      { wrapper },
    );
    await waitFor(() => expect(shown.result.current.status).toBe("streaming"));
    server.queue(problem(403, "forbidden"));

    await act(() => expect(shown.result.current.stop()).rejects.toMatchObject({ code: "forbidden" }));
    expect(told.filter((each, index) => each !== told[index - 1])).toEqual([false, true, false]);
    await act(() => shown.result.current.stop());

    expect(shown.result.current).toMatchObject({ stopping: true, outcome: null });
  });

  test("is all of a run that it has begun", async () => {
    const { result } = renderHook(() => useRun(), working(3));

    await act(async () => void (await result.current.send("Milk")));
    await waitFor(() => expect(result.current.outcome).toBe("completed"));

    expect(result.current.seen).toMatchObject({ began: expect.any(Number), tools: { c1: expect.anything() } });
  });

  test("is forgotten when somebody else signs in", async () => {
    const { state, wrapper, client } = house();
    const first = renderHook(() => useRun("r1"), { wrapper });
    await waitFor(() => expect(first.result.current.text).toBe("Milk."));
    first.unmount();
    state.upTo = 2;

    forget(client);

    expect(renderHook(() => useRun("r1"), { wrapper }).result.current.text).toBe("");
  });
});

describe("useSession", () => {
  const said = (run: string, role: string, content: string) => ({ role, content, seq: 1, created_at: "", run_id: run });

  test("shows the history, then what is sent and answered", async () => {
    const { wrapper } = house({ history: [said("r0", "user", "Hi"), said("r0", "assistant", "Hello.")] });
    const { result } = renderHook(() => useSession("s"), { wrapper });
    await waitFor(() => expect(result.current.loaded).toBe(true));
    expect(result.current).toMatchObject({ status: "idle", run: null });

    await act(() => result.current.send("Buy?"));
    await waitFor(() => expect(result.current.status).toBe("completed"));
    expect(result.current).toMatchObject({ input: "Buy?", text: "Milk.", run: "r1" });
    await act(() => result.current.send("And?"));

    expect(result.current.history.map(({ content }) => content)).toEqual(["Hi", "Hello.", "Buy?", "Milk."]);
    await waitFor(() => expect(result.current).toMatchObject({ status: "completed", run: "r2", input: "And?" }));
  });

  test("goes on with a run that another tab began", async () => {
    const { wrapper } = house({ active: [{ ...view, id: "r9" }] });
    const { result } = renderHook(() => useSession("s"), { wrapper });
    await waitFor(() =>
      expect(result.current).toMatchObject({ status: "completed", run: "r9", input: "Hello", text: "Milk." }),
    );
  });

  test("hears of a run that another tab begins", async () => {
    const { wrapper, state } = house();
    const { result } = renderHook(() => useSession("s"), { wrapper });
    await waitFor(() => expect(result.current.loaded).toBe(true));

    state.active = [{ ...view, id: "r9" }];
    const other = new BroadcastChannel("headgate");
    other.postMessage({ session: "s" });

    await waitFor(() => expect(result.current).toMatchObject({ run: "r9", text: "Milk." }));
    other.close();
  });

  test("shows a run that the user's other clients begin", async () => {
    const { wrapper, state } = house();
    const { result } = renderHook(() => useSession("s"), { wrapper });
    await waitFor(() => expect(result.current.loaded).toBe(true));

    state.active = [{ ...view, id: "r9" }];
    const notice = { kind: "run_started", detail: "", run_id: "r9", session_id: "s", agent: "chat" };
    await waitFor(() => {
      state.peers[0]?.say({ notice }); // again, until the page has said who it is
      expect(result.current).toMatchObject({ run: "r9", text: "Milk." });
    });
  });

  test("repeats and edits from where the conversation branches off", async () => {
    const history = [said("r0", "user", "Hi"), said("r0", "assistant", "Hello."), said("r8", "user", "Buy?")];
    const { wrapper, asked } = house({ history });
    const { result } = renderHook(() => useSession("s"), { wrapper });
    await waitFor(() => expect(result.current.loaded).toBe(true));

    await act(() => result.current.retry("r8"));
    expect(result.current.history.map(({ content }) => content)).toEqual(["Hi", "Hello."]);
    await act(() => result.current.edit("r0", "Hey"));

    expect(result.current).toMatchObject({ history: [], input: "Hey" });
    expect(asked("invoke").map(({ body }) => body)).toMatchObject([
      { replaces: "r8", messages: [{ content: "Buy?" }] },
      { replaces: "r0", messages: [{ content: "Hey" }] },
    ]);
  });

  test("keeps the conversation when a start is refused", async () => {
    const { wrapper, state } = house({ history: [said("r0", "user", "Hi")] });
    const { result } = renderHook(() => useSession("s"), { wrapper });
    await waitFor(() => expect(result.current.loaded).toBe(true));
    state.refuse = problem(422, "content_too_long");

    await act(() => expect(result.current.send("Long")).rejects.toMatchObject({ code: "content_too_long" }));

    expect(result.current).toMatchObject({
      status: "error",
      error: { code: "content_too_long" },
      history: [{ content: "Hi" }],
    });
  });

  test("is empty where nothing was said yet", async () => {
    const { wrapper, server } = house();
    server.queue(
      json({ items: [] }),
      problem(404, "session_not_found"),
      json({ items: [] }),
      problem(404, "session_not_found"),
    );
    const { result } = renderHook(() => useSession("new"), { wrapper });
    await waitFor(() =>
      expect(result.current).toMatchObject({ loaded: true, history: [], status: "idle", error: null }),
    );
  });
});
