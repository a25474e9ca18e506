/** The parts of Headgate's problem objects (RFC 9457) that pages look at. */
export interface ProblemLike {
  status?: number;
  code?: string;
  detail?: string;
  retry_after?: number | null;
  errors?: readonly { pointer?: string; detail: string }[];
}

export interface Words {
  title: string;
  /** What to do now. */
  next: string;
}

/** What is known of a failure, whatever threw it: the client's errors carry a `problem`. */
export function problemOf(error: unknown): ProblemLike {
  if (typeof error !== "object" || error === null) return { detail: String(error) };
  const carried = (error as { problem?: unknown }).problem;
  return (typeof carried === "object" && carried !== null ? carried : error) as ProblemLike;
}

const NEXT: Record<string, string> = {
  account_disabled: "Ask whoever runs this server to open it again.",
  agent_not_found: "It may have been deleted. Choose another agent.",
  already_answered: "It was answered in another window; the answer there counts.",
  content_too_long: "Shorten the message, or split it in two.",
  credential_missing: "Add a key for this provider under Secrets, or choose another model.",
  email_taken: "Sign in instead, or use another address.",
  forbidden: "Ask an administrator for the right to do this.",
  idempotency_key_reused: "Send it again.",
  max_turns_reached: "Ask for less at once, or continue from here.",
  model_misbehaved: "Try again; if it stays so, choose another model.",
  provider_unavailable: "Try again in a moment, or choose another model.",
  reveal_limited: "Wait before you reveal another value.",
  run_interrupted: "Continue from where it stopped, or try again.",
  run_not_found: "It may have been deleted with its conversation.",
  run_timeout: "Continue from where it stopped, or ask for less at once.",
  run_too_large: "Start a new conversation and ask for less at once.",
  secret_disabled: "Enable the key under Secrets, or choose another.",
  secret_expired: "Store its successor under Secrets.",
  session_busy: "Wait for the answer that is being written, or stop it.",
  session_not_found: "It may have been deleted. Start a new conversation.",
  signup_closed: "Ask whoever runs this server for an account.",
  streaming_disabled: "Switch streaming off under Settings.",
  unknown_model: "Choose another model.",
  vault_sealed: "Ask whoever runs this server to unlock its vault.",
  weak_password: "Choose a longer one; a few random words do well.",
  wrong_credentials: "Check the address and the password.",
  wrong_password: "Type your current password again.",
};

const KINDS: Record<string, string> = {
  rate: "You have sent many messages in a short time.",
  concurrency: "You have as many answers being written as one may have at once.",
  requests: "This month’s requests are used up.",
  tokens: "This month’s tokens are used up.",
  cost: "This month’s budget is used up.",
};

/** When to come back, in words. */
export function waitInWords(seconds: number): string {
  if (seconds < 90) return `Try again in ${Math.max(2, Math.ceil(seconds))} seconds.`;
  if (seconds < 5400) return `Try again in ${Math.ceil(seconds / 60)} minutes.`;
  if (seconds < 129_600) return `Try again in ${Math.ceil(seconds / 3600)} hours.`;
  return `Try again in ${Math.ceil(seconds / 86_400)} days, or ask an administrator for more.`;
}

/** A failure in words, with the next step. Never a code alone, never a stack. */
export function inWords(error: unknown): Words {
  const problem = problemOf(error) as ProblemLike & { kind?: string | null; message?: string };
  const wait = problem.retry_after ? waitInWords(problem.retry_after) : "";
  if (problem.code === "rate_limit_exceeded" || problem.kind) {
    return {
      title: KINDS[problem.kind ?? ""] ?? "A limit has been reached.",
      next: wait || "Look at Usage to see what is left.",
    };
  }
  if (problem.code) {
    return {
      title: problem.detail ?? "That did not work.",
      next: NEXT[problem.code] ?? (wait || otherwise(problem.status ?? 0)),
    };
  }
  return { title: "The server cannot be reached.", next: "Check your connection and try again." };
}

function otherwise(status: number): string {
  if (status >= 500) return "Try again in a moment.";
  if (status === 401) return "Sign in again.";
  if (status === 404) return "It may have been deleted.";
  return "Change it and try again.";
}

/** The error that belongs to one field of a form, such as `/name`. */
export function fieldError(error: unknown, pointer: string): string | null {
  if (!error) return null;
  return problemOf(error).errors?.find((one) => one.pointer === pointer)?.detail ?? null;
}

/** Whether every part of a failure is shown at a field, so that the form as a whole need not say more. */
export function hasFieldErrors(error: unknown, pointers: readonly string[]): boolean {
  const errors = error ? problemOf(error).errors : undefined;
  return !!errors?.length && errors.every((one) => pointers.includes(one.pointer ?? ""));
}
