/* How numbers, times and money are written: by the browser's own rules for the user's language. */

const NUMBER = new Intl.NumberFormat();
const COMPACT = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const STEPS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

export const number = (value: number) => NUMBER.format(value);
export const compact = (value: number) => COMPACT.format(value);

/** Dollars from decimal text, with as many places as a small amount needs. */
export function money(text: string | null | undefined): string {
  if (text == null) return "unknown";
  const value = Number(text);
  const places = value === 0 || value >= 1 ? 2 : value >= 0.01 ? 3 : 5;
  return `$${value.toFixed(places)}`;
}

/** “3 minutes ago”, “in 2 days”. */
export function ago(time: string | Date, now = Date.now()): string {
  const seconds = (new Date(time).getTime() - now) / 1000;
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size) return RELATIVE.format(Math.round(seconds / size), unit);
  }
  return "just now";
}

export function dateTime(time: string | Date, timeZone?: string): string {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short", timeZone }).format(
    new Date(time),
  );
}

export function date(time: string | Date, timeZone?: string): string {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone }).format(new Date(time));
}

/** “4.2 s”, “1:05 min”. */
export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")} min`;
}
