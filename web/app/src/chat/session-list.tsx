import type { SessionView } from "@headgate/client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { client } from "../lib/client";
import { ago } from "../lib/format";
import { inWords } from "../lib/problems";
import { Button, ConfirmDialog, ErrorState, IconButton, Skeleton, toast } from "../ui";
import { PlusIcon, TrashIcon } from "../ui/icons";
import { useSessions } from "./use-chat";

export const titleOf = (session: Pick<SessionView, "title">) => session.title?.trim() || "Untitled conversation";

/** The user's conversations, newest first. */
export function SessionList({ current, onChoose }: { current: string | undefined; onChoose?: () => void }) {
  const sessions = useSessions();
  const [doomed, setDoomed] = useState<SessionView | null>(null);
  const items = sessions.data?.pages.flatMap((page) => page.items) ?? [];

  return (
    <div className="flex min-h-0 flex-1 flex-col gap-2">
      <Link
        to="/chat"
        onClick={onChoose}
        className="flex items-center gap-2 rounded-lg border border-line bg-raised px-3 py-2 text-sm font-medium hover:bg-hover"
      >
        <PlusIcon /> New conversation
      </Link>
      {sessions.isLoading && [1, 2, 3].map((one) => <Skeleton key={one} className="h-11" />)}
      {sessions.error && (
        <ErrorState error={sessions.error} what="Your conversations" retry={() => void sessions.refetch()} />
      )}
      {sessions.data && items.length === 0 && (
        <p className="px-3 py-2 text-sm text-muted">Your conversations will be listed here.</p>
      )}
      <ul aria-label="Conversations" className="-mx-1 flex min-h-0 flex-col gap-0.5 overflow-y-auto px-1">
        {items.map((session) => (
          <li key={session.id} className="group relative">
            <Link
              to="/chat/$sessionId"
              params={{ sessionId: session.id }}
              onClick={onChoose}
              aria-current={session.id === current ? "page" : undefined}
              className="block rounded-lg py-2 pr-10 pl-3 hover:bg-hover aria-[current=page]:bg-hover"
            >
              <span className="block truncate text-sm">{titleOf(session)}</span>
              <span className="block text-xs text-muted">{ago(session.last_active_at)}</span>
            </Link>
            <IconButton
              label={`Delete “${titleOf(session)}”`}
              onClick={() => setDoomed(session)}
              className="!absolute top-1/2 right-1 -translate-y-1/2 opacity-0 group-hover:opacity-100 focus-visible:opacity-100 pointer-coarse:opacity-100"
            >
              <TrashIcon className="size-4" />
            </IconButton>
          </li>
        ))}
        {sessions.hasNextPage && (
          <li>
            <Button
              size="sm"
              look="ghost"
              className="w-full"
              busy={sessions.isFetchingNextPage}
              onClick={() => void sessions.fetchNextPage()}
            >
              Show earlier ones
            </Button>
          </li>
        )}
      </ul>
      <DeleteDialog session={doomed} isCurrent={doomed?.id === current} onClose={() => setDoomed(null)} />
    </div>
  );
}

function DeleteDialog({
  session,
  isCurrent,
  onClose,
}: {
  session: SessionView | null;
  isCurrent: boolean;
  onClose: () => void;
}) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const remove = useMutation({
    mutationFn: (id: string) => client.sessions.delete(id),
    onSuccess: async () => {
      onClose();
      if (isCurrent) await navigate({ to: "/chat" });
      await queries.invalidateQueries({ queryKey: ["sessions"] });
      toast("The conversation is deleted.");
    },
    onError: (error) => toast(`${inWords(error).title} ${inWords(error).next}`, "error"),
  });
  return (
    <ConfirmDialog
      open={session !== null}
      onClose={onClose}
      title="Delete this conversation?"
      description={`“${session ? titleOf(session) : ""}” and its answers are deleted for good. What agents have changed, such as todos, stays. An answer that is being written is stopped.`}
      confirm="Delete"
      busy={remove.isPending}
      onConfirm={() => session && remove.mutate(session.id)}
    />
  );
}
