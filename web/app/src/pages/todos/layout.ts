import type { TodoView } from "../shared/types";
import { addDays, wallOf } from "../shared/zone";

const DAY = 1440;
/** How long a todo without an end is drawn. */
const ENDLESS = 60;
/** Below this its text could not be read. */
const SHORTEST = 25;

export interface Placed {
  todo: TodoView;
  /** Minutes since midnight of the shown day, within it. */
  from: number;
  to: number;
  /** Which of `columns` it takes: todos at one time stand side by side. */
  column: number;
  columns: number;
}

/** Where each todo stands on a day. Those that only have an end stand at it. */
export function layOut(todos: readonly TodoView[], day: string, zone: string): Placed[] {
  const placed = todos.flatMap((todo) => place(todo, day, zone)).sort((a, b) => a.from - b.from || b.to - a.to);
  let group: Placed[] = [];
  let until = -1;
  for (const one of placed) {
    if (one.from >= until) {
      widen(group);
      group = [];
      until = -1;
    }
    const taken = new Set(group.filter((other) => other.to > one.from).map((other) => other.column));
    while (taken.has(one.column)) one.column++;
    group.push(one);
    until = Math.max(until, one.to);
  }
  widen(group);
  return placed;
}

function widen(group: readonly Placed[]) {
  const columns = Math.max(0, ...group.map((one) => one.column)) + 1;
  for (const one of group) one.columns = columns;
}

function place(todo: TodoView, day: string, zone: string): Placed[] {
  const start = todo.start_time ?? todo.end_time;
  if (!start) return [];
  const from = minutes(start, day, zone);
  const to = todo.start_time && todo.end_time ? minutes(todo.end_time, day, zone) : from + ENDLESS;
  if (to <= 0 || from >= DAY) return [];
  const top = Math.max(0, Math.min(from, DAY - SHORTEST));
  return [{ todo, from: top, to: Math.max(Math.min(DAY, to), top + SHORTEST), column: 0, columns: 1 }];
}

/** Minutes from the midnight of `day` on the wall of `zone`. Days before and after count as whole ones. */
function minutes(iso: string, day: string, zone: string): number {
  const wall = wallOf(iso, zone);
  if (wall.day === day) return wall.minutes;
  if (wall.day === addDays(day, 1)) return DAY + wall.minutes;
  return wall.day < day ? wall.minutes - DAY : 2 * DAY;
}
