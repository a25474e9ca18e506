import { useSyncExternalStore } from "react";
import { IconButton } from "./button";
import { cn } from "./cn";
import { CloseIcon } from "./icons";

interface Toast {
  id: number;
  text: string;
  look: "ok" | "error" | "info";
}

const SECONDS = { ok: 4, info: 6, error: 12 } as const;
let toasts: readonly Toast[] = [];
let next = 1;
const listeners = new Set<() => void>();

function change(to: readonly Toast[]) {
  toasts = to;
  for (const listener of listeners) listener();
}

function dismiss(id: number) {
  change(toasts.filter((toast) => toast.id !== id));
}

/** A short message at the edge of the page. Say what happened and, for an error, what to do now. */
export function toast(text: string, look: Toast["look"] = "ok"): void {
  const id = next++;
  change([...toasts.slice(-3), { id, text, look }]);
  setTimeout(() => dismiss(id), SECONDS[look] * 1000);
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const LOOKS = { ok: "border-ok/40", info: "border-line", error: "border-danger/50" } as const;

/** Stands once in the page; readers hear each message when they have finished their sentence. */
export function Toaster() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <div
      aria-live="polite"
      className="pointer-events-none fixed right-0 bottom-0 z-50 flex w-full max-w-sm flex-col gap-2 p-4"
    >
      {shown.map((item) => (
        <div
          key={item.id}
          className={cn(
            "pointer-events-auto flex items-start gap-2 rounded-xl border bg-surface p-3 text-sm shadow-lg",
            LOOKS[item.look],
          )}
        >
          <p className="min-w-0 flex-1 py-1 wrap-anywhere">{item.text}</p>
          <IconButton label="Dismiss" onClick={() => dismiss(item.id)}>
            <CloseIcon />
          </IconButton>
        </div>
      ))}
    </div>
  );
}
