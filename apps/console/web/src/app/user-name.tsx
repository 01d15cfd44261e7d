import { useQuery } from "@tanstack/react-query";
import type { PersonRef } from "#contract/people";
import { request } from "../api/request.js";

const FRESH_MS = 60_000;
const NOBODY: readonly PersonRef[] = [];

/** Users who have signed in, to show names instead of the IDs that other services record. */
export function useUsers(): readonly PersonRef[] {
  const { data = NOBODY } = useQuery({
    queryKey: ["people", "names"],
    queryFn: ({ signal }) => request<readonly PersonRef[]>("/api/people/names", { signal }),
    staleTime: FRESH_MS,
  });
  return data;
}

/** Returns a user's name, or the ID of a machine client or of a user who has never signed in. */
export function useNameOf(): (id: string) => string {
  const users = useUsers();
  return (wanted) => users.find(({ id }) => id === wanted)?.name ?? wanted;
}

export function UserName({ id }: { readonly id: string }) {
  return <span title={id}>{useNameOf()(id)}</span>;
}
