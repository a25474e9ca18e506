import type { AgentView, ModelView } from "@headgate/client";
import { type FormEvent, type KeyboardEvent, useEffect } from "react";
import { number } from "../lib/format";
import { cn, IconButton } from "../ui";
import { PauseIcon, PlayIcon, SendIcon, StopIcon } from "../ui/icons";

const LIMIT = 10_000;
const WARN = 9_000;

export interface Choice {
  agent: string;
  model: string;
}

interface ComposerProps {
  text: string;
  onText: (text: string) => void;
  choice: Choice;
  onChoice: (choice: Choice) => void;
  agents: readonly AgentView[];
  models: readonly ModelView[];
  /** The message is on its way to the server. */
  isSending: boolean;
  /** The run that goes on, if one does. */
  active: { isPaused: boolean; isStopping: boolean } | null;
  onSend: () => void;
  onStop: () => void;
  onPause: () => void;
  onResume: () => void;
}

const SELECT =
  "h-8 min-w-0 max-w-40 cursor-pointer truncate rounded-lg border border-transparent bg-transparent px-1.5 text-sm text-muted hover:bg-hover hover:text-fg sm:max-w-56";

/** Where the next message is written, but for phones, on which this would bring up the keyboard. */
export function focusMessage(): void {
  if (matchMedia("(pointer: fine)").matches) document.getElementById("message")?.focus();
}

export function Composer(props: ComposerProps) {
  const { text, onText, active, isSending, onSend, onStop } = props;
  const isTooLong = text.length > LIMIT;
  const canSend = !!text.trim() && !isTooLong && !isSending && !active;

  useEffect(focusMessage, []);

  function send(event: FormEvent) {
    event.preventDefault();
    if (canSend) onSend();
  }

  function key(event: KeyboardEvent) {
    // While a character is being composed, Enter belongs to that.
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) send(event);
    if (event.key === "Escape" && active) onStop();
  }

  return (
    <form
      onSubmit={send}
      className="rounded-2xl border border-line bg-surface shadow-sm focus-within:border-line-strong"
    >
      <label htmlFor="message" className="sr-only">
        Message
      </label>
      <textarea
        id="message"
        rows={1}
        value={text}
        placeholder="Write a message"
        aria-describedby="message-hint"
        aria-invalid={isTooLong || undefined}
        onChange={(event) => onText(event.target.value)}
        onKeyDown={key}
        className="field-sizing-content block max-h-[40dvh] min-h-12 w-full resize-none rounded-t-2xl bg-transparent px-4 pt-3.5 leading-relaxed outline-none placeholder:text-faint"
      />
      <p id="message-hint" className="sr-only">
        Enter sends, Shift and Enter begins a new line{active ? ", Escape stops the answer" : ""}.
      </p>
      <div className="flex items-center gap-1 p-2">
        <Choices {...props} />
        {text.length > WARN && (
          <span
            role="status"
            className={cn("ml-auto px-2 text-xs tabular-nums", isTooLong ? "text-danger" : "text-muted")}
          >
            {isTooLong ? `${number(text.length - LIMIT)} characters too long` : `${number(LIMIT - text.length)} left`}
          </span>
        )}
        <div className={cn("flex shrink-0 gap-1", text.length <= WARN && "ml-auto")}>
          {active ? <Controls {...props} active={active} /> : <SendButton canSend={canSend} />}
        </div>
      </div>
    </form>
  );
}

function SendButton({ canSend }: { canSend: boolean }) {
  return (
    <IconButton type="submit" look="primary" label="Send" disabled={!canSend}>
      <SendIcon />
    </IconButton>
  );
}

function Controls({
  active,
  onStop,
  onPause,
  onResume,
}: ComposerProps & { active: NonNullable<ComposerProps["active"]> }) {
  return (
    <>
      {active.isPaused ? (
        <IconButton look="secondary" label="Resume" onClick={onResume}>
          <PlayIcon />
        </IconButton>
      ) : (
        <IconButton look="secondary" label="Pause" disabled={active.isStopping} onClick={onPause}>
          <PauseIcon />
        </IconButton>
      )}
      <IconButton look="primary" label="Stop" disabled={active.isStopping} onClick={onStop}>
        <StopIcon />
      </IconButton>
    </>
  );
}

function Choices({ choice, onChoice, agents, models }: ComposerProps) {
  const agent = agents.find((one) => one.id === choice.agent);
  const usual = agent?.model ?? models.find((one) => one.default)?.model;
  return (
    <>
      <select
        aria-label="Agent"
        className={SELECT}
        value={choice.agent}
        onChange={(event) => onChoice({ ...choice, agent: event.target.value })}
      >
        {!agent && <option value={choice.agent}>{choice.agent}</option>}
        {agents.map((one) => (
          <option key={one.id} value={one.id}>
            {one.name}
          </option>
        ))}
      </select>
      <select
        aria-label="Model"
        className={SELECT}
        value={choice.model}
        onChange={(event) => onChoice({ ...choice, model: event.target.value })}
      >
        <option value="">{usual ? `${usual} (usual)` : "The agent’s model"}</option>
        {models.map((one) => (
          <option key={one.model} value={one.model} disabled={!one.usable}>
            {one.model}
            {one.usable ? "" : " (no key)"}
          </option>
        ))}
      </select>
    </>
  );
}
