import { ChevronIcon } from "../ui/icons";

/** What the model thought before it spoke: folded, and of its own look so that nobody takes it for the answer. */
export function Reasoning({ text, open }: { text: string; open: boolean }) {
  return (
    <details className="group rounded-xl border border-think-line/60 bg-think-soft text-sm text-think">
      <summary className="flex cursor-pointer list-none items-center gap-2 rounded-xl px-3 py-2 font-medium [&::-webkit-details-marker]:hidden">
        <span aria-hidden="true">🧠</span>
        {open ? "Thinking…" : "Reasoning"}
        <ChevronIcon className="ml-auto size-4 transition-transform group-open:rotate-180" />
      </summary>
      <p className="border-t border-think-line/40 px-3 py-2.5 leading-relaxed whitespace-pre-wrap wrap-anywhere">
        {text}
      </p>
    </details>
  );
}
