import { once } from "node:events";
import type { Writable } from "node:stream";
import { wasCurrency } from "@tripline/contracts/currency";
import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { labelId, transactionId } from "@tripline/contracts/identifiers";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { EntityIds } from "@tripline/feature-engine/apply/entity-ids";
import { isFound, judgeOf, planEntities } from "@tripline/feature-engine/plan-entities";
import type { ProfileRows } from "@tripline/feature-engine/profiles";
import type { EntityState } from "@tripline/feature-engine/state/entity-state";
import { z } from "zod";
import { OPTIONAL_LINE, optionalFields } from "../generated/optional-columns.js";
import { RunningProfile } from "../profiles/running-profile.js";

/** A longer line cannot be a valid row. Without this limit, the reader would buffer the whole line. */
const LINE_CHARACTERS_MAX = 65_536;
const DOUBLE_BYTES = 8;

/** The allowed content of a line. */
const id = z.string().min(1);
const wholeNumber = z.int().min(0);
const payment = z.strictObject({
  stream: z.literal("payment"),
  client_transaction_id: id,
  card_token: id,
  amount_minor: wholeNumber,
  currency: z.string().refine(wasCurrency, "must be an ISO 4217 currency"),
  occurred_at_ms: wholeNumber,
  ...OPTIONAL_LINE,
});
const label = z
  .strictObject({
    stream: z.literal("label"),
    client_transaction_id: id,
    card_token: id,
    occurred_at_ms: wholeNumber,
    labelled_at_ms: wholeNumber,
    fraud: z.union([z.literal(0), z.literal(1)], "must be 0 or 1"),
    /** Whether the plan's judge entity explains the fraud. */
    explained: z.union([z.literal(0), z.literal(1)], "must be 0 or 1").optional(),
    // Includes the keys of entities that labels reach through the card.
    ...OPTIONAL_LINE,
  })
  .refine((row) => row.labelled_at_ms >= row.occurred_at_ms, {
    path: ["labelled_at_ms"],
    message: "must not be before occurred_at_ms",
  });
const event = z.discriminatedUnion("stream", [payment, label]);
type Event = z.infer<typeof event>;
type Payment = z.infer<typeof payment>;

/** One entity of a fold plan: its key column, and the features that its fold computes, in the order of the spec. */
export interface EntityFoldPlan {
  readonly name: string;
  /** Name of the sort column: its only field, or all fields joined with `/`. */
  readonly key: string;
  readonly fields: readonly string[];
  /** Payments may omit the key. */
  readonly optional: boolean;
  /** Labels have this key if their payment has it. Other entities have no labels. */
  readonly labelled: boolean;
  /** Whether labels count for this entity, under the key in their payment, if the card remembers that payment. */
  readonly found: boolean;
  /** Whether each of its labels must include the judge's result. */
  readonly judged: boolean;
  /** The first entity also computes the features of the payment itself, because every payment has this entity. */
  readonly features: readonly { readonly name: string; readonly default: number }[];
}

/** How to combine one fold per entity into the features of a payment. */
export interface FoldPlan {
  readonly specVersion: number;
  readonly entities: readonly EntityFoldPlan[];
  /** The entity whose fold decides whether that entity explains a label's fraud; null if the spec has none. */
  readonly judge: string | null;
  /** The entity whose fold determines which payments are remembered when their labels arrive; null if not needed. */
  readonly finder: string | null;
  /** All features in vector order. */
  readonly features: readonly string[];
}

/**
 * A feature depends only on one entity's events, on the judge's results for its labels, and on which payments the cards
 * remember. Therefore, entities can be folded separately after the passes that produce a result for each label.
 */
export function planFolds(spec: FeatureSpec): FoldPlan {
  const plans = planEntities(spec);
  const entities = plans.map((entity, index) => {
    const { name, key, fields, optional, isLabelled: labelled, run } = entity;
    const own = spec.features.filter((feature) => ("entity" in feature ? feature.entity === name : index === 0));
    const judged = (run?.explainedBy ?? -1) >= 0;
    const features = own.map((feature) => ({ name: feature.name, default: feature.default }));
    const found = isFound(entity);
    return { name, key, fields, optional, labelled, found, judged, features };
  });
  const finder = entities.some(({ found }) => found) ? (plans[0]?.name ?? null) : null;
  const judge = plans[judgeOf(plans)]?.name ?? null;
  return { specVersion: spec.version, entities, judge, finder, features: spec.features.map((feature) => feature.name) };
}

export type LabelAnswer = "explained" | "found";

export interface FoldEntityOptions {
  readonly spec: FeatureSpec;
  /** Name of an entity of the spec. */
  readonly entity: string;
  readonly tenant: string;
  /**
   * Instead of computing the features of payments, answer a question about each label. `explained`: does this entity,
   * the judge, explain the fraud? `found`: does this entity, the finder, remember the labelled payment?
   */
  readonly answers?: LabelAnswer;
  /** JSON lines, sorted by the entity's key, time, labels before payments, and client_transaction_id. */
  readonly input: AsyncIterable<string>;
  /**
   * Receives the line number (from 1) and the features of every payment, as little-endian doubles. With `answers`,
   * receives the line number of every label and its answer: 1 for yes, 0 for no.
   */
  readonly output: Writable;
}

/**
 * Computes the features of one entity from events that are already sorted by entity. Memory is bounded by the state of
 * one entity.
 *
 * @throws TriplineError `invalid-field` for a line that is not an event, cannot be counted or is out of order
 */
export async function foldEntity(options: FoldEntityOptions): Promise<void> {
  const fold = new EntityFold(options.spec, options.entity, options.tenant, options.answers);
  let rest = "";
  const write = async (lines: readonly string[]): Promise<void> => {
    const values = lines.flatMap((line) => fold.add(line) ?? []);
    if (values.length > 0 && !options.output.write(bytesOf(values))) await once(options.output, "drain");
  };
  for await (const text of options.input) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > LINE_CHARACTERS_MAX) {
      throw faulty(fold.lineNumber + lines.length + 1, `has more than ${LINE_CHARACTERS_MAX} characters`);
    }
    await write(lines);
  }
  if (rest !== "") await write([rest]);
}

function bytesOf(values: readonly number[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(values.length * DOUBLE_BYTES);
  for (const [index, value] of values.entries()) bytes.writeDoubleLE(value, index * DOUBLE_BYTES);
  return bytes;
}

/** Processes one entity after another. */
class EntityFold {
  lineNumber = 0;
  readonly #engine: FeatureEngine;
  readonly #entity: number;
  readonly #key: EntityFoldPlan["key"];
  readonly #isJudged: boolean;
  /** Indexes of this entity's features in the vector. */
  readonly #places: readonly number[];
  readonly #states: (EntityState | undefined)[];
  /** Running profile of the entity, by profile of the spec; undefined for profiles of other entities. */
  #profiles: readonly (RunningProfile | undefined)[] = [];
  #before: Place | undefined;

  constructor(
    spec: FeatureSpec,
    entity: string,
    private readonly tenant: string,
    private readonly answers: LabelAnswer | undefined,
  ) {
    const plan = planFolds(spec);
    const names = plan.entities.map(({ name }) => name);
    this.#engine = compileEngine(spec);
    this.#entity = names.indexOf(entity);
    const own = plan.entities[this.#entity];
    if (own === undefined) {
      throw new TriplineError("invalid-field", `Unknown --entity "${entity}". Use one of: ${names.join(", ")}.`);
    }
    if (answers === "explained") requireEntity("--judge", entity, plan.judge);
    if (answers === "found") requireEntity("--find", entity, plan.finder);
    this.#key = own.key;
    this.#isJudged = own.judged;
    this.#places = own.features.map(({ name }) => plan.features.indexOf(name));
    this.#states = names.map(() => undefined);
  }

  /** The output row of a payment, or of a label if `answers` is set; undefined for other events. */
  add(line: string): number[] | undefined {
    this.lineNumber += 1;
    const row = this.#parse(line);
    this.#turnTo(row);
    try {
      return row.stream === "payment" ? this.#countPayment(row) : this.#countLabel(row);
    } catch (error) {
      if (!(error instanceof TriplineError)) throw error;
      throw this.#fault(error.message, row, error);
    }
  }

  #parse(line: string): Event {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw faulty(this.lineNumber, "is not JSON");
    }
    const parsed = event.safeParse(value);
    if (parsed.success) return parsed.data;
    const faults = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
    throw this.#fault(faults.join("; "), value);
  }

  /** Resets the states if the line belongs to a different entity than the line before it. */
  #turnTo(row: Event): void {
    const key = this.#engine.entityIds(idsOf(row))[this.#entity];
    if (key === undefined) throw this.#fault(`${this.#key} is required for the features of this entity`, row);
    const isPayment = row.stream === "payment";
    const atMs = isPayment ? row.occurred_at_ms : row.labelled_at_ms;
    const place: Place = { key, atMs, isPayment, id: row.client_transaction_id };
    const before = this.#before;
    if (before !== undefined && compare(before, place) >= 0) {
      const order = `${this.#key}, time, labels before payments, client_transaction_id`;
      throw this.#fault(`is out of order: lines must be sorted by ${order}, without duplicates`, row);
    }
    if (before?.key !== key) {
      this.#states[this.#entity] = this.#engine.decodeState(this.#entity, null);
      this.#profiles = this.#engine.profiles.map((plan) =>
        plan.entity === this.#entity ? new RunningProfile(plan) : undefined,
      );
    }
    this.#before = place;
  }

  #countPayment(row: Payment): number[] | undefined {
    const { amount_minor: amountMinor, currency, occurred_at_ms: occurredAtMs, latitude, longitude } = row;
    const payment = {
      transactionId: transactionId(this.tenant, row.client_transaction_id),
      ...idsOf(row),
      amountMinor,
      currency,
      occurredAtMs,
      latitude,
      longitude,
    };
    const profiles: ProfileRows = this.#profiles.map((profile) => profile?.rowAt(occurredAtMs));
    const result = this.#engine.applyPayment(this.#states, payment, profiles);
    for (const profile of this.#profiles) profile?.countPayment(payment);
    if (result.duplicate) throw this.#fault("client_transaction_id occurs more than once", row);
    if (this.answers !== undefined) return undefined;
    return [this.lineNumber, ...this.#places.map((place) => result.values[place] ?? 0)];
  }

  #countLabel(row: Exclude<Event, Payment>): number[] | undefined {
    if (this.#isJudged && row.explained === undefined) throw this.#fault("explained is required with --judge", row);
    const answer = this.#answer(row);
    this.#engine.applyLabel(this.#states, {
      labelId: labelId(this.tenant, row.client_transaction_id),
      labelledAtMs: row.labelled_at_ms,
      occurredAtMs: row.occurred_at_ms,
      fraud: row.fraud === 1,
      explained: row.explained === 1,
      ...idsOf(row),
    });
    for (const profile of this.#profiles) profile?.countLabel(row.labelled_at_ms, row.fraud === 1);
    return answer === undefined ? undefined : [this.lineNumber, answer ? 1 : 0];
  }

  #answer(row: Exclude<Event, Payment>): boolean | undefined {
    if (this.answers === undefined) return undefined;
    if (this.answers === "explained") return this.#engine.explains(this.#states, row.occurred_at_ms);
    const paymentId = transactionId(this.tenant, row.client_transaction_id);
    return this.#engine.labelledEntities(this.#states[0], paymentId, row.fraud === 1).length > 0;
  }

  #fault(what: string, row: unknown, cause?: unknown): TriplineError {
    const named = typeof row === "object" && row !== null ? Reflect.get(row, "client_transaction_id") : undefined;
    const payment = typeof named === "string" ? ` (client_transaction_id ${JSON.stringify(named)})` : "";
    return faulty(`${this.lineNumber}${payment}`, what, cause);
  }
}

function requireEntity(option: string, entity: string, expected: string | null): void {
  if (entity === expected) return;
  throw new TriplineError(
    "invalid-field",
    `${option} requires ${expected === null ? "a different feature spec" : `--entity ${expected}`}.`,
  );
}

function idsOf(row: Event): EntityIds {
  return { ...optionalFields(row), cardToken: row.card_token };
}

/** The position of an event in the order of lines. */
interface Place {
  readonly key: string;
  readonly atMs: number;
  readonly isPayment: boolean;
  readonly id: string;
}

function compare(one: Place, other: Place): number {
  return (
    compareText(one.key, other.key) ||
    one.atMs - other.atMs ||
    Number(one.isPayment) - Number(other.isPayment) ||
    compareText(one.id, other.id)
  );
}

/** Compares strings by their UTF-8 bytes, like DuckDB and Spark; JavaScript compares UTF-16 code units. */
function compareText(one: string, other: string): number {
  return one === other ? 0 : Buffer.compare(Buffer.from(one), Buffer.from(other));
}

function faulty(line: number | string, what: string, cause?: unknown): TriplineError {
  const sentence = what.endsWith(".") ? what : `${what}.`;
  return new TriplineError("invalid-field", `line ${line}: ${sentence}`, [], { cause });
}
