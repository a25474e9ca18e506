/** Somebody is about to speak. */
export function Typing({ label }: { label: string }) {
  return (
    <p className="flex items-center gap-2.5 text-sm text-muted" data-typing>
      <span aria-hidden="true" className="flex gap-1">
        {[0, 1, 2].map((dot) => (
          <span key={dot} className={`size-1.5 animate-bounce rounded-full bg-accent-text ${DELAYS[dot]}`} />
        ))}
      </span>
      {label}
    </p>
  );
}

const DELAYS = ["", "[animation-delay:150ms]", "[animation-delay:300ms]"];
