import type { RunView } from "@headgate/client";
import { begun, useRun } from "@headgate/client/react";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";
import { client } from "../lib/client";
import { useLook } from "../lib/news";
import { problemOf } from "../lib/problems";
import { isActive, type Turn, turnsOf } from "./turns";

const HISTORY = 1000;
const RUNS = 100;
/** So often runs are looked for where the server cannot tell of them. */
const LOOK_MS = 5000;

export function newId(): string {
  // Not randomUUID, which there is none of on plain http.
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export interface Message {
  text: string;
  agent: string;
  /** The agent's own where it is empty. */
  model: string;
  /** A retry or an edit of the turn of this run. */
  replaces?: string;
}

/** A message on its way to the server, or one that did not get there. */
export interface Pending extends Message {
  key: string;
}

/** The history's end: all of it, but for very long conversations. */
async function readHistory(id: string) {
  const first = await client.sessions.history(id, { limit: HISTORY });
  if (first.total <= HISTORY) return first;
  return client.sessions.history(id, { limit: HISTORY, offset: first.total - HISTORY });
}

/** One conversation: what was said, what is being said, and what one can do about it. */
export function useChat(sessionId: string | undefined, onBegun: (sessionId: string) => void) {
  const queries = useQueryClient();
  const [pending, setPending] = useState<Pending | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [fresh, setFresh] = useState(newId);

  const history = useQuery({
    queryKey: ["history", sessionId],
    queryFn: () => readHistory(sessionId ?? ""),
    enabled: !!sessionId,
  });
  const runs = useQuery({
    queryKey: ["runs", sessionId],
    queryFn: () => client.runs.list({ query: { session_id: sessionId ?? "", limit: RUNS } }),
    enabled: !!sessionId,
    refetchInterval: useLook(LOOK_MS),
  });

  const refresh = useCallback(
    (id: string) => {
      for (const key of [["history", id], ["runs", id], ["sessions"], ["usage"]])
        void queries.invalidateQueries({ queryKey: key });
    },
    [queries],
  );

  const list = runs.data?.items;
  const going = list?.find(isActive) ?? null;
  const live = useRun(going?.id);
  const isOver = live.outcome !== null || live.status === "error";
  // The events tell of the end before the list does.
  const active = isOver ? null : going;
  const ended = going && isOver ? going.session_id : null;

  useEffect(() => {
    if (ended) refresh(ended);
  }, [ended, refresh]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another conversation has its own troubles
  useEffect(() => setError(null), [sessionId]);

  const turns = useMemo<Turn[]>(() => turnsOf(history.data?.items ?? [], list ?? []), [history.data, list]);

  /** Begin a run. False when it was refused: then `error` says why, and what was written is still the user's. */
  async function send(message: Message): Promise<boolean> {
    const id = sessionId ?? fresh;
    setError(null);
    setPending({ ...message, key: newId() });
    try {
      const run = await client.runs.start(message.agent, {
        messages: [{ role: "user", content: message.text }],
        session_id: id,
        ...(message.model && { model: message.model }),
        ...(message.replaces && { replaces: message.replaces }),
      });
      adopt(run);
      return true;
    } catch (failure) {
      setError(failure);
      const busy = problemOf(failure) as { code?: string; run_id?: string };
      if (busy.code === "session_busy") refresh(id); // another tab was quicker: show what it does
      return false;
    } finally {
      setPending(null);
    }
  }

  function adopt(run: RunView) {
    begun(client, run.id);
    const key = ["runs", run.session_id];
    const known = queries.getQueryData<{ items: RunView[] }>(key);
    const others = known?.items.filter((one) => one.id !== run.id) ?? [];
    queries.setQueryData(key, { total: 0, limit: RUNS, offset: 0, ...known, items: [run, ...others] });
    if (!sessionId) {
      queries.setQueryData(["history", run.session_id], { items: [], total: 0, limit: HISTORY, offset: 0 });
      setFresh(newId());
      onBegun(run.session_id);
    }
    void queries.invalidateQueries({ queryKey: ["sessions"] });
  }

  /** Whatever is asked of a run. False when it was refused: that is shown. */
  async function ask(what: () => Promise<unknown>): Promise<boolean> {
    setError(null);
    try {
      await what();
      if (going) void queries.invalidateQueries({ queryKey: ["runs", going.session_id] });
      return true;
    } catch (failure) {
      setError(failure);
      return false;
    }
  }

  return {
    turns,
    active,
    live: active ? live : null,
    pending,
    error,
    dismiss: () => setError(null),
    isLoading: !!sessionId && (history.isLoading || runs.isLoading),
    loadError: history.error ?? runs.error,
    isCut: (history.data?.total ?? 0) > HISTORY,
    reload: () => sessionId && refresh(sessionId),
    send,
    stop: () => ask(live.stop),
    pause: () => ask(live.pause),
    resume: () => ask(live.resume),
    approve: (id: string, yes: boolean, reason?: string) => ask(() => live.approve(id, yes, reason)),
    answer: (id: string, text: string) => ask(() => live.answer(id, text)),
    goOn: (run: string) => ask(async () => adopt(await client.runs.continue(run))),
  };
}

export type Chat = ReturnType<typeof useChat>;

const SESSIONS = 30;

/** The conversations, newest first, a page at a time. */
export function useSessions() {
  return useInfiniteQuery({
    queryKey: ["sessions"],
    queryFn: ({ pageParam }) => client.sessions.list({ query: { limit: SESSIONS, offset: pageParam } }),
    initialPageParam: 0,
    getNextPageParam: (page) =>
      page.offset + page.items.length < page.total ? page.offset + page.items.length : undefined,
  });
}

export function useAgents() {
  return useQuery({
    queryKey: ["agents"],
    queryFn: () => client.request("GET /api/agents", { query: { limit: 100 } }),
    staleTime: 60_000,
  });
}

export function useModels() {
  return useQuery({
    queryKey: ["models"],
    queryFn: () => client.request("GET /api/models", { query: { limit: 100 } }),
    staleTime: 60_000,
  });
}
