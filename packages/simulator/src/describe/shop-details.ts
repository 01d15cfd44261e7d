import { terminalOf } from "../place-terminals.js";
import { STREAM, seedRandom } from "../seed-random.js";
import { pick } from "./pick.js";

/** Details shared by all payments at a terminal. */
interface Shop {
  readonly merchantId: string;
  readonly mcc: string;
  /** Whether goods are sent to an address. */
  readonly isDelivered: boolean;
  /** Whether customers pay in the shop's app. */
  readonly isApp: boolean;
}

/**
 * Merchant category codes and their shares: grocery stores, restaurants, fast food, service stations, drug stores,
 * clothing, electronics, books, digital games, local transport, other shops.
 */
const MCC_SHARES = {
  "5411": 0.24,
  "5812": 0.14,
  "5814": 0.12,
  "5541": 0.08,
  "5912": 0.07,
  "5651": 0.09,
  "5732": 0.06,
  "5942": 0.04,
  "5816": 0.06,
  "4111": 0.05,
  "5999": 0.05,
} as const;
const DELIVERED: readonly string[] = ["5411", "5912", "5651", "5732", "5942", "5999"];
const APP_SHARE = 0.3;

export function shopOf(seed: number, terminalId: string): Shop {
  const terminal = terminalOf(terminalId);
  const random = seedRandom(seed, STREAM.shop, terminal, 0);
  const mcc = pick(MCC_SHARES, random);
  const merchantId = `m-${String(terminal).padStart(6, "0")}`;
  return { merchantId, mcc, isDelivered: DELIVERED.includes(mcc), isApp: random() < APP_SHARE };
}
