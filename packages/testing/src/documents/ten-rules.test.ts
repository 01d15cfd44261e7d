import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { DeclinedBy, PaymentUpdateKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import { decide } from "@tripline/decision-engine/decide-payment";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { EntityState } from "@tripline/feature-engine/state/entity-state";
import { ROOT } from "@tripline/system/services/workspace";

const FOLDER = join(ROOT, "docs/examples/ten-rules");
const POLICY = join(FOLDER, "policy.yaml");
const SPEC = join(FOLDER, "feature-spec.yaml");
const spec = parseFeatureSpec(readFileSync(SPEC, "utf8"));
const policy = parsePolicy(readFileSync(POLICY, "utf8"), spec);
const engine = compileEngine(spec);
const START_MS = Date.UTC(2026, 0, 7, 12);

/** Counts payments and the issuer's declines, and decides with the rules alone. */
class Shop {
  readonly #states = new Map<string, EntityState>();
  #payments = 0;

  /** @returns the payment, a minute after the previous one, and the codes of its reasons */
  pay(sent: Partial<Transaction>) {
    this.#payments += 1;
    const payment: Transaction = {
      ...UNSENT,
      transactionId: `txn_${this.#payments}`,
      tenant: "demo",
      clientTransactionId: `${this.#payments}`,
      cardToken: "ct_1",
      amountMinor: 1_000,
      currency: "EUR",
      occurredAtMs: START_MS + this.#payments * 60_000,
      acceptedAtMs: 0,
      ...sent,
    };
    const result = engine.applyPayment(this.#statesOf(engine.stateKeys("demo", payment)), payment);
    const features = { specVersion: 1, values: result.duplicate ? [] : result.values, incomplete: false };
    const score = { missing: "there is no model" };
    const decision = decide(policy, { transaction: payment, features, listHits: [], score, decidedAtMs: 0 });
    return { payment, codes: decision.reasons.map(({ code }) => code) };
  }

  decline({ transactionId, cardToken, occurredAtMs }: Transaction): void {
    const named = { cardToken, terminalId: "" };
    const [card] = this.#statesOf(engine.stateKeys("demo", named));
    const ids = engine.updatedEntities(card, { transactionId });
    engine.applyUpdate(this.#statesOf(engine.stateKeys("demo", named, undefined, ids)), {
      transactionId,
      updateId: `declined ${transactionId}`,
      kind: PaymentUpdateKind.DECLINED,
      declinedBy: DeclinedBy.ISSUER,
      issuerCode: "05",
      amountMinor: undefined,
      currency: "",
      updatedAtMs: occurredAtMs + 1_000,
    });
  }

  #statesOf(keys: readonly (string | undefined)[]): (EntityState | undefined)[] {
    return keys.map((key, entity) => {
      if (key === undefined) return undefined;
      const state = this.#states.get(key) ?? engine.decodeState(entity, null);
      this.#states.set(key, state);
      return state;
    });
  }
}

test("tripline policy check passes, with examples for each rule, and no rule covers another one", async () => {
  const words = ["policy", "check", POLICY, "--feature-spec", SPEC];
  const { stdout } = await promisify(execFile)(process.execPath, [join(ROOT, "apps/cli/dist/main.js"), ...words]);
  expect(stdout).toMatch(/^policy: version=1\+[0-9a-f]{8} rules=10 bands=0 budgets=0 examples=27 failed=0\n$/);
});

type Sent = Partial<Transaction>;
interface Attack {
  readonly paid?: readonly Sent[];
  readonly declined?: readonly Sent[];
  readonly last: Sent;
}

const card = (index: number) => ({ cardToken: `ct_${index}` });
const cards = (count: number, sent: Sent) => Array.from({ length: count }, (_, index) => ({ ...sent, ...card(index) }));
const email = { emailToken: "et_1" };
const bin = { bin: "41111111", merchantId: "m-1" };
const network = { ipToken: "it_1" };
const wrongCode = { ...email, cvcResult: "no_match" };

const ATTACKS: readonly (readonly [string, Attack])[] = [
  ["CARD_VELOCITY", { paid: [{}, {}, {}, {}, {}], last: {} }],
  ["CARD_VELOCITY", { paid: [{ amountMinor: 290_000 }], last: { amountMinor: 10_000 } }],
  ["CARD_DECLINED_OFTEN", { declined: [{}, {}, {}], last: {} }],
  ["BIN_DECLINED_OFTEN", { declined: cards(5, bin), last: { ...bin, ...card(9) } }],
  ["EMAIL_FAILED_OFTEN", { paid: [wrongCode, { ...email, threeDsResult: "failed" }], last: wrongCode }],
  ["EMAIL_WITH_MANY_CARDS", { paid: cards(3, email), last: { ...email, ...card(9) } }],
  [
    "EMAIL_WITH_CARDS_OF_SEVERAL_COUNTRIES",
    { paid: [{ ...email, cardCountry: "BE" }], last: { ...email, cardCountry: "FR", ...card(2) } },
  ],
  ["CARD_COUNTRY_DIFFERS", { last: { cardCountry: "BE", ipCountry: "US", amountMinor: 12_000 } }],
  ["ADDRESS_VELOCITY", { paid: cards(19, network), last: { ...network, ...card(99) } }],
  ["AMOUNT_ABOVE_MCC_LIMIT", { last: { mcc: "5411", amountMinor: 40_100 } }],
  ["CURRENCY_UNUSUAL_FOR_MCC", { last: { mcc: "5411", currency: "USD" } }],
];

test.each(ATTACKS)(
  "the rule for %s fires alone, and only at the end of %j",
  (code, { paid = [], declined = [], last }) => {
    const shop = new Shop();
    for (const sent of paid) expect(shop.pay(sent).codes).not.toContain(code);
    for (const sent of declined) {
      const { payment, codes } = shop.pay(sent);
      expect(codes).not.toContain(code);
      shop.decline(payment);
    }
    expect(shop.pay(last).codes).toEqual([code]);
  },
);
