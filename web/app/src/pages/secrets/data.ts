import { useQuery, useQueryClient } from "@tanstack/react-query";
import { call } from "../shared/call";
import type { NewSecret, PatchSecret, RotateSecret, SecretView } from "../shared/types";

/* Nothing here holds a value: what goes in is sent and forgotten, and what is revealed never passes through the cache. */

const ALL = { query: { limit: 100 } } as const;

export function useSecrets() {
  return useQuery({ queryKey: ["secrets", "list"], queryFn: async () => (await call("GET /api/secrets", ALL)).items });
}

export function useVersions(id: string) {
  return useQuery({
    queryKey: ["secrets", id, "versions"],
    queryFn: async () =>
      (await call("GET /api/secrets/{secret_id}/versions", { path: { secret_id: id }, ...ALL })).items,
  });
}

export function useKeyUsage(id: string) {
  return useQuery({
    queryKey: ["secrets", id, "usage"],
    queryFn: () => call("GET /api/secrets/{secret_id}/usage", { path: { secret_id: id } }),
  });
}

export function useTrail(id: string, limit: number) {
  return useQuery({
    queryKey: ["secrets", id, "audit", limit],
    placeholderData: (before) => before,
    queryFn: () => call("GET /api/secrets/{secret_id}/audit", { path: { secret_id: id }, query: { limit } }),
  });
}

export function useSecretActions() {
  const queries = useQueryClient();

  async function changed<Result>(result: Result): Promise<Result> {
    await Promise.all(
      ["secrets", "models", "providers"].map((name) => queries.invalidateQueries({ queryKey: [name] })),
    );
    return result;
  }
  const at = (id: string) => ({ path: { secret_id: id } });

  return {
    add: async (body: NewSecret) => changed(await call("POST /api/secrets", { body })),
    change: async (id: string, body: PatchSecret) =>
      changed(await call("PATCH /api/secrets/{secret_id}", { ...at(id), body })),
    rotate: async (id: string, body: RotateSecret) =>
      changed(await call("POST /api/secrets/{secret_id}/rotate", { ...at(id), body })),
    restore: async (id: string, version: number) =>
      changed(
        await call("POST /api/secrets/{secret_id}/versions/{version}/restore", { path: { secret_id: id, version } }),
      ),
    remove: async (secret: SecretView) =>
      changed((await call("DELETE /api/secrets/{secret_id}", at(secret.id))) ?? true),
    verify: async (id: string) => changed((await call("POST /api/secrets/{secret_id}/verify", at(id))).answer),
  };
}
