/* Todos live in the time zone of one's profile, which need not be the browser's. */

export interface Wall {
  /** As `2026-11-21`. */
  day: string;
  /** Since midnight. */
  minutes: number;
}

/** What a clock on the wall of `zone` shows at that moment. */
export function wallOf(iso: string, zone: string): Wall {
  const parts: Record<string, string> = {};
  for (const { type, value } of formatter(zone).formatToParts(new Date(iso))) parts[type] = value;
  return { day: `${parts.year}-${parts.month}-${parts.day}`, minutes: Number(parts.hour) * 60 + Number(parts.minute) };
}

/** As `<input type="datetime-local">` wants it. The server reads a time without an offset in the profile's zone. */
export function toInput(iso: string | null | undefined, zone: string): string {
  if (!iso) return "";
  const { day, minutes } = wallOf(iso, zone);
  return `${day}T${clock(minutes)}`;
}

export function today(zone: string): string {
  return wallOf(new Date().toISOString(), zone).day;
}

export function addDays(day: string, days: number): string {
  const moved = new Date(`${day}T00:00:00Z`);
  moved.setUTCDate(moved.getUTCDate() + days);
  return moved.toISOString().slice(0, 10);
}

/** `09:05` of 545. */
export function clock(minutes: number): string {
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
}

/** `Saturday, 21 November`, and the year where it is another one. */
export function dayInWords(day: string, zone: string): string {
  const year = day.slice(0, 4) === today(zone).slice(0, 4) ? undefined : ("numeric" as const);
  return new Intl.DateTimeFormat("en-GB", {
    weekday: "long",
    day: "numeric",
    month: "long",
    year,
    timeZone: "UTC",
  }).format(new Date(`${day}T12:00:00Z`));
}

/** `21 Nov, 09:00 – 10:30`; the day is left out where it is `known`. */
export function spanInWords(start: string | null, end: string | null, zone: string, known?: string): string {
  const from = start && wallOf(start, zone);
  const to = end && wallOf(end, zone);
  const at = (wall: Wall, last = known) =>
    wall.day === last ? clock(wall.minutes) : `${shortDay(wall.day)}, ${clock(wall.minutes)}`;
  if (from && to) return `${at(from)} – ${at(to, from.day)}`;
  if (from) return at(from);
  return to ? `by ${at(to)}` : "";
}

export function shortDay(day: string): string {
  return new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" }).format(
    new Date(`${day}T12:00:00Z`),
  );
}

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(zone: string): Intl.DateTimeFormat {
  let found = formatters.get(zone);
  if (!found) {
    const options = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" } as const;
    found = new Intl.DateTimeFormat("en-GB", { ...options, hourCycle: "h23", timeZone: zone });
    formatters.set(zone, found);
  }
  return found;
}
