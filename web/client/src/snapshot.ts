import type { Artifact, HistoryEntry, Problem, Retrying, Usage } from "./generated/api.ts";

interface Told {
  /** The number of the event that began it. */
  readonly seq: number;
}

export interface TextPart extends Told {
  readonly kind: "text";
  readonly content: string;
  /** Nothing will be added. */
  readonly done: boolean;
  /** It was cut off. */
  readonly partial: boolean;
}

export interface ReasoningPart extends Told {
  readonly kind: "reasoning";
  readonly content: string;
  readonly done: boolean;
}

export interface ToolPart extends Told {
  readonly kind: "tool";
  readonly id: string;
  readonly name: string;
  readonly arguments: Record<string, unknown>;
  /** What came of it, once something has. */
  readonly result: { readonly seq: number; readonly output: unknown; readonly isError: boolean } | null;
}

export interface AgentPart extends Told {
  readonly kind: "agent";
  readonly name: string;
}

export interface ArtifactPart extends Told {
  readonly kind: "artifact";
  readonly id: string;
  readonly name: string;
  readonly parts: Artifact["parts"];
  readonly done: boolean;
}

/** What a run showed, in the order in which it did. */
export type Part = TextPart | ReasoningPart | ToolPart | AgentPart | ArtifactPart;

/** What a run waits for: a word on a tool call, or an answer in words. */
export type Question =
  | (Told & {
      readonly kind: "approval";
      readonly id: string;
      readonly toolCallId: string;
      readonly toolName: string;
      readonly arguments: Record<string, unknown>;
    })
  | (Told & { readonly kind: "input"; readonly id: string; readonly prompt: string });

export interface RunFailure extends Partial<Problem> {
  readonly code: string;
  readonly detail: string;
  readonly retryable: boolean;
  /** Seconds, where waiting helps. */
  readonly retry_after?: number;
  /** Which limit was reached. */
  readonly kind?: string;
  /** When a monthly limit begins anew. */
  readonly reset_date?: string | null;
}

/** A run as its events tell it. */
export interface RunSnapshot {
  readonly status: "connecting" | "streaming" | "paused" | "waiting" | "completed" | "error";
  /** How it ended; a cancelled run is `completed` too. */
  readonly outcome: "completed" | "cancelled" | "failed" | "limited" | null;
  readonly runId: string | null;
  readonly sessionId: string | null;
  readonly agent: string | null;
  readonly model: string | null;
  readonly attempt: number;
  readonly parts: readonly Part[];
  /** Everything visible that it said. Several messages are separated by an empty line. */
  readonly text: string;
  readonly reasoning: string;
  readonly toolCalls: readonly ToolPart[];
  readonly questions: readonly Question[];
  /** Of its calls so far; in the end, of all of them. */
  readonly usage: Usage | null;
  /** The provider is asked again. */
  readonly retrying: Retrying | null;
  readonly error: RunFailure | null;
  readonly finishReason: string | null;
  /** The session's, where the start asked for it. */
  readonly history: readonly HistoryEntry[] | null;
  /** The last event's number. */
  readonly lastSeq: number;
}

/** A run of which nothing is known yet. */
export const emptyRun: RunSnapshot = {
  status: "connecting",
  outcome: null,
  runId: null,
  sessionId: null,
  agent: null,
  model: null,
  attempt: 0,
  parts: [],
  text: "",
  reasoning: "",
  toolCalls: [],
  questions: [],
  usage: null,
  retrying: null,
  error: null,
  finishReason: null,
  history: null,
  lastSeq: 0,
};
