import { Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { inWords, problemOf } from "../lib/problems";
import { Alert, IconButton } from "../ui";
import { CloseIcon } from "../ui/icons";
import type { Chat } from "./use-chat";

/** A connection that is back so soon is nobody's concern. */
const PATIENCE = 2000;

/** What stands between the conversation and the next message. */
export function Banners({ chat }: { chat: Chat }) {
  const isAway = useAway(chat.live?.status === "reconnecting");
  return (
    <>
      {isAway && (
        <Alert look="warn" live title="The connection is lost.">
          The answer goes on without it. Trying to come back; nothing will be missing.
        </Alert>
      )}
      {chat.error ? <Trouble error={chat.error} onDismiss={chat.dismiss} /> : null}
    </>
  );
}

function useAway(isLost: boolean): boolean {
  const [isAway, setAway] = useState(false);
  useEffect(() => {
    if (!isLost) return;
    const timer = setTimeout(() => setAway(true), PATIENCE);
    return () => {
      clearTimeout(timer);
      setAway(false);
    };
  }, [isLost]);
  return isAway && isLost;
}

function Trouble({ error, onDismiss }: { error: unknown; onDismiss: () => void }) {
  const words = inWords(error);
  const place = PLACES[problemOf(error).code ?? ""];
  return (
    <div className="relative">
      <Alert
        look="danger"
        live
        title={<span className="block pr-8">{words.title}</span>}
        actions={
          place && (
            <Link to={place.to} className="font-medium text-accent-text underline underline-offset-4">
              {place.title}
            </Link>
          )
        }
      >
        {words.next}
      </Alert>
      <IconButton label="Dismiss" onClick={onDismiss} className="!absolute top-1.5 right-1.5">
        <CloseIcon />
      </IconButton>
    </div>
  );
}

const PLACES: Record<string, { to: "/secrets" | "/usage" | "/agents"; title: string }> = {
  agent_not_found: { to: "/agents", title: "Look at your agents" },
  credential_missing: { to: "/secrets", title: "Add a key" },
  credential_unusable: { to: "/secrets", title: "Look at your keys" },
  rate_limit_exceeded: { to: "/usage", title: "See what is left" },
  secret_disabled: { to: "/secrets", title: "Look at your keys" },
  secret_expired: { to: "/secrets", title: "Look at your keys" },
};
