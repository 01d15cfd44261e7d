import { BROAD_KINDS, LIST_KINDS } from "../generated/payment-fields.js";

/** Effects of a list on matching payments, from strictest to mildest. */
export const LIST_EFFECTS = ["deny", "watch", "allow"] as const;
export type ListEffect = (typeof LIST_EFFECTS)[number];

export type ListKind = (typeof LIST_KINDS)[number];

export function isListEffect(text: string): text is ListEffect {
  return LIST_EFFECTS.some((effect) => effect === text);
}

export function isListKind(text: string): text is ListKind {
  return LIST_KINDS.some((kind) => kind === text);
}

export function isBroad({ kind }: { readonly kind: string }): boolean {
  return BROAD_KINDS.some((broad) => broad === kind);
}
