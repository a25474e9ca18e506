import { type ComponentProps, type ReactNode, useId } from "react";
import { cn } from "./cn";

const CONTROL =
  "w-full rounded-lg border border-line bg-raised px-3 text-fg placeholder:text-faint transition-colors " +
  "hover:border-line-strong aria-invalid:border-danger disabled:opacity-60";

interface Wired {
  id: string;
  "aria-describedby"?: string;
  "aria-invalid"?: true;
}

interface FieldProps {
  label: ReactNode;
  hint?: ReactNode;
  /** What is wrong with the value; said next to it and read out. */
  error?: string | null;
  hideLabel?: boolean;
  className?: string;
  children: (wired: Wired) => ReactNode;
}

/** A label, a control, a hint and an error that belong together for everybody. */
export function Field({ label, hint, error, hideLabel, className, children }: FieldProps) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div className={cn("flex min-w-0 flex-col gap-1.5", className)}>
      <label htmlFor={id} className={hideLabel ? "sr-only" : "text-sm font-medium"}>
        {label}
      </label>
      {children({ id, ...(described && { "aria-describedby": described }), ...(error && { "aria-invalid": true }) })}
      {hint && (
        <p id={`${id}-hint`} className="text-sm text-muted">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} role="alert" className="text-sm text-danger">
          {error}
        </p>
      )}
    </div>
  );
}

type Labelled<Tag extends "input" | "textarea" | "select"> = Omit<ComponentProps<Tag>, "id"> &
  Omit<FieldProps, "children" | "className"> & { fieldClassName?: string };

export function TextField({ label, hint, error, hideLabel, fieldClassName, className, ...rest }: Labelled<"input">) {
  return (
    <Field {...{ label, hint, error, hideLabel }} className={fieldClassName}>
      {(wired) => <input {...rest} {...wired} className={cn(CONTROL, "h-10", className)} />}
    </Field>
  );
}

export function TextArea({ label, hint, error, hideLabel, fieldClassName, className, ...rest }: Labelled<"textarea">) {
  return (
    <Field {...{ label, hint, error, hideLabel }} className={fieldClassName}>
      {(wired) => <textarea rows={4} {...rest} {...wired} className={cn(CONTROL, "py-2", className)} />}
    </Field>
  );
}

/** The browser's own select: it works everywhere, with keyboards, readers and phones. */
export function SelectField({ label, hint, error, hideLabel, fieldClassName, className, ...rest }: Labelled<"select">) {
  return (
    <Field {...{ label, hint, error, hideLabel }} className={fieldClassName}>
      {(wired) => <select {...rest} {...wired} className={cn(CONTROL, "h-10 pr-8", className)} />}
    </Field>
  );
}

export function Checkbox({
  label,
  hint,
  className,
  ...rest
}: Omit<ComponentProps<"input">, "type"> & { label: ReactNode; hint?: ReactNode }) {
  const id = useId();
  return (
    <div className={cn("flex items-start gap-2.5", className)}>
      <input
        type="checkbox"
        {...rest}
        id={id}
        aria-describedby={hint ? `${id}-hint` : undefined}
        className="mt-0.5 size-4.5 shrink-0 cursor-pointer accent-accent"
      />
      <div className="min-w-0">
        <label htmlFor={id} className="cursor-pointer text-sm font-medium">
          {label}
        </label>
        {hint && (
          <p id={`${id}-hint`} className="text-sm text-muted">
            {hint}
          </p>
        )}
      </div>
    </div>
  );
}

export function Switch({
  label,
  hint,
  checked,
  onChange,
  disabled,
}: {
  label: ReactNode;
  hint?: ReactNode;
  checked: boolean;
  onChange: (on: boolean) => void;
  disabled?: boolean;
}) {
  const id = useId();
  return (
    <div className="flex items-start justify-between gap-4">
      <div className="min-w-0">
        <label id={`${id}-label`} htmlFor={id} className="cursor-pointer text-sm font-medium">
          {label}
        </label>
        {hint && (
          <p id={`${id}-hint`} className="text-sm text-muted">
            {hint}
          </p>
        )}
      </div>
      <button
        id={id}
        type="button"
        role="switch"
        aria-checked={checked}
        aria-labelledby={`${id}-label`}
        aria-describedby={hint ? `${id}-hint` : undefined}
        disabled={disabled}
        onClick={() => onChange(!checked)}
        className={cn(
          "relative mt-0.5 h-6 w-11 shrink-0 cursor-pointer rounded-full border transition-colors disabled:opacity-55",
          checked ? "border-accent bg-accent" : "border-line-strong bg-hover",
        )}
      >
        <span
          className={cn(
            "absolute top-0.5 left-0.5 size-4.5 rounded-full shadow-sm transition-transform",
            checked ? "translate-x-5 bg-on-accent" : "bg-muted",
          )}
        />
      </button>
    </div>
  );
}
