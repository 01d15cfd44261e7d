import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { decide } from "../decide-payment.js";
import { findIdleRules } from "../find-idle-rules.js";
import { parsePolicy } from "../parse-policy.js";
import { recordedInputs } from "../recorded-inputs.js";
import { runExamples } from "../run-examples.js";
import type { SentAttributes } from "./sent-attributes.js";
import { ATTRIBUTES_NOT_KEPT, ATTRIBUTES_UNAVAILABLE, parseAttributes } from "./sent-attributes.js";

const SPEC = parseFeatureSpec(`
version: 7
windows: { 30d: { width: 30d, tile: 1d } }
entities: { card: { key: card_token }, terminal: { key: terminal_id, optional: true } }
features:
  - { name: amount, kind: amount, default: 0, sentence: "{value}" }
`);

const policyText = (when: string, rest = "", reason = "GOLD") => `version: 1
rules:
  - id: big
    when: amount > 100
    reason: BIG
    action: challenge
    text: It is big.
  - id: gold
    when: ${JSON.stringify(when)}
    reason: ${reason}
    action: decline
    text: It fired.
    ${rest}
default_decision:
  default: { action: review, reason: NO_FACTS, text: None. }
`;

const GOLD = 'attributes["tier"] == "gold"';

const transaction: Transaction = {
  transactionId: "t",
  tenant: "acme",
  clientTransactionId: "c",
  cardToken: "ct_1",
  ...UNSENT,
  terminalId: "x",
  amountMinor: 90_000,
  currency: "EUR",
  occurredAtMs: 0,
  acceptedAtMs: 0,
};

function decideBy(text: string, attributes?: SentAttributes) {
  return decide(parsePolicy(text, SPEC), {
    transaction,
    attributes,
    features: { specVersion: 7, values: [900], incomplete: false },
    score: { missing: "no score was requested" },
    listHits: [],
    decidedAtMs: 0,
  });
}

const sent = (values: Readonly<Record<string, string | number | boolean>>): SentAttributes => ({
  values: new Map(Object.entries(values)),
});
const SENT = sent({ tier: "gold", items: 3, gift: true, note: "x".repeat(256) });

describe("a rule that reads attributes", () => {
  const conditions: [string, boolean][] = [
    [GOLD, true],
    ['attributes.tier == "gold"', true],
    ['attributes["tier"] != "gold"', false],
    ['attributes["tier"] in ["silver", "gold"]', true],
    ['attributes["items"] == 3.0', true],
    ['attributes["items"] == 3', true],
    ['attributes["items"] > 2 && attributes["items"] in [3]', true],
    ['attributes["items"] >= 3.0 && attributes["items"] < 4.0', true],
    ['attributes["items"] + 1.0 > 3.5', true],
    ['attributes["gift"] == true', true],
    ['attributes["gift"] && amount > 1', true],
    ['!attributes["gift"] || amount > 1e9', false],
    ['attributes["tier"].startsWith("go")', true],
    ['attributes["tier"].matches("^g.*d$")', true],
    ['"tier" in attributes', true],
    ['attributes.exists(name, attributes[name] == "gold")', true],
    // Not sent.
    ['attributes["none"] == "gold"', false],
    ['attributes["none"] != "gold"', true],
    ['attributes["none"] > 1.0', false],
    ['attributes["none"] <= 1.0', false],
    ['!(attributes["none"] == "gold")', true],
    ['attributes["none"] in ["gold"]', false],
    ['attributes["none"] + 1.0 > 0.0', false],
    ['attributes["none"].startsWith("g")', false],
    ['attributes["none"].matches("g")', false],
    ['size(string(attributes["none"])) == 0', false],
    ['attributes["none"] && amount > 1', false],
    ['attributes["none"] || amount > 1', true],
    ['!attributes["none"]', true],
    ['(attributes["none"] ? amount > 1e9 : amount > 1)', true],
    ['(amount > 1 ? attributes["none"] : attributes["tier"]) == "gold"', false],
    ['cel.bind(tier, attributes["none"], tier == "gold")', false],
    ['["a", "b"].exists(item, item == attributes["none"])', false],
    ['["a", "b"].all(item, item != attributes["none"])', true],
    ['"none" in attributes', false],
    ["has(attributes.tier)", true],
    ["has(attributes.none)", false],
    // The attribute was sent with a different type.
    ['attributes["tier"] > 1.0', false],
    ['attributes["items"] == "gold"', false],
    ['attributes["items"].startsWith("g")', false],
    ['attributes["items"].matches("g")', false],
    ['attributes["tier"] + 1.0 > 0.0', false],
    ['attributes["tier"] && amount > 1', false],
    // The attribute's value makes the condition fail.
    ['int(attributes["tier"]) > 1', false],
    ['int(attributes["tier"]) != 1', true],
    ['double(attributes["tier"]) > 1.0 || amount > 1', true],
    ['timestamp(attributes["tier"]) > timestamp("2026-01-01T00:00:00Z")', false],
    ['12 / (int(attributes["items"]) - 3) > 1', false],
    ['attributes["items"]["deep"] == 1.0', false],
  ];

  test.each(conditions)("evaluates %s to %s", (when, fires) => {
    const decision = decideBy(policyText(when), SENT);
    expect(decision).toMatchObject({ rung: Rung.RULES_ONLY, skippedRules: [] });
    expect(decision.reasons.map(({ code }) => code)).toEqual(fires ? ["GOLD", "BIG"] : ["BIG"]);
  });

  test("reads no attributes if none were sent", () => {
    expect(decideBy(policyText(GOLD)).outcome).toBe(Outcome.CHALLENGE);
  });

  test("still fails on an error that attributes did not cause", () => {
    const when = 'attributes["items"] > 1.0 && 1 / int(amount - 900.0) > 0';
    expect(decideBy(policyText(when), SENT)).toMatchObject({ rung: Rung.STATIC_POLICY });
  });

  test("takes a bounded number of steps", () => {
    const loop = '[1, 2, 3, 4, 5, 6, 7, 8].all(x, attributes["none"] != "gold")';
    for (const when of [GOLD, 'attributes["none"] > 1.0', loop]) {
      const estimate = parsePolicy(policyText(when), SPEC).rules[1]?.when.estimate;
      expect(estimate?.stepsMax).toBeGreaterThanOrEqual(600);
      expect(estimate?.stepsMax).toBeLessThan(6_000);
    }
    const many = `[${Array.from({ length: 40 }, () => "1").join(",")}].all(x, attributes["none"] != "gold")`;
    expect(() => parsePolicy(policyText(many), SPEC)).toThrow(/steps, more than the limit of 20,000 per rule/);
    // 256 emoji are 512 code units.
    const long = 'attributes["note"].matches("a{100}")';
    expect(() => parsePolicy(policyText(long), SPEC)).toThrow(/steps, more than the limit of 20,000 per rule/);
  });

  test("never fails because of sent values", () => {
    const names = Array.from({ length: 30 }, (_, index) => `"${index}"`).join(",");
    const when = `[${names}].exists(name, attributes["tier"] > 1.0)`;
    expect(decideBy(policyText(when), SENT)).toMatchObject({ rung: Rung.RULES_ONLY, skippedRules: [] });
  });
});

describe("policy check", () => {
  test.each([
    ["BIG", /rules\.1\.reason must not be used as a reason elsewhere/],
    ["NO_FACTS", /rules\.1\.reason must not be used as a reason elsewhere/],
  ])("rejects the reason %s, which is used elsewhere", (reason, message) => {
    expect(() => parsePolicy(policyText(GOLD, "", reason), SPEC)).toThrow(message);
    expect(() => parsePolicy(policyText("amount > 5", "", reason), SPEC)).not.toThrow();
  });

  test("is rejected if its sentence contains an attribute", () => {
    expect(() => parsePolicy(policyText(GOLD).replace("It fired.", '"{attributes}"'), SPEC)).toThrow(/placeholder/);
  });

  test("runs examples", () => {
    const examples = [
      "{ fires: true, values: {}, attributes: { tier: gold } }",
      "{ fires: false, values: {}, attributes: { tier: 1 } }",
      "{ fires: false, values: {} }",
    ];
    const policy = parsePolicy(policyText(GOLD, `examples: [${examples.join(", ")}]`), SPEC);
    expect(runExamples(policy, SPEC)).toMatchObject({ faults: [], count: 3 });
  });

  test("does not mistake opposite comparisons for a contradiction", () => {
    const when = '!(attributes["none"] > 1.0) && !(attributes["none"] <= 1.0)';
    expect(findIdleRules(parsePolicy(policyText(when), SPEC), SPEC).neverFire).toEqual([]);
    expect(decideBy(policyText(when)).outcome).toBe(Outcome.DECLINE);
  });
});

describe("attributes that cannot be read", () => {
  test("give the default decision, or a stricter one, if a live rule reads them", () => {
    const lost = decideBy(policyText(GOLD), { missing: ATTRIBUTES_UNAVAILABLE });
    expect(lost).toMatchObject({
      outcome: Outcome.REVIEW,
      rung: Rung.STATIC_POLICY,
      degradedBecause: "the rule gold reads attributes, which could not be opened",
      skippedRules: [{ ruleId: "gold", why: "attributes-unavailable", inShadow: false }],
    });
    expect(decideBy(policyText("amount > 5"), { missing: ATTRIBUTES_UNAVAILABLE }).rung).toBe(Rung.RULES_ONLY);
    expect(decideBy(policyText(GOLD, "mode: shadow"), { missing: ATTRIBUTES_UNAVAILABLE })).toMatchObject({
      outcome: Outcome.CHALLENGE,
      rung: Rung.RULES_ONLY,
      skippedRules: [{ ruleId: "gold", why: "attributes-unavailable", inShadow: true }],
    });
  });

  test("skip only the rule in a backtest", () => {
    expect(decideBy(policyText(GOLD), { missing: ATTRIBUTES_NOT_KEPT })).toMatchObject({
      outcome: Outcome.CHALLENGE,
      rung: Rung.RULES_ONLY,
      skippedRules: [{ ruleId: "gold", why: "attributes-not-kept", inShadow: false }],
    });
  });
});

test.each<[string, string, SentAttributes | undefined]>([
  ["fired", policyText(GOLD), SENT],
  ["did not fire", policyText(GOLD), sent({ tier: "silver" })],
  ["read none", policyText('!("tier" in attributes)'), undefined],
  ["fired in shadow", policyText(GOLD, "mode: shadow"), SENT],
  ["were unavailable", policyText(GOLD), { missing: ATTRIBUTES_UNAVAILABLE }],
  ["were unavailable in shadow", policyText(GOLD, "mode: shadow"), { missing: ATTRIBUTES_UNAVAILABLE }],
  ["failed", policyText('attributes["items"] > 1.0 && 1 / int(amount - 900.0) > 0'), SENT],
])("a replay without attributes repeats the decision if the rule %s", (_case, text, attributes) => {
  const decision = decideBy(text, attributes);
  expect(decideBy(text, { recorded: recordedInputs(decision).rules })).toEqual(decision);
});

test.each([
  ['{"a":"b","c":1.5,"d":false}', new Map<string, unknown>(Object.entries({ a: "b", c: 1.5, d: false }))],
  ["{}", new Map()],
  ['{"a":null}', undefined],
  ['{"a":{}}', undefined],
  ["1", undefined],
  ["", undefined],
])("reads %s", (json, values) => {
  expect(parseAttributes(json)).toEqual(values);
});
