/*
 * Payments from a shop's own system, in a schema that differs from ours: hours since a start instead of times,
 * customers and merchants instead of cards and terminals, amounts with a decimal comma, an additional category, and no
 * locations.
 */

export interface OwnPaymentsOptions {
  readonly seed?: number;
  readonly days: number;
  readonly perDay: number;
}

export const OWN_HEADER = "ref;hour;kind;total;customer;merchant;fraudulent";
const KINDS = ["grocery", "travel", "games", "fuel"] as const;
const MERCHANTS = 60;
const CUSTOMERS = 250;
/** Number of days on which the same merchants are attacked. */
const ATTACK_DAYS = 4;
const ATTACKED = 3;

/** CSV lines without the header, in time order. Frauds are large payments at merchants under attack. */
export function* ownPayments({ seed = 1, days, perDay }: OwnPaymentsOptions): Generator<string> {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const below = (bound: number) => Math.floor(random() * bound);
  for (let index = 0; index < days * perDay; index += 1) {
    const hour = Math.floor((index / perDay) * 24);
    const attack = Math.floor(hour / 24 / ATTACK_DAYS) * ATTACKED;
    const isAttack = random() < 0.03;
    const merchant = isAttack ? (attack + below(ATTACKED)) % MERCHANTS : below(MERCHANTS);
    const isFraud = isAttack ? random() < 0.8 : random() < 0.001;
    const customer = below(CUSTOMERS);
    const usual = 10 + (customer % 17) * 4;
    const total = usual * (0.5 + random()) * (isFraud ? 2 + random() * 4 : 1);
    const amount = total.toFixed(2).replace(".", ",");
    const kind = KINDS[merchant % KINDS.length];
    yield `p${index};${hour};${kind};${amount};cust-${customer};shop-${merchant};${isFraud ? "yes" : "no"}`;
  }
}

export function ownCsv(options: OwnPaymentsOptions): string {
  return [OWN_HEADER, ...ownPayments(options), ""].join("\n");
}

/** The mapping of these payments. */
export const OWN_MAPPING = `
file: payments.csv
fields:
  transaction_id: { column: ref }
  card: { column: customer, holds: id }
  terminal_id: { column: merchant }
  amount: { column: total, decimal: "," }
  currency: { constant: EUR }
  occurred_at: { column: hour, step: 1h, start: 2026-01-01T00:00:00Z }
label:
  column: fraudulent
  fraud: ["yes"]
  genuine: ["no"]
  delay: 2d
`;
