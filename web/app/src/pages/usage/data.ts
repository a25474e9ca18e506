import { useQuery } from "@tanstack/react-query";
import { client } from "../../lib/client";
import { call } from "../shared/call";

export type GroupBy = "day" | "model" | "agent" | "secret";

export interface Span {
  since: string;
  until: string;
}

const MOST = 1000;

export function useQuota() {
  return useQuery({ queryKey: ["usage", "now"], queryFn: () => call("GET /api/usage"), refetchInterval: 30_000 });
}

export function useHistory(by: GroupBy, span: Span) {
  return useQuery({
    queryKey: ["usage", "history", by, span],
    placeholderData: (before) => before,
    queryFn: async () =>
      (await call("GET /api/usage/history", { query: { group_by: by, ...span, limit: MOST } })).items,
  });
}

/** The same table as a file. */
export async function downloadHistory(by: GroupBy, span: Span): Promise<void> {
  const answer = await client.download("GET /api/usage/history", {
    query: { group_by: by, ...span, limit: MOST },
    headers: { Accept: "text/csv" },
  });
  save(await answer.blob(), `usage-by-${by}-${span.since}-${span.until}.csv`);
}

export function save(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  // The click has taken the file; the address would keep it in memory for as long as the page is open.
  setTimeout(() => URL.revokeObjectURL(link.href), 0);
}

/** Days as UTC counts them: so does the ledger. */
export function utcDay(back = 0): string {
  return new Date(Date.now() - back * 86_400_000).toISOString().slice(0, 10);
}

export function daysOf({ since, until }: Span): string[] {
  const days: string[] = [];
  const end = Date.parse(until);
  for (let at = Date.parse(since); at <= end && days.length < 400; at += 86_400_000)
    days.push(new Date(at).toISOString().slice(0, 10));
  return days;
}
