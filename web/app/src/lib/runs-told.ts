/* Tabs tell each other of the runs they start, so that a page that shows what agents change can follow them at once. */

const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("headgate.runs");
const listeners = new Set<(runId: string) => void>();

channel?.addEventListener("message", (event: MessageEvent<string>) => {
  for (const listener of listeners) listener(event.data);
});

/** Say this where a run was started: in this tab it is heard as well. */
export function tellOfRun(runId: string): void {
  channel?.postMessage(runId);
  for (const listener of listeners) listener(runId);
}

/** Calls back for each run that any tab starts, until what it returns is called. */
export function onRun(listener: (runId: string) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
