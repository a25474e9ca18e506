import type { ReactNode } from "react";
import { inWords } from "../lib/problems";
import { Button } from "./button";
import { cn } from "./cn";
import { AlertIcon, CheckIcon, InfoIcon } from "./icons";

/** A page's title and what one can do on it. */
export function PageHeader({
  title,
  description,
  actions,
}: {
  title: string;
  description?: ReactNode;
  actions?: ReactNode;
}) {
  return (
    <header className="flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
      <div className="min-w-0">
        <h1 className="text-2xl font-semibold tracking-tight">{title}</h1>
        {description && <p className="mt-1 max-w-2xl text-muted">{description}</p>}
      </div>
      {actions && <div className="flex flex-wrap gap-2">{actions}</div>}
    </header>
  );
}

/** What every page but the chat stands in. */
export function Page({ children, className }: { children: ReactNode; className?: string }) {
  return <div className={cn("mx-auto flex w-full max-w-5xl flex-col gap-6 p-4 sm:p-8", className)}>{children}</div>;
}

export function Card({
  children,
  className,
  title,
  actions,
}: {
  children: ReactNode;
  className?: string;
  title?: ReactNode;
  actions?: ReactNode;
}) {
  return (
    <section className={cn("rounded-2xl border border-line bg-surface p-4 sm:p-5", className)}>
      {(title || actions) && (
        <div className="mb-4 flex flex-wrap items-center justify-between gap-3">
          {title && <h2 className="text-base font-semibold">{title}</h2>}
          {actions}
        </div>
      )}
      {children}
    </section>
  );
}

const BADGES = {
  neutral: "bg-hover text-muted",
  accent: "bg-accent-soft text-accent-text",
  ok: "bg-ok-soft text-ok",
  warn: "bg-warn-soft text-warn",
  danger: "bg-danger-soft text-danger",
} as const;

export function Badge({
  children,
  look = "neutral",
  className,
}: {
  children: ReactNode;
  look?: keyof typeof BADGES;
  className?: string;
}) {
  return (
    <span
      className={cn(
        "inline-flex items-center gap-1 rounded-full px-2 py-0.5 text-xs font-medium whitespace-nowrap",
        BADGES[look],
        className,
      )}
    >
      {children}
    </span>
  );
}

const ALERTS = {
  info: "border-line bg-raised",
  ok: "border-ok/40 bg-ok-soft",
  warn: "border-warn/40 bg-warn-soft",
  danger: "border-danger/40 bg-danger-soft",
} as const;

/** Something to know, with what to do about it. `live` reads it out when it appears. */
export function Alert({
  look = "info",
  title,
  children,
  actions,
  live,
}: {
  look?: keyof typeof ALERTS;
  title?: ReactNode;
  children?: ReactNode;
  actions?: ReactNode;
  live?: boolean;
}) {
  const Icon = look === "ok" ? CheckIcon : look === "info" ? InfoIcon : AlertIcon;
  return (
    <div
      role={live ? (look === "danger" ? "alert" : "status") : undefined}
      className={cn("flex gap-3 rounded-xl border p-3 text-sm", ALERTS[look])}
    >
      <Icon
        className={cn(
          "mt-0.5 size-4.5 shrink-0",
          look === "danger" && "text-danger",
          look === "warn" && "text-warn",
          look === "ok" && "text-ok",
        )}
      />
      <div className="flex min-w-0 flex-1 flex-col gap-1 wrap-anywhere">
        {title && <p className="font-medium">{title}</p>}
        {children && <div className="text-muted">{children}</div>}
        {actions && <div className="mt-1.5 flex flex-wrap gap-2">{actions}</div>}
      </div>
    </div>
  );
}

/** Nothing here yet: says what this is for and how to begin. */
export function EmptyState({
  icon,
  title,
  children,
  action,
}: {
  icon?: ReactNode;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="flex flex-col items-center gap-3 rounded-2xl border border-dashed border-line px-6 py-14 text-center">
      {icon && (
        <div className="grid size-12 place-items-center rounded-2xl bg-accent-soft text-accent-text">{icon}</div>
      )}
      <h2 className="text-lg font-semibold">{title}</h2>
      {children && <div className="max-w-md text-muted text-pretty">{children}</div>}
      {action && <div className="mt-2">{action}</div>}
    </div>
  );
}

/** What a page shows when it could not be loaded. */
export function ErrorState({ error, retry, what = "This" }: { error: unknown; retry?: () => void; what?: string }) {
  const words = inWords(error);
  return (
    <Alert
      look="danger"
      live
      title={`${what} could not be loaded. ${words.title}`}
      actions={
        retry && (
          <Button size="sm" onClick={retry}>
            Try again
          </Button>
        )
      }
    >
      {words.next}
    </Alert>
  );
}
