import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { ControlSchemas } from "../api/control.js";
import { CONTROL } from "../api/control.js";
import { request } from "../api/request.js";

const REFRESH_MS = 10_000;

export interface SettingsChange {
  readonly needs_approval?: boolean;
  readonly lists_need_approval?: boolean;
  readonly break_glass?: boolean;
  readonly note?: string;
}

/** Changes that wait for another user. */
export function useWaiting() {
  return useQuery({
    queryKey: ["approvals"],
    queryFn: ({ signal }) => request<ControlSchemas["Approvals"]>(`${CONTROL}/approvals`, { signal }),
    refetchInterval: REFRESH_MS,
  });
}

export function useChangeApprovals() {
  const client = useQueryClient();
  const again = () =>
    Promise.all(
      [["approvals"], ["policy", "status"], ["lists"], ["list-entries"]].map((queryKey) =>
        client.invalidateQueries({ queryKey }),
      ),
    );
  const change = useMutation({
    mutationFn: (body: SettingsChange) => request(`${CONTROL}/policy/settings`, { method: "PUT", body }),
    onSuccess: again,
  });
  const settle = useMutation({
    mutationFn: ({ id, how }: { id: string; how: "confirm" | "refuse" }) =>
      request(`${CONTROL}/approvals/${id}/${how}`, { method: "POST", body: {} }),
    onSuccess: again,
  });
  return { change, settle };
}
