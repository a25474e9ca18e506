import { useId, useState } from "react";
import { Button, Dialog, SelectField, TextArea, TextField } from "../../ui";
import { FormProblem, fieldErrors } from "../shared/form";
import type { AgentView } from "../shared/types";
import { useAction } from "../shared/use-action";
import { AgentChoice, Fallbacks, ToolChoice } from "./choices";
import { useAgents, useModels, useSaveAgent, useTools } from "./data";
import { bodyOf, check, type Draft, type FieldError } from "./draft";

interface EditorProps {
  title: string;
  start: Draft;
  /** Whom it changes; none where a new one is made. */
  agent: AgentView | null;
  onClose: () => void;
  onSaved: (agent: AgentView) => void;
}

export function AgentEditor({ title, start, agent, onClose, onSaved }: EditorProps) {
  const [draft, setDraft] = useState(start);
  const [wrong, setWrong] = useState<FieldError[]>([]);
  const form = useId();
  const saveAgent = useSaveAgent();
  const save = useAction(saveAgent);
  const tools = useTools();
  const models = useModels();
  const agents = useAgents();
  const { errorAt, shown } = fieldErrors(save.error, wrong);
  errorAt("/fallback_models"); // they show it themselves
  const others = (agents.data ?? []).filter((other) => other.id !== agent?.id);

  function set(change: Partial<Draft>) {
    setDraft({ ...draft, ...change });
  }

  async function submit(event: React.FormEvent) {
    event.preventDefault();
    const errors = check(draft);
    setWrong(errors);
    if (errors.length > 0) return;
    const saved = await save.run(agent?.id ?? null, bodyOf(draft));
    if (saved) onSaved(saved);
  }

  return (
    <Dialog
      open
      size="lg"
      keepOnBackdrop
      title={title}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form={form} busy={save.busy}>
            {agent ? "Save" : "Create agent"}
          </Button>
        </>
      }
    >
      <form id={form} onSubmit={submit} noValidate className="flex flex-col gap-5">
        <FormProblem error={save.error} shown={shown} />
        <TextField
          label="Name"
          value={draft.name}
          maxLength={100}
          error={errorAt("/name")}
          onChange={(e) => set({ name: e.target.value })}
          data-autofocus
        />
        <TextField
          label="Description"
          hint="One line for yourself, and for agents that may ask this one."
          value={draft.description}
          maxLength={1000}
          error={errorAt("/description")}
          onChange={(e) => set({ description: e.target.value })}
        />
        <TextArea
          label="Instructions"
          hint={`What it is for, what it should and should not do. ${draft.instructions.length.toLocaleString("en")} of 20,000 characters.`}
          rows={8}
          maxLength={20_000}
          value={draft.instructions}
          error={errorAt("/instructions")}
          onChange={(e) => set({ instructions: e.target.value })}
        />
        <datalist id={`${form}-models`}>
          {(models.data ?? []).map((model) => (
            <option key={model.model} value={model.model} />
          ))}
        </datalist>
        <TextField
          label="Model"
          hint="Empty: the server's default. Any name of the form provider/model will do, also one that is not in the list."
          list={`${form}-models`}
          placeholder={models.data?.find((model) => model.default)?.model ?? "provider/model"}
          value={draft.model}
          error={errorAt("/model")}
          onChange={(e) => set({ model: e.target.value })}
        />
        <Fallbacks
          models={draft.fallbacks}
          list={`${form}-models`}
          errorAt={errorAt}
          onChange={(fallbacks) => set({ fallbacks })}
        />

        <Section title="Tools" open={draft.tools.length > 0} error={errorAt("/tools") ?? errorAt("/approve")}>
          <ToolChoice
            all={tools.data ?? []}
            chosen={draft.tools}
            approve={draft.approve}
            onChange={(chosen, approve) => set({ tools: chosen, approve })}
          />
        </Section>
        <Section title="Other agents" open={draft.handoffs.length + draft.agentTools.length > 0} error={null}>
          <AgentChoice
            all={others}
            chosen={draft.handoffs}
            label="May hand over to"
            hint="The other agent goes on talking with the user."
            error={errorAt("/handoffs")}
            onChange={(handoffs) => set({ handoffs })}
          />
          <AgentChoice
            all={others}
            chosen={draft.agentTools}
            label="May ask"
            hint="It gets the other's answer, and goes on itself."
            error={errorAt("/agent_tools")}
            onChange={(agentTools) => set({ agentTools })}
          />
        </Section>
        <Section
          title="How the model is asked"
          open={false}
          error={errorAt("/settings") && "Look at the values below."}
        >
          <ModelSettings draft={draft} set={set} errorAt={errorAt} />
        </Section>
      </form>
    </Dialog>
  );
}

function ModelSettings({
  draft,
  set,
  errorAt,
}: {
  draft: Draft;
  set: (change: Partial<Draft>) => void;
  errorAt: (pointer: string) => string | null;
}) {
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <TextField
        label="Temperature"
        inputMode="decimal"
        hint="0 is strict, 2 is wild."
        placeholder="the provider's"
        value={draft.temperature}
        error={errorAt("/settings/temperature")}
        onChange={(e) => set({ temperature: e.target.value })}
      />
      <TextField
        label="Top p"
        inputMode="decimal"
        hint="0 to 1. Change this or the temperature, not both."
        placeholder="the provider's"
        value={draft.topP}
        error={errorAt("/settings/top_p")}
        onChange={(e) => set({ topP: e.target.value })}
      />
      <TextField
        label="Longest answer"
        inputMode="numeric"
        hint="In tokens."
        placeholder="the provider's"
        value={draft.maxOutputTokens}
        error={errorAt("/settings/max_output_tokens")}
        onChange={(e) => set({ maxOutputTokens: e.target.value })}
      />
      <SelectField
        label="Reasoning effort"
        value={draft.effort}
        error={errorAt("/settings/reasoning_effort")}
        onChange={(e) => set({ effort: e.target.value })}
      >
        <option value="">The provider's</option>
        {["none", "minimal", "low", "medium", "high", "xhigh"].map((effort) => (
          <option key={effort}>{effort}</option>
        ))}
      </SelectField>
      <SelectField
        label="Tool choice"
        value={draft.toolChoice}
        error={errorAt("/settings/tool_choice")}
        onChange={(e) => set({ toolChoice: e.target.value })}
      >
        <option value="">The provider's</option>
        <option value="auto">auto: when it sees fit</option>
        <option value="required">required: always a tool</option>
        <option value="none">none: never a tool</option>
      </SelectField>
      <SelectField
        label="Several tools at once"
        value={draft.parallel}
        error={errorAt("/settings/parallel_tool_calls")}
        onChange={(e) => set({ parallel: e.target.value })}
      >
        <option value="">The provider's</option>
        <option value="true">allowed</option>
        <option value="false">one after the other</option>
      </SelectField>
    </div>
  );
}

/** Folded where there is nothing in it yet, and never when something in it is wrong. */
function Section({
  title,
  open,
  error,
  children,
}: {
  title: string;
  open: boolean;
  error: string | null;
  children: React.ReactNode;
}) {
  const [wanted, setWanted] = useState(open);
  return (
    <details
      open={wanted || error !== null}
      onToggle={(event) => setWanted(event.currentTarget.open)}
      className="rounded-xl border border-line [&[open]>summary]:border-b"
    >
      <summary className="cursor-pointer border-line px-4 py-3 text-sm font-semibold">{title}</summary>
      <div className="flex flex-col gap-5 p-4">
        {error && (
          <p role="alert" className="text-sm text-danger">
            {error}
          </p>
        )}
        {children}
      </div>
    </details>
  );
}
