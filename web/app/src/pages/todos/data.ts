import { useQuery, useQueryClient } from "@tanstack/react-query";
import { problemOf } from "../../lib/problems";
import { call } from "../shared/call";
import type { NewTodo, TagView, TodoChanges, TodoView } from "../shared/types";

export interface Filter {
  status: TodoView["status"] | "open" | "";
  importance: TodoView["importance"] | "";
  tag: string;
  q: string;
}

export const OPEN: readonly TodoView["status"][] = ["pending", "in_progress"];
const PAGE = 100;

/** As many as the filter finds, `pages` hundred at most: the rest is offered by a button. */
export function useTodos(filter: Filter, pages: number) {
  return useQuery({
    queryKey: ["todos", "list", filter, pages],
    placeholderData: (before) => before,
    queryFn: async () => {
      const { status, importance, tag, q } = filter;
      const query = {
        ...(status && status !== "open" && { status }),
        ...(importance && { importance }),
        ...(tag && { tag }),
        ...(q && { q }),
      };
      const found: TodoView[] = [];
      let total = 0;
      for (let page = 0; page < pages && (page === 0 || found.length < total); page++) {
        const answer = await call("GET /api/todos", { query: { ...query, limit: PAGE, offset: page * PAGE } });
        found.push(...answer.items);
        total = answer.total;
      }
      return {
        items: status === "open" ? found.filter((todo) => OPEN.includes(todo.status)) : found,
        more: found.length < total,
      };
    },
  });
}

/** What takes place on a day of the profile's calendar. A bare date is that whole day to the server. */
export function useDay(day: string) {
  return useQuery({
    queryKey: ["todos", "day", day],
    placeholderData: (before) => before,
    queryFn: async () => (await call("GET /api/todos", { query: { from: day, to: day, limit: PAGE } })).items,
  });
}

export function useTags() {
  return useQuery({
    queryKey: ["tags"],
    queryFn: async () => (await call("GET /api/tags", { query: { limit: 100 } })).items,
  });
}

/** Everything that changes todos; what is shown of them anywhere is fetched again. */
export function useTodoActions() {
  const queries = useQueryClient();

  async function changed<Result>(result: Result): Promise<Result> {
    await Promise.all([
      queries.invalidateQueries({ queryKey: ["todos"] }),
      queries.invalidateQueries({ queryKey: ["tags"] }),
    ]);
    return result;
  }

  /** The API takes only tags that exist; a form should not have to. */
  async function makeMissing(tags: readonly string[], known: readonly TagView[]) {
    const missing = tags.filter((name) => !known.some((tag) => tag.name.toLowerCase() === name.toLowerCase()));
    for (const name of missing) {
      try {
        await call("POST /api/tags", { body: { name } });
      } catch (error) {
        // Made meanwhile: by an agent, or by this form, whose todo was refused then.
        if (problemOf(error).code !== "tag_taken") throw error;
      }
    }
  }

  return {
    async save(id: string | null, body: NewTodo & TodoChanges, known: readonly TagView[]): Promise<TodoView> {
      await makeMissing(body.tags ?? [], known);
      return changed(
        id
          ? await call("PATCH /api/todos/{todo_id}", { path: { todo_id: id }, body })
          : await call("POST /api/todos", { body }),
      );
    },
    async change(id: string, body: TodoChanges): Promise<TodoView> {
      return changed(await call("PATCH /api/todos/{todo_id}", { path: { todo_id: id }, body }));
    },
    async remove(id: string): Promise<true> {
      await call("DELETE /api/todos/{todo_id}", { path: { todo_id: id } });
      return changed(true);
    },
    async removeTag(id: string): Promise<true> {
      await call("DELETE /api/tags/{tag_id}", { path: { tag_id: id } });
      return changed(true);
    },
  };
}
