import type { Artifact, Reset, Usage, UsageReported } from "./generated/api.ts";
import type { RunEvent } from "./generated/events.ts";
import {
  emptyRun,
  type Part,
  type Question,
  type ReasoningPart,
  type RunFailure,
  type RunSnapshot,
  type TextPart,
  type ToolPart,
} from "./snapshot.ts";

/** The run as it is after `event`. Pure: the same events make the same run, live or replayed. A repeated one changes nothing. */
export function reduce(run: RunSnapshot, event: RunEvent): RunSnapshot {
  if (event.id === undefined) return unstored(run, event);
  if (event.id <= run.lastSeq) return run;
  const seq = event.id;
  const next = { ...run, lastSeq: seq, retrying: null };
  switch (event.event) {
    case "session_initialized": {
      const { session_id: sessionId, run_id: runId, agent, model, attempt } = event.data;
      return { ...next, status: "streaming", sessionId, runId, agent, model, attempt };
    }
    case "agent_updated": {
      const first = run.parts.length === 0 && run.agent === event.data.name;
      const parts: readonly Part[] = first ? run.parts : [...run.parts, { kind: "agent", seq, name: event.data.name }];
      return { ...next, agent: event.data.name, parts };
    }
    case "message_delta":
      return { ...going(next), ...said(run, seq, "text", event.data.content) };
    case "reasoning_delta":
      return { ...going(next), ...said(run, seq, "reasoning", event.data.content) };
    case "message":
      return { ...next, ...finished(run, seq, event.data.content, event.data.partial) };
    case "tool_call": {
      const { tool_call_id: id, tool_name: name, arguments: given } = event.data;
      return {
        ...next,
        ...shown([...closed(run.parts), { kind: "tool", seq, id, name, arguments: given, result: null }]),
      };
    }
    case "tool_result": {
      const { tool_call_id: id, tool_name: name, output, is_error: isError } = event.data;
      const result = { seq, output, isError };
      const known = run.parts.some((part) => part.kind === "tool" && part.id === id);
      const parts: Part[] = known
        ? run.parts.map((part) => (part.kind === "tool" && part.id === id ? { ...part, result } : part))
        : [...closed(run.parts), { kind: "tool", seq, id, name, arguments: {}, result }];
      return answered({ ...next, ...shown(parts) }, id);
    }
    case "artifact":
      return { ...next, ...shown(handedOut(run.parts, seq, event.data)) };
    case "approval_requested": {
      const { approval_id: id, tool_call_id: toolCallId, tool_name: toolName, arguments: given } = event.data;
      return asked(next, { kind: "approval", seq, id, toolCallId, toolName, arguments: given });
    }
    case "input_requested":
      return asked(next, { kind: "input", seq, id: event.data.input_id, prompt: event.data.prompt });
    case "usage":
      return { ...next, parts: closed(run.parts), usage: added(run.usage, event.data) };
    case "retrying":
      return { ...next, model: event.data.model, retrying: event.data };
    case "superseded": {
      const { from_seq: from, attempt } = event.data;
      const parts = run.parts.filter((part) => part.seq < from);
      return { ...going(next), attempt, ...shown(closed(parts)) };
    }
    case "paused":
      return { ...next, status: "paused" };
    case "resumed":
      return { ...next, status: run.questions.length ? "waiting" : "streaming" };
    case "completed": {
      const { final_message: text, usage, finish_reason: finishReason } = event.data;
      return { ...over(next, "completed", text, seq), usage, finishReason };
    }
    case "cancelled":
      return { ...over(next, "cancelled", event.data.partial_message, seq), usage: event.data.usage };
    case "error":
      return { ...over(next, "failed", event.data.partial_message, seq), error: event.data };
    case "rate_limit_exceeded": {
      const { message, retry_after: wait, kind, reset_date } = event.data;
      const error: RunFailure = {
        code: "rate_limit_exceeded",
        detail: message,
        retryable: true,
        kind,
        reset_date,
        ...(wait === null ? {} : { retry_after: wait }),
      };
      return { ...over(next, "limited", "", seq), error };
    }
    default:
      event satisfies never; // a new event breaks the build here
      return run;
  }
}

function unstored(run: RunSnapshot, event: Extract<RunEvent, { id?: undefined }>): RunSnapshot {
  switch (event.event) {
    case "history":
      return { ...run, history: event.data };
    case "reset":
      return reset(event.data);
    default:
      event satisfies never;
      return run;
  }
}

/** What was known of the run is void. Where its log is gone, what it said in the end is all there is. */
function reset({ reason, run, text, next_seq: next }: Reset): RunSnapshot {
  const { id: runId, session_id: sessionId, agent, model, attempt, usage, state } = run;
  const known = { ...emptyRun, runId, sessionId, agent, model, attempt };
  if (reason === "cursor_ahead") return known;
  const outcome = state === "completed" || state === "cancelled" || state === "limited" ? state : "failed";
  const ended = over({ ...known, lastSeq: next - 1 }, outcome, text, next - 1);
  return { ...ended, usage, error: run.error === null ? null : failure(run.error) };
}

function failure(error: Record<string, unknown>): RunFailure {
  return { code: "unknown", detail: "The run has failed.", retryable: false, ...error };
}

/** The model speaks, so nothing is asked any more. */
function going(run: RunSnapshot): RunSnapshot {
  return { ...run, status: "streaming", questions: run.questions.length ? [] : run.questions };
}

/** The parts, and what is derived from them. */
function shown(parts: readonly Part[]): Pick<RunSnapshot, "parts" | "text" | "reasoning" | "toolCalls"> {
  const all = (kind: "text" | "reasoning") =>
    parts.flatMap((part) => (part.kind === kind && part.content ? [part.content] : [])).join("\n\n");
  const toolCalls = parts.filter((part): part is ToolPart => part.kind === "tool");
  return { parts, text: all("text"), reasoning: all("reasoning"), toolCalls };
}

/** Nothing is added to what was said until now. */
function closed(parts: readonly Part[]): readonly Part[] {
  return parts.some(isOpen) ? parts.map((part) => (isOpen(part) ? { ...part, done: true } : part)) : parts;
}

function isOpen(part: Part): part is TextPart | ReasoningPart {
  return (part.kind === "text" || part.kind === "reasoning") && !part.done;
}

/**
 * The commonest event of all, so what it does not change is not made again. A model that thinks between two words still
 * says one message.
 */
function said(run: RunSnapshot, seq: number, kind: "text" | "reasoning", content: string): Partial<RunSnapshot> {
  if (!content) return {};
  const at = run.parts.findLastIndex((part) => part.kind === kind && isOpen(part));
  const open = run.parts[at] as TextPart | ReasoningPart | undefined;
  if (open) {
    return { parts: run.parts.with(at, { ...open, content: open.content + content }), [kind]: run[kind] + content };
  }
  const added: Part =
    kind === "text" ? { kind, seq, content, done: false, partial: false } : { kind, seq, content, done: false };
  return { parts: [...run.parts, added], [kind]: run[kind] + (run[kind] && "\n\n") + content };
}

/** A message's own words count; where its deltas were read they are the same. */
function finished(run: RunSnapshot, seq: number, content: string, partial: boolean): Partial<RunSnapshot> {
  const at = run.parts.findLastIndex((part) => part.kind === "text" && !part.done);
  const part: Part = { kind: "text", seq: run.parts[at]?.seq ?? seq, content, done: true, partial };
  return shown(closed(at < 0 ? [...run.parts, part] : run.parts.with(at, part)));
}

function handedOut(parts: readonly Part[], seq: number, data: Artifact): readonly Part[] {
  const { artifact_id: id, name, last: done, append } = data;
  const at = parts.findIndex((part) => part.kind === "artifact" && part.id === id);
  const before = parts[at];
  if (before?.kind !== "artifact")
    return [...closed(parts), { kind: "artifact", seq, id, name, parts: data.parts, done }];
  return parts.with(at, { ...before, name, done, parts: append ? [...before.parts, ...data.parts] : data.parts });
}

function asked(run: RunSnapshot, question: Question): RunSnapshot {
  return { ...run, status: "waiting", questions: [...run.questions, question] };
}

/** A question in words does not say which call it is of: it is answered when no call is open. */
function answered(run: RunSnapshot, call: string): RunSnapshot {
  if (!run.questions.length) return run;
  const open = run.toolCalls.some((each) => each.result === null);
  const questions = run.questions.filter((each) => (each.kind === "approval" ? each.toolCallId !== call : open));
  return { ...run, questions, status: questions.length || run.status === "paused" ? run.status : "streaming" };
}

function over(run: RunSnapshot, outcome: NonNullable<RunSnapshot["outcome"]>, text: string, seq: number): RunSnapshot {
  const status = outcome === "failed" || outcome === "limited" ? "error" : "completed";
  const partial = outcome !== "completed";
  const silent = text !== "" && !run.parts.some((part) => part.kind === "text");
  const parts: readonly Part[] = silent
    ? [...closed(run.parts), { kind: "text", seq, content: text, done: true, partial }]
    : closed(run.parts);
  return { ...run, ...shown(parts), status, outcome, questions: [] };
}

function added(sum: Usage | null, more: UsageReported): Usage {
  if (!sum) return { ...more };
  const cost = sum.cost_usd === null || more.cost_usd === null ? null : plus(sum.cost_usd ?? "0", more.cost_usd);
  return {
    input_tokens: (sum.input_tokens ?? 0) + more.input_tokens,
    output_tokens: (sum.output_tokens ?? 0) + more.output_tokens,
    reasoning_tokens: (sum.reasoning_tokens ?? 0) + more.reasoning_tokens,
    cached_tokens: (sum.cached_tokens ?? 0) + more.cached_tokens,
    cost_usd: cost,
    source: sum.source === "estimated" ? "estimated" : more.source,
  };
}

/** Decimal text, added exactly: a float would show 0.30000000000000004. */
function plus(a: string, b: string): string {
  const places = Math.max(...[a, b].map((each) => each.split(".")[1]?.length ?? 0));
  const units = (each: string) => {
    const [whole = "", rest = ""] = each.split(".");
    return BigInt(whole + rest.padEnd(places, "0"));
  };
  const digits = (units(a) + units(b)).toString().padStart(places + 1, "0");
  return places ? `${digits.slice(0, -places)}.${digits.slice(-places)}` : digits;
}
