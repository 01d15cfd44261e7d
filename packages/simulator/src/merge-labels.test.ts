import { createSimulation } from "./create-simulation.js";
import type { SimulatedEvent } from "./merge-labels.js";
import { eventsFrom, mergeLabels } from "./merge-labels.js";
import { DAY_MS } from "./payment-times.js";
import type { SimulatedPayment } from "./simulated-payment.js";

const startMs = Date.UTC(2026, 0, 1);
const simulation = createSimulation({ seed: 3, cards: 50, terminals: 60, startMs });

function until(endMs: number, events: Iterable<SimulatedEvent>): SimulatedEvent[] {
  const found: SimulatedEvent[] = [];
  for (const event of events) {
    if (event.atMs >= endMs) return found;
    found.push(event);
  }
  return found;
}

function firstPayments(count: number): SimulatedPayment[] {
  const found: SimulatedPayment[] = [];
  for (const payment of simulation) {
    if (found.length === count) break;
    found.push(payment);
  }
  return found;
}

describe("mergeLabels", () => {
  const events = until(startMs + 40 * DAY_MS, mergeLabels(simulation));

  test("keeps time order, puts labels before payments, and gives each label once after its payment", () => {
    const paid = new Set<string>();
    const labelled = new Set<string>();
    let lastMs = 0;
    const wrong = events.filter(({ kind, atMs, payment }) => {
      const id = payment.clientTransactionId;
      const expectedMs = kind === "payment" ? payment.occurredAtMs : payment.labelledAtMs;
      const tooEarly = kind === "label" && !paid.has(id);
      const isRight = atMs === expectedMs && atMs >= lastMs && !tooEarly && !labelled.has(id);
      lastMs = atMs;
      (kind === "payment" ? paid : labelled).add(id);
      return !isRight;
    });
    expect(wrong).toEqual([]);
    const due = firstPayments(paid.size).filter((payment) => payment.labelledAtMs < startMs + 40 * DAY_MS);
    // Labels due at the end wait for the next payment; none is missing.
    expect(labelled.size).toBe(due.length);
  });

  test("puts a label before a payment at the same time", () => {
    const [first, second] = firstPayments(2);
    if (first === undefined || second === undefined) throw new Error("no payments");
    const later = { ...second, occurredAtMs: first.labelledAtMs, labelledAtMs: first.labelledAtMs + 1 };
    expect([...mergeLabels([first, later])].map((event) => event.kind)).toEqual([
      "payment",
      "label",
      "payment",
      "label",
    ]);
  });

  test("continues where a history ended without losing a pending label", () => {
    const middleMs = startMs + 25 * DAY_MS + 1234;
    const resumed = until(startMs + 40 * DAY_MS, eventsFrom(simulation, middleMs));
    expect(resumed).toEqual(events.filter((event) => event.atMs >= middleMs));
    expect(resumed.some((event) => event.kind === "label" && event.payment.occurredAtMs < middleMs)).toBe(true);
  });
});
