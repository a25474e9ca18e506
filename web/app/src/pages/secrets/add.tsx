import { useId, useRef, useState } from "react";
import { Alert, Button, Checkbox, Dialog, SelectField, TextField } from "../../ui";
import { call } from "../shared/call";
import { FormProblem, fieldErrors } from "../shared/form";
import type { SecretView, Verdict } from "../shared/types";
import { useAction } from "../shared/use-action";
import { useSecretActions } from "./data";
import { KeyGuide } from "./guide";
import { GUIDES, guideOf } from "./guides";
import { expiryOf, MaterialFields, materialOf, POINTERS, wipe } from "./material";
import { VERDICTS } from "./words";

interface Props {
  onClose: () => void;
  onSaved: (secret: SecretView) => void;
}

/** Stores a key, after the provider was asked about it. */
export function AddSecret({ onClose, onSaved }: Props) {
  const [provider, setProvider] = useState("openai");
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const [nameless, setNameless] = useState(false);
  const id = useId();
  const form = useRef<HTMLFormElement>(null);
  const guide = guideOf(provider);
  const { add } = useSecretActions();

  const save = useAction(async (checked: boolean) => {
    if (!form.current) return null;
    const data = new FormData(form.current);
    const material = materialOf(form.current);
    if (!checked) {
      const { answer } = await call("POST /api/secrets/verify", { body: { provider, ...material } });
      setVerdict(answer);
      if (answer !== "valid") return null;
    }
    const saved = await add({
      name: String(data.get("label")).trim(),
      provider,
      ...material,
      expires_at: expiryOf(form.current),
      ...(data.get("default") && { default: true }),
    });
    wipe(form.current);
    return saved;
  });
  const { errorAt, shown } = fieldErrors(
    save.error,
    nameless ? [{ pointer: "/name", detail: "Give it a name, so that you know it again." }] : [],
  );
  for (const pointer of POINTERS) errorAt(pointer);

  async function submit(checked: boolean) {
    const name = String(new FormData(form.current ?? undefined).get("label")).trim();
    setNameless(!name);
    setVerdict(null);
    if (!name) return;
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
      title="Add a key"
      onClose={close}
      footer={
        <>
          <Button onClick={close}>Cancel</Button>
          {verdict && verdict !== "valid" && (
            <Button busy={save.busy} onClick={() => submit(true)}>
              Save it anyway
            </Button>
          )}
          <Button look="primary" type="submit" form={id} busy={save.busy}>
            Check and save
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
        <SelectField
          label="Provider"
          value={provider}
          error={errorAt("/provider")}
          onChange={(event) => setProvider(event.target.value)}
        >
          {GUIDES.map((one) => (
            <option key={one.provider} value={one.provider}>
              {one.title}
            </option>
          ))}
        </SelectField>
        {guide && <KeyGuide guide={guide} />}
        <TextField
          name="label"
          autoComplete="off"
          label="Name"
          placeholder="work"
          maxLength={100}
          error={errorAt("/name")}
        />
        <MaterialFields key={provider} guide={guide} errorAt={errorAt} />
        <TextField
          name="expires"
          type="date"
          fieldClassName="sm:max-w-60"
          label="Ends on (optional)"
          hint="You are warned 30, 7 and 1 days before."
          error={errorAt("/expires_at")}
        />
        <Checkbox
          name="default"
          label={`Use it by default for ${guide?.title ?? provider}`}
          hint="Runs that name no key use the default one. The first of a provider becomes it anyway."
        />
        <FormProblem error={save.error} shown={shown} />
        {verdict && verdict !== "valid" && (
          <Alert live look={VERDICTS[verdict].look} title={VERDICTS[verdict].title}>
            {VERDICTS[verdict].text} It is not stored yet.
          </Alert>
        )}
      </form>
    </Dialog>
  );
}
