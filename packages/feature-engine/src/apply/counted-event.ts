import type {
  AppliedLabel,
  AppliedPaymentUpdate,
  FeatureVector,
  PaymentUpdate,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import type { FeatureEngine } from "./compile-engine.js";

/** An event as the feature service counted it: a payment with its vector, a label, or a payment update. */
export type CountedEvent =
  | { readonly kind: "payment"; readonly vector: FeatureVector }
  | { readonly kind: "label"; readonly applied: AppliedLabel }
  | { readonly kind: "update"; readonly applied: AppliedPaymentUpdate };

/** 0 for a label. */
export function occurredAtMsOf({ transaction }: FeatureVector): number {
  return transaction?.occurredAtMs ?? 0;
}

/** For each entity of the spec, the sequence number of the event; undefined if it has none. */
export function numbersOf(event: CountedEvent): (number | undefined)[] {
  const sequences = event.kind === "payment" ? event.vector.sequences : event.applied.sequences;
  return sequences.map((sequence) => (sequence > 0 ? sequence : undefined));
}

/** The state keys of an event, like `FeatureEngine.stateKeys`. */
export function stateKeysOf(
  engine: Pick<FeatureEngine, "stateKeys">,
  event: CountedEvent,
  only?: number,
): (string | undefined)[] {
  if (event.kind === "payment") {
    const { transaction } = event.vector;
    return transaction === undefined ? [] : engine.stateKeys(transaction.tenant, transaction, only);
  }
  const named =
    event.kind === "label" ? event.applied.label : event.applied.update && namedByUpdate(event.applied.update);
  return named === undefined ? [] : engine.stateKeys(named.tenant, named, only, event.applied.entityIds);
}

/** A payment update names only its card. */
export function namedByUpdate({ tenant, cardToken }: Pick<PaymentUpdate, "tenant" | "cardToken">) {
  return { tenant, cardToken, terminalId: "" };
}

/** Whether the event was counted while states were lost. */
export function isIncomplete(event: CountedEvent): boolean {
  return event.kind === "payment" ? event.vector.incomplete : event.applied.incomplete;
}

export function countedAtMsOf(event: CountedEvent): number {
  return event.kind === "payment" ? event.vector.computedAtMs : event.applied.appliedAtMs;
}

/** An entity and a sequence number, combined into one key. */
export function placeOf(key: string | undefined, number: number | undefined): string | undefined {
  return key === undefined || number === undefined ? undefined : `${number} ${key}`;
}
