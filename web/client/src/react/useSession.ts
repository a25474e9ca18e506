import { useCallback, useMemo, useSyncExternalStore } from "react";
import { cacheOf } from "../cache.ts";
import type { SendOptions, SessionState } from "../conversation.ts";
import type { RunView } from "../generated/api.ts";
import type { RunState } from "../watch.ts";
import { useHeadgate } from "./context.ts";
import { type RunControls, useControls, useWatched } from "./useRun.ts";

export interface UseSession
  extends Omit<RunState, "status" | "history">,
    Omit<SessionState, "run" | "failure">,
    RunControls {
  /** Of the last run; `idle` where none is shown. */
  readonly status: RunState["status"] | "idle";
  /** The run that is shown live, which may have ended. */
  readonly run: string | null;
  send(content: string, options?: SendOptions): Promise<RunView>;
  /** The last run again, or that one: the conversation goes on from there. */
  retry(run?: string): Promise<RunView>;
  /** Other words in the place of those that `run` answered. */
  edit(run: string, content: string): Promise<RunView>;
  reload(): Promise<void>;
}

/** A session: its history, the run that is going on in this tab or another, and what one can do about it. */
export function useSession(id: string, defaults: SendOptions = {}): UseSession {
  const client = useHeadgate();
  const session = useMemo(() => cacheOf(client).sessions.get(id), [client, id]);
  const state = useSyncExternalStore(session.subscribe, session.get, session.get);
  const { history: _, ...run } = useWatched(client, state.run);
  const controls = useControls(client, state.run);
  const { agent, model, secret_id, on_disconnect } = defaults;
  const send = useCallback<UseSession["send"]>(
    (content, options) =>
      session.send(content, {
        ...(agent && { agent }),
        ...(model && { model }),
        ...(secret_id && { secret_id }),
        ...(on_disconnect && { on_disconnect }),
        ...options,
      }),
    [session, agent, model, secret_id, on_disconnect],
  );
  const actions = useMemo(
    () => ({
      retry: (of?: string) => session.retry(of),
      edit: (of: string, content: string) => session.retry(of, content),
      reload: () => session.reload(),
    }),
    [session],
  );
  const { failure, ...rest } = state;
  const status = state.starting ? "connecting" : state.run ? run.status : failure ? "error" : "idle";
  return { ...run, ...rest, status, error: failure ?? run.error, send, ...actions, ...controls };
}
