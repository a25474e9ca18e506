import { type UseRun, useRun } from "@headgate/client/react";
import { type FormEvent, type ReactNode, useRef, useState } from "react";
import { useMe } from "../lib/auth";
import { inWords } from "../lib/problems";
import { Alert, Button, CopyButton, IconButton, TextArea } from "../ui";
import { EditIcon, RetryIcon } from "../ui/icons";
import { Answer } from "./answer";
import { useNear } from "./near";
import { Progress } from "./progress";
import { Questions } from "./questions";
import { isActive, type Turn } from "./turns";
import { Typing } from "./typing";
import type { Chat } from "./use-chat";

/** The log of a longer run is not read only to look back at it. */
const MOST_EVENTS = 20_000;

interface TurnViewProps {
  turn: Turn;
  chat: Chat;
  isLast: boolean;
  /** Say it again, or something else instead. */
  onAgain: (turn: Turn, text: string) => void;
}

/** What the user said, and the answer to it. */
export function TurnView({ turn, chat, isLast, onAgain }: TurnViewProps) {
  const place = useRef<HTMLElement>(null);
  const isNear = useNear(place);
  const isGoing = turn.run !== null && isActive(turn.run);
  const [wasGoing, setWasGoing] = useState(isGoing);
  if (isGoing && !wasGoing) setWasGoing(true);
  // What it thought, and in which order it worked, is in its log only, which is read when one looks.
  const isRead = wasGoing || (isNear && (turn.run?.last_seq ?? 0) <= MOST_EVENTS);
  const run = useRun(isRead ? turn.runId : null);
  const isOver = run.outcome !== null || run.status === "error";
  const isLive = isGoing && !isOver && !run.stopping;
  // Of a log that is read again, nothing is shown before all of it is there.
  const isCaughtUp = run.connection.state === "open" && run.lastSeq >= (run.connection.lastSeq ?? Infinity);
  const isTold = isGoing || isCaughtUp || run.outcome !== null;
  // Once it is over the history may know more: it has every tool even where the run's log is gone.
  const parts = !isTold || (!isLive && turn.parts.length > run.parts.length) ? turn.parts : run.parts;
  const answer = parts.flatMap((part) => (part.kind === "text" ? [part.content] : [])).join("\n\n");
  const { said } = turn;

  return (
    <article ref={place} aria-label={said ? `You: ${said.slice(0, 60)}` : "Earlier"} className="flex flex-col gap-4">
      <h2 className="sr-only">{said === null ? "Earlier" : "You said"}</h2>
      {said !== null && (
        <Said
          text={said}
          disabled={chat.active !== null}
          onEdit={turn.runId ? (text) => onAgain(turn, text) : undefined}
        />
      )}
      <div className="flex min-w-0 flex-col gap-3" aria-busy={isLive} data-answer>
        <Answer parts={parts} live={isLive} toolTimes={run.seen.tools} questions={run.questions} />
        {isLive && <Waiting run={run} />}
        {isLive && <Questions questions={run.questions} chat={chat} />}
        {!isLive && <End turn={turn} live={run} chat={chat} isLast={isLast} onAgain={onAgain} />}
        <footer className="flex min-h-8 flex-wrap items-center gap-1">
          {!isLive && answer && <CopyButton text={answer} label="Copy answer" />}
          {!isLive && said !== null && turn.runId && (
            <IconButton label="Answer again" disabled={chat.active !== null} onClick={() => onAgain(turn, said)}>
              <RetryIcon className="size-4" />
            </IconButton>
          )}
          {turn.run && <Progress run={run} view={turn.run} live={isLive} />}
        </footer>
      </div>
    </article>
  );
}

/** Until the first word, and wherever nothing else shows that something goes on. */
function Waiting({ run: { status, parts, questions } }: { run: UseRun }) {
  const isShown = useMe()?.preferences.streaming !== false;
  const last = parts.at(-1);
  if (status === "paused") return <p className="text-sm text-muted">Paused. Nothing is lost; go on when you like.</p>;
  if (questions.length > 0 || status === "waiting") return null;
  if (last?.kind === "text" && !last.done) return isShown ? null : <Typing label="Writing…" />;
  return <Typing label={last?.kind === "tool" && !last.result ? "Working…" : "Thinking…"} />;
}

/** How it ended, where that was not well, and what one can do now. */
function End({ turn, live, chat, isLast, onAgain }: TurnViewProps & { live: UseRun }) {
  const { run, said, runId } = turn;
  // It cannot be followed, whatever becomes of it.
  const isLost = live.status === "error" && live.outcome === null && run !== null && isActive(run);
  const state = live.outcome ?? run?.state ?? "completed";
  const error = live.outcome || isLost ? live.error : run?.error;
  if (state === "completed" && !isLost) return null;
  const hasText = !!run?.final_message || !!live.text;
  // While the server still stops it, the conversation takes nothing new.
  const isSettled = !live.stopping;
  const actions = isLast && runId && (
    <>
      {hasText && !isLost && (
        <Button size="sm" disabled={!isSettled} onClick={() => chat.goOn(runId)}>
          Continue
        </Button>
      )}
      {said !== null && (
        <Button size="sm" disabled={!isSettled} onClick={() => onAgain(turn, said)}>
          Try again
        </Button>
      )}
    </>
  );
  if (state === "cancelled" || (live.stopping && !error)) {
    return (
      <div className="flex flex-wrap items-center gap-2 text-sm text-muted">
        <span>Stopped.</span>
        {actions}
      </div>
    );
  }
  const words = error
    ? inWords(error)
    : { title: "The answer was not finished.", next: "Continue from here, or try again." };
  return (
    <Alert look={state === "limited" ? "warn" : "danger"} title={words.title} actions={actions}>
      {words.next}
    </Alert>
  );
}

function Said({
  text,
  disabled,
  onEdit,
}: {
  text: string;
  disabled: boolean;
  onEdit: ((text: string) => void) | undefined;
}) {
  const [draft, setDraft] = useState<string | null>(null);

  function send(event: FormEvent) {
    event.preventDefault();
    if (draft?.trim()) onEdit?.(draft);
    setDraft(null);
  }

  if (draft !== null) {
    return (
      <form onSubmit={send} className="flex flex-col gap-2 rounded-2xl border border-line bg-surface p-3">
        <TextArea
          label="Edit your message"
          hint="What was said after it is left out from then on."
          rows={3}
          autoFocus
          maxLength={10_000}
          value={draft}
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={(event) => event.key === "Escape" && setDraft(null)}
        />
        <div className="flex justify-end gap-2">
          <Button size="sm" onClick={() => setDraft(null)}>
            Cancel
          </Button>
          <Button size="sm" type="submit" look="primary" disabled={!draft.trim()}>
            Send
          </Button>
        </div>
      </form>
    );
  }
  return (
    <SaidBubble text={text}>
      <div className="flex opacity-0 transition-opacity group-focus-within:opacity-100 group-hover:opacity-100 pointer-coarse:opacity-100">
        <CopyButton text={text} label="Copy message" />
        {onEdit && (
          <IconButton label="Edit message" disabled={disabled} onClick={() => setDraft(text)}>
            <EditIcon className="size-4" />
          </IconButton>
        )}
      </div>
    </SaidBubble>
  );
}

export function SaidBubble({ text, children }: { text: string; children?: ReactNode }) {
  return (
    <div className="group flex flex-col items-end gap-1">
      <p className="max-w-[85%] rounded-2xl rounded-br-md bg-accent-soft px-4 py-2.5 leading-relaxed whitespace-pre-wrap wrap-anywhere">
        {text}
      </p>
      {children}
    </div>
  );
}
