import type { AgentView, SecretView } from "../shared/types";

const TWINS: Record<string, string> = { openai: "openai_responses", openai_responses: "openai" };

export interface Dependent {
  agent: AgentView;
  /** Who of those it works with has the model; itself where that is null. */
  through: AgentView | null;
}

/**
 * The agents whose runs would find no key of one's own when this secret is gone. Runs use the default of their model's
 * provider, and a start is refused where any agent that it can reach has no key.
 */
export function dependentsOf(
  secret: SecretView,
  secrets: readonly SecretView[],
  agents: readonly AgentView[],
  defaultModel: string,
): Dependent[] {
  if (!secret.default) return [];
  const defaults = new Set(
    secrets.filter((other) => other.default && other.id !== secret.id).map((other) => other.provider),
  );
  const lost = new Set(
    [secret.provider, TWINS[secret.provider]].filter(
      (name) => name !== undefined && !defaults.has(name) && !defaults.has(TWINS[name] ?? ""),
    ),
  );

  const byId = new Map(agents.map((agent) => [agent.id, agent]));
  const breaks = (agent: AgentView) => lost.has((agent.model ?? defaultModel).split("/", 1)[0]);
  return agents.flatMap((agent): Dependent[] => {
    if (breaks(agent)) return [{ agent, through: null }];
    const through = reached(agent, byId).find(breaks);
    return through ? [{ agent, through }] : [];
  });
}

/** Whom it can hand over to or ask, and whom they can. */
function reached(agent: AgentView, byId: ReadonlyMap<string, AgentView>): AgentView[] {
  const found = new Map<string, AgentView>();
  const next = [...agent.handoffs, ...agent.agent_tools];
  for (let id = next.pop(); id !== undefined; id = next.pop()) {
    const other = byId.get(id);
    if (!other || found.has(id) || id === agent.id) continue;
    found.set(id, other);
    next.push(...other.handoffs, ...other.agent_tools);
  }
  return [...found.values()];
}
