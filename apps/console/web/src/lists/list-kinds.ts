import type { EntityKind } from "#contract/cases";

/** What may be listed, as the control plane knows it. */
export const LIST_KINDS = ["card", "bin", "device", "email", "ip", "ip_range", "terminal", "country"] as const;

/** Kinds of which one entry concerns many payments. */
export const isBroad = (kind: string): boolean => ["bin", "country", "ip_range"].includes(kind);

const ENTITY_KINDS: readonly string[] = ["card", "terminal", "device", "ip"] satisfies EntityKind[];

/** Of what there is a screen. */
export const isEntityKind = (kind: string): kind is EntityKind => ENTITY_KINDS.includes(kind);
