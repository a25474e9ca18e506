import type { HistoryEntry, Part, RunView } from "@headgate/client";

/** What the user said and what came of it. */
export interface Turn {
  key: string;
  runId: string | null;
  said: string | null;
  /** What the history knows of the answer. */
  parts: readonly Part[];
  run: RunView | null;
}

const ACTIVE = new Set(["queued", "running", "paused", "waiting"]);

export const isActive = (run: RunView) => ACTIVE.has(run.state);

/** A conversation, oldest first, from its history and its runs; of those some may be going on, or have left nothing. */
export function turnsOf(history: readonly HistoryEntry[], runs: readonly RunView[]): Turn[] {
  const kept = current(runs);
  const dropped = new Set(runs.filter((run) => !kept.has(run.id)).map((run) => run.id));
  const turns = new Map<string, Turn & { at: string }>();
  for (const entry of history) {
    if (entry.replaced_by || (entry.run_id && dropped.has(entry.run_id))) continue;
    const key = entry.run_id ?? `seed-${entry.seq}`;
    const run = entry.run_id ? (kept.get(entry.run_id) ?? null) : null;
    const turn = turns.get(key) ?? {
      key,
      runId: entry.run_id ?? null,
      said: null,
      parts: [],
      run,
      at: run?.created_at ?? entry.created_at,
    };
    if (entry.role === "user") turn.said = entry.content;
    else turn.parts = withEntry(turn.parts, entry);
    turns.set(key, turn);
  }
  for (const run of kept.values()) {
    if (turns.has(run.id)) continue;
    turns.set(run.id, {
      key: run.id,
      runId: run.id,
      said: run.input ?? null,
      parts: partial(run),
      run,
      at: run.created_at,
    });
  }
  return [...turns.values()].sort((one, other) => (one.at < other.at ? -1 : one.at > other.at ? 1 : 0));
}

/** The runs that the conversation consists of: one that replaces another takes its place, and what came after it goes too. */
function current(runs: readonly RunView[]): Map<string, RunView> {
  const kept: RunView[] = [];
  for (const run of [...runs].sort((one, other) => (one.created_at < other.created_at ? -1 : 1))) {
    const at = run.replaces ? kept.findIndex((one) => one.id === run.replaces) : -1;
    if (at >= 0) kept.splice(at);
    kept.push(run);
  }
  return new Map(kept.map((run) => [run.id, run]));
}

function partial(run: RunView): readonly Part[] {
  if (!run.final_message) return [];
  return [{ kind: "text", seq: 1, content: run.final_message, done: true, partial: run.state !== "completed" }];
}

function withEntry(parts: readonly Part[], entry: HistoryEntry): readonly Part[] {
  const { seq, tool_call_id: id, tool_name: name } = entry;
  if (entry.role === "tool" && id) {
    const result = { seq, output: parsed(entry.content), isError: entry.is_error ?? false };
    return parts.map((part) => (part.kind === "tool" && part.id === id ? { ...part, result } : part));
  }
  if (id && name) return [...parts, { kind: "tool", seq, id, name, arguments: entry.arguments ?? {}, result: null }];
  if (!entry.content) return parts;
  return [...parts, { kind: "text", seq, content: entry.content, done: true, partial: entry.partial ?? false }];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
