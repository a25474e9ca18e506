import type { RunEvent } from "./generated/events.ts";

/**
 * How events come: `stream` over fetch, `socket` over the one WebSocket that all runs share, `poll` not at all until the
 * run has ended, for networks that let neither through.
 */
export type Transport = "stream" | "socket" | "poll";

/** One connection's worth of a run. */
export interface Reading {
  readonly run: string;
  /** The last number that is known. */
  readonly after: number;
  readonly signal: AbortSignal;
  /** After so many milliseconds without a sign of life the connection is half-open. */
  readonly silence: number;
  /** How long polling goes on, in milliseconds, before the others are tried again. */
  readonly patience: number;
  /** The server has answered; with the number of the run's last event until then, where it says that. */
  opened(lastSeq?: number): void;
}

/** Polling went well for long enough. */
export class Retreat extends Error {}

/** Ends where nothing more comes of the run, and throws where the connection, the server or the answer is no good. */
export type Read = (reading: Reading) => AsyncGenerator<RunEvent>;
