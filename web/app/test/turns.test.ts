import type { HistoryEntry, RunView } from "@headgate/client";
import { describe, expect, it } from "vitest";
import { turnsOf } from "../src/chat/turns";

function run(id: string, at: number, more: Partial<RunView> = {}): RunView {
  return {
    id,
    session_id: "s",
    agent: "chat",
    model: "demo/todo",
    state: "completed",
    attempt: 1,
    created_at: `2026-01-01T00:00:0${at}Z`,
    started_at: null,
    ended_at: `2026-01-01T00:00:0${at}Z`,
    final_message: null,
    usage: null,
    error: null,
    last_seq: 1,
    replaces: null,
    secret_id: null,
    ...more,
  };
}

const said = (runId: string, seq: number, role: string, content: string): HistoryEntry => ({
  role,
  content,
  seq,
  run_id: runId,
  created_at: `2026-01-01T00:00:0${seq}Z`,
});

describe("a conversation", () => {
  it("shows a run that goes on, which no history has yet, with what began it", () => {
    const turns = turnsOf(
      [said("a", 1, "user", "One"), said("a", 2, "assistant", "1")],
      [run("b", 3, { state: "running", input: "Two" }), run("a", 1)],
    );

    expect(turns.map((turn) => turn.said)).toEqual(["One", "Two"]);
  });

  it("leaves out what was replaced, and what came after it", () => {
    const runs = [
      run("d", 4, { replaces: "b", input: "Two, again" }),
      run("c", 3, { input: "Three" }),
      run("b", 2, { input: "Two" }),
      run("a", 1, { input: "One" }),
    ];

    expect(turnsOf([], runs).map((turn) => turn.said)).toEqual(["One", "Two, again"]);
  });

  it("puts a tool's result to its call", () => {
    const call = {
      ...said("a", 1, "assistant", ""),
      tool_call_id: "1",
      tool_name: "create_todo",
      arguments: { item: "Milk" },
    };
    const result = { ...said("a", 2, "tool", '{"ok":true}'), tool_call_id: "1", tool_name: "create_todo" };

    expect(turnsOf([call, result], [run("a", 1)])[0]?.parts).toMatchObject([
      { kind: "tool", name: "create_todo", result: { output: { ok: true } } },
    ]);
  });
});
