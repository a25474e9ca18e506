import { useCallback, useMemo, useState, useSyncExternalStore } from "react";
import { cacheOf } from "../cache.ts";
import type { HeadgateClient } from "../client.ts";
import { HeadgateError } from "../errors.ts";
import type { RunView, StartRun } from "../generated/api.ts";
import { failed, type RunState, unknownRun } from "../watch.ts";
import { useHeadgate } from "./context.ts";

export interface RunControls {
  /** Ends the run, at once as far as one sees; what it said until then is kept. */
  stop(mode?: "immediate" | "after_turn"): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  approve(approval: string, approve: boolean, reason?: string): Promise<void>;
  /** Answers a question in words. */
  answer(input: string, content: string): Promise<void>;
  /** Connects again after that was given up. */
  reconnect(): void;
}

export interface UseRun extends Omit<RunState, "status">, RunControls {
  readonly status: RunState["status"] | "idle";
  /** Begins a run and follows it from then on. */
  send(content: string, options?: Partial<StartRun> & { agent?: string }): Promise<RunView>;
  /** The last `send` of this component again. */
  retry(): Promise<RunView>;
}

export const nothing = { get: () => unknownRun, subscribe: () => () => undefined };

/** A run, followed while the component is there; without an id, the one that `send` begins. */
export function useRun(id?: string | null): UseRun {
  const client = useHeadgate();
  const [sent, setSent] = useState<{
    id: string | null;
    content: string;
    options: Partial<StartRun> & { agent?: string };
  }>();
  const [starting, setStarting] = useState<{ failure: RunState["error"] } | true | null>(null);
  const run = sent?.id ?? id ?? null;
  const state = useWatched(client, run);
  const controls = useControls(client, run);

  const send = useCallback<UseRun["send"]>(
    async (content, options = {}) => {
      const { agent = "chat", ...rest } = options;
      setStarting(true);
      try {
        const view = await client.runs.start(agent, {
          ...rest,
          messages: [...(rest.messages ?? []), { role: "user", content }],
        });
        cacheOf(client).runs.get(view.id).begun();
        setSent({ id: view.id, content, options: { ...options, session_id: view.session_id } });
        setStarting(null);
        return view;
      } catch (error) {
        setSent((before) => ({ id: before?.id ?? null, content, options }));
        setStarting({ failure: failed(error) });
        throw error;
      }
    },
    [client],
  );
  const retry = useCallback(async () => {
    if (!sent) throw new Error("Nothing was sent yet.");
    const { messages: _, ...options } = sent.options;
    return send(sent.content, sent.id === null ? sent.options : { ...options, replaces: sent.id });
  }, [send, sent]);

  const failure = starting !== true && starting?.failure;
  const status = failure ? "error" : starting ? "connecting" : run ? state.status : "idle";
  return { ...state, error: failure || state.error, status, send, retry, ...controls };
}

export function useWatched(client: HeadgateClient, run: string | null): RunState {
  const store = useMemo(() => (run === null ? nothing : cacheOf(client).runs.get(run)), [client, run]);
  return useSyncExternalStore(store.subscribe, store.get, store.get);
}

export function useControls(client: HeadgateClient, run: string | null): RunControls {
  return useMemo(() => {
    const of = (verb: (id: string) => Promise<unknown>) => async () => {
      if (run !== null) await tolerant(verb(run));
    };
    return {
      stop: (mode) => of((id) => cacheOf(client).runs.get(id).stop(mode))(),
      pause: of((id) => client.runs.pause(id)),
      resume: of((id) => client.runs.resume(id)),
      approve: (approval, approve, reason) => of((id) => client.runs.approve(id, approval, approve, reason))(),
      answer: (input, content) => of((id) => client.runs.answer(id, input, content))(),
      reconnect: () => {
        if (run !== null) cacheOf(client).runs.get(run).reconnect();
      },
    };
  }, [client, run]);
}

/** The same answer from another tab is no failure of this one. */
async function tolerant(verb: Promise<unknown>): Promise<void> {
  try {
    await verb;
  } catch (error) {
    if (!(error instanceof HeadgateError) || error.code !== "already_answered") throw error;
  }
}
