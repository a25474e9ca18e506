import { useId, useState } from "react";
import { Badge, Button, Dialog, Field, SelectField, TextArea, TextField } from "../../ui";
import { CloseIcon } from "../../ui/icons";
import { FormProblem, fieldErrors } from "../shared/form";
import type { TodoView } from "../shared/types";
import { useAction } from "../shared/use-action";
import { spaced } from "../shared/words";
import { toInput } from "../shared/zone";
import { useTags, useTodoActions } from "./data";

export const STATUSES = ["pending", "in_progress", "completed", "cancelled"] as const;
export const IMPORTANCES = ["low", "medium", "high", "urgent"] as const;

interface Props {
  todo: TodoView | null;
  /** As `2026-11-21T09:00`, where a new one was begun on the calendar. */
  at?: string;
  zone: string;
  onClose: () => void;
  onSaved: (todo: TodoView) => void;
}

export function TodoDialog({ todo, at = "", zone, onClose, onSaved }: Props) {
  const [item, setItem] = useState(todo?.item ?? "");
  const [description, setDescription] = useState(todo?.description ?? "");
  const [status, setStatus] = useState(todo?.status ?? "pending");
  const [importance, setImportance] = useState(todo?.importance ?? "medium");
  const [start, setStart] = useState(todo ? toInput(todo.start_time, zone) : at);
  const [end, setEnd] = useState(toInput(todo?.end_time, zone));
  const [tags, setTags] = useState<string[]>(todo?.tags ?? []);
  const [empty, setEmpty] = useState(false);
  const form = useId();
  const known = useTags().data ?? [];
  const actions = useTodoActions();
  const save = useAction(actions.save);
  const own = empty ? [{ pointer: "/item", detail: "Say what is to be done." }] : [];
  const { errorAt, shown } = fieldErrors(save.error, own);

  async function submit(event: React.FormEvent) {
    event.preventDefault();
    setEmpty(!item.trim());
    if (!item.trim()) return;
    const body = {
      item: item.trim(),
      description: description.trim() || null,
      status,
      importance,
      start_time: start || null,
      end_time: end || null,
      tags,
    };
    const saved = await save.run(todo?.id ?? null, body, known);
    if (saved) onSaved(saved);
  }

  return (
    <Dialog
      open
      size="md"
      keepOnBackdrop
      title={todo ? "Edit todo" : "New todo"}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form={form} busy={save.busy}>
            {todo ? "Save" : "Add todo"}
          </Button>
        </>
      }
    >
      <form id={form} onSubmit={submit} noValidate className="flex flex-col gap-4">
        <FormProblem error={save.error} shown={shown} />
        <TextField
          label="What is to be done"
          value={item}
          maxLength={200}
          error={errorAt("/item")}
          onChange={(e) => setItem(e.target.value)}
          data-autofocus
        />
        <TextArea
          label="Details"
          rows={3}
          maxLength={5000}
          value={description}
          error={errorAt("/description")}
          onChange={(e) => setDescription(e.target.value)}
        />
        <div className="grid gap-4 sm:grid-cols-2">
          <TextField
            type="datetime-local"
            label="Starts"
            value={start}
            error={errorAt("/start_time")}
            onChange={(e) => setStart(e.target.value)}
          />
          <TextField
            type="datetime-local"
            label="Ends"
            value={end}
            error={errorAt("/end_time")}
            onChange={(e) => setEnd(e.target.value)}
          />
          <SelectField label="Status" value={status} onChange={(e) => setStatus(e.target.value as TodoView["status"])}>
            {STATUSES.map((name) => (
              <option key={name} value={name}>
                {spaced(name)}
              </option>
            ))}
          </SelectField>
          <SelectField
            label="Importance"
            value={importance}
            onChange={(e) => setImportance(e.target.value as TodoView["importance"])}
          >
            {IMPORTANCES.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </SelectField>
        </div>
        <p className="-mt-2 text-sm text-muted">Times are in {zone}, the time zone of your profile.</p>
        <TagInput tags={tags} known={known.map((tag) => tag.name)} error={errorAt("/tags")} onChange={setTags} />
      </form>
    </Dialog>
  );
}

const MOST_TAGS = 20;

function TagInput({
  tags,
  known,
  error,
  onChange,
}: {
  tags: string[];
  known: string[];
  error: string | null;
  onChange: (tags: string[]) => void;
}) {
  const [text, setText] = useState("");
  const list = useId();

  function add() {
    const name = text.trim().replace(/,$/, "");
    setText("");
    if (name && tags.length < MOST_TAGS && !tags.some((tag) => tag.toLowerCase() === name.toLowerCase()))
      onChange([...tags, name]);
  }

  return (
    <Field label="Tags" hint="Press Enter after each. A new one is made." error={error}>
      {(wired) => (
        <div className="flex flex-wrap items-center gap-1.5 rounded-lg border border-line bg-raised p-1.5">
          {tags.map((tag) => (
            <Badge key={tag} look="accent">
              {tag}
              <button
                type="button"
                aria-label={`Take off ${tag}`}
                className="cursor-pointer"
                onClick={() => onChange(tags.filter((other) => other !== tag))}
              >
                <CloseIcon className="size-3" />
              </button>
            </Badge>
          ))}
          <input
            {...wired}
            list={list}
            maxLength={50}
            value={text}
            className="h-7 min-w-24 flex-1 bg-transparent px-1.5 text-sm outline-none"
            onChange={(event) => setText(event.target.value)}
            onBlur={add}
            onKeyDown={(event) => {
              if (event.key === "Enter" || event.key === ",") {
                event.preventDefault();
                add();
              }
              if (event.key === "Backspace" && !text) onChange(tags.slice(0, -1));
            }}
          />
          <datalist id={list}>
            {known.map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
        </div>
      )}
    </Field>
  );
}
