import { currencyDecimals } from "@tripline/contracts/currency";
import { TriplineError } from "@tripline/contracts/error-table";
import { toThousandths } from "@tripline/feature-engine/feature-formulas";
import type { ProfilePlan, ProfileRow } from "@tripline/feature-engine/profiles";

const DAY_MS = 86_400_000;
const MICRODEGREES = 1_000_000;

/** The fields of a payment that profiles use. Coordinates are in degrees. */
interface ProfiledPayment {
  readonly occurredAtMs: number;
  readonly amountMinor: number;
  readonly currency: string;
  readonly latitude: number | undefined;
  readonly longitude: number | undefined;
}

/** Bit-identical to the results of the queries in packages/contracts/profiles over all events so far; NaN for null. */
const COLUMNS: Readonly<Record<string, (totals: Totals) => number>> = {
  card_amount_mean_total: ({ thousandths, payments }) => thousandths / 1_000 / payments,
  card_first_paid_ms: ({ firstMs }) => firstMs,
  card_home_latitude: ({ north, places }) => north / places / MICRODEGREES,
  card_home_longitude: ({ east, places }) => east / places / MICRODEGREES,
  terminal_payments_total: ({ payments }) => payments,
  terminal_amount_mean_total: ({ thousandths, payments }) => thousandths / 1_000 / payments,
  terminal_fraud_rate_total: ({ frauds, labels }) => frauds / labels,
};

/** Integer sums, as in the queries: the order of events within a day does not matter. */
class Totals {
  payments = 0;
  thousandths = 0;
  firstMs = Number.NaN;
  places = 0;
  north = 0;
  east = 0;
  labels = 0;
  frauds = 0;
}

/**
 * The profile of one entity, computed from its events in time order. Only `fold-entity` uses this class, because it
 * never has all events at once; all other code runs the queries.
 */
export class RunningProfile {
  readonly #columns: readonly ((totals: Totals) => number)[];
  readonly #totals = new Totals();
  /** The day of the newest event, until that day has ended. */
  #day: number | undefined;
  #row: ProfileRow | undefined;

  /** @throws TriplineError `config-invalid` for a column that only its query can compute */
  constructor(private readonly plan: ProfilePlan) {
    this.#columns = plan.columns.map((name) => {
      const column = COLUMNS[name];
      if (column !== undefined) return column;
      throw new TriplineError("config-invalid", `fold-entity does not compute ${name} of the profile ${plan.name}.`);
    });
  }

  /** The entity's profile at the start of the day of `atMs`; undefined if there was none. */
  rowAt(atMs: number): ProfileRow | undefined {
    if (this.#day !== undefined && this.#day < dayOf(atMs)) {
      const values = this.#columns.map((column) => column(this.#totals));
      this.#row = { atMs: (this.#day + 1) * DAY_MS, values };
      this.#day = undefined;
    }
    return this.#row;
  }

  countPayment({ occurredAtMs, amountMinor, currency, latitude, longitude }: ProfiledPayment): void {
    const totals = this.#totals;
    this.rowAt(occurredAtMs);
    this.#day = dayOf(occurredAtMs);
    if (totals.payments === 0) totals.firstMs = occurredAtMs;
    totals.payments += 1;
    totals.thousandths += toThousandths(amountMinor, currencyDecimals(currency));
    if (latitude === undefined || longitude === undefined) return;
    totals.places += 1;
    totals.north += microdegrees(latitude);
    totals.east += microdegrees(longitude);
  }

  /** Only a terminal's profile includes labels. */
  countLabel(labelledAtMs: number, fraud: boolean): void {
    if (this.plan.name !== "terminal") return;
    this.rowAt(labelledAtMs);
    this.#day = dayOf(labelledAtMs);
    this.#totals.labels += 1;
    if (fraud) this.#totals.frauds += 1;
  }
}

const dayOf = (atMs: number): number => Math.floor(atMs / DAY_MS);

/** Rounds halves away from zero, like DuckDB. */
function microdegrees(degrees: number): number {
  return Math.sign(degrees) * Math.round(Math.abs(degrees * MICRODEGREES));
}
