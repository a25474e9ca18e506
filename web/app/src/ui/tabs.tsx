import { type ReactNode, useId, useRef } from "react";
import { cn } from "./cn";

interface TabsProps<Name extends string> {
  label: string;
  tabs: readonly { name: Name; title: ReactNode }[];
  selected: Name;
  onSelect: (name: Name) => void;
  children: ReactNode;
}

/** Tabs as ARIA describes them: arrows move between them, and the panel belongs to the selected one. */
export function Tabs<Name extends string>({ label, tabs, selected, onSelect, children }: TabsProps<Name>) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);

  function move(event: React.KeyboardEvent) {
    const at = tabs.findIndex((tab) => tab.name === selected);
    const steps: Record<string, number> = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const to = tabs[(step + tabs.length) % tabs.length];
    if (!to) return;
    onSelect(to.name);
    list.current?.querySelector<HTMLElement>(`[id="${id}-${to.name}"]`)?.focus();
  }

  return (
    <>
      <div
        ref={list}
        role="tablist"
        aria-label={label}
        onKeyDown={move}
        className="flex gap-1 overflow-x-auto border-b border-line"
      >
        {tabs.map(({ name, title }) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}-${name}`}
            aria-selected={name === selected}
            aria-controls={`${id}-panel`}
            tabIndex={name === selected ? 0 : -1}
            onClick={() => onSelect(name)}
            className={cn(
              "-mb-px cursor-pointer border-b-2 px-3 py-2.5 text-sm font-medium whitespace-nowrap",
              name === selected ? "border-accent text-fg" : "border-transparent text-muted hover:text-fg",
            )}
          >
            {title}
          </button>
        ))}
      </div>
      <div
        role="tabpanel"
        id={`${id}-panel`}
        aria-labelledby={`${id}-${selected}`}
        tabIndex={0}
        className="flex min-w-0 flex-col gap-6 rounded-lg"
      >
        {children}
      </div>
    </>
  );
}
