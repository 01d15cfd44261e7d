import type { EntityKind } from "#contract/cases";

const ENTITY_KINDS: readonly string[] = ["card", "terminal", "device", "ip"] satisfies EntityKind[];

/** Of what there is a screen. */
export const isEntityKind = (kind: string): kind is EntityKind => ENTITY_KINDS.includes(kind);
