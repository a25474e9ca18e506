import type { ComponentProps, ReactNode } from "react";
import { cn } from "./cn";

/** A table that scrolls by itself where the page is narrow; with the keyboard too. */
export function Table({ caption, children, className }: { caption: string; children: ReactNode; className?: string }) {
  return (
    <div
      role="region"
      aria-label={caption}
      tabIndex={0}
      className={cn("relative overflow-x-auto rounded-2xl border border-line bg-surface", className)}
    >
      <table className="w-full border-collapse text-left text-sm">
        <caption className="sr-only">{caption}</caption>
        {children}
      </table>
    </div>
  );
}

export function Th({ className, ...rest }: ComponentProps<"th">) {
  return (
    <th
      scope="col"
      {...rest}
      className={cn("border-b border-line px-4 py-2.5 text-xs font-medium whitespace-nowrap text-muted", className)}
    />
  );
}

export function Td({ className, ...rest }: ComponentProps<"td">) {
  return (
    <td
      {...rest}
      className={cn("border-b border-line px-4 py-3 align-middle [tr:last-child>&]:border-b-0", className)}
    />
  );
}
