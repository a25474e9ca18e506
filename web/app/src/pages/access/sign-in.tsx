import { useMutation } from "@tanstack/react-query";
import { Link, useRouter, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { auth } from "../../lib/auth";
import { TextField } from "../../ui";
import { AccessFrame } from "./frame";

export default function SignIn() {
  const { to } = useSearch({ from: "/sign-in" });
  const router = useRouter();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const signIn = useMutation({
    mutationFn: () => auth.signIn(email, password),
    onSuccess: () => router.history.push(to ?? "/chat"),
  });

  return (
    <AccessFrame
      title="Welcome back"
      subtitle="Sign in to go on where you left off."
      submit="Sign in"
      busy={signIn.isPending}
      error={signIn.error}
      onSubmit={() => signIn.mutate()}
      below={
        <>
          New here?{" "}
          <Link
            to="/sign-up"
            search={to ? { to } : {}}
            className="font-medium text-accent-text underline underline-offset-4"
          >
            Make an account
          </Link>
        </>
      }
    >
      <TextField
        label="E-mail"
        type="email"
        autoComplete="username"
        autoFocus
        required
        value={email}
        onChange={(event) => setEmail(event.target.value)}
      />
      <TextField
        label="Password"
        type="password"
        autoComplete="current-password"
        required
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
    </AccessFrame>
  );
}
