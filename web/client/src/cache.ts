import type { HeadgateClient } from "./client.ts";
import { Conversation } from "./conversation.ts";
import { Recent } from "./store.ts";
import { RunWatch } from "./watch.ts";

interface Cache {
  readonly runs: Recent<RunWatch>;
  readonly sessions: Recent<Conversation>;
}

const RUNS = 100;
const SESSIONS = 30;
const caches = new WeakMap<HeadgateClient, Cache>();

/** What a client's pages look at and lately looked at: going back shows it at once. */
export function cacheOf(client: HeadgateClient): Cache {
  let cache = caches.get(client);
  if (!cache) {
    const runs = new Recent<RunWatch>(RUNS, (run) => new RunWatch(client, run));
    cache = { runs, sessions: new Recent<Conversation>(SESSIONS, (id) => new Conversation(client, id, runs)) };
    caches.set(client, cache);
  }
  return cache;
}

/** Say this of a run that this page has begun by other means than the hooks: what it is told of it happens now. */
export function begun(client: HeadgateClient, run: string): void {
  cacheOf(client).runs.get(run).begun();
}

/** Somebody else uses this client's page now: nothing of what was looked at stays. */
export function forget(client: HeadgateClient): void {
  caches.delete(client);
}
