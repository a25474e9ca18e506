import { useQuery, useQueryClient } from "@tanstack/react-query";
import { call } from "../shared/call";
import type { Role, SetQuota } from "../shared/types";

export const PAGE = 25;

export function useUsers(q: string, offset: number) {
  return useQuery({
    queryKey: ["admin", "users", q, offset],
    placeholderData: (before) => before,
    queryFn: () => call("GET /api/admin/users", { query: { ...(q && { q }), limit: PAGE, offset } }),
  });
}

/** The addresses behind ids, as far as they are known to who asks: an auditor knows those of this month's usage. */
export function useNames(role: Role): (id: string | null) => string {
  const found = useQuery({
    queryKey: ["admin", "names", role],
    staleTime: 60_000,
    queryFn: async () => {
      const limit = { query: { limit: 100 } };
      if (role === "admin")
        return (await call("GET /api/admin/users", limit)).items.map(({ id, email, name }): [string, string] => [
          id,
          email ?? name,
        ]);
      return (await call("GET /api/admin/usage", limit)).items.map(({ user_id, email }): [string, string] => [
        user_id,
        email ?? "",
      ]);
    },
  });
  const names = new Map(found.data);
  return (id) => (id === null ? "the server" : names.get(id) || `user ${id.slice(0, 8)}…`);
}

export function useQuotas() {
  return useQuery({
    queryKey: ["admin", "quotas"],
    queryFn: async () => (await call("GET /api/admin/quotas", { query: { limit: 100 } })).items,
  });
}

export function useKeptSecrets(offset: number) {
  return useQuery({
    queryKey: ["admin", "secrets", offset],
    placeholderData: (before) => before,
    queryFn: () => call("GET /api/admin/secrets", { query: { limit: PAGE, offset } }),
  });
}

export function usePolicies() {
  return useQuery({
    queryKey: ["admin", "policies"],
    queryFn: async () => (await call("GET /api/admin/secrets/policies")).items,
  });
}

export function useAllUsage(month: string, offset: number) {
  return useQuery({
    queryKey: ["admin", "usage", month, offset],
    placeholderData: (before) => before,
    queryFn: () => call("GET /api/admin/usage", { query: { month, limit: PAGE, offset } }),
  });
}

export function useAudit(owner: string, offset: number) {
  return useQuery({
    queryKey: ["admin", "audit", owner, offset],
    placeholderData: (before) => before,
    queryFn: () => call("GET /api/admin/audit", { query: { ...(owner && { owner_id: owner }), limit: PAGE, offset } }),
  });
}

export type Whose = { user: string } | { role: Role };

export function useAdminActions() {
  const queries = useQueryClient();

  async function changed<Result>(result: Result): Promise<Result | true> {
    await queries.invalidateQueries({ queryKey: ["admin"] });
    return result ?? true;
  }

  return {
    keepUser: async (id: string, body: { role?: Role; disabled?: boolean }) =>
      changed(await call("PATCH /api/admin/users/{user_id}", { path: { user_id: id }, body })),
    setQuota: async (whose: Whose, body: SetQuota) =>
      changed(
        "user" in whose
          ? await call("PUT /api/admin/quotas/users/{user_id}", { path: { user_id: whose.user }, body })
          : await call("PUT /api/admin/quotas/roles/{role}", { path: { role: whose.role }, body }),
      ),
    unsetQuota: async (whose: Whose) =>
      changed(
        "user" in whose
          ? await call("DELETE /api/admin/quotas/users/{user_id}", { path: { user_id: whose.user } })
          : await call("DELETE /api/admin/quotas/roles/{role}", { path: { role: whose.role } }),
      ),
    keepSecret: async (id: string, disabled: boolean) =>
      changed(await call("PATCH /api/admin/secrets/{secret_id}", { path: { secret_id: id }, body: { disabled } })),
    removeSecret: async (id: string) =>
      changed(await call("DELETE /api/admin/secrets/{secret_id}", { path: { secret_id: id } })),
    setPolicy: async (provider: string, days: number) =>
      changed(
        await call("PUT /api/admin/secrets/policies/{provider}", { path: { provider }, body: { max_age_days: days } }),
      ),
    removePolicy: async (provider: string) =>
      changed(await call("DELETE /api/admin/secrets/policies/{provider}", { path: { provider } })),
  };
}
