import type { AgentView } from "@headgate/client";
import { expect, test } from "vitest";
import { bodyOf, check, draftOf, EMPTY } from "../src/pages/agents/draft";

test("an agent comes out of its form as it went in", () => {
  const body = {
    name: "Planner",
    description: "Plans.",
    instructions: "Plan.",
    model: "openai/gpt-5",
    fallback_models: ["demo/todo"],
    tools: ["delete_todo", "create_todo"],
    approve: ["delete_todo"],
    handoffs: ["chat"],
    agent_tools: ["todo"],
    settings: {
      temperature: 0,
      top_p: 0.5,
      max_output_tokens: 100,
      reasoning_effort: "low",
      parallel_tool_calls: false,
      tool_choice: "auto",
    },
  } as const;
  const stored = { ...body, id: "1", builtin: false, created_at: "", updated_at: "" } as unknown as AgentView;

  expect(bodyOf(draftOf(stored))).toEqual(body);
});

test("what is left empty is left to the server", () => {
  expect(bodyOf({ ...EMPTY, name: " Empty ", fallbacks: ["", " "] })).toEqual({
    name: "Empty",
    description: null,
    instructions: "",
    model: null,
    fallback_models: [],
    tools: [],
    approve: [],
    handoffs: [],
    agent_tools: [],
    settings: {},
  });
});

test("a tool that goes takes its approval with it, and all of them stay all", () => {
  expect(bodyOf({ ...EMPTY, tools: ["a"], approve: ["a", "b"] }).approve).toEqual(["a"]);
  expect(bodyOf({ ...EMPTY, tools: ["a"], approve: ["*"] }).approve).toEqual(["*"]);
});

test.each([
  [{ name: " " }, "/name"],
  [{ model: "gpt-5" }, "/model"],
  [{ fallbacks: ["demo/todo", "Demo/x"] }, "/fallback_models/1"],
  [{ temperature: "2.1" }, "/settings/temperature"],
  [{ topP: "x" }, "/settings/top_p"],
  [{ maxOutputTokens: "1.5" }, "/settings/max_output_tokens"],
])("%o is wrong at %s", (change, pointer) => {
  expect(check({ ...EMPTY, name: "Named", ...change }).map((error) => error.pointer)).toEqual([pointer]);
});
