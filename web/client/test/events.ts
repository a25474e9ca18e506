import fc from "fast-check";
import type { RunEvent, StoredRunEvent, Usage } from "../src/index.ts";

/** An event without its number. */
export type Unnumbered = StoredRunEvent extends infer Each
  ? Each extends StoredRunEvent
    ? Omit<Each, "id">
    : never
  : never;

export function numbered(events: readonly Unnumbered[], from = 1): RunEvent[] {
  return events.map((event, at) => ({ id: from + at, ...event }) as RunEvent);
}

export const usage: Required<Usage> = {
  input_tokens: 10,
  output_tokens: 5,
  reasoning_tokens: 0,
  cached_tokens: 0,
  cost_usd: "0.001",
  source: "provider",
};

export const begun: Unnumbered = {
  event: "session_initialized",
  data: { session_id: "s", run_id: "r", agent: "chat", model: "demo/todo", attempt: 1 },
};

const words = fc.string({ unit: "grapheme", maxLength: 12 });
const call = fc.constantFrom("call_1", "call_2", "call_3");
const cost = fc.option(
  fc.nat(10_000).map((n) => (n / 1000).toString()),
  { nil: null },
);

const arbitraries: {
  [Name in StoredRunEvent["event"]]: fc.Arbitrary<Extract<StoredRunEvent, { event: Name }>["data"]>;
} = {
  session_initialized: fc.constant({ session_id: "s", run_id: "r", agent: "chat", model: "demo/todo", attempt: 1 }),
  agent_updated: fc.record({ name: fc.constantFrom("chat", "todo") }),
  message_delta: fc.record({ content: words }),
  reasoning_delta: fc.record({ content: words }),
  message: fc.record({ content: words, partial: fc.boolean() }),
  tool_call: fc.record({ tool_call_id: call, tool_name: fc.constant("search"), arguments: fc.constant({ q: 1 }) }),
  tool_result: fc.record({
    tool_call_id: call,
    tool_name: fc.constant("search"),
    output: fc.json(),
    is_error: fc.boolean(),
  }),
  artifact: fc.record({
    artifact_id: fc.constantFrom("a", "b"),
    name: words,
    parts: fc.constant([{ text: "x" }]),
    append: fc.boolean(),
    last: fc.boolean(),
  }),
  approval_requested: fc.record({
    approval_id: words,
    tool_call_id: call,
    tool_name: words,
    arguments: fc.constant({}),
  }),
  input_requested: fc.record({ input_id: words, prompt: words }),
  usage: fc.record({
    input_tokens: fc.nat(1000),
    output_tokens: fc.nat(1000),
    reasoning_tokens: fc.nat(10),
    cached_tokens: fc.nat(10),
    cost_usd: cost,
    source: fc.constantFrom("provider" as const, "estimated" as const),
  }),
  retrying: fc.record({ reason: words, try: fc.nat(3), delay_ms: fc.nat(), model: words }),
  superseded: fc.record({ from_seq: fc.integer({ min: 1, max: 40 }), attempt: fc.nat(9), reason: words }),
  paused: fc.record({ reason: words }),
  resumed: fc.record({ reason: words }),
  completed: fc.record({ final_message: words, usage: fc.constant(usage), finish_reason: fc.constant("stop") }),
  cancelled: fc.record({ partial_message: words, usage: fc.constant(usage), upstream_closed: fc.boolean() }),
  error: fc.record({
    type: words,
    title: words,
    status: fc.constant(502),
    detail: words,
    code: words,
    request_id: fc.constant(null),
    retryable: fc.boolean(),
    message: words,
    partial_message: words,
  }),
  rate_limit_exceeded: fc.record({
    message: words,
    kind: fc.constantFrom("rate" as const, "tokens" as const),
    current_usage: fc.constant(1),
    monthly_limit: fc.constant(1),
    remaining_quota: fc.constant(0),
    reset_date: fc.constant(null),
    retry_after: fc.option(fc.nat(60), { nil: null }),
  }),
};

/** Any event of a log, of every kind there is. */
export const anyEvent = fc.oneof(
  ...Object.entries(arbitraries).map(([event, data]) =>
    (data as fc.Arbitrary<unknown>).map((each) => ({ event, data: each })),
  ),
) as fc.Arbitrary<Unnumbered>;

/** A whole log: sound or not, no reader may fall over it. */
export const anyLog = fc.array(anyEvent, { maxLength: 60 }).map((events) => numbered([begun, ...events]));
