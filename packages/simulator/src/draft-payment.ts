import type { Origin } from "./equip-cards.js";
import type { Payer } from "./name-payers.js";
import { merchantCountry } from "./name-payers.js";
import { DAY_MS, HOUR_MS } from "./payment-times.js";
import type { TerminalMap } from "./place-terminals.js";
import { terminalId } from "./place-terminals.js";
import type { CardProfile } from "./profile-cards.js";
import type { Random } from "./seed-random.js";
import { logNormal } from "./seed-random.js";
import type { AttackStep, Scenario, TerminalPayment } from "./simulated-payment.js";

/** Number of cards and terminals in a simulation. */
export interface World {
  readonly seed: number;
  readonly cards: readonly CardProfile[];
  readonly terminals: TerminalMap;
  readonly currency: string;
  readonly minorPerMajor: number;
  /** Whether owners pay more in December. */
  readonly hasSeasons: boolean;
}

export type Draft = Omit<TerminalPayment, "clientTransactionId">;

export interface DraftParts {
  readonly terminal: number;
  readonly amountMajor: number;
  readonly occurredAtMs: number;
  readonly scenario: Scenario;
  readonly origin: Origin | null;
  readonly payer: Payer;
  /** Only in attacks that simulate the issuer's response. */
  readonly attack?: { readonly attackStep: AttackStep; readonly issuerCode: string };
}

/** Maximum delay of a label after its payment. */
export const LABEL_DELAY_MAX_MS = 14 * DAY_MS;
const GENUINE_KNOWN_AFTER_MS = 7 * DAY_MS;
const FRAUD_KNOWN_AFTER_MS = { median: 3 * DAY_MS, min: HOUR_MS, max: LABEL_DELAY_MAX_MS };

/** A payment without its id. @param random determines the delay of a fraud's label */
export function draftPayment(
  world: World,
  card: Pick<CardProfile, "number">,
  parts: DraftParts,
  random: Random,
): Draft {
  const { terminal, amountMajor, occurredAtMs, scenario, origin, payer, attack } = parts;
  const fraud = scenario !== "none";
  const place = world.terminals.place(terminal);
  return {
    cardNumber: card.number,
    terminalId: terminalId(terminal),
    amountMinor: Math.max(1, Math.round(amountMajor * world.minorPerMajor)),
    currency: world.currency,
    occurredAtMs,
    deviceId: origin?.deviceId ?? null,
    ipAddress: origin?.ipAddress ?? null,
    ...payer,
    merchantCountry: merchantCountry(world.seed, terminal),
    latitude: place?.latitude ?? null,
    longitude: place?.longitude ?? null,
    fraud,
    scenario,
    ...attack,
    labelledAtMs: occurredAtMs + (fraud ? fraudKnownAfterMs(random) : GENUINE_KNOWN_AFTER_MS),
  };
}

/** Log-normal around the median. Values outside the bounds are drawn again, at most 20 times, then clipped. */
function fraudKnownAfterMs(random: Random): number {
  const { median, min, max } = FRAUD_KNOWN_AFTER_MS;
  for (let tries = 0; tries < 20; tries += 1) {
    const delayMs = Math.round(logNormal(random, median, 0.7));
    if (delayMs >= min && delayMs <= max) return delayMs;
  }
  return median;
}
