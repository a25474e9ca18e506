import { useId, useRef, useState } from "react";
import { Alert, Button, Dialog, SelectField, TextField } from "../../ui";
import { call } from "../shared/call";
import { FormProblem, fieldErrors } from "../shared/form";
import type { SecretView, Verdict } from "../shared/types";
import { useAction } from "../shared/use-action";
import { useSecretActions } from "./data";
import { guideOf } from "./guides";
import { expiryOf, MaterialFields, materialOf, POINTERS, wipe } from "./material";
import { VERDICTS } from "./words";

const OVERLAPS = [
  { value: "", text: "until the last run that has used it ends" },
  { value: "0", text: "not at all: it ends now" },
  { value: "3600", text: "for an hour" },
  { value: "86400", text: "for a day" },
  { value: "604800", text: "for a week" },
];

interface Props {
  secret: SecretView;
  onClose: () => void;
  onSaved: (secret: SecretView) => void;
}

/** Stores the next version, after the provider was asked about it. */
export function RotateSecret({ secret, onClose, onSaved }: Props) {
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const [expiry, setExpiry] = useState<"keep" | "none" | "day">("keep");
  const id = useId();
  const form = useRef<HTMLFormElement>(null);
  const { rotate } = useSecretActions();

  const save = useAction(async (checked: boolean) => {
    if (!form.current) return null;
    const material = materialOf(form.current);
    if (!checked) {
      const { answer } = await call("POST /api/secrets/verify", { body: { provider: secret.provider, ...material } });
      setVerdict(answer);
      if (answer !== "valid") return null;
    }
    const overlap = String(new FormData(form.current).get("overlap"));
    const saved = await rotate(secret.id, {
      ...material,
      ...(overlap && { overlap: Number(overlap) }),
      ...(expiry !== "keep" && { expires_at: expiry === "none" ? null : expiryOf(form.current) }),
    });
    wipe(form.current);
    return saved;
  });
  const { errorAt, shown } = fieldErrors(save.error);
  for (const pointer of POINTERS) errorAt(pointer);

  async function submit(checked: boolean) {
    setVerdict(null);
    const saved = await save.run(checked);
    if (saved) onSaved(saved);
  }

  function close() {
    wipe(form.current);
    onClose();
  }

  return (
    <Dialog
      open
      size="md"
      keepOnBackdrop
      title={`Rotate ${secret.name}`}
      description="The next version takes over for every call that begins from now on. Make the new key at the provider first, and revoke the old one there when its overlap is over."
      onClose={close}
      footer={
        <>
          <Button onClick={close}>Cancel</Button>
          {verdict && verdict !== "valid" && (
            <Button busy={save.busy} onClick={() => submit(true)}>
              Rotate anyway
            </Button>
          )}
          <Button look="primary" type="submit" form={id} busy={save.busy}>
            Check and rotate
          </Button>
        </>
      }
    >
      <form
        ref={form}
        id={id}
        noValidate
        autoComplete="off"
        className="flex flex-col gap-4"
        onInput={() => setVerdict(null)}
        onSubmit={(event) => {
          event.preventDefault();
          void submit(false);
        }}
      >
        <MaterialFields
          guide={guideOf(secret.provider)}
          errorAt={errorAt}
          baseUrl={secret.base_url}
          region={secret.region}
        />
        <SelectField
          name="overlap"
          label="The old version stays valid"
          hint="Only for runs that have begun with it; and you can go back to it meanwhile."
          error={errorAt("/overlap")}
        >
          {OVERLAPS.map((one) => (
            <option key={one.value} value={one.value}>
              {one.text}
            </option>
          ))}
        </SelectField>
        <div className="grid gap-4 sm:grid-cols-2">
          <SelectField
            label="The new one ends"
            value={expiry}
            onChange={(event) => setExpiry(event.target.value as typeof expiry)}
          >
            <option value="keep">as the old one did</option>
            <option value="none">never</option>
            <option value="day">on a day</option>
          </SelectField>
          {expiry === "day" && <TextField name="expires" type="date" label="Ends on" error={errorAt("/expires_at")} />}
        </div>
        <FormProblem error={save.error} shown={shown} />
        {verdict && verdict !== "valid" && (
          <Alert live look={VERDICTS[verdict].look} title={VERDICTS[verdict].title}>
            {VERDICTS[verdict].text} The stored key was not touched.
          </Alert>
        )}
      </form>
    </Dialog>
  );
}
