import type { Me } from "@headgate/client";
import { useSyncExternalStore } from "react";

/* Who is signed in. The access token lives in this module's memory and nowhere else; the refresh token is in an HttpOnly
   cookie that no script sees. Web storage only knows whether asking for a token is worth the while. */

const HINT = "headgate.signed-in";
/** A token is renewed so long before it expires. */
const EARLY_MS = 30_000;

interface Grant {
  access_token: string;
  expires_in: number;
  user: Me;
}

export class ProblemError extends Error {
  constructor(readonly problem: { status: number; code: string; detail: string }) {
    super(problem.detail);
  }
}

let me: Me | null = null;
let accessToken = "";
let expiresAt = 0;
let renewing: Promise<boolean> | null = null;
let asked = false;
const listeners = new Set<() => void>();
const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("headgate.auth");

channel?.addEventListener("message", () => forget(false));

function tell() {
  for (const listener of listeners) listener();
}

function hint(to?: boolean): boolean {
  try {
    if (to === true) localStorage.setItem(HINT, "1");
    else if (to === false) localStorage.removeItem(HINT);
    return localStorage.getItem(HINT) === "1";
  } catch {
    return true; // nothing is kept here: ask
  }
}

function accept(grant: Grant) {
  accessToken = grant.access_token;
  expiresAt = Date.now() + grant.expires_in * 1000;
  me = grant.user;
  hint(true);
  tell();
}

function forget(told: boolean) {
  accessToken = "";
  expiresAt = 0;
  me = null;
  hint(false);
  if (told) channel?.postMessage("signed-out");
  tell();
}

async function post(path: string, body?: unknown): Promise<Response> {
  const response = await fetch(`/api/access/${path}`, {
    method: "POST",
    credentials: "same-origin",
    headers: {
      ...(body !== undefined && { "Content-Type": "application/json" }),
      ...(accessToken && { Authorization: `Bearer ${accessToken}` }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new ProblemError(await response.json());
  return response;
}

/** A new token by the cookie. False when nobody is signed in; throws when the server cannot be asked. */
async function renew(): Promise<boolean> {
  try {
    accept((await (await post("refresh")).json()) as Grant);
    return true;
  } catch (error) {
    if (!(error instanceof ProblemError) || error.problem.status >= 500 || error.problem.status === 429) throw error;
    forget(false);
    return false;
  }
}

/** One tab at a time, and one request a tab: each renewal replaces the cookie. */
function renewOnce(): Promise<boolean> {
  const locks = globalThis.navigator.locks as LockManager | undefined; // there is none on plain http
  renewing ??= (locks ? locks.request("headgate.refresh", renew) : renew()).finally(() => {
    renewing = null;
  });
  return renewing;
}

export const auth = {
  /** Whether somebody is signed in; asks the server the first time. */
  async ready(): Promise<boolean> {
    if (me) return true;
    if (asked || !hint()) return false;
    const found = await renewOnce();
    asked = true;
    return found;
  },

  /** A token that is good for now, and not the one that the server has `refused`. None when nobody is signed in. */
  async token(refused?: string): Promise<string | undefined> {
    const stale = accessToken === refused || expiresAt - Date.now() < EARLY_MS;
    if ((stale || !accessToken) && (me || hint())) await renewOnce();
    return accessToken || undefined;
  },

  async signIn(email: string, password: string): Promise<void> {
    accept((await (await post("login", { email, password })).json()) as Grant);
  },

  async signUp(account: { name: string; email: string; password: string }): Promise<void> {
    await post("signup", { ...account, time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone });
    await auth.signIn(account.email, account.password);
  },

  async changePassword(current: string, next: string): Promise<void> {
    await auth.token();
    await post("password", { current_password: current, new_password: next });
  },

  async signOut(): Promise<void> {
    try {
      await post("logout");
    } finally {
      forget(true);
    }
  },

  /** After a change of one's name or preferences. */
  update(to: Me) {
    me = to;
    tell();
  },

  get me(): Me | null {
    return me;
  },

  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

/** Who is signed in, or null. */
export function useMe(): Me | null {
  return useSyncExternalStore(auth.subscribe, () => me);
}
