import type { ModelView } from "@headgate/client";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { prepareAnswers } from "../../chat/answer";
import { Banners } from "../../chat/banners";
import { type Choice, Composer } from "../../chat/composer";
import { ChatHeader } from "../../chat/header";
import { LiveLog } from "../../chat/live-log";
import { useStickToEnd } from "../../chat/scroll";
import { SessionList } from "../../chat/session-list";
import { SaidBubble, TurnView } from "../../chat/turn-view";
import type { Turn } from "../../chat/turns";
import { Typing } from "../../chat/typing";
import { useAgents, useChat, useModels } from "../../chat/use-chat";
import { useDraft } from "../../chat/use-draft";
import { onlyDemo, Welcome } from "../../chat/welcome";
import { whenIdle } from "../../lib/idle";
import { ErrorState, IconButton, Skeleton } from "../../ui";
import { ArrowDownIcon } from "../../ui/icons";

/** Between two states that the events tell of, so that only the server's word is known. */
const ON_ITS_WAY = new Set(["connecting", "reconnecting"]);

export default function ChatPage() {
  const { sessionId } = useParams({ strict: false });
  const navigate = useNavigate();
  const chat = useChat(
    sessionId,
    (id) => void navigate({ to: "/chat/$sessionId", params: { sessionId: id }, replace: true }),
  );
  const [draft, setDraft] = useDraft(sessionId);
  const agents = useAgents();
  const models = useModels();
  const [choice, setChoice] = useChoice(sessionId, chat.turns, models.data?.items);
  const container = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const { isAtEnd, toEnd } = useStickToEnd(container, content);

  useEffect(() => whenIdle(prepareAnswers), []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another conversation is read from its end
  useEffect(toEnd, [sessionId, toEnd]);

  async function send(text: string, replaces?: string) {
    toEnd();
    if (!replaces) setDraft("");
    const isSent = await chat.send({ text, ...choice, ...(replaces && { replaces }) });
    if (!isSent && !replaces) setDraft(text);
  }

  function pick(text: string, agent: string) {
    setDraft(text);
    setChoice({ ...choice, agent });
    document.getElementById("message")?.focus();
  }

  const again = (turn: Turn, text: string) => void send(text, turn.runId ?? undefined);
  const { active, live, pending } = chat;
  const heard = useLast(active);
  const turns = pending?.replaces
    ? chat.turns.slice(
        0,
        chat.turns.findIndex((turn) => turn.runId === pending.replaces),
      )
    : chat.turns;
  const isEmpty = !sessionId && !pending;

  return (
    <div className="flex h-full min-h-0">
      <aside
        aria-label="Conversations"
        className="hidden w-64 shrink-0 flex-col border-r border-line bg-surface p-3 lg:flex"
      >
        <SessionList current={sessionId} />
      </aside>
      <div className="flex min-w-0 flex-1 flex-col">
        <ChatHeader sessionId={sessionId} />
        <div className="relative min-h-0 flex-1">
          <div
            ref={container}
            tabIndex={0}
            role="region"
            aria-label="Conversation"
            className="h-full overflow-y-auto overscroll-contain outline-offset-[-2px]"
          >
            <div ref={content} className="mx-auto flex max-w-3xl flex-col gap-8 px-4 py-6 sm:px-6">
              {chat.isLoading && <Skeletons />}
              {chat.loadError && <ErrorState error={chat.loadError} what="The conversation" retry={chat.reload} />}
              {isEmpty && <Welcome isDemo={onlyDemo(models.data?.items)} onPick={pick} />}
              {chat.isCut && (
                <p className="text-center text-sm text-muted">Only the last part is shown. The export has all of it.</p>
              )}
              {turns.map((turn, index) => (
                <TurnView
                  key={turn.key}
                  turn={turn}
                  chat={chat}
                  isLast={index === turns.length - 1 && !pending}
                  onAgain={again}
                />
              ))}
              {pending && (
                <div className="flex flex-col gap-4">
                  <SaidBubble text={pending.text} />
                  <Typing label="Sending…" />
                </div>
              )}
            </div>
          </div>
          {!isAtEnd && (
            <IconButton
              label="Jump to the latest"
              look="secondary"
              size="md"
              onClick={toEnd}
              className="!absolute bottom-3 left-1/2 -translate-x-1/2 !rounded-full shadow-lg"
            >
              <ArrowDownIcon />
            </IconButton>
          )}
        </div>
        <LiveLog runId={heard && heard.session_id === sessionId ? heard.id : null} />
        <div className="mx-auto flex w-full max-w-3xl flex-col gap-2 px-3 pb-3 sm:px-6 sm:pb-5">
          <Banners chat={chat} />
          <Composer
            text={draft}
            onText={setDraft}
            choice={choice}
            onChoice={setChoice}
            agents={agents.data?.items ?? []}
            models={models.data?.items ?? []}
            isSending={!!pending}
            active={
              active && {
                isPaused: (ON_ITS_WAY.has(live?.status ?? "") ? active.state : live?.status) === "paused",
                isStopping: !!live?.stopping,
              }
            }
            onSend={() => void send(draft)}
            onStop={() => void chat.stop()}
            onPause={() => void chat.pause()}
            onResume={() => void chat.resume()}
          />
        </div>
      </div>
    </div>
  );
}

/** With whom one talks: in a conversation the agent that spoke last, until the user chooses. */
function useChoice(sessionId: string | undefined, turns: readonly Turn[], models: readonly ModelView[] | undefined) {
  const [chosen, setChosen] = useState<{ session: string | undefined; choice: Choice } | null>(null);
  const last = turns.findLast((turn) => turn.run)?.run;
  const usual = last
    ? { agent: last.agent, model: "" }
    : (chosen?.choice ?? { agent: onlyDemo(models) ? "todo" : "chat", model: "" });
  const choice = chosen && chosen.session === sessionId ? chosen.choice : usual;
  return [choice, (to: Choice) => setChosen({ session: sessionId, choice: to })] as const;
}

/** The last one that there was. */
function useLast<Value>(value: Value | null): Value | null {
  const [last, setLast] = useState(value);
  if (value !== null && value !== last) setLast(value);
  return value ?? last;
}

function Skeletons() {
  return (
    <div role="status" aria-label="Loading the conversation" className="flex flex-col gap-4">
      <Skeleton className="h-10 w-1/2 self-end" />
      <Skeleton className="h-24" />
    </div>
  );
}
