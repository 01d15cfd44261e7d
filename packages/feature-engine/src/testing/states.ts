import type { ErrorCode } from "@tripline/contracts/error-table";
import { DeclinedBy, PaymentUpdateKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { FeatureEngine, LabelEvent, PaymentEvent } from "../apply/compile-engine.js";
import type { UpdateEvent } from "../payment-updates.js";
import type { ProfileRows } from "../profiles.js";
import type { EntityState } from "../state/entity-state.js";
import type { OracleEvent, OracleResult } from "./brute-force.js";

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** The states of all entities in a test's events, kept in the same way as by a service. */
export class TestStates {
  readonly #states = new Map<string, EntityState>();
  readonly #names: readonly string[];
  #events = 0;

  constructor(readonly engine: FeatureEngine) {
    this.#names = Object.keys(engine.spec.entities);
  }

  /** State of an entity; an empty one before its first event. */
  of(entity: string, id: string): EntityState {
    const key = `${entity}:${id}`;
    const state = this.#states.get(key) ?? this.engine.decodeState(this.place(entity), null);
    this.#states.set(key, state);
    return state;
  }

  bytesOf(entity: string, id: string): Uint8Array {
    return this.engine.encodeState(this.place(entity), this.of(entity, id));
  }

  /** Sets the state of an entity to a stored one. */
  put(entity: string, id: string, bytes: Uint8Array): void {
    this.#states.set(`${entity}:${id}`, this.engine.decodeState(this.place(entity), bytes));
  }

  /** Stores every state and reads it back. */
  store(): void {
    for (const [key, state] of this.#states) {
      const entity = this.place(key.slice(0, key.indexOf(":")));
      this.#states.set(key, this.engine.decodeState(entity, this.engine.encodeState(entity, state)));
    }
  }

  /** Returns results in the oracle's form. */
  apply(event: OracleEvent): OracleResult {
    if (event.kind === "update") return this.#applyUpdate(event);
    const found = event.kind === "label" ? this.#labelled(event) : [];
    const states = this.#names.map((name, entity) => {
      const id = event.entities[name] ?? found[entity];
      return id === undefined || id === "" ? undefined : this.of(name, id);
    });
    if (event.kind === "label") {
      const { atMs, occurredAtMs = atMs, fraud, replacedAtMs, entities } = event;
      const ids = { cardToken: entities.card ?? "", terminalId: entities.terminal ?? "" };
      const label = { labelId: event.id, labelledAtMs: atMs, occurredAtMs, fraud, replacedAtMs, ...ids };
      const result = this.engine.applyLabel(states, label);
      return result.duplicate ? "duplicate" : { values: undefined, tooLate: result.tooLate };
    }
    const result = this.engine.applyPayment(states, paymentOf(event), profileRowsOf(this.engine, event));
    return result.duplicate ? "duplicate" : { values: result.values, tooLate: result.tooLate };
  }

  #labelled({ entities, about = "", fraud }: OracleEvent): string[] {
    return this.engine.labelledEntities(this.of("card", entities.card ?? ""), about, fraud);
  }

  #applyUpdate(event: OracleEvent): OracleResult {
    const card = this.of("card", event.entities.card ?? "");
    const update = updateOf(event);
    const ids = this.engine.updatedEntities(card, update);
    const states = this.#names.map((name, entity) => {
      const id = ids[entity] ?? "";
      if (entity === 0) return card;
      return id === "" ? undefined : this.of(name, id);
    });
    const result = this.engine.applyUpdate(states, update);
    return result.duplicate ? "duplicate" : { values: undefined, tooLate: result.tooLate };
  }

  /** Applies a payment of 10.00 EUR by card "c" at terminal "t" by default; returns values by name. */
  pay(occurredAtMs: number, change: Partial<PaymentEvent> = {}): Record<string, number> {
    this.#events += 1;
    const payment: PaymentEvent = {
      transactionId: `own payment ${this.#events}`,
      cardToken: "c",
      terminalId: "t",
      amountMinor: 1000,
      currency: "EUR",
      occurredAtMs,
      ...change,
    };
    const ids = this.engine.entityIds(payment);
    const states = ids.map((id, place) => (id === undefined ? undefined : this.of(this.#names[place] ?? "", id)));
    const result = this.engine.applyPayment(states, payment);
    if (result.duplicate) throw new Error(`payment ${payment.transactionId} was counted before`);
    return named(this.engine, result.values);
  }

  /** Applies a fraud label to card "c" and terminal "t" by default; a terminal of "" means none. */
  label(labelledAtMs: number, change: Partial<LabelEvent> = {}, card = "c", terminal = "t") {
    this.#events += 1;
    const states = this.#names.map((name) => {
      const id = { card, terminal }[name];
      return id === undefined || id === "" ? undefined : this.of(name, id);
    });
    return this.engine.applyLabel(states, {
      labelId: `own label ${this.#events}`,
      labelledAtMs,
      occurredAtMs: labelledAtMs,
      fraud: true,
      cardToken: card,
      terminalId: terminal,
      ...change,
    });
  }

  /** The features of an entity that do not depend on a payment, by name. */
  read(entity: string, id: string, atMs: number): Record<string, number> {
    const place = this.place(entity);
    const values = this.engine.readEntity(place, this.of(entity, id), atMs);
    return Object.fromEntries(
      this.engine.entityFeatures(place).map((name, index) => [name, values[index] ?? Number.NaN]),
    );
  }

  place(entity: string): number {
    return this.#names.indexOf(entity);
  }
}

/** The profiles of an event in the engine's form. */
export function profileRowsOf({ profiles }: Pick<FeatureEngine, "profiles">, event: OracleEvent): ProfileRows {
  return profiles.map(({ name, columns }) => {
    const profile = event.profiles?.[name];
    return profile && { atMs: profile.atMs, values: columns.map((column) => profile.columns[column] ?? Number.NaN) };
  });
}

export function paymentOf(event: OracleEvent): PaymentEvent {
  const { card = "", terminal = "", device, ip } = event.entities;
  const { merchant_country, card_country } = event.fields ?? {};
  return {
    // In the service, texts that were not sent are empty.
    merchantCountry: String(merchant_country ?? ""),
    cardCountry: String(card_country ?? ""),
    transactionId: event.id,
    cardToken: card,
    terminalId: terminal,
    ...(device === undefined ? {} : { deviceToken: device }),
    ...(ip === undefined ? {} : { ipToken: ip }),
    amountMinor: event.amountMinor,
    currency: event.currency,
    occurredAtMs: event.atMs,
    latitude: event.latitude,
    longitude: event.longitude,
  };
}

function updateOf({ id, about = "", atMs, amountMinor, currency, fields = {} }: OracleEvent): UpdateEvent {
  const named = <T>(names: object, word: unknown) =>
    Reflect.get(names, String(word ?? "unspecified").toUpperCase()) as T;
  return {
    updateId: id,
    transactionId: about,
    kind: named<PaymentUpdateKind>(PaymentUpdateKind, fields.kind),
    declinedBy: named<DeclinedBy>(DeclinedBy, fields.declined_by),
    issuerCode: String(fields.issuer_code ?? ""),
    amountMinor: amountMinor === 0 ? undefined : amountMinor,
    currency: amountMinor === 0 ? "" : currency,
    updatedAtMs: atMs,
  };
}

/** Values of a payment by feature name. */
export function named(engine: FeatureEngine, values: readonly number[]): Record<string, number> {
  return Object.fromEntries(engine.spec.features.map((feature, index) => [feature.name, values[index] ?? Number.NaN]));
}

/** Matches a TriplineError with this code whose message contains `part`. */
export function triplineError(code: ErrorCode, part = "") {
  return expect.objectContaining({ name: "TriplineError", code, message: expect.stringContaining(part) });
}
