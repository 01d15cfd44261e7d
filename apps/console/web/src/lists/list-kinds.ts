import type { EntityKind } from "#contract/cases";

/** What may be listed. Kinds that the control plane does not know are refused by it, with a sentence. */
export const LIST_KINDS = ["card", "terminal", "device", "ip"] as const;

export const isEntityKind = (kind: string): kind is EntityKind => (LIST_KINDS as readonly string[]).includes(kind);
