import { TextField } from "../../ui";
import type { Guide } from "./guides";
import { dayEnd } from "./words";

/** Keeps password managers and form histories away. They know these names; a browser knows `autocomplete`. */
const UNREMEMBERED = {
  autoComplete: "off",
  autoCorrect: "off",
  autoCapitalize: "none",
  spellCheck: false,
  "data-1p-ignore": "",
  "data-lpignore": "true",
  "data-bwignore": "",
  "data-form-type": "other",
} as const;

// A password field would be offered to the browser's own manager. Where dots can be had otherwise, it is a text field.
const DOTS = typeof CSS !== "undefined" && CSS.supports("-webkit-text-security", "disc");

/** Where the fields stand in a problem. */
export const POINTERS = ["/value", "/base_url", "/region", "/access_key_id", "/session_token"];

interface Props {
  guide: Guide | undefined;
  errorAt: (pointer: string) => string | null;
  baseUrl?: string;
  region?: string;
}

/**
 * A key and where it leads. The fields hold their own text: React would write a controlled field's value into the
 * page's attributes, where extensions and recordings look.
 */
export function MaterialFields({ guide, errorAt, baseUrl = "", region = "" }: Props) {
  const needs = guide?.needs;
  return (
    <>
      {needs?.baseUrl === "required" && <BaseUrl required value={baseUrl} errorAt={errorAt} />}
      <TextField
        {...UNREMEMBERED}
        name="value"
        label={
          needs?.aws
            ? "Bearer key, or secret access key"
            : needs?.keyless
              ? "Key (leave it empty where the server wants none)"
              : "Key"
        }
        hint={`Looks like ${guide?.shape ?? "what the provider gave you"} and is sealed when it is stored.`}
        type={DOTS ? "text" : "password"}
        className="font-mono [-webkit-text-security:disc]"
        maxLength={4096}
        error={errorAt("/value")}
      />
      {needs?.aws && (
        <div className="grid gap-4 sm:grid-cols-2">
          <TextField
            {...UNREMEMBERED}
            name="access_key_id"
            label="Access key id"
            hint="Only where the key above is a secret access key."
            className="font-mono"
            maxLength={128}
            error={errorAt("/access_key_id")}
          />
          <TextField
            {...UNREMEMBERED}
            name="region"
            label="Region"
            placeholder="eu-central-1"
            defaultValue={region}
            maxLength={64}
            error={errorAt("/region")}
          />
          <TextField
            {...UNREMEMBERED}
            name="session_token"
            label="Session token"
            hint="Only of temporary keys."
            type={DOTS ? "text" : "password"}
            className="font-mono [-webkit-text-security:disc]"
            fieldClassName="sm:col-span-2"
            maxLength={4096}
            error={errorAt("/session_token")}
          />
        </div>
      )}
      {needs?.baseUrl === "optional" && <BaseUrl value={baseUrl} errorAt={errorAt} />}
    </>
  );
}

function BaseUrl({
  required,
  value,
  errorAt,
}: {
  required?: boolean;
  value: string;
  errorAt: (pointer: string) => string | null;
}) {
  return (
    <TextField
      {...UNREMEMBERED}
      name="base_url"
      type="url"
      label={required ? "Base URL" : "Base URL (only for a gateway of your own)"}
      hint={required ? "Without /chat/completions." : "Empty: the provider's own address."}
      placeholder="https://"
      defaultValue={value}
      maxLength={2048}
      error={errorAt("/base_url")}
    />
  );
}

export interface Material {
  value: string | null;
  access_key_id: string;
  session_token: string;
  region: string;
  base_url: string;
}

/** What stands in the fields now. */
export function materialOf(form: HTMLFormElement): Material {
  const data = new FormData(form);
  const text = (name: string) => String(data.get(name) ?? "").trim();
  return {
    value: text("value") || null,
    access_key_id: text("access_key_id"),
    session_token: text("session_token"),
    region: text("region"),
    base_url: text("base_url"),
  };
}

/** Until which moment, of a field named `expires`: the end of the chosen day where one is. */
export function expiryOf(form: HTMLFormElement): string | null {
  const day = String(new FormData(form).get("expires") ?? "");
  return day ? dayEnd(day) : null;
}

/** The form goes, and what was typed goes first. */
export function wipe(form: HTMLFormElement | null): void {
  for (const name of ["value", "session_token"]) {
    const field = form?.elements.namedItem(name);
    if (field instanceof HTMLInputElement) field.value = "";
  }
}
