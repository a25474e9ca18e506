import type { RunView } from "@headgate/client";
import type { UseRun } from "@headgate/client/react";
import { useEffect, useState } from "react";
import { compact, duration, money } from "../lib/format";

/** About how many characters a token has, for as long as the provider has not counted. */
const CHARACTERS = 4;

function useNow(running: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [running]);
  return now;
}

interface ProgressProps {
  run: UseRun;
  /** What the server says of it. */
  view: RunView | null;
  live: boolean;
}

/** How far an answer is, or what it was in the end: time, tokens, speed and cost. */
export function Progress({ run, view, live }: ProgressProps) {
  const now = useNow(live);
  const { text, reasoning, retrying, seen } = run;
  const usage = live || run.outcome !== null ? run.usage : view?.usage;
  const counted = usage?.output_tokens ?? 0;
  const tokens = live ? Math.max(counted, Math.round((text.length + reasoning.length) / CHARACTERS)) : counted;
  const speaking = seen.spoke === null ? 0 : ((seen.ended ?? now) - seen.spoke) / 1000;
  const took = live ? now - begun(run, view, now) : lasted(run, view);
  const facts: string[] = [];
  if (took !== null) facts.push(duration(Math.max(0, took)));
  if (tokens > 0) facts.push(`${live ? "≈ " : ""}${compact(tokens)} tokens`);
  if (tokens > 0 && speaking > 0.5) facts.push(`${Math.round(tokens / speaking)} per second`);
  if (usage?.cost_usd && Number(usage.cost_usd) > 0) facts.push(money(usage.cost_usd));
  return (
    <p className="flex flex-wrap gap-x-2 text-xs text-muted tabular-nums" data-progress>
      {retrying && live && <span className="text-warn">The provider is busy; asking again…</span>}
      {facts.map((fact, index) => (
        <span key={index}>
          {index > 0 && <span aria-hidden="true">· </span>}
          {fact}
        </span>
      ))}
    </p>
  );
}

function begun({ seen }: UseRun, view: RunView | null, now: number): number {
  return seen.began ?? Math.min(now, Date.parse(view?.started_at ?? view?.created_at ?? "") || now);
}

/** By one clock, the page's or the server's: they may differ. */
function lasted({ seen }: UseRun, view: RunView | null): number | null {
  if (seen.began !== null && seen.ended !== null) return seen.ended - seen.began;
  return view?.started_at && view.ended_at ? Date.parse(view.ended_at) - Date.parse(view.started_at) : null;
}
