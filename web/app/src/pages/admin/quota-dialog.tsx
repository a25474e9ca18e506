import { useId, useState } from "react";
import { Button, Dialog, ErrorState, Loading, TextField, toast } from "../../ui";
import { FormProblem, fieldErrors } from "../shared/form";
import type { QuotaView, SetQuota } from "../shared/types";
import { useAction } from "../shared/use-action";
import { useAdminActions, useQuotas, type Whose } from "./data";

const FIELDS = [
  { name: "rate_limit_per_minute", label: "Starts in any minute" },
  { name: "concurrent_runs", label: "Runs at once" },
  { name: "monthly_requests", label: "Requests a month" },
  { name: "monthly_tokens", label: "Tokens a month" },
  { name: "monthly_cost_usd", label: "US dollars a month, for lent keys" },
] as const;

type FieldName = (typeof FIELDS)[number]["name"];

interface Props {
  whose: Whose;
  called: string;
  onClose: () => void;
}

export function QuotaDialog(props: Props) {
  const quotas = useQuotas();
  if (quotas.data) return <Form {...props} set={quotas.data.find((quota) => belongs(quota, props.whose)) ?? null} />;
  return (
    <Dialog open title={`Limits of ${props.called}`} onClose={props.onClose}>
      {quotas.isError ? (
        <ErrorState what="The limits" error={quotas.error} retry={() => quotas.refetch()} />
      ) : (
        <Loading />
      )}
    </Dialog>
  );
}

function Form({ whose, called, set, onClose }: Props & { set: QuotaView | null }) {
  const [values, setValues] = useState<Record<FieldName, string>>(() => textsOf(set));
  const form = useId();
  const { setQuota, unsetQuota } = useAdminActions();
  const empty = FIELDS.every(({ name }) => !values[name].trim());
  const save = useAction(() => (empty ? unsetQuota(whose) : setQuota(whose, bodyOf(values))));
  const wrong = FIELDS.flatMap(({ name }) => {
    const text = values[name].trim();
    const fits = name === "monthly_cost_usd" ? /^\d{1,6}(\.\d{1,12})?$/ : /^\d{1,15}$/;
    return !text || fits.test(text)
      ? []
      : [
          {
            pointer: `/${name}`,
            detail: name === "monthly_cost_usd" ? "An amount, such as 25 or 2.50." : "A whole number.",
          },
        ];
  });
  const { errorAt, shown } = fieldErrors(save.error, wrong);

  async function submit(event: React.FormEvent) {
    event.preventDefault();
    if (wrong.length > 0) return;
    if (empty && !set) return onClose();
    if (!(await save.run())) return;
    onClose();
    toast(`The limits of ${called} hold from the next start on.`);
  }

  return (
    <Dialog
      open
      title={`Limits of ${called}`}
      description={
        "user" in whose
          ? "What is left empty is left to the role's limits, and then to the server's settings. 0 allows nothing."
          : "For everybody of this role who has no limit of their own. What is left empty is left to the server's settings. 0 allows nothing."
      }
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form={form} busy={save.busy}>
            Save limits
          </Button>
        </>
      }
    >
      <form id={form} onSubmit={submit} noValidate className="flex flex-col gap-4">
        <FormProblem error={save.error} shown={shown} />
        {FIELDS.map(({ name, label }) => (
          <TextField
            key={name}
            label={label}
            inputMode="decimal"
            placeholder={"user" in whose ? "the role's" : "the server's"}
            value={values[name]}
            error={errorAt(`/${name}`)}
            onChange={(event) => setValues({ ...values, [name]: event.target.value })}
          />
        ))}
      </form>
    </Dialog>
  );
}

export function belongs(quota: QuotaView, whose: Whose): boolean {
  return "user" in whose ? quota.user_id === whose.user : quota.role === whose.role;
}

/** What is set, in a line. */
export function quotaInWords(quota: QuotaView): string {
  const said = FIELDS.flatMap(({ name, label }) => {
    const value = quota[name];
    return value === null || value === undefined
      ? []
      : [`${label}: ${typeof value === "number" ? value.toLocaleString() : value}`];
  });
  return said.join(" · ") || "nothing";
}

function textsOf(quota: QuotaView | null): Record<FieldName, string> {
  const text = (name: FieldName) => String(quota?.[name] ?? "");
  return {
    rate_limit_per_minute: text("rate_limit_per_minute"),
    concurrent_runs: text("concurrent_runs"),
    monthly_requests: text("monthly_requests"),
    monthly_tokens: text("monthly_tokens"),
    monthly_cost_usd: text("monthly_cost_usd"),
  };
}

function bodyOf(values: Record<FieldName, string>): SetQuota {
  const whole = (name: FieldName) => (values[name].trim() ? Number(values[name]) : null);
  return {
    rate_limit_per_minute: whole("rate_limit_per_minute"),
    concurrent_runs: whole("concurrent_runs"),
    monthly_requests: whole("monthly_requests"),
    monthly_tokens: whole("monthly_tokens"),
    monthly_cost_usd: values.monthly_cost_usd.trim() || null,
  };
}
