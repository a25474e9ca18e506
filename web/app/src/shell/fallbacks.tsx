import { Link } from "@tanstack/react-router";
import { EmptyState, ErrorState, Page } from "../ui";
import { SearchIcon } from "../ui/icons";

export function NotFound() {
  return (
    <Page>
      <EmptyState
        icon={<SearchIcon />}
        title="There is nothing here"
        action={
          <Link to="/chat" className="text-accent-text underline underline-offset-4">
            Go to your conversations
          </Link>
        }
      >
        The address may be mistyped, or what it showed was deleted.
      </EmptyState>
    </Page>
  );
}

export function PageError({ error, reset }: { error: unknown; reset: () => void }) {
  return (
    <Page>
      <ErrorState error={error} retry={reset} what="This page" />
    </Page>
  );
}
