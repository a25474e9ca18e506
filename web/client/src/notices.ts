import { passes } from "./errors.ts";
import type { FollowSettings } from "./follow.ts";
import type { Notice } from "./generated/api.ts";
import type { SharedSocket } from "./socket.ts";
import { delay, sleep } from "./waiting.ts";

/** Notices over as many connections as it takes, until the signal is aborted or the login is over. */
export async function listen(
  socket: SharedSocket,
  { backoff, silence }: FollowSettings,
  heard: (notice: Notice) => void,
  onConnection: ((connected: boolean) => void) | undefined,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  const opened = () => {
    failures = 0;
    onConnection?.(true);
  };
  while (!signal.aborted) {
    try {
      await socket.listen(heard, { signal, silence, opened });
    } catch (error) {
      onConnection?.(false);
      if (!passes(error)) return;
      await sleep(delay(backoff, failures, 0), signal).catch(() => undefined);
      failures += 1;
    }
  }
}
