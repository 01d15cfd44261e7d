import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { DecisionPage } from "#contract/decisions";
import type { AdminProvider, AuthSchemas, Changed } from "../api/auth.js";
import { AUTH } from "../api/auth.js";
import type { RequestOptions } from "../api/request.js";
import { problemFrom, request } from "../api/request.js";

export function usePeople() {
  return useQuery({
    queryKey: ["admin", "people"],
    queryFn: ({ signal }) => request<AuthSchemas["Users"]>(`${AUTH}/people`, { signal }),
  });
}

export function useClients() {
  return useQuery({
    queryKey: ["admin", "clients"],
    queryFn: ({ signal }) => request<AuthSchemas["Clients"]>(`${AUTH}/clients`, { signal }),
  });
}

export function useGrants() {
  return useQuery({
    queryKey: ["admin", "grants"],
    queryFn: ({ signal }) => request<AuthSchemas["Grants"]>(`${AUTH}/grants`, { signal }),
  });
}

/** The identity provider of the tenant; null if it has none. */
export function useProvider() {
  return useQuery({
    queryKey: ["admin", "provider"],
    queryFn: async ({ signal }) => {
      try {
        return await request<AdminProvider>(`${AUTH}/identity-provider`, { signal });
      } catch (error) {
        if (problemFrom(error).code === "provider-not-found") return null;
        throw error;
      }
    },
  });
}

const FIRST_PAYMENT_MS = 5_000;

/** Whether a payment has been decided. Polls until one has. */
export function useHasPayment() {
  return useQuery({
    queryKey: ["admin", "payment"],
    queryFn: async ({ signal }) =>
      (await request<DecisionPage>("/api/decisions?limit=1", { signal })).decisions.length > 0,
    refetchInterval: ({ state }) => (state.data === true ? false : FIRST_PAYMENT_MS),
  });
}

export interface AdminChange extends Pick<RequestOptions, "method" | "body"> {
  /** A path relative to the administration API. User names and client IDs need no escaping. */
  readonly to: string;
}

export function useAdminChange() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ to, method = "POST", body }: AdminChange) => request<Changed>(`${AUTH}/${to}`, { method, body }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["admin"] }),
    // A password is shown once and not cached.
    gcTime: 0,
  });
}
