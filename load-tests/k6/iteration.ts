import type { LoadSettings } from "../src/load/load-settings.ts";
import type { KnownPayment } from "./read-payments.ts";

/** The data of an iteration that a sender needs. */
export interface Iteration {
  readonly settings: LoadSettings;
  readonly payments: readonly KnownPayment[];
  /** Value of the `Authorization` header. */
  readonly authorization: string;
  /** Number of its first payment. */
  readonly number: number;
  /** Tags of its samples. */
  readonly tags: { readonly phase: string };
  /** Start of the scenario, ms since the epoch. */
  readonly startMs: number;
  readonly latenessMs: number;
}

/** The payment with this number; the payments in the file are repeated. */
export function paymentOf({ payments }: Iteration, number: number): KnownPayment {
  const known = payments[number % payments.length];
  if (known === undefined) throw new Error("The payments file is empty.");
  return known;
}

export function transactionIdOf({ settings }: Iteration, number: number): string {
  return `${settings.run}-${number}`;
}
