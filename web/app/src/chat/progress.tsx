import { useEffect, useState } from "react";
import { compact, duration, money } from "../lib/format";
import { isOver, type LiveRun } from "./run-store";

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

/** How far an answer is: time, tokens, speed and cost. */
export function Progress({ live }: { live: LiveRun }) {
  const over = isOver(live);
  const now = useNow(!over);
  const { usage, text, reasoning, retrying } = live.snapshot;
  const until = live.endedAt ?? now;
  const counted = usage?.output_tokens ?? 0;
  const tokens = over ? counted : Math.max(counted, Math.round((text.length + reasoning.length) / CHARACTERS));
  const speaking = live.firstTokenAt === null ? 0 : (until - live.firstTokenAt) / 1000;
  const facts = [duration(Math.max(0, until - live.startedAt))];
  if (tokens > 0) facts.push(`${over ? "" : "≈ "}${compact(tokens)} tokens`);
  if (tokens > 0 && speaking > 0.5) facts.push(`${Math.round(tokens / speaking)} per second`);
  if (usage?.cost_usd && Number(usage.cost_usd) > 0) facts.push(money(usage.cost_usd));
  return (
    <p className="flex flex-wrap gap-x-2 text-xs text-muted tabular-nums" data-progress>
      {retrying && !over && <span className="text-warn">The provider is busy; asking again…</span>}
      {facts.map((fact, index) => (
        <span key={index}>
          {index > 0 && <span aria-hidden="true">· </span>}
          {fact}
        </span>
      ))}
    </p>
  );
}
