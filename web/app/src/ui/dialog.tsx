import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { Button, IconButton } from "./button";
import { cn } from "./cn";
import { TextField } from "./field";
import { CloseIcon } from "./icons";

interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  description?: ReactNode;
  children?: ReactNode;
  /** Buttons, right-aligned below the content. */
  footer?: ReactNode;
  size?: "sm" | "md" | "lg";
  /** A click beside it closes it, unless what was typed would be lost. */
  keepOnBackdrop?: boolean;
}

const WIDTHS = { sm: "max-w-md", md: "max-w-xl", lg: "max-w-3xl" } as const;

/** The browser's own modal dialog: it keeps the focus, closes with Escape, and the rest of the page is inert. */
export function Dialog({
  open,
  onClose,
  title,
  description,
  children,
  footer,
  size = "sm",
  keepOnBackdrop,
}: DialogProps) {
  const id = useId();
  const element = useRef<HTMLDialogElement>(null);

  useEffect(() => {
    const dialog = element.current;
    if (open && dialog && !dialog.open) {
      dialog.showModal();
      // Where to begin, else it is the first thing in it. React's autoFocus comes before the dialog is open.
      dialog.querySelector<HTMLElement>("[data-autofocus]")?.focus();
    }
    return () => dialog?.close();
  }, [open]);

  if (!open) return null;
  return (
    <dialog
      ref={element}
      aria-labelledby={`${id}-title`}
      aria-describedby={description ? `${id}-text` : undefined}
      onCancel={(event) => {
        event.preventDefault(); // React decides when it closes
        onClose();
      }}
      onMouseDown={(event) => {
        if (event.target === element.current && !keepOnBackdrop) onClose();
      }}
      className={cn(
        "m-auto max-h-[min(90dvh,56rem)] w-[calc(100vw-1.5rem)] overflow-visible rounded-2xl border border-line bg-surface p-0 text-fg shadow-2xl",
        WIDTHS[size],
      )}
    >
      <div className="flex max-h-[min(90dvh,56rem)] flex-col">
        <header className="flex items-start justify-between gap-4 px-5 pt-5">
          <h2 id={`${id}-title`} className="text-lg font-semibold text-balance">
            {title}
          </h2>
          <IconButton label="Close" onClick={onClose} className="-mt-1 -mr-1.5">
            <CloseIcon />
          </IconButton>
        </header>
        <div className="flex min-h-0 flex-col gap-4 overflow-y-auto px-5 py-4">
          {description && (
            <p id={`${id}-text`} className="text-sm text-muted">
              {description}
            </p>
          )}
          {children}
        </div>
        {footer && (
          <footer className="flex flex-wrap justify-end gap-2 border-t border-line px-5 py-4">{footer}</footer>
        )}
      </div>
    </dialog>
  );
}

interface ConfirmProps extends Omit<DialogProps, "footer" | "children"> {
  confirm: string;
  onConfirm: () => void;
  busy?: boolean;
  danger?: boolean;
  /** Has to be typed before the button works: for what cannot be undone. */
  typed?: string;
  children?: ReactNode;
}

/** Asks before something happens that one cannot take back. */
export function ConfirmDialog({ confirm, onConfirm, busy, danger = true, typed, children, ...rest }: ConfirmProps) {
  const [text, setText] = useState("");
  return (
    <Dialog
      {...rest}
      footer={
        <>
          <Button onClick={rest.onClose}>Cancel</Button>
          <Button
            look={danger ? "danger" : "primary"}
            busy={busy}
            disabled={typed !== undefined && text !== typed}
            onClick={onConfirm}
          >
            {confirm}
          </Button>
        </>
      }
    >
      {children}
      {typed !== undefined && (
        <TextField
          label={`Type “${typed}” to go on`}
          value={text}
          onChange={(event) => setText(event.target.value)}
          autoComplete="off"
        />
      )}
    </Dialog>
  );
}
