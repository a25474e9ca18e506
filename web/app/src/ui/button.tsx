import type { ComponentProps, ReactNode } from "react";
import { cn } from "./cn";
import { Spinner } from "./spinner";

const BASE =
  "inline-flex cursor-pointer items-center justify-center gap-2 rounded-lg font-medium whitespace-nowrap select-none " +
  "transition-colors disabled:cursor-not-allowed disabled:opacity-55 aria-disabled:cursor-not-allowed aria-disabled:opacity-55";
const LOOKS = {
  primary: "bg-accent text-on-accent hover:bg-accent-strong",
  secondary: "border border-line bg-raised text-fg hover:bg-hover",
  ghost: "text-muted hover:bg-hover hover:text-fg",
  danger: "bg-danger text-on-danger hover:opacity-90",
  "danger-ghost": "text-danger hover:bg-danger-soft",
  link: "text-accent-text underline-offset-4 hover:underline",
} as const;
const SIZES = {
  sm: "h-8 px-3 text-sm",
  md: "h-10 px-4 text-sm",
  lg: "h-11 px-5 text-base",
} as const;
const SQUARE = { sm: "size-8", md: "size-10", lg: "size-11" } as const;

export type ButtonProps = ComponentProps<"button"> & {
  look?: keyof typeof LOOKS;
  size?: keyof typeof SIZES;
  /** Shows a spinner and takes no clicks. */
  busy?: boolean;
  icon?: ReactNode;
};

export function Button({
  look = "secondary",
  size = "md",
  busy = false,
  icon,
  children,
  className,
  ...rest
}: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      disabled={rest.disabled || busy}
      aria-busy={busy || undefined}
      className={cn(BASE, LOOKS[look], SIZES[size], className)}
    >
      {busy ? <Spinner className="size-4" /> : icon}
      {children}
    </button>
  );
}

export type IconButtonProps = Omit<ButtonProps, "children" | "busy" | "icon"> & {
  /** What a screen reader says, and the tooltip. */
  label: string;
  children: ReactNode;
};

export function IconButton({ label, look = "ghost", size = "sm", children, className, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      {...rest}
      className={cn(BASE, LOOKS[look], SQUARE[size], "shrink-0", className)}
    >
      {children}
    </button>
  );
}
