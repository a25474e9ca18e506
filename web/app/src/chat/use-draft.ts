import { useCallback, useEffect, useState } from "react";

const PREFIX = "headgate.draft.";

function kept(key: string): string {
  try {
    return sessionStorage.getItem(PREFIX + key) ?? "";
  } catch {
    return "";
  }
}

export function forgetDrafts(): void {
  try {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
  } catch {
    // None were kept.
  }
}

/** What is being written in a conversation; a reload or a detour to another page does not lose it. */
export function useDraft(sessionId: string | undefined) {
  const key = sessionId ?? "new";
  const [text, setText] = useState(() => kept(key));

  useEffect(() => setText(kept(key)), [key]);

  const write = useCallback(
    (to: string) => {
      setText(to);
      try {
        if (to) sessionStorage.setItem(PREFIX + key, to);
        else sessionStorage.removeItem(PREFIX + key);
      } catch {
        // It lives in this page only, then.
      }
    },
    [key],
  );
  return [text, write] as const;
}
