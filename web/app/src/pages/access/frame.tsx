import type { FormEvent, ReactNode } from "react";
import { inWords } from "../../lib/problems";
import { Logo } from "../../shell/logo";
import { Alert, Button } from "../../ui";

interface FrameProps {
  title: string;
  subtitle: string;
  submit: string;
  busy: boolean;
  /** What no field of the form shows. */
  error: unknown;
  onSubmit: () => void;
  children: ReactNode;
  below: ReactNode;
}

/** What signing in and signing up have in common. */
export function AccessFrame({ title, subtitle, submit, busy, error, onSubmit, children, below }: FrameProps) {
  const words = error ? inWords(error) : null;

  function send(event: FormEvent) {
    event.preventDefault();
    onSubmit();
  }

  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <div className="w-full max-w-sm">
        <div className="mb-6 flex flex-col items-center gap-3 text-center">
          <Logo className="size-12" />
          <h1 className="text-2xl font-semibold tracking-tight">{title}</h1>
          <p className="text-muted text-balance">{subtitle}</p>
        </div>
        <form
          onSubmit={send}
          noValidate
          className="flex flex-col gap-4 rounded-2xl border border-line bg-surface p-6 shadow-sm"
        >
          {words && (
            <Alert look="danger" live title={words.title}>
              {words.next}
            </Alert>
          )}
          {children}
          <Button type="submit" look="primary" size="lg" busy={busy} className="mt-1">
            {submit}
          </Button>
        </form>
        <p className="mt-5 text-center text-sm text-muted">{below}</p>
      </div>
    </main>
  );
}
