import { number } from "../../lib/format";
import { Button } from "../../ui";

interface Props {
  offset: number;
  limit: number;
  total: number;
  onChange: (offset: number) => void;
}

/** Which part of a long list is shown; nothing where all of it is. */
export function Pager({ offset, limit, total, onChange }: Props) {
  if (total <= limit && offset === 0) return null;
  return (
    <nav aria-label="Pages" className="flex flex-wrap items-center justify-between gap-3 text-sm text-muted">
      <p>
        {number(Math.min(offset + 1, total))} to {number(Math.min(offset + limit, total))} of {number(total)}
      </p>
      <div className="flex gap-2">
        <Button size="sm" disabled={offset === 0} onClick={() => onChange(Math.max(0, offset - limit))}>
          Before
        </Button>
        <Button size="sm" disabled={offset + limit >= total} onClick={() => onChange(offset + limit)}>
          Next
        </Button>
      </div>
    </nav>
  );
}
