import { useEffect, useRef } from "react";
import { cn, ErrorState, Loading } from "../../ui";
import { CheckIcon } from "../../ui/icons";
import type { TodoView } from "../shared/types";
import { clock, dayInWords, spanInWords, today, wallOf } from "../shared/zone";
import { useDay } from "./data";
import { layOut, type Placed } from "./layout";

const HOURS = Array.from({ length: 24 }, (_, hour) => hour);
/** In rem: an hour's height. */
const HOUR = 3.5;
const FIRST_SHOWN = 8;
/** So many minutes are high enough for a second line. */
const ROOM_FOR_TWO = 40;

interface Props {
  day: string;
  zone: string;
  onOpen: (todo: TodoView) => void;
  /** An empty hour was chosen: `2026-11-21T09:00`. */
  onBegin: (at: string) => void;
}

/** One day as a calendar shows it: hours below each other, and what is at one time side by side. */
export function DayView({ day, zone, onOpen, onBegin }: Props) {
  const todos = useDay(day);
  const scroller = useRef<HTMLDivElement>(null);
  const now = wallOf(new Date().toISOString(), zone);
  const placed = todos.data ? layOut(todos.data, day, zone) : [];
  const first = Math.floor((placed[0]?.from ?? FIRST_SHOWN * 60) / 60);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another day begins at its own first todo
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
    element.scrollTop = Math.min(first, FIRST_SHOWN) * HOUR * rem;
  }, [day, todos.isSuccess]);

  if (todos.isPending) return <Loading what="Loading the day" />;
  if (todos.isError) return <ErrorState what="This day" error={todos.error} retry={() => todos.refetch()} />;
  return (
    <section
      aria-label={`Schedule of ${dayInWords(day, zone)}`}
      className="overflow-hidden rounded-2xl border border-line bg-surface"
    >
      {placed.length === 0 && (
        <p className="border-b border-line px-4 py-3 text-sm text-muted">
          Nothing is planned for this day. Choose an hour to plan something, or ask the todo agent to.
        </p>
      )}
      <div
        ref={scroller}
        tabIndex={0}
        role="region"
        aria-label="Hours of the day"
        className="relative h-[34rem] overflow-y-auto"
      >
        <div className="relative" style={{ height: `${24 * HOUR}rem` }}>
          {HOURS.map((hour) => (
            <div
              key={hour}
              className="absolute inset-x-0 flex border-t border-line first:border-t-0"
              style={{ top: `${hour * HOUR}rem`, height: `${HOUR}rem` }}
            >
              <span className="w-14 shrink-0 pt-1 pr-2 text-right text-xs text-muted">{clock(hour * 60)}</span>
              <button
                type="button"
                aria-label={`Plan something at ${clock(hour * 60)}`}
                className="flex-1 cursor-pointer border-l border-line hover:bg-hover"
                onClick={() => onBegin(`${day}T${clock(hour * 60)}`)}
              />
            </div>
          ))}
          <ul aria-label="Planned" className="pointer-events-none absolute inset-y-0 right-2 left-14">
            {placed.map((one) => (
              <li key={one.todo.id}>
                <Block placed={one} day={day} zone={zone} onOpen={onOpen} />
              </li>
            ))}
          </ul>
          {day === today(zone) && (
            <div
              aria-hidden="true"
              className="pointer-events-none absolute right-0 left-14 border-t-2 border-danger"
              style={{ top: `${(now.minutes / 60) * HOUR}rem` }}
            >
              <span className="absolute -top-1.5 -left-1.5 size-2.5 rounded-full bg-danger" />
            </div>
          )}
        </div>
      </div>
    </section>
  );
}

function Block({
  placed,
  day,
  zone,
  onOpen,
}: {
  placed: Placed;
  day: string;
  zone: string;
  onOpen: (todo: TodoView) => void;
}) {
  const { todo, from, to, column, columns } = placed;
  const over = todo.status === "completed" || todo.status === "cancelled";
  const urgent = !over && todo.importance === "urgent";
  return (
    <button
      type="button"
      onClick={() => onOpen(todo)}
      className={cn(
        "pointer-events-auto absolute flex cursor-pointer flex-col justify-start overflow-hidden rounded-lg border-l-4 px-2 py-0.5 text-left text-sm leading-tight transition-[top,height]",
        over
          ? "border-line-strong bg-hover text-muted"
          : urgent
            ? "border-danger bg-danger-soft"
            : "border-accent bg-accent-soft",
      )}
      style={{
        top: `${(from / 60) * HOUR}rem`,
        height: `calc(${((to - from) / 60) * HOUR}rem - 2px)`,
        left: `calc(${(column / columns) * 100}% + 4px)`,
        width: `calc(${100 / columns}% - 6px)`,
      }}
    >
      <span className={cn("block truncate font-medium", over && "line-through")}>
        {todo.status === "completed" && <CheckIcon className="mr-1 inline size-3.5" />}
        {todo.item}
      </span>
      {to - from >= ROOM_FOR_TWO && (
        <span className="block truncate text-xs text-muted">
          {spanInWords(todo.start_time, todo.end_time, zone, day)}
        </span>
      )}
    </button>
  );
}
