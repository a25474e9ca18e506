import { InfoIcon } from "../../ui/icons";
import type { Guide } from "./guides";

// On a phone it would hide the fields that it is about.
const WIDE = matchMedia("(min-width: 40rem)").matches;

/** Where to get a key, which rights it needs, and how to limit what it can cost. */
export function KeyGuide({ guide }: { guide: Guide }) {
  return (
    <details className="rounded-xl border border-line bg-raised text-sm" open={WIDE}>
      <summary className="flex cursor-pointer items-center gap-2 px-4 py-2.5 font-medium">
        <InfoIcon className="size-4 text-accent-text" /> How to get a key for {guide.title}
      </summary>
      <dl className="flex flex-col gap-2.5 px-4 pb-4">
        <Step name="Where">
          {guide.get}{" "}
          {guide.link && (
            <a
              href={guide.link.href}
              target="_blank"
              rel="noreferrer noopener"
              className="text-accent-text underline underline-offset-2 wrap-anywhere"
            >
              {guide.link.text}
            </a>
          )}
        </Step>
        <Step name="Which rights">{guide.rights}</Step>
        <Step name="How to limit it">{guide.limit}</Step>
      </dl>
    </details>
  );
}

function Step({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt className="font-medium">{name}</dt>
      <dd className="text-muted">{children}</dd>
    </div>
  );
}
