import { useEffect, useRef, useState } from "react";
import { useMe } from "../../lib/auth";
import { Button, CopyButton, Dialog, TextField } from "../../ui";
import { call } from "../shared/call";
import { FormProblem, fieldErrors } from "../shared/form";
import type { Revealed, SecretView } from "../shared/types";
import { useAction } from "../shared/use-action";

const SHOWN_SECONDS = 30;

/** Shows the value for half a minute. It lives in this component and goes with it: no cache, no storage. */
export function RevealSecret({ secret, onClose }: { secret: SecretView; onClose: () => void }) {
  const [revealed, setRevealed] = useState<Revealed | null>(null);
  const [hidden, setHidden] = useState(false);
  const password = useRef<HTMLInputElement>(null);
  const hasPassword = useMe()?.email != null;
  const left = useCountdown(revealed !== null, () => {
    setRevealed(null);
    setHidden(true);
  });
  const reveal = useAction(async () => {
    const body = hasPassword ? { password: password.current?.value ?? "" } : {};
    const found = await call("POST /api/secrets/{secret_id}/reveal", { path: { secret_id: secret.id }, body });
    setHidden(false);
    setRevealed(found);
  });
  const { errorAt, shown } = fieldErrors(reveal.error);

  return (
    <Dialog
      open
      title={`Reveal ${secret.name}`}
      description={`Whoever sees the value can use it. It hides again after ${SHOWN_SECONDS} seconds, and that it was shown is written down in its audit trail.`}
      onClose={onClose}
      footer={
        revealed === null ? (
          <>
            <Button onClick={onClose}>{hidden ? "Close" : "Cancel"}</Button>
            <Button look="primary" busy={reveal.busy} onClick={() => reveal.run()}>
              {hidden ? "Reveal again" : "Reveal"}
            </Button>
          </>
        ) : (
          <Button look="primary" onClick={onClose}>
            Hide now
          </Button>
        )
      }
    >
      {revealed === null ? (
        <form
          className="flex flex-col gap-4"
          onSubmit={(event) => {
            event.preventDefault();
            void reveal.run();
          }}
        >
          {hidden && (
            <p role="status" className="text-sm text-muted">
              The value is hidden again.
            </p>
          )}
          {hasPassword ? (
            <TextField
              ref={password}
              type="password"
              autoComplete="current-password"
              label="Your Headgate password"
              error={errorAt("/password")}
              data-autofocus
            />
          ) : (
            <p className="text-sm text-muted">
              You come from an outside issuer: you must have signed in there within the last five minutes.
            </p>
          )}
          <FormProblem error={reveal.error} shown={shown} />
        </form>
      ) : (
        <div className="flex flex-col gap-3">
          <Shown name="value" text={revealed.value} />
          {revealed.session_token && <Shown name="session token" text={revealed.session_token} />}
          <p className="text-sm text-muted">
            Hidden in <span aria-hidden="true">{left}</span>
            <span className="sr-only">{SHOWN_SECONDS}</span> seconds.
          </p>
        </div>
      )}
    </Dialog>
  );
}

function Shown({ name, text }: { name: string; text: string }) {
  return (
    <div className="flex items-center gap-2 rounded-xl border border-line bg-raised p-3">
      <output
        aria-live="off"
        aria-label={`The ${name}`}
        className="min-w-0 flex-1 font-mono text-sm break-all select-all"
      >
        {text}
      </output>
      <CopyButton text={() => text} label={`Copy the ${name}`} />
    </div>
  );
}

/** Seconds until it is over, by the clock: a tab in the background counts late. */
function useCountdown(running: boolean, onOver: () => void): number {
  const [left, setLeft] = useState(SHOWN_SECONDS);
  const over = useRef(onOver);
  useEffect(() => {
    over.current = onOver;
  });
  useEffect(() => {
    if (!running) return;
    const end = Date.now() + SHOWN_SECONDS * 1000;
    setLeft(SHOWN_SECONDS);
    function tick() {
      const seconds = Math.ceil((end - Date.now()) / 1000);
      setLeft(Math.max(0, seconds));
      if (seconds <= 0) over.current();
    }
    const timer = setInterval(tick, 500);
    document.addEventListener("visibilitychange", tick);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", tick);
    };
  }, [running]);
  return left;
}
