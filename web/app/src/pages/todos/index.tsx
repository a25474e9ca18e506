import { useDeferredValue, useState } from "react";
import { useMe } from "../../lib/auth";
import {
  Button,
  ConfirmDialog,
  EmptyState,
  ErrorState,
  IconButton,
  Loading,
  Page,
  PageHeader,
  SelectField,
  Tabs,
  TextField,
  toast,
} from "../../ui";
import { ChevronIcon, PlusIcon, TodoIcon } from "../../ui/icons";
import { FormProblem } from "../shared/form";
import type { TodoView } from "../shared/types";
import { useAction } from "../shared/use-action";
import { addDays, dayInWords, today, wallOf } from "../shared/zone";
import { type Filter, useTags, useTodoActions, useTodos } from "./data";
import { DayView } from "./day";
import { IMPORTANCES, TodoDialog } from "./dialog";
import { TodoList } from "./list";
import { LiveNote, useLiveTodos } from "./live";

const TABS = [
  { name: "list", title: "List" },
  { name: "schedule", title: "Schedule" },
] as const;

type Shown = { kind: "edit"; todo: TodoView | null; at?: string } | { kind: "delete"; todo: TodoView };

export default function TodosPage() {
  const zone = useMe()?.time_zone ?? "UTC";
  const [tab, setTab] = useState<(typeof TABS)[number]["name"]>("list");
  const [day, setDay] = useState(() => today(zone));
  const [shown, show] = useState<Shown | null>(null);
  const working = useLiveTodos();
  const close = () => show(null);
  const open = (todo: TodoView) => show({ kind: "edit", todo });

  return (
    <Page>
      <PageHeader
        title="Todos"
        description="What is to be done. The todo agent works on the same list: what it changes shows here at once."
        actions={
          <Button look="primary" icon={<PlusIcon />} onClick={() => show({ kind: "edit", todo: null })}>
            New todo
          </Button>
        }
      />
      <LiveNote working={working} />
      <Tabs label="How todos are shown" tabs={TABS} selected={tab} onSelect={setTab}>
        {tab === "list" ? (
          <ListTab
            zone={zone}
            onOpen={open}
            onNew={() => show({ kind: "edit", todo: null })}
            onDelete={(todo) => show({ kind: "delete", todo })}
            onShowDay={(todo) => {
              const at = todo.start_time ?? todo.end_time;
              if (at) setDay(wallOf(at, zone).day);
              setTab("schedule");
            }}
          />
        ) : (
          <>
            <DayBar day={day} zone={zone} onChange={setDay} />
            <DayView day={day} zone={zone} onOpen={open} onBegin={(at) => show({ kind: "edit", todo: null, at })} />
          </>
        )}
      </Tabs>
      {shown?.kind === "edit" && (
        <TodoDialog
          {...shown}
          zone={zone}
          onClose={close}
          onSaved={(saved) => {
            close();
            toast(shown.todo ? `“${saved.item}” was changed.` : `“${saved.item}” was added.`);
          }}
        />
      )}
      {shown?.kind === "delete" && <DeleteTodo todo={shown.todo} onClose={close} />}
    </Page>
  );
}

interface ListTabProps {
  zone: string;
  onOpen: (todo: TodoView) => void;
  onNew: () => void;
  onDelete: (todo: TodoView) => void;
  onShowDay: (todo: TodoView) => void;
}

const ALL: Filter = { status: "open", importance: "", tag: "", q: "" };

function ListTab({ onNew, ...rest }: ListTabProps) {
  const [filter, setFilter] = useState(ALL);
  const [pages, setPages] = useState(1);
  const todos = useTodos(useDeferredValue(filter), pages);
  const tags = useTags().data ?? [];
  const narrowed = filter.status !== "open" || filter.importance || filter.tag || filter.q;
  const set = (change: Partial<Filter>) => setFilter({ ...filter, ...change });

  return (
    <>
      <search className="grid grid-cols-2 gap-3 sm:grid-cols-[minmax(0,1fr)_auto_auto_auto]">
        <TextField
          hideLabel
          label="Search"
          type="search"
          placeholder="Search todos"
          value={filter.q}
          onChange={(e) => set({ q: e.target.value })}
        />
        <SelectField
          hideLabel
          label="Status"
          value={filter.status}
          onChange={(e) => set({ status: e.target.value as Filter["status"] })}
        >
          <option value="open">Open</option>
          <option value="pending">Pending</option>
          <option value="in_progress">In progress</option>
          <option value="completed">Completed</option>
          <option value="cancelled">Cancelled</option>
          <option value="">All</option>
        </SelectField>
        <SelectField
          hideLabel
          label="Importance"
          value={filter.importance}
          onChange={(e) => set({ importance: e.target.value as Filter["importance"] })}
        >
          <option value="">Any importance</option>
          {IMPORTANCES.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </SelectField>
        <SelectField hideLabel label="Tag" value={filter.tag} onChange={(e) => set({ tag: e.target.value })}>
          <option value="">Any tag</option>
          {tags.map((tag) => (
            <option key={tag.id}>{tag.name}</option>
          ))}
        </SelectField>
      </search>
      {todos.isPending && <Loading what="Loading your todos" />}
      {todos.isError && <ErrorState what="Your todos" error={todos.error} retry={() => todos.refetch()} />}
      {todos.data?.items.length === 0 &&
        (narrowed ? (
          <EmptyState
            title="Nothing fits"
            action={<Button onClick={() => setFilter(ALL)}>Show all that is open</Button>}
          >
            No todo has all of that. Search for fewer words, or take a filter away.
          </EmptyState>
        ) : (
          <EmptyState
            icon={<TodoIcon />}
            title="Nothing to do"
            action={
              <Button look="primary" icon={<PlusIcon />} onClick={onNew}>
                Add a todo
              </Button>
            }
          >
            Add one here, or write to the todo agent in a chat: “Remind me to call the dentist tomorrow at 9”.
          </EmptyState>
        ))}
      {todos.data && todos.data.items.length > 0 && <TodoList todos={todos.data.items} {...rest} />}
      {todos.data?.more && (
        <Button className="self-center" onClick={() => setPages(pages + 1)}>
          Show more
        </Button>
      )}
    </>
  );
}

function DayBar({ day, zone, onChange }: { day: string; zone: string; onChange: (day: string) => void }) {
  return (
    <div className="flex flex-wrap items-center gap-2">
      <IconButton label="The day before" look="secondary" size="md" onClick={() => onChange(addDays(day, -1))}>
        <ChevronIcon className="size-4.5 rotate-90" />
      </IconButton>
      <IconButton label="The day after" look="secondary" size="md" onClick={() => onChange(addDays(day, 1))}>
        <ChevronIcon className="size-4.5 -rotate-90" />
      </IconButton>
      <Button onClick={() => onChange(today(zone))} disabled={day === today(zone)}>
        Today
      </Button>
      <TextField
        hideLabel
        label="Day"
        type="date"
        value={day}
        onChange={(e) => e.target.value && onChange(e.target.value)}
        fieldClassName="w-40"
      />
      <h2 aria-live="polite" className="ml-1 text-base font-semibold">
        {dayInWords(day, zone)}
      </h2>
    </div>
  );
}

function DeleteTodo({ todo, onClose }: { todo: TodoView; onClose: () => void }) {
  const actions = useTodoActions();
  const remove = useAction(actions.remove);

  async function confirm() {
    if (!(await remove.run(todo.id))) return;
    onClose();
    toast(`“${todo.item}” was deleted.`);
  }

  return (
    <ConfirmDialog
      open
      title={`Delete “${todo.item}”?`}
      description="This cannot be undone."
      confirm="Delete todo"
      busy={remove.busy}
      onConfirm={confirm}
      onClose={onClose}
    >
      <FormProblem error={remove.error} />
    </ConfirmDialog>
  );
}
