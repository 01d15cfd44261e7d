import { PaymentUpdateKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import { judgeUpdates } from "./judge-updates.js";
import type { KnownUpdate } from "./update-rows.js";

const { AUTHORISED, DECLINED, THREE_DS_ABANDONED, CAPTURED, REVERSED, REFUNDED } = PaymentUpdateKind;
const payment = { card_token: "ct_1", amount_minor: 1_000, currency: "EUR" };

type Change = Partial<KnownUpdate>;
const eur = (kind: PaymentUpdateKind, amount_minor: number, change: Change = {}): Change => ({
  kind,
  amount_minor,
  currency: "EUR",
  ...change,
});

/** The findings for the changes, oldest update first. */
function judged(...changes: Change[]) {
  const updates = changes.map((change, index): KnownUpdate => {
    const id = { update_id: `upd_${index}`, transaction_id: "txn_1", card_token: "ct_1", updated_at_ms: index };
    return { ...id, kind: AUTHORISED, declined_by: 0, issuer_code: "", amount_minor: null, currency: "", ...change };
  });
  const findings = judgeUpdates(payment, updates.toReversed());
  return updates.map(({ update_id }) => findings.get(update_id) ?? null);
}

test.each<[string, Change[], (string | null)[]]>([
  ["a usual payment", [{}, eur(CAPTURED, 1_000), eur(REFUNDED, 400), eur(REFUNDED, 600)], [null, null, null, null]],
  ["refunds above the payment", [{}, eur(REFUNDED, 600), eur(REFUNDED, 401)], [null, null, "over-amount"]],
  ["a capture above the payment", [eur(CAPTURED, 1_001)], ["over-amount"]],
  ["a refund in another currency", [eur(REFUNDED, 1, { currency: "USD" })], ["other-currency"]],
  [
    "a refund in another currency, which is excluded from the total",
    [eur(REFUNDED, 999, { currency: "USD" }), eur(REFUNDED, 1_000)],
    ["other-currency", null],
  ],
  ["authorised after a decline", [{ kind: DECLINED }, {}], [null, "contradicts"]],
  ["captured after a decline", [{ kind: DECLINED }, eur(CAPTURED, 1)], [null, "contradicts"]],
  ["declined after an authorisation", [{}, { kind: DECLINED }], [null, "contradicts"]],
  ["declined twice", [{ kind: DECLINED }, { kind: DECLINED }], [null, null]],
  ["abandoned, then reversed", [{ kind: THREE_DS_ABANDONED }, eur(REVERSED, 1_000)], [null, null]],
  ["an answer for another card", [{ card_token: "ct_2", kind: DECLINED }, {}], ["other-card", null]],
])("%s", (_name, changes, findings) => {
  expect(judged(...changes)).toEqual(findings);
});
