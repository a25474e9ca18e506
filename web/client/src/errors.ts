import type { Problem } from "./generated/api.ts";

/** What Headgate refused, or could not do. Branch on `code`; `message` is for people. */
export class HeadgateError extends Error {
  override readonly name = "HeadgateError";
  readonly status: number;
  readonly code: string;
  /** The same request may succeed later, unchanged. */
  readonly retryable: boolean;
  /** In milliseconds, where the server said how long to wait. */
  readonly retryAfter: number | undefined;
  /** The whole problem object, with `errors` that point into the body and `request_id`. */
  readonly problem: Partial<Problem> & Record<string, unknown>;

  constructor(status: number, problem: Partial<Problem> & Record<string, unknown>, retryAfter?: number) {
    super(problem.detail ?? problem.title ?? `The server answered ${status}.`);
    this.status = status;
    this.code = problem.code ?? "unknown";
    this.retryable = problem.retryable ?? (status === 429 || status >= 500);
    this.retryAfter = retryAfter;
    this.problem = problem;
  }
}

/** The connection is of no use, and nothing else is wrong: the reader comes back. */
export class Broken extends Error {
  override readonly name = "Broken";
}

export async function refusal(response: Response): Promise<HeadgateError> {
  const body: unknown = await response.json().catch(() => ({}));
  const problem = (body && typeof body === "object" ? body : {}) as Partial<Problem> & Record<string, unknown>;
  return new HeadgateError(response.status, problem, waitOf(response.headers.get("Retry-After"), problem.retry_after));
}

/** `Retry-After` is seconds or a date (RFC 9110); a problem object may say it too. */
function waitOf(header: string | null, seconds: unknown): number | undefined {
  const said = header === null ? seconds : Number(header);
  if (typeof said === "number" && said >= 0) return said * 1000;
  const until = header === null ? Number.NaN : Date.parse(header);
  return Number.isNaN(until) ? undefined : Math.max(0, until - Date.now());
}

/** Whether coming again, later, may help. */
export function passes(error: unknown): boolean {
  if (!(error instanceof HeadgateError)) return true;
  return error.status === 408 || error.status === 425 || error.status === 429 || error.status >= 500;
}
