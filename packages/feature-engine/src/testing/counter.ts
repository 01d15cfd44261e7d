import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import type { Label, PaymentUpdate, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { DeclinedBy, PaymentUpdateKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import { transactionId } from "@tripline/contracts/identifiers";
import type { FeatureEngine } from "../apply/compile-engine.js";
import type { CountedEvent } from "../apply/counted-event.js";
import { isExplained } from "../apply/explained-fraud.js";
import type { FoldedState } from "../apply/fold-in-order.js";
import type { EntityState } from "../state/entity-state.js";

/* For tests: the results that the online service would emit, including after the loss of its states. */

/** A payment, a label or a payment update, with small numbers. */
export interface TestEvent {
  readonly id: number;
  readonly label: boolean;
  readonly update?: boolean;
  readonly card: number;
  readonly terminal: number;
  readonly device: number | undefined;
  /** Event time. */
  readonly atMs: number;
  readonly amountMinor: number;
}

interface Stored {
  readonly entity: number;
  readonly state: EntityState;
  touchedAtMs: number;
}

/** Counts events one after another, like all instances of the service together. */
export class OnlineCounter {
  readonly emitted: CountedEvent[] = [];
  /** Wall clock. */
  nowMs = 0;
  readonly #states = new Map<string, Stored>();
  #isIncomplete = false;

  constructor(
    private readonly engine: FeatureEngine,
    private readonly stateTtlMs: number = Number.POSITIVE_INFINITY,
  ) {}

  count(event: TestEvent): void {
    if (event.update === true) {
      this.#countUpdate(updateOf(event));
      return;
    }
    const fact = event.label ? labelOf(event) : transactionOf(event);
    const entityIds = "labelId" in fact ? this.#labelled(fact) : [];
    const states = this.engine
      .stateKeys(fact.tenant, fact, undefined, entityIds)
      .map((key, entity) => (key === undefined ? undefined : this.#stateOf(entity, key)));
    const explained = "labelId" in fact ? isExplained(this.engine, states, fact) : undefined;
    const result = "labelId" in fact ? this.engine.applyLabel(states, fact) : this.engine.applyPayment(states, fact);
    if (result.duplicate) throw new Error("ids are unique here");
    const { tooLate } = result;
    const sequences = states.map((state) => state?.sequence ?? 0);
    const common = { specVersion: this.engine.spec.version, sequences, tooLate, incomplete: this.#isIncomplete };
    if ("labelId" in fact) {
      const applied = { ...common, label: fact, appliedAtMs: this.nowMs, entityIds, explained };
      this.emitted.push({ kind: "label", applied });
    } else {
      const values = "values" in result ? (result.values as number[]) : [];
      const profileTimesMs = "profileTimesMs" in result ? (result.profileTimesMs as number[]) : [];
      const vector = { ...common, transaction: fact, values, computedAtMs: this.nowMs, profileTimesMs };
      this.emitted.push({ kind: "payment", vector });
    }
  }

  #labelled(label: Label): string[] {
    const { tenant, clientTransactionId, fraud } = label;
    const [cardKey = ""] = this.engine.stateKeys(tenant, label);
    return this.engine.labelledEntities(this.#stateOf(0, cardKey), transactionId(tenant, clientTransactionId), fraud);
  }

  #countUpdate(update: PaymentUpdate): void {
    const { engine } = this;
    const named = { cardToken: update.cardToken, terminalId: "" };
    const [cardKey = ""] = engine.stateKeys(update.tenant, named);
    const entityIds = engine.updatedEntities(this.#stateOf(0, cardKey), update);
    const keys = engine.stateKeys(update.tenant, named, undefined, entityIds);
    const states = keys.map((key, entity) => (key === undefined ? undefined : this.#stateOf(entity, key)));
    const result = engine.applyUpdate(states, update);
    if (result.duplicate) throw new Error("ids are unique here");
    const sequences = states.map((state) => state?.sequence ?? 0);
    const place = { specVersion: engine.spec.version, sequences, appliedAtMs: this.nowMs };
    const { tooLate } = result;
    this.emitted.push({
      kind: "update",
      applied: { ...place, entityIds, update, tooLate, incomplete: this.#isIncomplete },
    });
  }

  /** Simulates a Redis that restarts empty. */
  lose(): void {
    this.#states.clear();
    this.#isIncomplete = true;
  }

  /** Simulates a rebuild: restores the states that are still alive, and the completeness mark. */
  restore(states: Iterable<FoldedState>): void {
    this.#states.clear();
    for (const { key, entity, state, countedAtMs } of states) {
      const copy = this.engine.decodeState(entity, this.engine.encodeState(entity, state));
      this.#states.set(key, { entity, state: copy, touchedAtMs: countedAtMs ?? this.nowMs });
    }
    this.#isIncomplete = false;
  }

  #stateOf(entity: number, key: string): EntityState {
    const stored = this.#states.get(key);
    if (stored !== undefined && this.nowMs - stored.touchedAtMs < this.stateTtlMs) {
      stored.touchedAtMs = this.nowMs;
      return stored.state;
    }
    const state = this.engine.decodeState(entity, null);
    this.#states.set(key, { entity, state, touchedAtMs: this.nowMs });
    return state;
  }
}

const TENANT = "demo";

const common = ({ id, card, terminal, atMs }: TestEvent) => ({
  tenant: TENANT,
  clientTransactionId: `${id}`,
  cardToken: `c${card}`,
  terminalId: `t${terminal}`,
  occurredAtMs: atMs,
});

function transactionOf(event: TestEvent): Transaction {
  return {
    ...UNSENT,
    ...common(event),
    transactionId: transactionId(TENANT, `${event.id}`),
    deviceToken: event.device === undefined ? "" : `d${event.device}`,
    latitude: undefined,
    longitude: undefined,
    amountMinor: event.amountMinor,
    currency: "EUR",
    acceptedAtMs: event.atMs,
  };
}

/** The client's id of an earlier event, which is possibly a payment of this card. */
function earlierPaymentOf({ id }: TestEvent): string {
  return `${id - 1 - (id % 5)}`;
}

function labelOf(event: TestEvent): Label {
  return {
    ...common(event),
    clientTransactionId: earlierPaymentOf(event),
    labelId: `l${event.id}`,
    labelledAtMs: event.atMs,
    fraud: event.id % 2 === 0,
    source: "",
    reportId: "",
    policyVersion: "",
    // Some labels replace a label that may have been counted within the last few days.
    replacedAtMs: event.id % 3 === 0 ? Math.max(1, event.atMs - (event.id % 5) * 3_600_000) : undefined,
  };
}

function updateOf(event: TestEvent): PaymentUpdate {
  const { tenant, clientTransactionId, cardToken } = common(event);
  return {
    updateId: `u${event.id}`,
    tenant,
    transactionId: transactionId(tenant, earlierPaymentOf(event)),
    clientTransactionId,
    cardToken,
    kind: event.id % 2 === 0 ? PaymentUpdateKind.DECLINED : PaymentUpdateKind.AUTHORISED,
    declinedBy: event.id % 2 === 0 ? DeclinedBy.ISSUER : DeclinedBy.UNSPECIFIED,
    issuerCode: "",
    amountMinor: undefined,
    currency: "",
    updatedAtMs: event.atMs,
    acceptedAtMs: event.atMs,
    clientUpdateId: "",
  };
}
