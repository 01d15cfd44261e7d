import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { DeclinedBy, PaymentUpdateKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import { transactionId } from "@tripline/contracts/identifiers";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { EntityState } from "@tripline/feature-engine/state/entity-state";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import { optionalFields } from "../generated/optional-columns.js";
import type { PaymentTokens } from "../input/payment-cells.js";
import { optionalCells } from "../input/payment-cells.js";
import type { IssuerAnswer } from "./exam-world.js";

/** A simulated payment as the features service reads it. */
export function transactionOf(payment: SimulatedPayment, tenant: string, tokens: PaymentTokens): Transaction {
  const { clientTransactionId, amountMinor, currency, occurredAtMs } = payment;
  return {
    ...UNSENT,
    ...optionalFields(optionalCells(payment, tokens)),
    transactionId: transactionId(tenant, clientTransactionId),
    tenant,
    clientTransactionId,
    cardToken: tokens.card(payment.cardNumber),
    amountMinor,
    currency,
    occurredAtMs,
    acceptedAtMs: occurredAtMs,
  };
}

/** Counts events with one spec, like the features service, but keeps the encoded states in memory. */
export class SpecCounter {
  readonly states = new Map<string, Uint8Array>();
  readonly #spent: (EntityState | undefined)[] = [];
  /** States that are never encoded, which is faster but takes more memory. */
  readonly #decoded: Map<string, EntityState> | undefined;
  readonly #countsUpdates: boolean;

  constructor(
    private readonly engine: FeatureEngine,
    { encodes = true }: { readonly encodes?: boolean } = {},
  ) {
    this.#decoded = encodes ? undefined : new Map();
    this.#countsUpdates = engine.entities.some(({ updates }) => updates.length > 0);
  }

  /** For few cards: the states are not encoded, and `states` stays empty. */
  static inMemory(spec: FeatureSpec): SpecCounter {
    return new SpecCounter(compileEngine(spec), { encodes: false });
  }

  /** @returns the features, in the order of the spec */
  pay(payment: Transaction): readonly number[] {
    const keys = this.engine.stateKeys(payment.tenant, payment);
    const result = this.#change(keys, (states) => this.engine.applyPayment(states, payment));
    if (result.duplicate) throw new Error(`Payment ${payment.clientTransactionId} occurs twice.`);
    return result.values;
  }

  label(payment: Transaction, fraud: boolean, labelledAtMs: number): void {
    const { engine } = this;
    const { transactionId: id, tenant, cardToken, terminalId, occurredAtMs } = payment;
    const named = { cardToken, terminalId };
    const [card] = engine.stateKeys(tenant, named);
    const found = engine.findsEntities(fraud) ? engine.labelledEntities(this.#stateOf(0, card), id, fraud) : [];
    const keys = engine.stateKeys(tenant, named, undefined, found);
    const label = { ...named, labelId: `label ${id}`, labelledAtMs, occurredAtMs, fraud, replacedAtMs: undefined };
    this.#change(keys, (states) => engine.applyLabel(states, label));
  }

  answer({ transactionId: id, tenant, cardToken }: Transaction, { isDeclined, code, atMs }: IssuerAnswer): void {
    if (!this.#countsUpdates) return;
    const { engine } = this;
    const named = { cardToken, terminalId: "" };
    const [card] = engine.stateKeys(tenant, named);
    const found = engine.updatedEntities(this.#stateOf(0, card), { transactionId: id });
    this.#change(engine.stateKeys(tenant, named, undefined, found), (states) =>
      engine.applyUpdate(states, {
        updateId: `issuer ${id}`,
        transactionId: id,
        kind: isDeclined ? PaymentUpdateKind.DECLINED : PaymentUpdateKind.AUTHORISED,
        declinedBy: isDeclined ? DeclinedBy.ISSUER : DeclinedBy.UNSPECIFIED,
        issuerCode: code,
        amountMinor: undefined,
        currency: "",
        updatedAtMs: atMs,
      }),
    );
  }

  #change<T>(keys: readonly (string | undefined)[], apply: (states: (EntityState | undefined)[]) => T): T {
    const states = keys.map((key, entity) => this.#stateOf(entity, key));
    const result = apply(states);
    for (const [entity, key] of keys.entries()) {
      const state = states[entity];
      if (key === undefined || state === undefined) continue;
      state.sequence += 1;
      if (this.#decoded === undefined) this.states.set(key, this.engine.encodeState(entity, state));
    }
    return result;
  }

  /** Valid until the next call for the same kind of entity. */
  #stateOf(entity: number, key: string | undefined): EntityState | undefined {
    if (key === undefined) return undefined;
    if (this.#decoded !== undefined) {
      const kept = this.#decoded.get(key) ?? this.engine.decodeState(entity, null);
      this.#decoded.set(key, kept);
      return kept;
    }
    const state = this.engine.decodeState(entity, this.states.get(key) ?? null, this.#spent[entity]);
    this.#spent[entity] = state;
    return state;
  }
}
