import { type Connection, emptyRun, type RunEvent, type RunSnapshot, reduce } from "@headgate/client";
import { useCallback, useSyncExternalStore } from "react";
import { client } from "../lib/client";

/* The runs that this page follows, outside of React: going to another page and back shows one at once, and a finished one
   is not read again. */

export interface ToolTime {
  from: number;
  to?: number;
}

export interface LiveRun {
  readonly snapshot: RunSnapshot;
  /** Since when there is no connection. */
  readonly awaySince: number | null;
  /** The user has stopped it, when it was so; the server's word on it is still to come. */
  readonly stopping: RunSnapshot | null;
  /** By this page's clock. */
  readonly startedAt: number;
  readonly firstTokenAt: number | null;
  readonly endedAt: number | null;
  /** Only of calls that were seen to happen. */
  readonly toolTimes: Readonly<Record<string, ToolTime>>;
  /** Why it cannot be followed. */
  readonly failure: unknown;
}

interface Entry {
  run: LiveRun;
  seenFrom: number;
  stop: AbortController;
  scheduled: boolean;
}

interface FollowOptions {
  startedAt?: number;
  /** Events up to this one happened before this page looked. */
  lastSeq?: number;
  onEnd?: () => void;
}

/** Finished runs that are kept for going back. */
const KEPT = 40;
const entries = new Map<string, Entry>();
/** Also of runs that are not followed yet. */
const listeners = new Map<string, Set<() => void>>();

export function liveRun(id: string): LiveRun | null {
  return entries.get(id)?.run ?? null;
}

export function isOver(run: LiveRun): boolean {
  return run.snapshot.outcome !== null || run.failure !== null;
}

/** Follow a run, once, for as long as it goes on. */
export function follow(id: string, options: FollowOptions = {}): void {
  if (entries.has(id)) return;
  forgetOld();
  const entry: Entry = {
    run: {
      snapshot: emptyRun,
      awaySince: null,
      stopping: null,
      startedAt: options.startedAt ?? Date.now(),
      firstTokenAt: null,
      endedAt: null,
      toolTimes: {},
      failure: null,
    },
    seenFrom: options.lastSeq ?? 0,
    stop: new AbortController(),
    scheduled: false,
  };
  entries.set(id, entry);
  tell(id, entry);
  void read(id, entry, options);
}

async function read(id: string, entry: Entry, { onEnd }: FollowOptions) {
  const events = client.runs.follow(id, {
    signal: entry.stop.signal,
    // All of a page's runs share the socket: over HTTP/1.1 a browser has six connections to a server, for all its tabs.
    transports: ["socket", "stream", "poll"],
    onConnection: (connection) => connected(id, entry, connection),
  });
  try {
    for await (const event of events) take(id, entry, event);
  } catch (error) {
    if (!entry.stop.signal.aborted) entry.run = { ...entry.run, failure: error };
  }
  entry.run = { ...entry.run, awaySince: null, endedAt: Date.now() };
  tell(id, entry);
  onEnd?.();
}

function take(id: string, entry: Entry, event: RunEvent) {
  const now = Date.now();
  const { run } = entry;
  const next = { ...run, snapshot: reduce(run.snapshot, event) };
  const isSeen = event.id !== undefined && event.id > entry.seenFrom;
  if (event.event === "message_delta" && run.firstTokenAt === null) next.firstTokenAt = now;
  if (event.event === "tool_call" && isSeen) {
    next.toolTimes = { ...run.toolTimes, [event.data.tool_call_id]: { from: now } };
  }
  if (event.event === "tool_result") {
    const time = run.toolTimes[event.data.tool_call_id];
    if (time) next.toolTimes = { ...run.toolTimes, [event.data.tool_call_id]: { ...time, to: now } };
  }
  entry.run = next;
  tell(id, entry);
}

function connected(id: string, entry: Entry, connection: Connection) {
  const awaySince =
    connection.state === "reconnecting"
      ? (entry.run.awaySince ?? Date.now())
      : connection.state === "open"
        ? null
        : entry.run.awaySince;
  if (awaySince === entry.run.awaySince) return;
  entry.run = { ...entry.run, awaySince };
  tell(id, entry);
}

/** At most once a frame, however many events come; a hidden page has no frames. */
function tell(id: string, entry: Entry) {
  if (entry.scheduled) return;
  entry.scheduled = true;
  const now = () => {
    entry.scheduled = false;
    for (const listener of listeners.get(id) ?? []) listener();
  };
  if (document.hidden) setTimeout(now, 250);
  else requestAnimationFrame(now);
}

/** The page shows it as stopped at once, and the server is told. */
export async function stop(id: string): Promise<void> {
  const entry = entries.get(id);
  if (entry) {
    entry.run = { ...entry.run, stopping: entry.run.snapshot };
    tell(id, entry);
  }
  try {
    await client.runs.cancel(id);
  } catch (error) {
    if (entry) {
      entry.run = { ...entry.run, stopping: null };
      tell(id, entry);
    }
    throw error;
  }
}

/** Somebody else has signed in: nothing stays. */
export function forgetRuns(): void {
  for (const entry of entries.values()) entry.stop.abort();
  entries.clear();
}

function forgetOld() {
  const finished = [...entries].filter(([id, entry]) => isOver(entry.run) && !listeners.has(id));
  for (const [id] of finished.slice(0, Math.max(0, finished.length - KEPT))) entries.delete(id);
}

function listen(id: string, listener: () => void): () => void {
  const all = listeners.get(id) ?? new Set();
  listeners.set(id, all.add(listener));
  return () => {
    all.delete(listener);
    if (all.size === 0 && listeners.get(id) === all) listeners.delete(id);
  };
}

/** The run as it is now, or null where this page does not follow it. */
export function useLiveRun(id: string | null): LiveRun | null {
  return useSyncExternalStore(
    useCallback((listener: () => void) => (id === null ? () => {} : listen(id, listener)), [id]),
    () => (id === null ? null : liveRun(id)),
  );
}
