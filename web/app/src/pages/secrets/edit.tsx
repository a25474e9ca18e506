import { useId, useState } from "react";
import { Button, Dialog, TextField } from "../../ui";
import { FormProblem, fieldErrors } from "../shared/form";
import type { SecretView } from "../shared/types";
import { useAction } from "../shared/use-action";
import { useSecretActions } from "./data";
import { dayEnd, dayOf } from "./words";

interface Props {
  secret: SecretView;
  onClose: () => void;
  onSaved: (secret: SecretView) => void;
}

/** What can change without the key: its name, and when it ends. */
export function EditSecret({ secret, onClose, onSaved }: Props) {
  const [name, setName] = useState(secret.name);
  const [ends, setEnds] = useState(dayOf(secret.expires_at));
  const form = useId();
  const save = useAction(useSecretActions().change);
  const own = name.trim() ? [] : [{ pointer: "/name", detail: "Give it a name, so that you know it again." }];
  const { errorAt, shown } = fieldErrors(save.error, own);

  async function submit(event: React.FormEvent) {
    event.preventDefault();
    if (own.length > 0) return;
    const saved = await save.run(secret.id, {
      ...(name.trim() !== secret.name && { name: name.trim() }),
      ...(ends !== dayOf(secret.expires_at) && { expires_at: ends ? dayEnd(ends) : null }),
    });
    if (saved) onSaved(saved);
  }

  return (
    <Dialog
      open
      title={`Edit ${secret.name}`}
      description="The key itself, and where it leads, change only when you rotate it."
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form={form} busy={save.busy}>
            Save
          </Button>
        </>
      }
    >
      <form id={form} onSubmit={submit} noValidate className="flex flex-col gap-4">
        <FormProblem error={save.error} shown={shown} />
        <TextField
          label="Name"
          autoComplete="off"
          value={name}
          maxLength={100}
          error={errorAt("/name")}
          onChange={(event) => setName(event.target.value)}
        />
        <TextField
          label="Ends on"
          type="date"
          hint="Empty: it does not end, unless an administrator has set a maximum age for this provider's keys."
          value={ends}
          error={errorAt("/expires_at")}
          onChange={(event) => setEnds(event.target.value)}
        />
      </form>
    </Dialog>
  );
}
