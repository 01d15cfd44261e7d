import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { HealthReport } from "#contract/operations";
import type { ControlSchemas, DeadLetter, Erasures, ReturnedLetters } from "../api/control.js";
import { CONTROL } from "../api/control.js";
import { request } from "../api/request.js";

const HEALTH_MS = 5_000;
/** This request reads the topics, so it is polled less often than the others. */
const LETTERS_MS = 20_000;
const REFRESH_MS = 10_000;
const LETTERS = ["dead-letters"];

export function useDeadLetters() {
  return useQuery({
    queryKey: LETTERS,
    queryFn: ({ signal }) => request<ControlSchemas["Letters"]>(`${CONTROL}/dead-letters`, { signal }),
    refetchInterval: LETTERS_MS,
  });
}

/** The records to redrive: selected dead letters of a topic, or all with a code. */
export type LettersToReturn =
  | { readonly topic: string; readonly letters: readonly Pick<DeadLetter, "partition" | "offset">[] }
  | { readonly topic: string; readonly code: string };

export function useReturnLetters() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: LettersToReturn) =>
      request<ReturnedLetters>(`${CONTROL}/dead-letters/return`, { method: "POST", body }),
    onSettled: () => client.invalidateQueries({ queryKey: LETTERS }),
  });
}

export function useHealth() {
  return useQuery({
    queryKey: ["health"],
    queryFn: ({ signal }) => request<HealthReport>("/api/health", { signal }),
    refetchInterval: HEALTH_MS,
  });
}

export function useErasures() {
  return useQuery({
    queryKey: ["erasures"],
    queryFn: ({ signal }) => request<Erasures>(`${CONTROL}/erasures`, { signal }),
    refetchInterval: REFRESH_MS,
  });
}

export function useJobs() {
  return useQuery({
    queryKey: ["jobs"],
    queryFn: ({ signal }) => request<ControlSchemas["Jobs"]>(`${CONTROL}/jobs`, { signal }),
    refetchInterval: REFRESH_MS,
  });
}
