import type { Question } from "@headgate/client";
import { type FormEvent, type KeyboardEvent, useState } from "react";
import { Button, TextArea, TextField } from "../ui";
import { focusMessage } from "./composer";
import { toolTitle } from "./tool-card";
import type { Chat } from "./use-chat";

interface QuestionProps {
  chat: Chat;
}

/** What the run waits for. It waits across reloads and restarts, for a day. */
export function Questions({ questions, ...rest }: QuestionProps & { questions: readonly Question[] }) {
  return questions.map((question) =>
    question.kind === "approval" ? (
      <Approval key={question.id} question={question} {...rest} />
    ) : (
      <Input key={question.id} question={question} {...rest} />
    ),
  );
}

function Frame({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <section
      aria-label={title}
      className="flex flex-col gap-3 rounded-xl border border-warn/50 bg-warn-soft p-4 text-sm"
    >
      <h3 className="font-semibold">{title}</h3>
      {children}
    </section>
  );
}

function Approval({ question, chat }: QuestionProps & { question: Extract<Question, { kind: "approval" }> }) {
  const [isRefusing, setRefusing] = useState(false);
  const [reason, setReason] = useState("");
  const [isBusy, setBusy] = useState(false);

  async function say(yes: boolean) {
    setBusy(true);
    const isTaken = await chat.approve(question.id, yes, reason || undefined);
    setBusy(false);
    if (isTaken) focusMessage();
  }

  return (
    <Frame title={`May the agent do this: ${toolTitle(question.toolName)}?`}>
      <pre
        tabIndex={0}
        role="group"
        aria-label="Arguments"
        className="max-h-60 overflow-auto rounded-lg bg-surface p-2.5 font-mono text-xs whitespace-pre-wrap wrap-anywhere"
      >
        {JSON.stringify(question.arguments, null, 2)}
      </pre>
      {isRefusing && (
        <TextField
          label="Why not? The agent reads it."
          autoFocus
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
      )}
      <div className="flex flex-wrap gap-2">
        {!isRefusing && (
          <Button look="primary" busy={isBusy} onClick={() => say(true)}>
            Allow
          </Button>
        )}
        <Button
          look={isRefusing ? "danger" : "secondary"}
          busy={isBusy}
          onClick={() => (isRefusing ? say(false) : setRefusing(true))}
        >
          {isRefusing ? "Do not allow" : "Do not allow…"}
        </Button>
        {isRefusing && <Button onClick={() => setRefusing(false)}>Back</Button>}
      </div>
    </Frame>
  );
}

function Input({ question, chat }: QuestionProps & { question: Extract<Question, { kind: "input" }> }) {
  const [text, setText] = useState("");
  const [isBusy, setBusy] = useState(false);

  async function send(event: FormEvent) {
    event.preventDefault();
    if (isBusy || !text.trim()) return;
    setBusy(true);
    const isTaken = await chat.answer(question.id, text);
    setBusy(false);
    if (isTaken) focusMessage();
  }

  function key(event: KeyboardEvent) {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) void send(event);
  }

  return (
    <Frame title="The agent asks you">
      <p className="whitespace-pre-wrap wrap-anywhere">{question.prompt}</p>
      <form onSubmit={send} className="flex flex-col items-start gap-3">
        <TextArea
          label="Your answer"
          fieldClassName="w-full"
          rows={2}
          maxLength={10_000}
          value={text}
          onKeyDown={key}
          onChange={(event) => setText(event.target.value)}
        />
        <Button type="submit" look="primary" busy={isBusy} disabled={!text.trim()}>
          Answer
        </Button>
      </form>
    </Frame>
  );
}
