import { useQuery, useQueryClient } from "@tanstack/react-query";
import { call } from "../shared/call";
import type { AgentView, NewAgent } from "../shared/types";

export function useAgents() {
  return useQuery({
    queryKey: ["agents", "list"],
    queryFn: async () => (await call("GET /api/agents", { query: { limit: 100 } })).items,
  });
}

export function useTools() {
  return useQuery({
    queryKey: ["agents", "tools"],
    queryFn: async () => (await call("GET /api/agents/tools", { query: { limit: 100 } })).items,
    staleTime: 300_000,
  });
}

export function useModels() {
  return useQuery({
    queryKey: ["models", "list"],
    queryFn: async () => (await call("GET /api/models", { query: { limit: 100 } })).items,
  });
}

/** Makes an agent, or changes the one with that id. */
export function useSaveAgent() {
  const queries = useQueryClient();
  return async (id: string | null, body: NewAgent): Promise<AgentView> => {
    const saved = id
      ? await call("PATCH /api/agents/{agent_id}", { path: { agent_id: id }, body })
      : await call("POST /api/agents", { body });
    await queries.invalidateQueries({ queryKey: ["agents"] });
    return saved;
  };
}

export function useDeleteAgent() {
  const queries = useQueryClient();
  return async (id: string): Promise<true> => {
    await call("DELETE /api/agents/{agent_id}", { path: { agent_id: id } });
    await queries.invalidateQueries({ queryKey: ["agents"] });
    return true;
  };
}
