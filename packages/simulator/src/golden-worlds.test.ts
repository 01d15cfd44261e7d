import { createHash } from "node:crypto";
import type { SimulationOptions } from "./create-simulation.js";
import { createSimulation } from "./create-simulation.js";
import { DAY_MS } from "./payment-times.js";

/*
 * Digests of worlds and attacks as commit 95aa70ad simulates them. Reported figures and recorded runs depend on these
 * bytes, so new attacks must not change them.
 */
const startMs = Date.UTC(2026, 0, 5);
const DAYS = 5;
const base = { seed: 11, cards: 200, terminals: 120, startMs };

function digestOf(payments: Iterable<object>): string {
  const hash = createHash("sha256");
  for (const payment of payments) hash.update(`${JSON.stringify(payment)}\n`);
  return hash.digest("hex").slice(0, 16);
}

function* firstDays(options: SimulationOptions) {
  for (const payment of createSimulation(options)) {
    if (payment.occurredAtMs >= startMs + DAYS * DAY_MS) return;
    yield payment;
  }
}

test.each([
  ["the default world", {}, "a35560bcae9773a9"],
  ["with details", { hasDetails: true }, "a86e7eba9696df76"],
  [
    "with seasons and attacks",
    { hasDetails: true, hasSeasons: true, fraud: { cardTestings: 5, accountTakeovers: 5 } },
    "b6b64eb6b247e25d",
  ],
])("a simulated world is unchanged: %s", (_name, options, expected) => {
  expect(digestOf(firstDays({ ...base, ...options }))).toBe(expected);
});

test.each([
  ["card-testing", "6768118c58f214d9"],
  ["account-takeover", "7cccaad976a21342"],
] as const)("an attack is unchanged: %s", (name, expected) => {
  const simulation = createSimulation({ ...base, hasDetails: true });
  const attacks = Array.from({ length: 20 }, (_value, card) => simulation.attack(name, card, startMs + card * 60_000));
  expect(digestOf(attacks.flat())).toBe(expected);
});
