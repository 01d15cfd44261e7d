import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import { paymentBody } from "@tripline/system/client/tripline-client";

/** A request as bytes, built before anything is measured. */
export interface PreparedRequest {
  readonly bytes: Buffer;
  /** The response contains the same transaction ID. */
  readonly transactionId: string;
}

export interface RequestOptions {
  /** Value of the `Host` header, `host:port`. */
  readonly host: string;
  readonly authorization: string;
  /** How long a caller waits for its decision, in seconds. */
  readonly waitSeconds: number;
  /** Prefix of the payments' IDs, which are the same in every run with the same seed. */
  readonly idPrefix: string;
}

/** `POST /v1/transactions` for each payment, over HTTP/1.1 on a connection that is kept open. */
export function makeRequests(payments: readonly SimulatedPayment[], options: RequestOptions): PreparedRequest[] {
  const { host, authorization, waitSeconds, idPrefix } = options;
  const head = [
    "POST /v1/transactions HTTP/1.1",
    `host: ${host}`,
    `authorization: ${authorization}`,
    "content-type: application/json",
    `prefer: wait=${waitSeconds}`,
    "content-length: ",
  ].join("\r\n");
  return payments.map((payment) => {
    const transactionId = `${idPrefix}${payment.clientTransactionId}`;
    const body = JSON.stringify(paymentBody({ ...payment, clientTransactionId: transactionId }));
    return { bytes: Buffer.from(`${head}${Buffer.byteLength(body)}\r\n\r\n${body}`), transactionId };
  });
}
