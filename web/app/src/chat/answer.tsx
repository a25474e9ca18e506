import type { Part, Question } from "@headgate/client";
import type { Seen } from "@headgate/client/react";
import { lazy, Suspense } from "react";
import { useMe } from "../lib/auth";
import { AgentIcon } from "../ui/icons";
import { Reasoning } from "./reasoning";
import { useSmooth } from "./smooth";
import { ToolCard } from "./tool-card";

const loadMarkdown = () => import("../markdown/markdown");
const Markdown = lazy(loadMarkdown);

/** Loads what answers are drawn with, so that it is there before the first word is. */
export function prepareAnswers(): void {
  // Where it cannot be loaded now it is when it is needed.
  loadMarkdown().catch(() => undefined);
}

interface AnswerProps {
  parts: readonly Part[];
  /** Its run goes on. */
  live: boolean;
  toolTimes: Seen["tools"];
  questions: readonly Question[];
}

/** What a run showed, in the order in which it did. */
export function Answer({ parts, live, toolTimes, questions }: AnswerProps) {
  const preferences = useMe()?.preferences;
  const asking = new Set(questions.flatMap((question) => (question.kind === "approval" ? [question.toolCallId] : [])));
  return parts.map((part, index) => {
    switch (part.kind) {
      case "text":
        // Without streaming an answer appears when it is finished.
        return live && preferences?.streaming === false ? null : (
          <AnswerText key={part.seq} text={part.content} done={part.done || !live} />
        );
      case "reasoning":
        return preferences?.effects === false ? null : (
          <Reasoning key={part.seq} text={part.content} open={live && !part.done} />
        );
      case "tool":
        return <ToolCard key={part.seq} part={part} time={toolTimes[part.id]} live={live} asks={asking.has(part.id)} />;
      case "agent":
        // Who speaks first is who was chosen.
        return index === 0 ? null : (
          <p key={part.seq} className="flex items-center gap-2 text-sm text-muted">
            <AgentIcon className="size-4" /> {part.name} goes on
          </p>
        );
      case "artifact":
        return (
          <p key={part.seq} className="text-sm text-muted">
            The agent handed out “{part.name}”.
          </p>
        );
      default:
        part satisfies never;
        return null;
    }
  });
}

function AnswerText({ text, done }: { text: string; done: boolean }) {
  const speed = useMe()?.preferences.text_speed ?? "normal";
  const smooth = useSmooth(text, speed, done);
  return (
    <Suspense fallback={<p className="leading-relaxed whitespace-pre-wrap wrap-anywhere">{smooth.text}</p>}>
      <Markdown text={smooth.text} open={!done || !smooth.isCaughtUp} />
    </Suspense>
  );
}
