import type { AttackName, Simulation } from "@tripline/simulator/create-simulation";
import { attackMsMax, createSimulation } from "@tripline/simulator/create-simulation";
import { mergeLabels } from "@tripline/simulator/merge-labels";
import { DAY_MS } from "@tripline/simulator/payment-times";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";

export interface ExamOptions {
  readonly seed: number;
  readonly cards: number;
  readonly startMs: number;
  /** Attacks that the model can learn from. */
  readonly learned: readonly AttackName[];
  /** Attacks on which it is examined. */
  readonly examined: readonly AttackName[];
}

/** Times in milliseconds since the epoch. */
export interface ExamPeriods {
  readonly trainFromMs: number;
  readonly trainToMs: number;
  /** Labels that arrive later are unknown to the model. */
  readonly examFromMs: number;
  readonly examToMs: number;
}

export interface ExamWorld extends ExamPeriods {
  /** In event order. */
  readonly payments: () => Generator<SimulatedPayment, void, void>;
  /** The examined attack of a payment, by the client's transaction id. */
  readonly attackOf: ReadonlyMap<string, AttackName>;
}

/** Windows are empty at first. Labels of genuine payments arrive after 7 days. */
const DAYS = { warmUp: 21, train: 21, labels: 7, exam: 14 } as const;
/** Attacks of each kind are added until they have made this many payments per day of the period. */
const ATTACK_PAYMENTS_PER_DAY = 300 / DAYS.exam;
/** Multiples of the golden ratio, modulo 1, are spread evenly. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;
const TRIES_MAX = 10_000;

/** Ordinary traffic with the simulator's default frauds, learned attacks, and later the attacks of the exam. */
export function examWorld({ seed, cards, startMs, learned, examined }: ExamOptions): ExamWorld {
  const simulation = createSimulation({ seed, cards, terminals: cards, startMs, hasDetails: true });
  const day = (days: number): number => startMs + days * DAY_MS;
  const trainToMs = day(DAYS.warmUp + DAYS.train);
  const examFromMs = trainToMs + DAYS.labels * DAY_MS;
  const examToMs = examFromMs + DAYS.exam * DAY_MS;
  const attackOf = new Map<string, AttackName>();
  const attacks = learned.flatMap((name) => attacksFrom(simulation, { name, cards, fromMs: startMs, toMs: trainToMs }));
  for (const name of examined) {
    for (const payment of attacksFrom(simulation, { name, cards, fromMs: examFromMs, toMs: examToMs })) {
      attackOf.set(payment.clientTransactionId, name);
      attacks.push(payment);
    }
  }
  attacks.sort((left, right) => left.occurredAtMs - right.occurredAtMs);
  const payments = () => merged(simulation, attacks, examToMs);
  return { trainFromMs: day(DAYS.warmUp), trainToMs, examFromMs, examToMs, payments, attackOf };
}

interface AttackPeriod {
  readonly name: AttackName;
  readonly cards: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Attacks that end within the period. @throws Error if no card can be attacked */
function attacksFrom(simulation: Simulation, period: AttackPeriod): SimulatedPayment[] {
  const { name, cards, fromMs, toMs } = period;
  const wanted = (ATTACK_PAYMENTS_PER_DAY * (toMs - fromMs)) / DAY_MS;
  const startsMs = toMs - fromMs - attackMsMax(name);
  const found: SimulatedPayment[] = [];
  for (let index = 1; index <= TRIES_MAX; index += 1) {
    const atMs = Math.floor(fromMs + ((index * GOLDEN) % 1) * startsMs);
    const card = Math.floor(((index * GOLDEN * GOLDEN) % 1) * cards);
    found.push(...simulation.attack(name, card, atMs));
    if (found.length >= wanted) return found;
  }
  throw new Error(`${TRIES_MAX} attacks of type ${name} made only ${found.length} payments.`);
}

function* merged(
  simulation: Simulation,
  attacks: readonly SimulatedPayment[],
  untilMs: number,
): Generator<SimulatedPayment, void, void> {
  let next = 0;
  for (const payment of simulation.payments()) {
    for (let attack = attacks[next]; attack !== undefined; attack = attacks[next]) {
      if (attack.occurredAtMs > Math.min(payment.occurredAtMs, untilMs - 1)) break;
      yield attack;
      next += 1;
    }
    if (payment.occurredAtMs >= untilMs) return;
    yield payment;
  }
}

/** A payment, its label, or the issuer's answer to it. */
export type ExamEvent =
  | { readonly kind: "payment" | "label"; readonly payment: SimulatedPayment }
  | { readonly kind: "answer"; readonly payment: SimulatedPayment; readonly answer: IssuerAnswer };

export interface IssuerAnswer {
  readonly isDeclined: boolean;
  /** ISO 8583 response code. */
  readonly code: string;
  readonly atMs: number;
}

/**
 * Events in order. Labels that arrive after the last payment are omitted.
 *
 * @param answerTo returns an answer, with the same delay for every payment
 */
export function* examEvents(
  { payments, examToMs }: Pick<ExamWorld, "payments" | "examToMs">,
  answerTo: (payment: SimulatedPayment) => IssuerAnswer,
): Generator<ExamEvent, void, void> {
  let waiting: { readonly payment: SimulatedPayment; readonly answer: IssuerAnswer }[] = [];
  for (const { kind, atMs, payment } of mergeLabels(payments())) {
    if (atMs >= examToMs) return;
    const due = waiting.findIndex(({ answer }) => answer.atMs > atMs);
    const arrived = due < 0 ? waiting : waiting.slice(0, due);
    waiting = due < 0 ? [] : waiting.slice(due);
    for (const one of arrived) yield { kind: "answer", ...one };
    yield { kind, payment };
    if (kind === "payment") waiting.push({ payment, answer: answerTo(payment) });
  }
}
