import { inWords } from "../../lib/problems";
import { Badge, cn, IconButton, Menu, MenuItem, toast } from "../../ui";
import { CalendarIcon, CheckIcon, ClockIcon, EditIcon, MoreIcon, PlayIcon, TrashIcon } from "../../ui/icons";
import type { TodoView } from "../shared/types";
import { spanInWords } from "../shared/zone";
import { OPEN, useTodoActions } from "./data";

interface Props {
  todos: readonly TodoView[];
  zone: string;
  onOpen: (todo: TodoView) => void;
  onDelete: (todo: TodoView) => void;
  onShowDay: (todo: TodoView) => void;
}

export function TodoList({ todos, ...rest }: Props) {
  return (
    <ul
      aria-label="Todos"
      className="flex flex-col divide-y divide-line overflow-hidden rounded-2xl border border-line bg-surface"
    >
      {todos.map((todo) => (
        <TodoRow key={todo.id} todo={todo} {...rest} />
      ))}
    </ul>
  );
}

const LOOKS = { low: "neutral", medium: "neutral", high: "warn", urgent: "danger" } as const;

function TodoRow({ todo, zone, onOpen, onDelete, onShowDay }: Omit<Props, "todos"> & { todo: TodoView }) {
  const actions = useTodoActions();
  const done = todo.status === "completed";
  const over = !OPEN.includes(todo.status);
  const when = spanInWords(todo.start_time, todo.end_time, zone);
  const late = !over && todo.end_time !== null && new Date(todo.end_time).getTime() < Date.now();

  async function become(status: TodoView["status"]) {
    try {
      await actions.change(todo.id, { status });
    } catch (error) {
      const words = inWords(error);
      toast(`${words.title} ${words.next}`, "error");
    }
  }

  return (
    <li className="flex items-start gap-3 p-3 sm:p-4">
      <button
        type="button"
        role="checkbox"
        aria-checked={done}
        aria-label={`${todo.item} is done`}
        onClick={() => become(done ? "pending" : "completed")}
        className={cn(
          "mt-0.5 grid size-5.5 shrink-0 cursor-pointer place-items-center rounded-full border-2 transition-colors",
          done ? "border-ok bg-ok text-surface" : "border-line-strong hover:border-accent",
        )}
      >
        {done && <CheckIcon className="size-3.5" />}
      </button>
      <div className="min-w-0 flex-1">
        <button
          type="button"
          onClick={() => onOpen(todo)}
          className={cn(
            "cursor-pointer text-left font-medium wrap-anywhere hover:underline",
            over && "text-muted line-through",
          )}
        >
          {todo.item}
        </button>
        {todo.description && <p className="line-clamp-2 text-sm text-muted wrap-anywhere">{todo.description}</p>}
        <div className="mt-1.5 flex flex-wrap items-center gap-1.5 text-sm text-muted empty:hidden">
          {when && (
            <span className={cn("inline-flex items-center gap-1", late && "text-danger")}>
              <ClockIcon className="size-3.5" />
              {when}
              {late && " (late)"}
            </span>
          )}
          {todo.status === "in_progress" && <Badge look="accent">in progress</Badge>}
          {todo.status === "cancelled" && <Badge>cancelled</Badge>}
          {todo.importance !== "medium" && (
            <Badge look={over ? "neutral" : LOOKS[todo.importance]}>{todo.importance}</Badge>
          )}
          {todo.tags.map((tag) => (
            <Badge key={tag}>#{tag}</Badge>
          ))}
        </div>
      </div>
      <Menu
        trigger={
          <IconButton label={`More about ${todo.item}`}>
            <MoreIcon />
          </IconButton>
        }
      >
        <MenuItem icon={<EditIcon />} onSelect={() => onOpen(todo)}>
          Edit
        </MenuItem>
        {todo.status === "pending" && (
          <MenuItem icon={<PlayIcon />} onSelect={() => become("in_progress")}>
            Begin
          </MenuItem>
        )}
        {when && (
          <MenuItem icon={<CalendarIcon />} onSelect={() => onShowDay(todo)}>
            Show on the schedule
          </MenuItem>
        )}
        <MenuItem icon={<TrashIcon />} danger onSelect={() => onDelete(todo)}>
          Delete
        </MenuItem>
      </Menu>
    </li>
  );
}
