import { useMutation } from "@tanstack/react-query";
import { Link, useRouter, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { auth } from "../../lib/auth";
import { fieldError, hasFieldErrors } from "../../lib/problems";
import { TextField } from "../../ui";
import { AccessFrame } from "./frame";

const POINTERS = ["/name", "/email", "/password"];

export default function SignUp() {
  const { to } = useSearch({ from: "/sign-up" });
  const router = useRouter();
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const signUp = useMutation({
    mutationFn: () => auth.signUp({ name, email, password }),
    onSuccess: () => router.history.push(to ?? "/chat"),
  });
  const { error } = signUp;

  return (
    <AccessFrame
      title="Make an account"
      subtitle="Then talk to your agents, and see every answer through to its end."
      submit="Make an account"
      busy={signUp.isPending}
      error={hasFieldErrors(error, POINTERS) ? null : error}
      onSubmit={() => signUp.mutate()}
      below={
        <>
          You have one already?{" "}
          <Link
            to="/sign-in"
            search={to ? { to } : {}}
            className="font-medium text-accent-text underline underline-offset-4"
          >
            Sign in
          </Link>
        </>
      }
    >
      <TextField
        label="Name"
        autoComplete="name"
        autoFocus
        value={name}
        error={fieldError(error, "/name")}
        onChange={(event) => setName(event.target.value)}
      />
      <TextField
        label="E-mail"
        type="email"
        autoComplete="username"
        required
        value={email}
        error={fieldError(error, "/email")}
        onChange={(event) => setEmail(event.target.value)}
      />
      <TextField
        label="Password"
        type="password"
        autoComplete="new-password"
        required
        hint="At least 8 characters. A few random words do well."
        value={password}
        error={fieldError(error, "/password")}
        onChange={(event) => setPassword(event.target.value)}
      />
    </AccessFrame>
  );
}
