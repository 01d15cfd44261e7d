import { SharedArray } from "k6/data";

/** A simulated payment, without the fields that are new for each request. */
export interface StoredPayment {
  readonly card: { readonly number: string };
  readonly terminal_id: string;
  readonly [field: string]: unknown;
}

/** A line of the file that `npm run load -- payments` writes. */
export interface KnownPayment {
  /** The label, which only the sender knows. */
  readonly fraud: boolean;
  readonly payment: StoredPayment;
}

/** Reads the file once for all virtual users. Its lines were validated when it was written. */
export function readPayments(path: string): KnownPayment[] {
  return new SharedArray("payments", () => {
    const lines = open(path).split("\n").filter(Boolean);
    if (lines.length === 0) throw new Error(`${path} contains no payments.`);
    return lines.map((line) => JSON.parse(line));
  });
}

/** The body of a request. The payment gets the current time and a new ID. */
export function bodyOf({ payment }: KnownPayment, transactionId: string, occurredAtMs: number): string {
  return JSON.stringify({
    transaction_id: transactionId,
    occurred_at: new Date(occurredAtMs).toISOString(),
    ...payment,
  });
}
