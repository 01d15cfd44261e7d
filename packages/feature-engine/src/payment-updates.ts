import type { Feature } from "@tripline/contracts/feature-spec";
import type { PaymentUpdate } from "@tripline/contracts/generated/tripline/events/v1/events";
import { DeclinedBy, PaymentUpdateKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { PaymentFilter } from "@tripline/contracts/payment-filter";
import { AMOUNT, filterKey } from "@tripline/contracts/payment-filter";
import { compileTest } from "./payment-filters.js";

/** The fields of a payment update that features use. */
export type UpdateEvent = Pick<
  PaymentUpdate,
  "updateId" | "transactionId" | "kind" | "declinedBy" | "issuerCode" | "amountMinor" | "currency" | "updatedAtMs"
>;

/** Which updates a feature counts. */
export interface UpdateSelection {
  /** Features with the same key can share their tiles. */
  readonly key: string;
  /** The quantity that is added up: 1 for each declined payment, or the amounts of the updates. */
  readonly adds: "declines" | "amounts";
  /** @param thousandths amount of the update in thousandths of the major unit; 0 if it has none */
  readonly passes: (update: UpdateEvent, thousandths: number) => boolean;
}

/** By default, Tripline's own declines do not count, because they depend on the model that uses the feature. */
const OF_ISSUERS: PaymentFilter = { declined_by: { not: ["tripline"] } };
const { AUTHORISED, DECLINED } = PaymentUpdateKind;

export function selectUpdates({ kind, where }: Pick<Feature, "kind" | "where">): UpdateSelection {
  const filter: PaymentFilter = { ...OF_ISSUERS, ...where };
  const conditions = Object.entries(filter).map(([field, condition]) => compileField(field, condition));
  const passes: UpdateSelection["passes"] = (update, thousandths) =>
    conditions.every((holds) => holds(update, thousandths));
  const key = filterKey(filter);
  if (kind !== "declined_share") return { key: `amounts ${key}`, adds: "amounts", passes };
  const isResult = (update: UpdateEvent) => update.kind === AUTHORISED || update.kind === DECLINED;
  return {
    key: `declines ${key}`,
    adds: "declines",
    passes: (update, thousandths) => isResult(update) && passes(update, thousandths),
  };
}

function compileField(field: string, condition: PaymentFilter[string]): UpdateSelection["passes"] {
  const holds = compileTest(condition, field === AMOUNT ? 1000 : 1);
  switch (field) {
    case AMOUNT:
      return (update, thousandths) => holds(update.amountMinor === undefined ? undefined : thousandths);
    case "kind":
      return ({ kind }) => holds(PaymentUpdateKind[kind]?.toLowerCase());
    case "declined_by":
      // Only updates for declined payments have this field.
      return ({ kind, declinedBy }) => kind !== DECLINED || holds(DeclinedBy[declinedBy]?.toLowerCase());
    case "issuer_code":
      return ({ issuerCode }) => holds(issuerCode);
    default:
      throw new RangeError(`features cannot filter payment updates by ${field}`);
  }
}
