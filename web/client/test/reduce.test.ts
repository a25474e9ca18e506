import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { emptyRun, type RunEvent, type RunSnapshot, reduce } from "../src/index.ts";
import { anyLog, begun, numbered, type Unnumbered, usage } from "./events.ts";

function read(events: readonly RunEvent[], from: RunSnapshot = emptyRun): RunSnapshot {
  return events.reduce(reduce, from);
}

const told = (...events: Unnumbered[]) => read(numbered([begun, ...events]));
const says = (content: string): Unnumbered => ({ event: "message_delta", data: { content } });
const thinks = (content: string): Unnumbered => ({ event: "reasoning_delta", data: { content } });
const calls = (id: string): Unnumbered => ({
  event: "tool_call",
  data: { tool_call_id: id, tool_name: "search", arguments: { q: "milk" } },
});
const results = (id: string): Unnumbered => ({
  event: "tool_result",
  data: { tool_call_id: id, tool_name: "search", output: { found: 1 }, is_error: false },
});

describe("replaying", () => {
  test("makes the same run wherever the reader was cut, whatever it was told twice", () => {
    fc.assert(
      fc.property(anyLog, fc.array(fc.tuple(fc.nat(60), fc.nat(60)), { maxLength: 6 }), (log, cuts) => {
        const whole = read(log);
        let seen = emptyRun;
        for (const [to, back] of cuts) seen = read(log.slice(Math.max(0, seen.lastSeq - back), to), seen);
        expect(read(log, seen)).toEqual(whole);
      }),
    );
  });

  test("changes nothing for an event that is known", () => {
    fc.assert(
      fc.property(anyLog, (log) => {
        const whole = read(log);
        for (const event of log) expect(reduce(whole, event)).toBe(whole);
      }),
    );
  });

  test("leaves what it was given alone", () => {
    fc.assert(
      fc.property(anyLog, (log) => {
        let run = emptyRun;
        for (const event of log) run = reduce(frozen(run), frozen(event));
        expect(run.lastSeq).toBe(log.length);
      }),
    );
  });

  test("keeps text, reasoning and calls in step with the parts", () => {
    fc.assert(
      fc.property(anyLog, (log) => {
        const run = read(log);
        const of = (kind: string) => run.parts.filter((part) => part.kind === kind);
        const text = (kind: string) =>
          of(kind).flatMap((part) => ("content" in part && part.content ? [part.content] : []));
        expect(run.text).toBe(text("text").join("\n\n"));
        expect(run.reasoning).toBe(text("reasoning").join("\n\n"));
        expect(run.toolCalls).toEqual(of("tool"));
      }),
    );
  });
});

describe("a run", () => {
  test("shows what it says in the order in which it does", () => {
    const run = told(
      thinks("Hm"),
      thinks("m."),
      says("Let "),
      says("me see."),
      calls("c1"),
      results("c1"),
      says("Milk."),
    );

    expect(run.parts.map((part) => part.kind)).toEqual(["reasoning", "text", "tool", "text"]);
    expect(run).toMatchObject({ status: "streaming", text: "Let me see.\n\nMilk.", reasoning: "Hmm." });
    expect(run.toolCalls[0]).toMatchObject({ id: "c1", arguments: { q: "milk" }, result: { output: { found: 1 } } });
  });

  test("says one message, whatever it thinks between the words", () => {
    const run = told(thinks("A"), says("One "), thinks("B"), says("message."));
    const whole = read(numbered([{ event: "message", data: { content: "One message.", partial: false } }], 6), run);

    expect(run).toMatchObject({ text: "One message.", reasoning: "AB" });
    expect(whole).toMatchObject({ text: "One message.", parts: [{ kind: "reasoning" }, { kind: "text", done: true }] });
  });

  test("voids what was superseded", () => {
    const first = told(
      says("Let me see."),
      { event: "usage", data: usage },
      calls("c1"),
      results("c1"),
      says("Half an"),
    );

    const again = read(
      numbered([{ event: "superseded", data: { from_seq: 6, attempt: 2, reason: "server_died" } }, says("Whole.")], 7),
      first,
    );

    expect(first.text).toBe("Let me see.\n\nHalf an");
    expect(again).toMatchObject({ text: "Let me see.\n\nWhole.", attempt: 2 });
    expect(again.toolCalls).toHaveLength(1);
  });

  test("waits for all its questions", () => {
    const approval = (id: string, call: string): Unnumbered => ({
      event: "approval_requested",
      data: { approval_id: id, tool_call_id: call, tool_name: "search", arguments: {} },
    });
    const waiting = told(calls("c1"), calls("c2"), approval("a1", "c1"), approval("a2", "c2"));
    const one = read(numbered([results("c1")], 6), waiting);
    const both = read(numbered([results("c2")], 7), one);

    expect(waiting).toMatchObject({ status: "waiting", questions: [{ id: "a1" }, { id: "a2" }] });
    expect(one).toMatchObject({ status: "waiting", questions: [{ id: "a2" }] });
    expect(both).toMatchObject({ status: "streaming", questions: [] });
  });

  test("adds up what its calls cost, to the last digit", () => {
    const run = told(
      { event: "usage", data: { ...usage, cost_usd: "0.1" } },
      { event: "usage", data: { ...usage, cost_usd: "0.25" } },
      { event: "usage", data: { ...usage, cost_usd: "2" } },
    );

    expect(run.usage).toMatchObject({ input_tokens: 30, cost_usd: "2.35" });
  });

  test.each([
    ["completed", { final_message: "All of it.", usage, finish_reason: "stop" }, "completed", "completed"],
    ["cancelled", { partial_message: "Some of it.", usage, upstream_closed: true }, "completed", "cancelled"],
  ] as const)("that is %s says what its end says, where it told nothing before", (event, data, status, outcome) => {
    const run = told({ event, data } as Unnumbered);

    expect(run).toMatchObject({ status, outcome, text: Object.values(data)[0], usage });
  });

  test("that hits a limit says which", () => {
    const data = {
      message: "Ten a minute.",
      kind: "rate",
      current_usage: 10,
      monthly_limit: null,
      remaining_quota: null,
    };
    const run = told({
      event: "rate_limit_exceeded",
      data: { ...data, reset_date: null, retry_after: 7 },
    } as Unnumbered);

    expect(run).toMatchObject({ status: "error", outcome: "limited", error: { kind: "rate", retry_after: 7 } });
  });

  test("whose log is gone is what it said in the end", () => {
    const view = {
      id: "r",
      session_id: "s",
      agent: "chat",
      model: "m",
      attempt: 1,
      state: "failed",
      usage,
      error: { code: "boom" },
    };
    const data = { reason: "log_purged", run: view, text: "Half an ans", next_seq: 9 };
    const run = reduce(emptyRun, { event: "reset", data } as unknown as RunEvent);

    expect(run).toMatchObject({
      text: "Half an ans",
      lastSeq: 8,
      outcome: "failed",
      error: { code: "boom" },
      runId: "r",
    });
  });
});

function frozen<T>(value: T): T {
  if (value && typeof value === "object" && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(frozen);
  }
  return value;
}
