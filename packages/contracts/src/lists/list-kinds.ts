/** What a list does with a payment that is on it, from strictest to mildest. */
export const LIST_EFFECTS = ["deny", "watch", "allow"] as const;
export type ListEffect = (typeof LIST_EFFECTS)[number];

/** What can be on a list: what the record of a payment carries. */
export const LIST_KINDS = ["card", "bin", "device", "email", "ip", "ip_range", "terminal", "country"] as const;
export type ListKind = (typeof LIST_KINDS)[number];

/** Kinds of which one entry concerns many payments. */
export const BROAD_KINDS = ["bin", "country", "ip_range"] as const satisfies readonly ListKind[];

export function isListEffect(text: string): text is ListEffect {
  return LIST_EFFECTS.some((effect) => effect === text);
}

export function isListKind(text: string): text is ListKind {
  return LIST_KINDS.some((kind) => kind === text);
}

export function isBroad({ kind }: { readonly kind: string }): boolean {
  return BROAD_KINDS.some((broad) => broad === kind);
}
