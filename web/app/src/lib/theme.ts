import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";

const KEY = "headgate.theme";
const listeners = new Set<() => void>();

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system"; // a browser that keeps nothing for us
  }
}

let theme = stored();

function apply() {
  const root = document.documentElement;
  if (theme === "system") root.removeAttribute("data-theme");
  else root.dataset["theme"] = theme;
}

apply();

export function setTheme(to: Theme) {
  theme = to;
  apply();
  try {
    if (to === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, to);
  } catch {
    // It holds for this page, then.
  }
  for (const listener of listeners) listener();
}

export function useTheme(): Theme {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => theme,
  );
}
