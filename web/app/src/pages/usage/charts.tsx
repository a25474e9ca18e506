import { useState } from "react";
import { compact, number } from "../../lib/format";
import { Card } from "../../ui";
import type { UsageGroup } from "../shared/types";
import { shortDay } from "../shared/zone";

/* Drawn by hand: bars are all there is, and a library for them would be the largest thing the page loads. */

const WIDTH = 640;
const HEIGHT = 200;
const LEFT = 44;
const BOTTOM = 22;
const TOP = 8;

interface ByDayProps {
  days: readonly string[];
  groups: readonly UsageGroup[];
}

/** Tokens by day: input below, output above. The table beneath says the same in figures. */
export default function UsageCharts({ days, groups, models }: ByDayProps & { models: readonly UsageGroup[] }) {
  return (
    <div className="grid gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
      <Card title="Tokens by day">
        <ByDay days={days} groups={groups} />
      </Card>
      <Card title="Tokens by model">
        <ByModel models={models} />
      </Card>
    </div>
  );
}

function ByDay({ days, groups }: ByDayProps) {
  const [pointed, point] = useState<number | null>(null);
  const byDay = new Map(groups.map((group) => [group.key, group]));
  const most = niceCeiling(Math.max(1, ...groups.map((group) => group.input_tokens + group.output_tokens)));
  const step = (WIDTH - LEFT) / Math.max(1, days.length);
  const y = (tokens: number) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - tokens / most);
  const every = Math.ceil(days.length / 6);
  const shown = pointed === null ? null : { day: days[pointed] ?? "", group: byDay.get(days[pointed] ?? "") };
  const total = groups.reduce((sum, group) => sum + group.input_tokens + group.output_tokens, 0);

  return (
    <figure className="flex flex-col gap-2">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        className="w-full overflow-visible"
        role="img"
        aria-label={`Tokens by day: ${number(total)} in ${number(days.length)} days. The table below has the figures.`}
        onPointerLeave={() => point(null)}
      >
        {[0, 0.5, 1].map((share) => (
          <g key={share}>
            <line x1={LEFT} x2={WIDTH} y1={y(most * share)} y2={y(most * share)} className="stroke-line" />
            <text x={LEFT - 8} y={y(most * share) + 4} textAnchor="end" className="fill-muted text-[12px]">
              {compact(most * share)}
            </text>
          </g>
        ))}
        {days.map((day, at) => {
          const group = byDay.get(day);
          const input = group?.input_tokens ?? 0;
          const output = group?.output_tokens ?? 0;
          const x = LEFT + at * step;
          const wide = Math.max(1, step - Math.min(4, step * 0.25));
          return (
            <g
              key={day}
              onPointerEnter={() => point(at)}
              className={pointed === null || pointed === at ? "" : "opacity-45"}
            >
              <rect x={x} y={TOP} width={step} height={HEIGHT - TOP - BOTTOM} fill="transparent" />
              <rect x={x} y={y(input)} width={wide} height={y(0) - y(input)} rx="2" className="fill-accent" />
              <rect
                x={x}
                y={y(input + output)}
                width={wide}
                height={y(input) - y(input + output)}
                rx="2"
                className="fill-think-line"
              />
              {at % every === 0 && (
                <text x={x} y={HEIGHT - 5} className="fill-muted text-[12px]">
                  {shortDay(day)}
                </text>
              )}
            </g>
          );
        })}
      </svg>
      <figcaption className="flex min-h-6 flex-wrap items-center gap-x-4 gap-y-1 text-sm text-muted">
        <Key className="bg-accent">input{shown && ` ${number(shown.group?.input_tokens ?? 0)}`}</Key>
        <Key className="bg-think-line">output{shown && ` ${number(shown.group?.output_tokens ?? 0)}`}</Key>
        {shown && <span>{shortDay(shown.day)}</span>}
      </figcaption>
    </figure>
  );
}

function Key({ className, children }: { className: string; children: React.ReactNode }) {
  return (
    <span className="inline-flex items-center gap-1.5">
      <span aria-hidden="true" className={`size-2.5 rounded-sm ${className}`} />
      {children}
    </span>
  );
}

const MOST_MODELS = 8;

function ByModel({ models }: { models: readonly UsageGroup[] }) {
  const sorted = models
    .map((group) => ({ name: group.key ?? "unknown", tokens: group.input_tokens + group.output_tokens }))
    .sort((a, b) => b.tokens - a.tokens);
  const rest = sorted.slice(MOST_MODELS);
  const bars = sorted.slice(0, MOST_MODELS);
  if (rest.length > 0)
    bars.push({ name: `${rest.length} others`, tokens: rest.reduce((sum, one) => sum + one.tokens, 0) });
  const most = Math.max(1, ...bars.map((bar) => bar.tokens));
  return (
    <ul className="flex flex-col gap-3">
      {bars.map((bar) => (
        <li key={bar.name} className="text-sm">
          <div className="flex items-baseline justify-between gap-3">
            <span className="min-w-0 truncate font-mono text-xs" title={bar.name}>
              {bar.name}
            </span>
            <span className="text-muted tabular-nums">{compact(bar.tokens)}</span>
          </div>
          <div
            aria-hidden="true"
            className="mt-1 h-2 rounded-full bg-accent"
            style={{ width: `max(0.25rem, ${(bar.tokens / most) * 100}%)` }}
          />
        </li>
      ))}
    </ul>
  );
}

/** The next of 1, 2, 5, 10, 20, … */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((factor) => factor * power >= value) ?? 10) * power;
}
