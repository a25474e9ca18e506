import { useState } from "react";
import { client } from "../lib/client";
import { inWords } from "../lib/problems";
import { Dialog, IconButton, Menu, MenuItem, toast } from "../ui";
import { ChatIcon, DownloadIcon } from "../ui/icons";
import { SessionList, titleOf } from "./session-list";
import { useSessions } from "./use-chat";

/** The conversation's name, the way to the others where the window is narrow, and its export. */
export function ChatHeader({ sessionId }: { sessionId: string | undefined }) {
  const [isOpen, setOpen] = useState(false);
  const sessions = useSessions();
  const session = sessions.data?.pages.flatMap((page) => page.items).find((one) => one.id === sessionId);

  return (
    <header className="flex h-12 shrink-0 items-center gap-2 border-b border-line px-3 sm:px-5">
      <IconButton label="Conversations" aria-haspopup="dialog" onClick={() => setOpen(true)} className="lg:hidden">
        <ChatIcon />
      </IconButton>
      <h1 className="min-w-0 flex-1 truncate text-sm font-medium">
        {sessionId ? (session ? titleOf(session) : "Conversation") : "New conversation"}
      </h1>
      {sessionId && <Export sessionId={sessionId} />}
      <Dialog open={isOpen} onClose={() => setOpen(false)} title="Conversations">
        <SessionList current={sessionId} onChoose={() => setOpen(false)} />
      </Dialog>
    </header>
  );
}

const FORMATS = { markdown: "md", json: "json" } as const;

function Export({ sessionId }: { sessionId: string }) {
  async function save(format: keyof typeof FORMATS) {
    try {
      const file = await (await client.sessions.export(sessionId, format)).blob();
      const url = URL.createObjectURL(file);
      const link = document.createElement("a");
      link.href = url;
      link.download = `conversation-${sessionId}.${FORMATS[format]}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    } catch (error) {
      toast(`${inWords(error).title} ${inWords(error).next}`, "error");
    }
  }

  return (
    <Menu
      trigger={
        <IconButton label="Export">
          <DownloadIcon />
        </IconButton>
      }
    >
      <MenuItem onSelect={() => void save("markdown")}>As Markdown</MenuItem>
      <MenuItem onSelect={() => void save("json")}>As JSON</MenuItem>
    </Menu>
  );
}
