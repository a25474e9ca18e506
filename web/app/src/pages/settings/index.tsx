import type { Me, PatchMe } from "@headgate/client";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { auth, useMe } from "../../lib/auth";
import { client } from "../../lib/client";
import { fieldError, hasFieldErrors, inWords } from "../../lib/problems";
import { setTheme, type Theme, useTheme } from "../../lib/theme";
import { Alert, Button, Card, Page, PageHeader, SelectField, Switch, TextField, toast } from "../../ui";

const ZONES = Intl.supportedValuesOf("timeZone");

export default function SettingsPage() {
  const me = useMe();
  if (!me) return null;
  return (
    <Page className="max-w-2xl">
      <PageHeader title="Settings" description="How Headgate looks and speaks to you." />
      <Answers me={me} />
      <Profile me={me} />
      <Password />
    </Page>
  );
}

function useChange() {
  return useMutation({
    mutationFn: (changes: PatchMe) => client.request("PATCH /api/me", { body: changes }),
    onSuccess: (me) => auth.update(me),
  });
}

/** Each change is kept at once: there is no button to forget. */
function Answers({ me }: { me: Me }) {
  const theme = useTheme();
  const change = useChange();
  const { streaming, text_speed, effects } = me.preferences;

  function keep(preferences: Partial<Me["preferences"]>) {
    change.mutate(
      { preferences },
      { onError: (error) => toast(`${inWords(error).title} ${inWords(error).next}`, "error") },
    );
  }

  return (
    <Card title="Answers and looks">
      <div className="flex flex-col gap-5">
        <Switch
          label="Show answers while they are written"
          hint="Off: an answer appears when it is finished."
          checked={streaming}
          onChange={(on) => keep({ streaming: on })}
        />
        <Switch
          label="Show the model’s reasoning"
          hint="Folded, above the answer, where a model tells what it thinks."
          checked={effects}
          onChange={(on) => keep({ effects: on })}
        />
        <SelectField
          label="Text speed"
          hint="How smoothly text appears. It is never more than half a second behind."
          value={text_speed}
          disabled={!streaming}
          onChange={(event) => keep({ text_speed: event.target.value as Me["preferences"]["text_speed"] })}
        >
          <option value="slow">Calm</option>
          <option value="normal">Normal</option>
          <option value="fast">Fast</option>
          <option value="instant">At once, as it comes</option>
        </SelectField>
        <SelectField label="Colours" value={theme} onChange={(event) => setTheme(event.target.value as Theme)}>
          <option value="system">As the system has them</option>
          <option value="light">Light</option>
          <option value="dark">Dark</option>
        </SelectField>
      </div>
    </Card>
  );
}

function Profile({ me }: { me: Me }) {
  const [name, setName] = useState(me.name);
  const [zone, setZone] = useState(me.time_zone);
  const change = useChange();

  function save(event: FormEvent) {
    event.preventDefault();
    change.mutate({ name, time_zone: zone }, { onSuccess: () => toast("Saved.") });
  }

  return (
    <Card title="You">
      <form onSubmit={save} className="flex flex-col gap-4">
        <Failure error={change.error} pointers={["/name", "/time_zone"]} />
        <TextField
          label="Name"
          autoComplete="name"
          value={name}
          error={fieldError(change.error, "/name")}
          onChange={(event) => setName(event.target.value)}
        />
        <SelectField
          label="Time zone"
          hint="Agents plan your days in it."
          value={zone}
          error={fieldError(change.error, "/time_zone")}
          onChange={(event) => setZone(event.target.value)}
        >
          {[...new Set([me.time_zone, "UTC", ...ZONES])].map((one) => (
            <option key={one}>{one}</option>
          ))}
        </SelectField>
        <Button type="submit" look="primary" busy={change.isPending} className="self-start">
          Save
        </Button>
      </form>
    </Card>
  );
}

function Password() {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const change = useMutation({
    mutationFn: () => auth.changePassword(current, next),
    onSuccess: () => {
      setCurrent("");
      setNext("");
      toast("Your password is changed. Other devices are signed out.");
    },
  });

  function save(event: FormEvent) {
    event.preventDefault();
    change.mutate();
  }

  return (
    <Card title="Password">
      <form onSubmit={save} className="flex flex-col gap-4">
        <Failure error={change.error} pointers={["/current_password", "/new_password"]} />
        <TextField
          label="Current password"
          type="password"
          autoComplete="current-password"
          value={current}
          error={fieldError(change.error, "/current_password")}
          onChange={(event) => setCurrent(event.target.value)}
        />
        <TextField
          label="New password"
          type="password"
          autoComplete="new-password"
          hint="At least 8 characters. A few random words do well."
          value={next}
          error={fieldError(change.error, "/new_password")}
          onChange={(event) => setNext(event.target.value)}
        />
        <Button
          type="submit"
          look="primary"
          busy={change.isPending}
          disabled={!current || !next}
          className="self-start"
        >
          Change password
        </Button>
      </form>
    </Card>
  );
}

function Failure({ error, pointers }: { error: unknown; pointers: string[] }) {
  if (!error || hasFieldErrors(error, pointers)) return null;
  const words = inWords(error);
  return (
    <Alert look="danger" live title={words.title}>
      {words.next}
    </Alert>
  );
}
