import type { Question } from "@headgate/client";
import { useRun } from "@headgate/client/react";
import { useEffect, useRef, useState } from "react";
import { toolTitle } from "./tool-card";

/** How often a screen reader is told what has come: whole sentences, not every word. */
const EVERY = 3000;

/** The answer of a run that goes on as speech: new sentences in batches, and what happens to it. Nobody sees it. */
export function LiveLog({ runId }: { runId: string | null }) {
  const { text, status, outcome, questions } = useRun(runId);
  const [lines, setLines] = useState<readonly { key: string; text: string }[]>([]);
  const told = useRef({ run: "", length: 0, at: 0, status: "" });

  useEffect(() => {
    if (!runId) return;
    if (told.current.run !== runId) {
      told.current = { run: runId, length: 0, at: Date.now(), status: "" };
      setLines([]);
    }
    const now = told.current;
    const over = outcome !== null || status === "error";
    const say = (line: string) =>
      line &&
      setLines((before) => [
        ...before.slice(-8),
        { key: `${runId}-${before.length}-${line.length}-${Date.now()}`, text: line },
      ]);

    const flush = () => {
      const rest = text.slice(now.length);
      const end = over ? rest.length : sentenceEnd(rest);
      now.at = Date.now();
      if (end <= 0) return;
      now.length += end;
      say(spoken(rest.slice(0, end)));
    };
    const state = over ? ENDS[outcome ?? "failed"] : (asking(questions) ?? STATES[status]);
    if (state && state !== now.status) {
      if (over) flush();
      now.status = state;
      say(state);
    }
    if (over) return;
    const timer = setTimeout(flush, Math.max(0, EVERY - (Date.now() - now.at)));
    return () => clearTimeout(timer);
  }, [runId, text, status, outcome, questions]);

  return (
    <div role="log" aria-live="polite" aria-label="Answer as it is written" className="sr-only">
      {lines.map((line) => (
        <p key={line.key}>{line.text}</p>
      ))}
    </div>
  );
}

const STATES: Record<string, string> = {
  streaming: "The agent is answering.",
  paused: "Paused.",
};
const ENDS: Record<string, string> = {
  completed: "The answer is complete.",
  cancelled: "Stopped.",
  failed: "The answer has failed.",
  limited: "A limit was reached.",
};

function asking(questions: readonly Question[]): string | undefined {
  const question = questions.at(-1);
  if (!question) return undefined;
  return question.kind === "input"
    ? `The agent asks: ${question.prompt}`
    : `The agent asks whether it may do this: ${toolTitle(question.toolName)}.`;
}

/** Without the marks, which nobody wants to hear. */
function spoken(text: string): string {
  return text
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/^\s*(?:#{1,6}|>|[-*+]|\|)\s*/gm, "")
    .replace(/[*_~`|]+/g, " ")
    .trim();
}

function sentenceEnd(text: string): number {
  const found = [...text.matchAll(/[.!?…:](?=\s)|\n/g)].at(-1);
  return found ? found.index + found[0].length : 0;
}
