import type { AgentView, SecretView } from "@headgate/client";
import { expect, test } from "vitest";
import { dependentsOf } from "../src/pages/secrets/dependents";

function secret(provider: string, members: Partial<SecretView> = {}): SecretView {
  return {
    id: `${provider}-key`,
    name: provider,
    provider,
    masked: "",
    base_url: "",
    region: "",
    default: true,
    state: "active",
    disabled_by: null,
    version: 1,
    created_at: "",
    rotated_at: "",
    expires_at: null,
    last_used_at: null,
    last_used_by: null,
    ...members,
  };
}

function agent(id: string, model: string | null, members: Partial<AgentView> = {}): AgentView {
  return {
    id,
    name: id,
    description: null,
    instructions: "",
    model,
    fallback_models: [],
    tools: [],
    handoffs: [],
    agent_tools: [],
    approve: [],
    settings: {},
    builtin: false,
    created_at: null,
    updated_at: null,
    ...members,
  };
}

function broken(of: SecretView, secrets: SecretView[], agents: AgentView[], defaultModel = "demo/todo"): string[] {
  return dependentsOf(of, secrets, agents, defaultModel).map(({ agent, through }) =>
    through ? `${agent.id} by ${through.id}` : agent.id,
  );
}

test("agents whose model is of its provider break, and those that have no model where the default is", () => {
  const key = secret("openai");
  const agents = [agent("own", "openai/gpt-5"), agent("other", "anthropic/claude"), agent("none", null)];

  expect(broken(key, [key], agents)).toEqual(["own"]);
  expect(broken(key, [key], agents, "openai/gpt-5-mini")).toEqual(["own", "none"]);
});

test("a key that is not the default breaks nobody", () => {
  const key = secret("openai", { default: false });

  expect(broken(key, [key], [agent("own", "openai/gpt-5")])).toEqual([]);
});

test("both wires of OpenAI take each other's keys, as long as there is one", () => {
  const [one, two] = [secret("openai"), secret("openai_responses")];
  const agents = [agent("chat", "openai/gpt-5"), agent("responses", "openai_responses/gpt-5")];

  expect(broken(one, [one], agents)).toEqual(["chat", "responses"]);
  expect(broken(one, [one, two], agents)).toEqual([]);
});

test("an agent breaks with those it can reach, also in circles", () => {
  const key = secret("openai");
  const agents = [
    agent("a", "demo/todo", { handoffs: ["b"] }),
    agent("b", "demo/todo", { handoffs: ["a"], agent_tools: ["c"] }),
    agent("c", "openai/gpt-5"),
    agent("d", "demo/todo", { handoffs: ["gone"] }),
  ];

  expect(broken(key, [key], agents)).toEqual(["a by c", "b by c", "c"]);
});
