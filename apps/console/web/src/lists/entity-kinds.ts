import { SEARCHED_FIELDS } from "@tripline/contracts/generated/payment-fields";
import { text } from "../texts/en/screens.js";

interface EntityKind {
  readonly kind: string;
  readonly title: string;
  /** Whether tokens of this kind are masked without `personal:read`. */
  readonly isPersonal: boolean;
}

/** Kinds that users can look up, in the order of the menu. */
export const ENTITY_KINDS: readonly EntityKind[] = [
  { kind: "card", title: text.entity.card, isPersonal: true },
  ...SEARCHED_FIELDS,
];

export const entityKind = (kind: string | undefined): EntityKind | undefined =>
  ENTITY_KINDS.find((one) => one.kind === kind);
