import type { SecretView, Verdict } from "../shared/types";

interface Said {
  look: "ok" | "warn" | "danger";
  title: string;
  text: string;
}

export const VERDICTS: Record<Verdict, Said> = {
  valid: { look: "ok", title: "The provider takes this key.", text: "" },
  invalid: {
    look: "danger",
    title: "The provider refuses this key.",
    text: "Copy it again, whole, and check that it was not revoked and belongs to this provider.",
  },
  no_quota: {
    look: "warn",
    title: "The provider knows this key, and takes no requests for now.",
    text: "The account has no credit left, or had too many requests. The key itself may be fine.",
  },
  unreachable: {
    look: "warn",
    title: "Nobody answered as a provider does.",
    text: "Check the base URL, or try again in a moment. Whether the key is good is not known.",
  },
};

const WARNINGS: Record<string, string> = {
  expires_in_30_days: "ends within 30 days",
  expires_in_7_days: "ends within 7 days",
  expires_in_1_day: "ends within a day",
};

/** How soon it ends, where that is soon. */
export function warningOf(secret: SecretView): string | null {
  const warning = secret.warnings?.[0];
  return warning ? (WARNINGS[warning] ?? "ends soon") : null;
}

const ACTIONS: Record<string, string> = {
  create: "Stored",
  read: "Looked at",
  update: "Changed",
  reveal: "Revealed",
  use: "Used by a run",
  rotate: "Rotated",
  restore: "Went back to a version",
  verify: "Checked with the provider",
  disable: "Disabled",
  enable: "Enabled",
  shred: "A value was shredded",
  refuse: "Refused",
  delete: "Deleted",
};

export function actionInWords(action: string): string {
  return ACTIONS[action] ?? action;
}

/** The last moment of a day, where the browser is. */
export function dayEnd(day: string): string {
  return new Date(`${day}T23:59:59`).toISOString();
}

/** As a date field wants it. */
export function dayOf(iso: string | null): string {
  if (!iso) return "";
  const at = new Date(iso);
  return `${at.getFullYear()}-${String(at.getMonth() + 1).padStart(2, "0")}-${String(at.getDate()).padStart(2, "0")}`;
}
