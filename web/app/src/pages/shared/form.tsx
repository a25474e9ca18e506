import { inWords, problemOf } from "../../lib/problems";
import { Alert } from "../../ui";

interface FieldError {
  pointer?: string;
  detail: string;
}

export interface FieldErrors {
  /** What is wrong with the field of that JSON pointer, or with a member of it. */
  errorAt: (pointer: string) => string | null;
  /** The pointers that were asked for: what was found there is shown at its field. */
  shown: ReadonlySet<string>;
}

/** What the form found itself, or else what the server answered. */
export function fieldErrors(error: unknown, own: readonly FieldError[] = []): FieldErrors {
  const errors: readonly FieldError[] = own.length > 0 ? own : error ? (problemOf(error).errors ?? []) : [];
  const shown = new Set<string>();
  return {
    shown,
    errorAt(pointer) {
      shown.add(pointer);
      const found = errors.find((one) => belongs(one.pointer ?? "", pointer));
      return found ? inPlainWords(found.detail) : null;
    },
  };
}

/** A failure that no field shows, said for the form as a whole. */
export function FormProblem({ error, shown = new Set() }: { error: unknown; shown?: ReadonlySet<string> }) {
  if (!error) return null;
  const errors = problemOf(error).errors ?? [];
  const atFields =
    errors.length > 0 && errors.every((one) => [...shown].some((pointer) => belongs(one.pointer ?? "", pointer)));
  const words = inWords(error);
  return (
    <Alert look="danger" live title={atFields ? "Something is not right yet." : words.title}>
      {atFields ? "Look at the fields that are marked." : words.next}
    </Alert>
  );
}

function belongs(to: string, pointer: string): boolean {
  return to === pointer || to.startsWith(`${pointer}/`);
}

/** What schemas say is meant for programs. */
function inPlainWords(detail: string): string {
  if (detail.includes("matching regex")) return "This has a form or characters that are not taken here.";
  const length = /^Expected `(?:str|array)` of length (>=|<=) (\d+)/.exec(detail);
  if (length)
    return length[1] === ">="
      ? length[2] === "1"
        ? "This must not be empty."
        : `At least ${length[2]}, please.`
      : `At most ${length[2]}, please.`;
  return detail;
}
