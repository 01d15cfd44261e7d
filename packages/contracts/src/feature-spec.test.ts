import type { Feature } from "./feature-spec.js";
import {
  currentFeatureSpec,
  isLabelFeature,
  LABEL_KINDS,
  needsPayment,
  PAIR_KINDS,
  PAST_KINDS,
  PAYMENT_KINDS,
  parseFeatureSpec,
  RUN_KINDS,
  UNUSUAL_KINDS,
  UPDATE_KINDS,
  WINDOW_KINDS,
} from "./feature-spec.js";

const WINDOWS = ["windows:", "  1d: { width: 1d, tile: 1h }", "  7d: { width: 7d, tile: 6h }"];
const ENTITIES = [
  "entities:",
  "  card: { key: card_token }",
  "  terminal: { key: terminal_id, optional: true }",
  "  device: { key: device_token, optional: true }",
];

interface Draft {
  readonly [field: string]: unknown;
}

/**
 * The lines of a spec: windows from line 3, entities from line 6, and features from line 10 with the default entities.
 */
function linesOf(features: readonly (string | Draft)[], entities = ENTITIES, windows = WINDOWS): string[] {
  return ["version: 3", ...windows, ...entities, "features:", ...features.map(lineOf)];
}

function lineOf(feature: string | Draft, index: number): string {
  if (typeof feature === "string") return `  - ${feature}`;
  return `  - ${JSON.stringify({ name: `f${index}`, default: 0, sentence: "It is {value}.", ...feature })}`;
}

/** The faults found, one line each; empty for a valid spec. */
function faultsOf(lines: readonly string[]): string[] {
  try {
    parseFeatureSpec(lines.join("\n"), "spec.yaml");
    return [];
  } catch (error) {
    expect(error).toMatchObject({ name: "TriplineError", code: "config-invalid" });
    return error instanceof Error ? error.message.split("\n") : [];
  }
}

const COUNT = { kind: "count", entity: "card", window: "1d" };

describe("validation of a feature spec", () => {
  test.each([
    ["a window that does not exist", { ...COUNT, window: "2d" }, "window", 'unknown window "2d"; use one of 1d, 7d'],
    [
      "a window named like a property of every object",
      { ...COUNT, window: "constructor" },
      "window",
      'unknown window "constructor"',
    ],
    [
      "an entity that does not exist",
      { ...COUNT, entity: "shop" },
      "entity",
      'unknown entity "shop"; use one of card, terminal',
    ],
    [
      "an entity named like a property of every object",
      { ...COUNT, entity: "toString" },
      "entity",
      'unknown entity "toString"',
    ],
    [
      "a partner that does not exist",
      { kind: "pair_count", entity: "card", of: "shop" },
      "of",
      'unknown entity "shop"; use one of card, terminal, device',
    ],
    [
      "an entity as its own partner",
      { kind: "pair_is_new", entity: "card", of: "card" },
      "of",
      "an entity cannot be its own partner",
    ],
    [
      "a partner that labels do not name",
      { kind: "distinct", entity: "card", of: "device", window: "1d" },
      "of",
      '"device" cannot be a partner; partners have the key card_token or terminal_id',
    ],
    ["a kind that does not exist", { ...COUNT, kind: "cuont" }, "kind", "'count' | 'sum'"],
    ["no kind", { default: 1 }, "kind", "'amount' | 'hour_of_day'"],
    ["a non-numeric default", { ...COUNT, default: "none" }, "default", "expected number, received string"],
    ["a name with capitals", { ...COUNT, name: "cardCount" }, "name", "must be snake_case"],
    ["no sentence", { ...COUNT, sentence: "" }, "sentence", "Too small"],
    ["a prior above 1", { ...COUNT, kind: "fraud_risk", prior: 1.5, weight: 1 }, "prior", "<=1"],
    ["a weight of 0", { ...COUNT, kind: "fraud_risk", prior: 0.5, weight: 0 }, "weight", ">0"],
    ["a missing partner", { kind: "pair_count", entity: "card" }, "of", "expected string"],
    ["a missing window", { kind: "sum", entity: "card" }, "window", "expected string"],
  ] as [string, Draft, string, string][])(
    "rejects a feature with %s, with its line",
    (_name, feature, field, message) => {
      const lines = linesOf([COUNT, { ...feature, name: feature.name ?? "second" }]);
      expect(faultsOf(lines)).toEqual([expect.stringContaining(`spec.yaml:${lines.length} features.1.${field}: `)]);
      expect(faultsOf(lines)).toEqual([expect.stringContaining(message)]);
    },
  );

  test.each([
    ["a window that is not allowed", { kind: "seconds_since_last", entity: "card", window: "1d" }, '"window"'],
    ["a partner that is not allowed", { ...COUNT, of: "terminal" }, '"of"'],
    ["an entity that is not allowed", { kind: "amount", entity: "card" }, '"entity"'],
    ["a misspelt field", { ...COUNT, sentense: "x" }, '"sentense"'],
  ])("rejects a feature with %s, with its line", (_name, feature, key) => {
    const lines = linesOf([COUNT, feature]);
    expect(faultsOf(lines)).toEqual([`spec.yaml:${lines.length} features.1: Unrecognized key: ${key}`]);
  });

  test("rejects non-finite numbers", () => {
    for (const value of [".nan", ".inf", "-.inf"]) {
      const lines = linesOf([`{ name: a, kind: amount, default: ${value}, sentence: x }`]);
      expect(faultsOf(lines)).toEqual([
        expect.stringMatching(/^spec\.yaml:10 features\.0\.default: .*expected number/),
      ]);
    }
  });

  test("rejects a duplicate name at its second occurrence", () => {
    const lines = linesOf([
      { ...COUNT, name: "a" },
      { ...COUNT, name: "b" },
      { ...COUNT, name: "a" },
    ]);
    expect(faultsOf(lines)).toEqual([`spec.yaml:${lines.length} features.2.name: "a" is listed twice`]);
  });

  test("rejects partners from a second entity", () => {
    const entities = [...ENTITIES.slice(0, 3), "  ip: { key: ip_token, optional: true }"];
    const lines = linesOf(
      [
        { kind: "pair_count", entity: "ip", of: "card" },
        { kind: "pair_is_new", entity: "ip", of: "card" },
        { kind: "distinct", entity: "ip", of: "terminal", window: "1d" },
      ],
      entities,
    );
    expect(faultsOf(lines)).toEqual([
      `spec.yaml:${lines.length} features.2.of: "ip" already has partners from "card", and can have no others`,
    ]);
  });

  test.each([
    ["the terminal first", [2, 1, 3]],
    ["no card", [2]],
  ])("rejects entities with %s, with the line of the first one", (_name, order) => {
    const entities = ["entities:", ...order.map((at) => ENTITIES[at] ?? "")];
    expect(faultsOf(linesOf([{ kind: "amount" }], entities))).toEqual([
      "spec.yaml:6 entities: the first entity must be card_token, the key of the topics",
    ]);
  });

  test.each(["rate: it pays often", "amount: '{value} or {value}'", "often: '{value}'"])(
    "rejects the baseline `%s`, with its line",
    (words) => {
      const entities = ENTITIES.map((line) => line.replace("card_token }", `card_token, usually: { ${words} } }`));
      expect(faultsOf(linesOf([{ kind: "amount" }], entities))).toEqual([
        expect.stringMatching(
          /^spec\.yaml:6 entities\.card\.usually.*: (must contain the placeholder \{value\} exactly once|Unrecognized key: "often")$/,
        ),
      ]);
    },
  );

  test.each([
    ["{ key: card_token }", '"card_token" already names another entity'],
    ["{ key: device_token }", "every event contains card_token; other keys require optional: true"],
    ["{ key: ip_token, optional: false }", "every event contains card_token; other keys require optional: true"],
    ["{ key: terminal_id }", "every event contains card_token; other keys require optional: true"],
    ["{ key: shop_id }", "must be one of card_token, terminal_id, device_token, ip_token, bin"],
    ["{ key: terminal_id/shop_id, optional: true }", "must be one of card_token"],
    ["{ key: bin/bin, optional: true }", "or several separated by /"],
    ["{ key: terminal_id, optional: maybe }", "expected boolean"],
  ])("rejects the entity %s, with its line", (entity, message) => {
    const lines = linesOf([COUNT], [...ENTITIES.slice(0, 2), `  other: ${entity}`]);
    expect(faultsOf(lines)).toEqual([expect.stringMatching(/^spec\.yaml:7 entities\.other\.(key|optional): /)]);
    expect(faultsOf(lines)).toEqual([expect.stringContaining(message)]);
  });

  test("rejects an entity name that is not snake_case, with its line", () => {
    const lines = linesOf([COUNT], [...ENTITIES.slice(0, 2), "  payTerminal: { key: terminal_id, optional: true }"]);
    expect(faultsOf(lines)).toEqual(["spec.yaml:7 entities.payTerminal: must be snake_case"]);
  });

  test("reports all faults together, each with its line", () => {
    const entities = [...ENTITIES.slice(0, 3), "  device: { key: device_token }"];
    const lines = linesOf(
      [
        { ...COUNT, name: "a", window: "9d" },
        { ...COUNT, name: "a", entity: "shop" },
        "\n    { name: b, kind: distinct, default: 0, sentence: x,\n      entity: card,\n      of: card, window: 5d }",
      ],
      entities,
    );
    expect(faultsOf(lines)).toEqual([
      "spec.yaml:8 entities.device.key: every event contains card_token; other keys require optional: true",
      'spec.yaml:10 features.0.window: unknown window "9d"; use one of 1d, 7d',
      'spec.yaml:11 features.1.name: "a" is listed twice',
      'spec.yaml:11 features.1.entity: unknown entity "shop"; use one of card, terminal, device',
      'spec.yaml:15 features.2.window: unknown window "5d"; use one of 1d, 7d',
      "spec.yaml:15 features.2.of: an entity cannot be its own partner",
    ]);
  });

  test("reports all schema faults together, at the nearest line", () => {
    expect(faultsOf(["version: 0", "windows: {}", "features:", "  - { name: A, kind: amount, default: x }"])).toEqual([
      expect.stringMatching(/^spec\.yaml:1 version: /),
      expect.stringMatching(/^spec\.yaml:1 entities: /),
      expect.stringMatching(/^spec\.yaml:4 features\.0\.name: must be snake_case/),
      expect.stringMatching(/^spec\.yaml:4 features\.0\.default: /),
      expect.stringMatching(/^spec\.yaml:4 features\.0\.sentence: /),
    ]);
  });

  test.each([
    ["no features", [...linesOf([]).slice(0, -1), "features: []"], /^spec\.yaml:9 features: /],
    ["a fractional version", ["version: 1.5", ...linesOf([COUNT]).slice(1)], /^spec\.yaml:1 version: /],
    ["an unknown section", [...linesOf([COUNT]), "sources: {}"], /^spec\.yaml:1 : Unrecognized key: "sources"/],
    ["no content", [""], /^spec\.yaml:1 : .*expected object/],
    ["a key twice", [...linesOf([COUNT]), "version: 4"], /^spec\.yaml: Map keys must be unique at line 11, column 1/],
    ["an unclosed bracket", [...linesOf([COUNT]), "  - {"], /^spec\.yaml: .* at line 11/],
    [
      "an alias without an anchor",
      linesOf(["{ name: a, default: *x }"]),
      /^spec\.yaml:10 \*x: no anchor above has this name$/,
    ],
  ])("rejects %s", (_name, lines, fault) => {
    expect(faultsOf(lines)[0]).toMatch(fault);
  });
});

describe("windows", () => {
  const windowOf = (width: string, tile: string) => [...WINDOWS, `  w: { width: ${width}, tile: ${tile} }`];

  test.each([
    ["30m", "1m", 1_800_000, 60_000],
    ["6h", "6h", 21_600_000, 21_600_000],
    ["7d", "12h", 604_800_000, 43_200_000],
    ["90m", "45m", 5_400_000, 2_700_000],
    ["365d", "1d", 31_536_000_000, 86_400_000],
  ])("convert a width of %s in tiles of %s to milliseconds", (width, tile, widthMs, tileMs) => {
    const spec = parseFeatureSpec(linesOf([{ ...COUNT, window: "w" }], ENTITIES, windowOf(width, tile)).join("\n"));
    expect(spec.windows.w).toEqual({ width: widthMs, tile: tileMs });
  });

  test.each(["24", "1.5h", "0d", "-1d", "1w", "1 d", "h", "1H", "1d1h", "01d", "10s", '""'])(
    "reject the width %s, with its line",
    (width) => {
      const faults = faultsOf(linesOf([COUNT], ENTITIES, windowOf(width, "1h")));
      expect(faults[0]).toMatch(
        /^spec\.yaml:5 windows\.w\.width: (must be a duration such as 30m, 6h or 7d|.*expected string)/,
      );
    },
  );

  test.each([
    ["1d", "7h"],
    ["1h", "1d"],
    ["1h", "25m"],
  ])("reject a width of %s in tiles of %s, which is not a whole number of tiles", (width, tile) => {
    expect(faultsOf(linesOf([COUNT], ENTITIES, windowOf(width, tile)))).toEqual([
      "spec.yaml:5 windows.w: width must be a whole number of tiles",
    ]);
  });

  test("reject more tiles than an entity may keep", () => {
    expect(faultsOf(linesOf([COUNT], ENTITIES, windowOf("1000m", "1m")))).toEqual([]);
    expect(faultsOf(linesOf([COUNT], ENTITIES, windowOf("1001m", "1m")))).toEqual([
      "spec.yaml:5 windows.w: width must be at most 1000 tiles, all of which an entity may have to keep",
    ]);
  });
});

test("entities are required by default, and a value can be a YAML alias of an earlier one", () => {
  const lines = linesOf([
    "{ name: a, kind: amount, default: &none -1, sentence: x }",
    "{ name: b, kind: amount, default: *none, sentence: x }",
  ]);
  const spec = parseFeatureSpec(lines.join("\n"));
  expect(spec.features.map((item) => item.default)).toEqual([-1, -1]);
  expect(spec.entities).toEqual({
    card: { key: "card_token", optional: false },
    terminal: { key: "terminal_id", optional: true },
    device: { key: "device_token", optional: true },
  });
});

const ENTITY_NAMES = ["card", "terminal", "device", "ip", "email", "terminal_bin", "card_country"];

describe("the shipped spec", () => {
  const spec = currentFeatureSpec();

  test("is read once, and has at least 40 features of cards, terminals, card–terminal pairs, devices, addresses and payers", () => {
    expect(currentFeatureSpec()).toBe(spec);
    expect(spec.features.length).toBeGreaterThanOrEqual(40);
    expect(Object.keys(spec.entities)).toEqual(ENTITY_NAMES);
    const entities = new Set(spec.features.map((item) => ("entity" in item ? item.entity : "payment")));
    expect([...entities].sort()).toEqual([...ENTITY_NAMES, "payment"].sort());
  });

  test("uses every window and every kind, except kinds that only exist as parts of others", () => {
    const kinds = new Set<string>(spec.features.map(({ kind }) => kind));
    const lists = [PAYMENT_KINDS, WINDOW_KINDS, LABEL_KINDS, PAST_KINDS, RUN_KINDS, UNUSUAL_KINDS, PAIR_KINDS];
    const all = [...lists.flat(), "fraud_risk", "distinct", "days_since_first_fraud"];
    expect(all.filter((kind) => !kinds.has(kind))).toEqual(["label_count"]);
    const windows = new Set(spec.features.flatMap((item) => ("window" in item ? [item.window] : [])));
    expect([...windows].sort()).toEqual(Object.keys(spec.windows).sort());
  });

  test("describes each feature in a sentence, with its value or as a statement", () => {
    const statements = new Set(["is_weekend", "is_night", "pair_is_new"]);
    for (const { name, kind, sentence } of spec.features) {
      expect([name, sentence.split("{value}").length - 1]).toEqual([name, statements.has(kind) ? 0 : 1]);
      expect(sentence).toMatch(/^[A-Z{].*\.$/);
      expect(sentence.replaceAll(/\{value(:[a-z]+\/[a-z]+)?\}/g, "")).not.toMatch(/[{}]/);
    }
    expect(new Set(spec.features.map(({ sentence }) => sentence)).size).toBe(spec.features.length);
  });

  test("has only defaults that their kinds can have", () => {
    for (const item of spec.features) {
      if (item.kind === "fraud_risk") expect([item.name, item.default]).toEqual([item.name, item.prior]);
    }
  });
});

const OTHER_KINDS = ["fraud_risk", "distinct", "neighbours", "days_since_first_fraud"];

test("every kind is known as a label feature or not, and as needing a payment or not", () => {
  const ofKind = (kind: string) => ({ kind }) as unknown as Feature;
  const all = [
    ...PAYMENT_KINDS,
    ...WINDOW_KINDS,
    ...LABEL_KINDS,
    ...PAST_KINDS,
    ...RUN_KINDS,
    ...UNUSUAL_KINDS,
    ...PAIR_KINDS,
    ...OTHER_KINDS,
    ...UPDATE_KINDS,
  ];
  expect(all.filter((kind) => isLabelFeature(ofKind(kind)))).toEqual([
    "label_count",
    "fraud_count",
    "fraud_rate",
    ...RUN_KINDS,
    "fraud_risk",
    "days_since_first_fraud",
  ]);
  expect(all.filter((kind) => !needsPayment(ofKind(kind)))).toEqual([
    "count",
    "sum",
    "mean",
    "max",
    "std",
    "label_count",
    "fraud_count",
    "fraud_rate",
    "seconds_since_last",
    ...RUN_KINDS,
    ...UNUSUAL_KINDS,
    ...OTHER_KINDS,
    ...UPDATE_KINDS,
  ]);
});
