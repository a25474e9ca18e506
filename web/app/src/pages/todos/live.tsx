import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { client } from "../../lib/client";
import { useLook } from "../../lib/news";
import { Spinner } from "../../ui";
import { useAgents } from "../agents/data";
import { call } from "../shared/call";
import type { RunView } from "../shared/types";
import { list } from "../shared/words";

const ACTIVE = new Set(["queued", "running", "paused", "waiting"]);
/** States, and the events that lead to them, in which a run does nothing until somebody answers. */
const AT_REST = new Set<string>(["paused", "waiting", "approval_requested", "input_requested"]);
/** So often runs are looked for where the server cannot tell of them. */
const LOOK_MS = 5000;
const NEWEST = 10;
const NO_CHANGE = new Set(["get_todo_list", "search_todos", "analyze_schedule", "get_user_datetime", "get_user_quota"]);

/**
 * Follows the user's runs over the one WebSocket of this page, and fetches todos again when a tool has changed some.
 * Answers the agents that are at work.
 */
export function useLiveTodos(): string[] {
  const queries = useQueryClient();
  const [working, setWorking] = useState<ReadonlyMap<string, string>>(new Map());
  const known = useRef<Map<string, AbortController> | null>(null);
  const newest = useQuery({
    queryKey: ["newest-runs"],
    queryFn: async () => (await call("GET /api/runs", { query: { limit: NEWEST } })).items,
    refetchInterval: useLook(LOOK_MS),
  });

  useEffect(() => {
    if (!newest.data) return;
    const first = known.current === null;
    known.current ??= new Map();
    for (const run of newest.data) {
      if (known.current.has(run.id)) continue;
      const stop = new AbortController();
      known.current.set(run.id, stop);
      // What it did before it was found; what had ended before this page was opened is in what it shows.
      if (!first) void queries.invalidateQueries({ queryKey: ["todos"] });
      if (ACTIVE.has(run.state)) void follow(run, stop.signal);
    }

    async function follow(run: RunView, signal: AbortSignal) {
      let shown = false;
      function show(on: boolean) {
        if (on === shown) return;
        shown = on;
        setWorking(
          (before) =>
            new Map([...[...before].filter(([id]) => id !== run.id), ...(on ? [[run.id, run.agent] as const] : [])]),
        );
      }
      show(!AT_REST.has(run.state));
      try {
        const how = { after: run.last_seq, transports: ["socket", "stream"], signal } as const;
        for await (const { event, data } of client.runs.follow(run.id, how)) {
          show(!AT_REST.has(event));
          if (event === "tool_result" && !NO_CHANGE.has(data.tool_name)) void refresh();
        }
      } catch {
        // Whoever started it tells of its failure; the list is fetched below in any case.
      }
      if (signal.aborted) return;
      show(false);
      void refresh();
    }

    async function refresh() {
      await Promise.all([
        queries.invalidateQueries({ queryKey: ["todos"] }),
        queries.invalidateQueries({ queryKey: ["tags"] }),
      ]);
    }
  }, [newest.data, queries]);

  useEffect(
    () => () => {
      for (const stop of known.current?.values() ?? []) stop.abort();
      known.current = null;
    },
    [],
  );

  return [...new Set(working.values())];
}

/** Says that the list may change by itself, and who does it. */
export function LiveNote({ working }: { working: readonly string[] }) {
  const agents = useAgents();
  const names = working.map((id) => agents.data?.find((agent) => agent.id === id)?.name ?? "an agent");
  return (
    <div role="status" className="empty:hidden">
      {working.length > 0 && (
        <p className="flex items-center gap-2.5 rounded-xl border border-accent/40 bg-accent-soft px-3 py-2 text-sm text-accent-text">
          <Spinner className="size-4" /> {list(names)} {working.length === 1 ? "is" : "are"} at work: changes show here
          as they happen.
        </p>
      )}
    </div>
  );
}
