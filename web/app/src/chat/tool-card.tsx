import type { ToolPart } from "@headgate/client";
import type { Seen } from "@headgate/client/react";
import { duration } from "../lib/format";
import { Badge, CopyButton, Spinner } from "../ui";
import { ChevronIcon, WrenchIcon } from "../ui/icons";

/** “create_todo” as “Create todo”. */
export function toolTitle(name: string): string {
  const words = name.replaceAll("_", " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function written(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

/** The few words that tell one call from another. */
function gist(given: Record<string, unknown>): string {
  const values = Object.values(given).filter((value) => typeof value === "string" || typeof value === "number");
  return values.slice(0, 2).join(", ");
}

interface ToolCardProps {
  part: ToolPart;
  /** Where the page saw it happen: nobody else keeps the time. */
  time: Seen["tools"][string] | undefined;
  /** Its run goes on, so a result may still come. */
  live: boolean;
  /** It waits for a yes. */
  asks: boolean;
}

export function ToolCard({ part, time, live, asks }: ToolCardProps) {
  const { result } = part;
  const took = time?.returned ? duration(time.returned - time.called) : null;
  return (
    <details className="group rounded-xl border border-line bg-surface text-sm" data-tool={part.name}>
      <summary className="flex cursor-pointer list-none items-center gap-2.5 rounded-xl px-3 py-2.5 [&::-webkit-details-marker]:hidden">
        <WrenchIcon className="size-4 shrink-0 text-muted" />
        <span className="shrink-0 font-medium">{toolTitle(part.name)}</span>
        <span className="min-w-0 flex-1 truncate text-muted">{gist(part.arguments)}</span>
        {took && <span className="text-xs whitespace-nowrap text-muted tabular-nums">{took}</span>}
        {result ? (
          <Badge look={result.isError ? "danger" : "ok"}>{result.isError ? "failed" : "done"}</Badge>
        ) : live && asks ? (
          <Badge look="warn">asks you</Badge>
        ) : live ? (
          <span className="flex items-center gap-1.5 text-xs text-muted">
            <Spinner className="size-3.5" /> running
          </span>
        ) : (
          <Badge look="warn">no result</Badge>
        )}
        <ChevronIcon className="size-4 shrink-0 text-muted transition-transform group-open:rotate-180" />
      </summary>
      <div className="flex flex-col gap-3 border-t border-line p-3">
        <Piece title="Arguments" text={written(part.arguments)} />
        {result && (
          <Piece title={result.isError ? "Error" : "Result"} text={written(result.output)} danger={result.isError} />
        )}
      </div>
    </details>
  );
}

function Piece({ title, text, danger }: { title: string; text: string; danger?: boolean }) {
  return (
    <div>
      <div className="mb-1 flex items-center justify-between">
        <span className="text-xs font-medium text-muted">{title}</span>
        <CopyButton text={text} label={`Copy ${title.toLowerCase()}`} />
      </div>
      <pre
        tabIndex={0}
        role="group"
        aria-label={title}
        className={`max-h-72 overflow-auto rounded-lg bg-code p-2.5 font-mono text-xs leading-relaxed whitespace-pre-wrap wrap-anywhere ${danger ? "text-danger" : ""}`}
      >
        {text}
      </pre>
    </div>
  );
}
