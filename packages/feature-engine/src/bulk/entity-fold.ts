import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import type { EntityPlan, StreamPlan } from "../plan-entities.js";
import { longestWindowMs } from "../plan-entities.js";
import { NEVER_MS } from "../state/entity-state.js";
import { addPlace, distanceFromHomeKm, distanceFromLastKm, keepPlace, noHome, noPlace } from "../state/home-place.js";
import { RECENT_IDS_MAX } from "../state/recent-ids.js";
import { emptyColumns } from "./entity-columns.js";
import { EntityRecords } from "./entity-records.js";
import type { EventBlock } from "./event-block.js";
import type { FeatureColumn } from "./feature-columns.js";
import { compileColumn } from "./feature-columns.js";
import { GroupedLabels, GroupedPayments, roomFor } from "./group-events.js";
import { PartnerFold } from "./partner-cells.js";
import type { RingLayout } from "./record-layout.js";
import { FIRST_FRAUD, HOME, LAST_PLACE, NEWEST_LABEL, NEWEST_PAYMENT, SEQUENCE } from "./record-layout.js";
import type { RecordPlace, RingFold, WindowColumns } from "./ring-cells.js";
import { foldLabels, foldPayments } from "./ring-cells.js";
import { foldRun } from "./run-cells.js";
import type { Span } from "./usual-cells.js";
import { UsualFold } from "./usual-cells.js";

export interface EntityFoldOptions {
  readonly spec: FeatureSpec;
  readonly plan: EntityPlan;
  /** Place of the entity in the spec. */
  readonly entity: number;
  /** By number of an entity: its number among those that are folded here, -1 for others. */
  readonly localOf: Int32Array;
  readonly locals: number;
  /** Hashes of the ids of the plan's partners, by number; without partners it is not looked at. */
  readonly partnerHashes: Uint32Array;
  /** Whether unusual payments of the entity explain frauds of another. */
  readonly judges: boolean;
}

/**
 * Folds the events of entities of one kind, a block at a time, into their states and the columns of their features.
 *
 * What an entity keeps falls into parts that do not depend on each other: rings, partners, home. So all its events go
 * through one part, then through the next: such a loop is short, and its numbers stay where the processor has them.
 */
export class EntityFold {
  readonly records: EntityRecords;
  private readonly payments: GroupedPayments;
  private readonly labels: GroupedLabels;
  private readonly features: readonly { readonly index: number; readonly write: FeatureColumn }[];
  private readonly partners: PartnerFold | undefined;
  private readonly usual: UsualFold | undefined;
  private readonly home = noHome();
  private readonly lastPlace = noPlace();
  private readonly horizonMs: number;
  private readonly place: RecordPlace = { cells: new Float64Array(0), marks: new Int32Array(0), cell: 0, mark: 0 };
  private columns;
  private room = 0;
  private paymentRings: readonly RingFold[] = [];
  private labelRings: readonly RingFold[] = [];

  constructor(private readonly options: EntityFoldOptions) {
    const { spec, plan, partnerHashes } = options;
    this.records = new EntityRecords(plan);
    const horizonMs = longestWindowMs(spec);
    this.horizonMs = horizonMs;
    this.partners = plan.partners && new PartnerFold(this.records.layout, plan.partners.widthsMs, horizonMs);
    this.usual = plan.usual && new UsualFold(this.records.layout, plan.usual, horizonMs);
    this.columns = emptyColumns(plan, 0);
    const { recentIds, run } = plan;
    const places = plan.home || plan.lastPlace;
    const labelDetails = run !== undefined || options.judges;
    const partners = plan.partners && { entity: plan.partners.entity, hashes: partnerHashes };
    this.payments = new GroupedPayments({ ...options, partners, places, recentIds, labelDetails });
    this.labels = new GroupedLabels({ ...options, partners, places, recentIds, labelDetails });
    this.features = spec.features.flatMap((feature, index) =>
      "entity" in feature && feature.kind !== "profile" && feature.entity === plan.name
        ? [{ index, write: compileColumn(feature, plan, horizonMs) }]
        : [],
    );
  }

  /**
   * Folds the events of a block. Blocks have to come in order of time.
   *
   * @param out by feature of the spec; places of rows without an entity that is folded here are left alone
   * @param turn feature to begin with, so that threads with shares of one block do not write to the same memory at a time
   * @throws RangeError for an event that is older than the one before it
   */
  fold(block: EventBlock, out: readonly Float64Array[], turn = 0): void {
    const { features, payments, labels, options } = this;
    const found = payments.group(block);
    const foundLabels = labels.group(block);
    if (found + foundLabels === 0) return;
    this.#makeRoom(found);
    for (let local = 0; local < options.locals; local += 1) {
      const paid = { start: payments.starts[local] ?? 0, end: payments.starts[local + 1] ?? 0 };
      const known = { start: labels.starts[local] ?? 0, end: labels.starts[local + 1] ?? 0 };
      if (paid.start < paid.end || known.start < known.end)
        this.#foldEntity(local, paid, known, block.labels.explained);
    }
    for (let step = 0; step < features.length; step += 1) {
      const feature = features[(step + turn) % features.length];
      const column = feature && out[feature.index];
      if (column !== undefined) feature?.write(this.columns, payments, found, column);
    }
  }

  #makeRoom(found: number): void {
    if (found <= this.room && this.paymentRings.length > 0) return;
    const { plan } = this.options;
    this.room = roomFor(found);
    this.columns = emptyColumns(plan, this.room);
    const { layout } = this.records;
    this.paymentRings = ringFolds(plan.payments, layout.payments, this.columns.payments);
    this.labelRings = ringFolds(plan.labels, layout.labels, this.columns.labels);
  }

  #foldEntity(local: number, paid: Span, known: Span, explained: Uint8Array): void {
    const { records, payments, labels, columns, place, options } = this;
    const slab = records.slabOf(local);
    place.cells = slab.cells;
    place.marks = slab.marks;
    place.cell = records.cellOf(local);
    place.mark = records.markOf(local);
    place.cells[place.cell + SEQUENCE] =
      (place.cells[place.cell + SEQUENCE] ?? 0) + (paid.end - paid.start) + (known.end - known.start);
    this.#keepTime(paid, known);
    for (const ring of this.labelRings) {
      foldLabels(place, ring, labels, known, payments.atMs, columns.labelsBefore, paid.start, paid.end);
    }
    for (const ring of this.paymentRings) foldPayments(place, ring, payments, paid.start, paid.end);
    this.partners?.fold(place, payments, columns, paid.start, paid.end);
    if (options.judges) this.usual?.judge(place, payments, columns, paid, labels, known, explained);
    else this.usual?.fold(place, payments, columns, paid);
    const { run } = options.plan;
    if (run !== undefined) foldRun(place, labels, known, columns, paid, run.explainedBy < 0 ? undefined : explained);
    if (options.plan.home) this.#visitPlaces(paid);
    if (options.plan.lastPlace) this.#leavePlaces(paid);
    if (options.plan.recentIds) this.#rememberIds(paid, known);
  }

  /** Times of the last payment and of the first fraud, and that no event is older than the one before. */
  #keepTime(paid: Span, known: Span): void {
    const { payments, labels, columns, place, options } = this;
    const { cells, cell } = place;
    let label = known.start;
    let labelMs = cells[cell + NEWEST_LABEL] ?? NEVER_MS;
    let firstFraudMs = cells[cell + FIRST_FRAUD] ?? NEVER_MS;
    let lastMs = cells[cell + NEWEST_PAYMENT] ?? NEVER_MS;
    for (let at = paid.start; at <= paid.end; at += 1) {
      const atMs = at < paid.end ? (payments.atMs[at] ?? 0) : Number.POSITIVE_INFINITY;
      for (; label < known.end && (labels.atMs[label] ?? 0) <= atMs; label += 1) {
        requireOrder(labels.atMs[label] ?? 0, labelMs);
        labelMs = labels.atMs[label] ?? 0;
        if (firstFraudMs === NEVER_MS && labels.frauds[label] === 1) firstFraudMs = labelMs;
      }
      if (at === paid.end) break;
      requireOrder(atMs, lastMs);
      columns.labelsBefore[at] = label - known.start;
      columns.lastPaymentMs[at] = lastMs;
      if (options.plan.firstFraud) columns.firstFraudMs[at] = firstFraudMs;
      lastMs = atMs;
    }
    cells[cell + NEWEST_PAYMENT] = lastMs;
    cells[cell + NEWEST_LABEL] = labelMs;
    if (options.plan.firstFraud) cells[cell + FIRST_FRAUD] = firstFraudMs;
  }

  /** Each payment's distance from home, of which its place then becomes a part. */
  #visitPlaces({ start, end }: Span): void {
    const { home, payments, columns } = this;
    const { cells, cell } = this.place;
    home.count = cells[cell + HOME] ?? 0;
    home.x = cells[cell + HOME + 1] ?? 0;
    home.y = cells[cell + HOME + 2] ?? 0;
    home.z = cells[cell + HOME + 3] ?? 0;
    for (let at = start; at < end; at += 1) {
      const latitude = payments.latitudes[at] ?? Number.NaN;
      const longitude = payments.longitudes[at] ?? Number.NaN;
      columns.homeKm[at] = Number.NaN;
      if (Number.isNaN(latitude) || Number.isNaN(longitude)) continue;
      columns.homeKm[at] = distanceFromHomeKm(home, latitude, longitude) ?? Number.NaN;
      addPlace(home, latitude, longitude);
    }
    cells[cell + HOME] = home.count;
    cells[cell + HOME + 1] = home.x;
    cells[cell + HOME + 2] = home.y;
    cells[cell + HOME + 3] = home.z;
  }

  /** Each payment's distance from the place of the one before it. */
  #leavePlaces({ start, end }: Span): void {
    const { lastPlace, payments, columns, horizonMs } = this;
    const { cells, cell } = this.place;
    lastPlace.north = cells[cell + LAST_PLACE] ?? 0;
    lastPlace.east = cells[cell + LAST_PLACE + 1] ?? 0;
    for (let at = start; at < end; at += 1) {
      const latitude = payments.latitudes[at] ?? Number.NaN;
      const longitude = payments.longitudes[at] ?? Number.NaN;
      const isKnown = !Number.isNaN(latitude) && !Number.isNaN(longitude);
      const isRecent = (payments.atMs[at] ?? 0) - (columns.lastPaymentMs[at] ?? 0) <= horizonMs;
      const km = isKnown && isRecent ? distanceFromLastKm(lastPlace, latitude, longitude) : undefined;
      columns.lastKm[at] = km ?? Number.NaN;
      keepPlace(lastPlace, isKnown ? latitude : undefined, isKnown ? longitude : undefined);
    }
    cells[cell + LAST_PLACE] = lastPlace.north;
    cells[cell + LAST_PLACE + 1] = lastPlace.east;
  }

  /** References to the last events, in the order in which they count. */
  #rememberIds(paid: Span, known: Span): void {
    const { payments, labels } = this;
    // Of more events than are remembered only the last ones matter, and among those are the last ones of either kind.
    let at = Math.max(paid.start, paid.end - RECENT_IDS_MAX);
    let label = Math.max(known.start, known.end - RECENT_IDS_MAX);
    while (at < paid.end || label < known.end) {
      const labelFirst = label < known.end && (at >= paid.end || (labels.atMs[label] ?? 0) <= (payments.atMs[at] ?? 0));
      this.#rememberId(labelFirst ? (labels.references[label] ?? 0) : (payments.references[at] ?? 0));
      if (labelFirst) label += 1;
      else at += 1;
    }
  }

  #rememberId(reference: number): void {
    const { cells, marks, cell, mark } = this.place;
    const { recentCell, recentMark } = this.records.layout;
    const next = marks[mark + recentMark] ?? 0;
    const used = marks[mark + recentMark + 1] ?? 0;
    cells[cell + recentCell + next] = reference;
    marks[mark + recentMark] = next + 1 === RECENT_IDS_MAX ? 0 : next + 1;
    if (used < RECENT_IDS_MAX) marks[mark + recentMark + 1] = used + 1;
  }
}

function ringFolds(stream: StreamPlan, layouts: readonly RingLayout[], columns: readonly WindowColumns[]): RingFold[] {
  return layouts.map((ring, place) => ({
    ring,
    windows: stream.windows.flatMap(({ ring: of, tilesBack }, index) => {
      const into = columns[index];
      return of === place && into !== undefined ? [{ tilesBack, into }] : [];
    }),
  }));
}

function requireOrder(atMs: number, newestMs: number): void {
  if (atMs < newestMs) throw new RangeError(`an event of ${atMs} came after one of ${newestMs}`);
}
