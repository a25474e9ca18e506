import type { RunEvent, StoredRunEvent } from "./generated/events.ts";

const ENDS = ["completed", "cancelled", "error", "rate_limit_exceeded"] as const;

/** The events that end a run: nothing stored follows one. */
export type RunEnd = Extract<StoredRunEvent, { event: (typeof ENDS)[number] }>;

export function isEnd(event: RunEvent): event is RunEnd {
  return (ENDS as readonly string[]).includes(event.event);
}

/** Whether a run of this state has ended. */
export function isFinal(state: string): boolean {
  return ["completed", "cancelled", "failed", "limited", "rejected"].includes(state);
}
