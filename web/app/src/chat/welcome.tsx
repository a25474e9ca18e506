import type { ModelView } from "@headgate/client";
import { Link } from "@tanstack/react-router";
import { Logo } from "../shell/logo";
import { Alert } from "../ui";

const IDEAS = [
  { agent: "todo", text: "Add buy milk tomorrow at 9" },
  { agent: "todo", text: "What is on my list for Friday?" },
  { agent: "chat", text: "Explain what an event stream is" },
  { agent: "chat", text: "Write a haiku about patience" },
];

/** Whether there is no model yet but the built-in rules. */
export function onlyDemo(models: readonly ModelView[] | undefined): boolean {
  return models?.every((model) => !model.usable || model.provider === "demo") ?? false;
}

/** A conversation that has not begun. */
export function Welcome({ isDemo, onPick }: { isDemo: boolean; onPick: (text: string, agent: string) => void }) {
  return (
    <div className="flex flex-col items-center gap-6 pt-[8dvh] text-center">
      <Logo className="size-14" />
      <div>
        <h2 className="text-2xl font-semibold tracking-tight">What shall we do?</h2>
        <p className="mt-2 text-muted">Answers go on when you close the page, and are here when you come back.</p>
      </div>
      <ul aria-label="Ideas" className="grid w-full max-w-xl gap-2 sm:grid-cols-2">
        {IDEAS.map((idea) => (
          <li key={idea.text}>
            <button
              type="button"
              onClick={() => onPick(idea.text, idea.agent)}
              className="h-full w-full cursor-pointer rounded-xl border border-line bg-surface px-4 py-3 text-left text-sm hover:bg-hover"
            >
              {idea.text}
            </button>
          </li>
        ))}
      </ul>
      {isDemo && (
        <div className="w-full max-w-xl text-left">
          <Alert title="Only the built-in demo can answer yet.">
            It knows todos and nothing else. Add a provider’s key under{" "}
            <Link to="/secrets" className="font-medium text-accent-text underline underline-offset-4">
              Secrets
            </Link>{" "}
            to talk to a real model.
          </Alert>
        </div>
      )}
    </div>
  );
}
