import type { AgentSettings, AgentView, NewAgent } from "../shared/types";

/** An agent as its form holds it: everything is text or a list, and empty means "left to the server". */
export interface Draft {
  name: string;
  description: string;
  instructions: string;
  model: string;
  fallbacks: string[];
  tools: string[];
  /** Names among `tools`; `*` is all of them. */
  approve: string[];
  handoffs: string[];
  agentTools: string[];
  temperature: string;
  topP: string;
  maxOutputTokens: string;
  effort: string;
  parallel: string;
  toolChoice: string;
}

export const EMPTY: Draft = {
  name: "",
  description: "",
  instructions: "",
  model: "",
  fallbacks: [],
  tools: [],
  approve: [],
  handoffs: [],
  agentTools: [],
  temperature: "",
  topP: "",
  maxOutputTokens: "",
  effort: "",
  parallel: "",
  toolChoice: "",
};

export function draftOf(agent: AgentView): Draft {
  const settings = agent.settings;
  return {
    name: agent.name,
    description: agent.description ?? "",
    instructions: agent.instructions,
    model: agent.model ?? "",
    fallbacks: agent.fallback_models,
    tools: agent.tools,
    approve: agent.approve,
    handoffs: agent.handoffs,
    agentTools: agent.agent_tools,
    temperature: text(settings.temperature),
    topP: text(settings.top_p),
    maxOutputTokens: text(settings.max_output_tokens),
    effort: settings.reasoning_effort ?? "",
    parallel: text(settings.parallel_tool_calls),
    toolChoice: settings.tool_choice ?? "",
  };
}

/** What is stored when it is saved. A change of an agent replaces lists and settings as a whole, so one body fits both. */
export function bodyOf(draft: Draft): NewAgent {
  const settings: AgentSettings = {
    ...(draft.temperature && { temperature: Number(draft.temperature) }),
    ...(draft.topP && { top_p: Number(draft.topP) }),
    ...(draft.maxOutputTokens && { max_output_tokens: Number(draft.maxOutputTokens) }),
    ...(draft.effort && { reasoning_effort: draft.effort as NonNullable<AgentSettings["reasoning_effort"]> }),
    ...(draft.parallel && { parallel_tool_calls: draft.parallel === "true" }),
    ...(draft.toolChoice && { tool_choice: draft.toolChoice as NonNullable<AgentSettings["tool_choice"]> }),
  };
  return {
    name: draft.name.trim(),
    description: draft.description.trim() || null,
    instructions: draft.instructions,
    model: draft.model.trim() || null,
    fallback_models: draft.fallbacks.map((model) => model.trim()).filter(Boolean),
    tools: draft.tools,
    approve: draft.approve.includes("*") ? ["*"] : draft.approve.filter((tool) => draft.tools.includes(tool)),
    handoffs: draft.handoffs,
    agent_tools: draft.agentTools,
    settings,
  };
}

export interface FieldError {
  pointer: string;
  detail: string;
}

/** What can be told without asking the server, in plainer words than a schema's. */
export function check(draft: Draft): FieldError[] {
  const errors: FieldError[] = [];
  if (!draft.name.trim()) errors.push({ pointer: "/name", detail: "Give the agent a name." });
  const models: [string, string][] = [
    ["/model", draft.model],
    ...draft.fallbacks.map((model, n): [string, string] => [`/fallback_models/${n}`, model]),
  ];
  for (const [pointer, model] of models) {
    if (model.trim() && !/^[a-z][a-z0-9_]*\/\S+$/.test(model.trim())) {
      errors.push({ pointer, detail: "A model is named provider/model, such as openai/gpt-5-mini." });
    }
  }
  number("/settings/temperature", draft.temperature, 0, 2);
  number("/settings/top_p", draft.topP, 0, 1);
  number("/settings/max_output_tokens", draft.maxOutputTokens, 1, 1_000_000, true);
  return errors;

  function number(pointer: string, value: string, least: number, most: number, whole = false) {
    if (!value) return;
    const read = Number(value);
    if (Number.isNaN(read) || read < least || read > most || (whole && !Number.isInteger(read))) {
      errors.push({
        pointer,
        detail: `A ${whole ? "whole " : ""}number from ${least} to ${most.toLocaleString("en")}.`,
      });
    }
  }
}

function text(value: unknown): string {
  return value === null || value === undefined ? "" : String(value);
}
