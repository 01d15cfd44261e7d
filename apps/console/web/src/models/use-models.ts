import { useQuery } from "@tanstack/react-query";
import type { ListedModels, ListedVersion, ModelContract } from "../api/control.js";
import { CONTROL } from "../api/control.js";
import { problemFrom, request } from "../api/request.js";

const REFRESH_MS = 60_000;
const DAY_MS = 86_400_000;
const SOON_DAYS = 30;
const STATUS_FORBIDDEN = 403;
const STATUS_NOT_FOUND = 404;

export const MODEL_VERSIONS = ["model-versions"];

/** The versions of all models. Null for tenants other than the operator's, and if control is older than this page. */
export function useModels() {
  return useQuery({
    queryKey: MODEL_VERSIONS,
    queryFn: async ({ signal }) => {
      try {
        return await request<ListedModels>(`${CONTROL}/models`, { signal });
      } catch (error) {
        const { status } = problemFrom(error);
        if (status === STATUS_FORBIDDEN || status === STATUS_NOT_FOUND) return null;
        throw error;
      }
    },
    refetchInterval: REFRESH_MS,
  });
}

/** A version, and the model to which it belongs. */
export interface FoundVersion {
  readonly model: string;
  readonly champion: string | null;
  readonly version: ListedVersion;
}

export function findVersion(listed: ListedModels | null | undefined, wanted: string): FoundVersion | undefined {
  for (const { name, champion, versions } of listed?.models ?? []) {
    const version = versions.find((one) => one.version === wanted);
    if (version !== undefined) return { model: name, champion, version };
  }
  return undefined;
}

export type ContractState = "none" | "unsigned" | "expired" | "soon" | "signed";

export function daysLeft({ expires_at: expires }: ModelContract, nowMs: number): number {
  return Math.ceil((Date.parse(expires) - nowMs) / DAY_MS);
}

export function contractStateOf(card: ModelContract | null, nowMs: number): ContractState {
  if (card === null) return "none";
  if (Date.parse(card.expires_at) <= nowMs) return "expired";
  if (card.signed_by === null) return "unsigned";
  return daysLeft(card, nowMs) <= SOON_DAYS ? "soon" : "signed";
}
