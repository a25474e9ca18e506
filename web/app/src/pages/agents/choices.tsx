import { Button, Checkbox, cn, IconButton, TextField } from "../../ui";
import { CloseIcon, PlusIcon } from "../../ui/icons";
import type { AgentView, ToolView } from "../shared/types";

interface ToolsProps {
  all: readonly ToolView[];
  chosen: readonly string[];
  approve: readonly string[];
  onChange: (chosen: string[], approve: string[]) => void;
}

/** Which tools it has, and which of their calls a person has to allow first. */
export function ToolChoice({ all, chosen, approve, onChange }: ToolsProps) {
  const every = approve.includes("*");
  // What was stored once and is offered no more stays visible, so that it can be taken out.
  const gone = chosen.filter((name) => all.every((tool) => tool.name !== name));
  const tools = [...all, ...gone.map((name) => ({ name, description: "This server does not have it any more." }))];
  return (
    <div className="flex flex-col gap-3">
      <Checkbox
        label="Ask before every tool call"
        hint="A run waits until you allow or refuse the call."
        checked={every}
        onChange={(event) => onChange([...chosen], event.target.checked ? ["*"] : [])}
      />
      <ul className="flex flex-col divide-y divide-line rounded-xl border border-line">
        {tools.map((tool) => (
          <li key={tool.name} className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2 p-3">
            <Checkbox
              className="min-w-0 flex-1 basis-60"
              label={<code className="text-sm">{tool.name}</code>}
              hint={tool.description}
              checked={chosen.includes(tool.name)}
              onChange={(event) =>
                onChange(toggled(chosen, tool.name, event.target.checked), without(approve, tool.name))
              }
            />
            {chosen.includes(tool.name) && !every && (
              <Checkbox
                label={
                  <>
                    Ask first<span className="sr-only"> before {tool.name} is called</span>
                  </>
                }
                checked={approve.includes(tool.name)}
                onChange={(event) => onChange([...chosen], toggled(approve, tool.name, event.target.checked))}
              />
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

interface AgentsProps {
  all: readonly AgentView[];
  chosen: readonly string[];
  onChange: (chosen: string[]) => void;
  label: string;
  hint: string;
  error: string | null;
}

export function AgentChoice({ all, chosen, onChange, label, hint, error }: AgentsProps) {
  return (
    <fieldset className="min-w-0">
      <legend className="text-sm font-medium">{label}</legend>
      <p className="mt-0.5 mb-2 text-sm text-muted">{hint}</p>
      <div className="grid gap-2 sm:grid-cols-2">
        {all.map((agent) => (
          <Checkbox
            key={agent.id}
            className={cn("rounded-xl border p-3", chosen.includes(agent.id) ? "border-accent" : "border-line")}
            label={agent.name}
            hint={agent.description ?? undefined}
            checked={chosen.includes(agent.id)}
            onChange={(event) => onChange(toggled(chosen, agent.id, event.target.checked))}
          />
        ))}
      </div>
      {error && (
        <p role="alert" className="mt-1.5 text-sm text-danger">
          {error}
        </p>
      )}
    </fieldset>
  );
}

const MOST_FALLBACKS = 5;

interface FallbacksProps {
  models: readonly string[];
  onChange: (models: string[]) => void;
  /** The id of a `datalist` with names to choose from. */
  list: string;
  errorAt: (pointer: string) => string | null;
}

export function Fallbacks({ models, onChange, list, errorAt }: FallbacksProps) {
  return (
    <fieldset className="flex min-w-0 flex-col gap-2">
      <legend className="text-sm font-medium">Fallback models</legend>
      <p className="text-sm text-muted">
        Asked in this order where the model's provider fails before it has said anything.
      </p>
      {models.map((model, at) => (
        <div key={at} className="flex items-start gap-2">
          <TextField
            fieldClassName="flex-1"
            label={`Fallback ${at + 1}`}
            hideLabel
            list={list}
            placeholder="provider/model"
            value={model}
            error={errorAt(`/fallback_models/${at}`)}
            onChange={(event) => onChange(models.map((old, n) => (n === at ? event.target.value : old)))}
          />
          <IconButton
            size="md"
            label={`Remove fallback ${at + 1}`}
            onClick={() => onChange(models.filter((_, n) => n !== at))}
          >
            <CloseIcon />
          </IconButton>
        </div>
      ))}
      {models.length < MOST_FALLBACKS && (
        <Button
          size="sm"
          look="ghost"
          className="self-start"
          icon={<PlusIcon className="size-4" />}
          onClick={() => onChange([...models, ""])}
        >
          Add a fallback
        </Button>
      )}
    </fieldset>
  );
}

function toggled(list: readonly string[], name: string, on: boolean): string[] {
  return on ? [...without(list, name), name] : without(list, name);
}

function without(list: readonly string[], name: string): string[] {
  return list.filter((other) => other !== name);
}
