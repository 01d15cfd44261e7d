import fc from "fast-check";
import type { OracleEvent } from "./brute-force.js";
import type { OracleProfile } from "./brute-force-profiles.js";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "./states.js";

/*
 * Random streams of events for tests: mostly forward in time, occasionally back by up to 40 days, often simultaneous.
 * Ids repeat; terminals, devices, network addresses and locations may be absent.
 */

/** Start times such that streams cross common calendar pitfalls. Features use only UTC. */
const STARTS_MS = [
  // Before a leap day, and before 1 March of a year without one.
  Date.UTC(2024, 1, 28, 22),
  Date.UTC(2023, 1, 28, 22),
  // The hour that Europe skips, and the hour that it repeats.
  Date.UTC(2024, 2, 31, 0, 30),
  Date.UTC(2024, 9, 27, 0, 30),
  // A new year, and the first hours of the epoch.
  Date.UTC(2024, 11, 31, 23),
  3 * HOUR_MS,
];

/**
 * Locations around the Pacific, so that no mix of them nearly cancels out and makes rounding matter: each has a
 * component of at least 0.4 towards 0° N 180° E, except for the pole and for two antipodal ones, whose mean has no
 * direction. Fiji has longitudes of both signs.
 */
const PLACES: readonly (readonly [number | undefined, number | undefined])[] = [
  [undefined, undefined],
  [undefined, undefined],
  [-17.7, 179.9],
  [-17.7, -179.9],
  [35.68, 139.69],
  [21.31, -157.86],
  [61.22, -149.9],
  [90, 0],
  [0, 90],
  [0, -90],
  [10, undefined],
];

export interface StreamShape {
  readonly cards: number;
  readonly terminals: number;
  readonly eventsMin: number;
  readonly eventsMax: number;
  /** Whether events are minutes apart rather than days. */
  readonly busy: boolean;
  /** Whether there are payment updates. */
  readonly updates: boolean;
  /** Whether labels may replace earlier labels, which datasets cannot express. */
  readonly replaces: boolean;
}

/** The content of payment updates: their kind, who declined, and the issuer's code. */
const UPDATES = [
  { kind: "authorised", issuer_code: "00" },
  { kind: "declined", declined_by: "issuer", issuer_code: "51" },
  { kind: "declined", declined_by: "issuer", issuer_code: "05" },
  { kind: "declined", declined_by: "tripline", issuer_code: "" },
  { kind: "three_ds_abandoned", issuer_code: "" },
  { kind: "refunded", issuer_code: "" },
];

/** Time from the newest event so far to the next event. */
const CALM = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 0, max: 5 * MINUTE_MS }),
  fc.integer({ min: 0, max: 3 * HOUR_MS }),
  fc.integer({ min: 0, max: 6 * DAY_MS }),
  // Exactly at the edge of a window or tile.
  fc.constantFrom(5 * MINUTE_MS, HOUR_MS, DAY_MS, 3 * DAY_MS, 30 * DAY_MS),
  fc.integer({ min: -3 * HOUR_MS, max: 0 }),
  fc.integer({ min: -40 * DAY_MS, max: 0 }),
);

/** So dense that two days contain hundreds of events, with occasional gaps. */
const BUSY = fc.oneof(
  { weight: 10, arbitrary: fc.constant(0) },
  { weight: 20, arbitrary: fc.integer({ min: 0, max: 5 * MINUTE_MS }) },
  { weight: 10, arbitrary: fc.integer({ min: -3 * HOUR_MS, max: 0 }) },
  { weight: 4, arbitrary: fc.integer({ min: -3 * DAY_MS, max: 0 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 3 * HOUR_MS }) },
);

/** A profile, by its age; it may be newer than the payment, or too old. */
const profileDraft = fc.record({
  ageMs: fc.constantFrom(-1, 0, 1, HOUR_MS, DAY_MS, 89 * DAY_MS, 90 * DAY_MS, 90 * DAY_MS + 1),
  number: fc.option(fc.integer({ min: 0, max: 1_000 })),
  share: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
  sinceMs: fc.option(fc.integer({ min: -DAY_MS, max: 400 * DAY_MS })),
  place: fc.constantFrom(...PLACES),
});
type ProfileDraft = typeof profileDraft extends fc.Arbitrary<infer T> ? T : never;

function profileFrom(atMs: number, draft: ProfileDraft | null): OracleProfile | undefined {
  if (draft === null) return undefined;
  const { ageMs, number, share, sinceMs, place } = draft;
  const columns = {
    card_amount_mean_total: number,
    terminal_payments_total: number,
    terminal_amount_mean_total: number,
    terminal_fraud_rate_total: share,
    card_first_paid_ms: sinceMs === null ? null : atMs - sinceMs,
    card_home_latitude: place[0] ?? null,
    card_home_longitude: place[1] ?? null,
  };
  return { atMs: atMs - ageMs, columns };
}

const SHAPE: StreamShape = {
  cards: 2,
  terminals: 3,
  eventsMin: 0,
  eventsMax: 40,
  busy: false,
  updates: false,
  replaces: true,
};

/** Amounts that are all equal, nearly equal, or arbitrary. */
const amountMinor = fc.oneof(
  fc.constant(999_999),
  fc.integer({ min: 999_990, max: 1_000_000 }),
  fc.integer({ min: 0, max: 1_000_000 }),
);

function someOf(prefix: string, count: number): fc.Arbitrary<string> {
  return fc.nat(count - 1).map((number) => `${prefix}${number}`);
}

const NOWHERE = { latitude: undefined, longitude: undefined };

/** Streams of events in order of arrival. */
export function eventStreams(shape: Partial<StreamShape> = {}): fc.Arbitrary<OracleEvent[]> {
  const { cards, terminals, eventsMin, eventsMax, busy, updates, replaces } = { ...SHAPE, ...shape };
  const step = fc.record({
    kind: fc.constantFrom("payment", "payment", "label", ...(updates ? ["update" as const] : [])),
    said: fc.constantFrom(...UPDATES),
    number: fc.nat(60),
    card: someOf("c", cards),
    terminal: fc.option(someOf("t", terminals), { freq: 8 }),
    device: fc.option(someOf("d", 2)),
    ip: fc.option(someOf("i", 2)),
    delayMs: fc.oneof(fc.constant(0), fc.nat(10 * DAY_MS)),
    /** Which earlier payment of the card a label is about, counting back from the newest; 10 and up: none of them. */
    about: fc.nat(14),
    replaces: replaces ? fc.boolean() : fc.constant(false),
    stepMs: busy ? BUSY : CALM,
    amountMinor,
    currency: fc.constantFrom("EUR", "EUR", "JPY", "KWD", "CLF"),
    fraud: fc.boolean(),
    merchant_country: fc.constantFrom(undefined, "BE", "NL", "US"),
    card_country: fc.constantFrom(undefined, "BE", "FR"),
    place: fc.constantFrom(...PLACES),
    card_profile: fc.option(profileDraft),
    terminal_profile: fc.option(profileDraft),
  });
  // Long streams find more faults, so their length is not left to fast-check's bias towards short ones.
  const steps = fc.array(step, { minLength: eventsMin, maxLength: eventsMax, size: "max" });
  return fc.tuple(fc.constantFrom(...STARTS_MS), steps).map(([firstMs, drafts]) => {
    let newestMs = firstMs;
    const paidAtMs = new Map<string, number[]>();
    const paidIds = new Map<string, string[]>();
    const events = drafts.map(
      ({ kind, said, number, card, terminal, device, ip, place, delayMs, about, ...draft }): OracleEvent => {
        const atMs = Math.max(0, newestMs + draft.stepMs);
        newestMs = Math.max(newestMs, atMs);
        const [latitude, longitude] = place;
        if (kind === "update") {
          const of = paidIds.get(card)?.at(-1 - about) ?? "unknown";
          const amount = said.kind === "refunded" ? draft.amountMinor : 0;
          const fact = { amountMinor: amount, currency: draft.currency, fields: said, fraud: false, about: of };
          return { kind, id: `update ${number}`, entities: { card }, atMs, ...NOWHERE, ...fact };
        }
        const { amountMinor, currency, fraud, merchant_country, card_country } = draft;
        const optional =
          kind === "label" ? {} : { ...(device === null ? {} : { device }), ...(ip === null ? {} : { ip }) };
        const entities = { card, ...(terminal === null ? {} : { terminal }), ...optional };
        const paid = paidAtMs.get(card) ?? [];
        paidAtMs.set(card, kind === "payment" ? [...paid, atMs] : paid);
        if (kind === "payment") paidIds.set(card, [...(paidIds.get(card) ?? []), `payment ${number}`]);
        const { card_profile, terminal_profile } = draft;
        const ofCard = profileFrom(atMs, card_profile);
        const ofTerminal = terminal === null ? undefined : profileFrom(atMs, terminal_profile);
        const profiles = { ...(ofCard && { card: ofCard }), ...(ofTerminal && { terminal: ofTerminal }) };
        const aboutId = paidIds.get(card)?.at(-1 - (about % Math.max(1, paid.length))) ?? "unknown";
        const known = about < 10 ? paid.at(-1 - (about % Math.max(1, paid.length))) : undefined;
        const occurredAtMs = kind === "payment" ? atMs : (known ?? Math.max(0, atMs - delayMs));
        return {
          kind,
          id: `${kind} ${number}`,
          entities,
          atMs,
          occurredAtMs,
          amountMinor,
          currency,
          fraud,
          latitude,
          longitude,
          ...(kind === "payment" ? { fields: { merchant_country, card_country } } : { about: aboutId }),
          profiles,
        };
      },
    );
    return replaceLabels(events, drafts);
  });
}

/** Makes some labels replace the card's previous label: for the same terminal, with the opposite verdict. */
function replaceLabels(
  events: readonly OracleEvent[],
  drafts: readonly { readonly replaces: boolean }[],
): OracleEvent[] {
  const labelled = new Map<string, OracleEvent>();
  return events.map((event, index) => {
    if (event.kind !== "label") return event;
    const { card = "" } = event.entities;
    const last = drafts[index]?.replaces === true ? labelled.get(card) : undefined;
    const label =
      last === undefined ? event : { ...event, entities: last.entities, fraud: !last.fraud, replacedAtMs: last.atMs };
    labelled.set(card, label);
    return label;
  });
}
