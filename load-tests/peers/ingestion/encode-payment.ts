import { hash } from "node:crypto";
import { encodeMessage } from "@tripline/contracts/encode-message";
import { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import {
  binOf,
  cardToken,
  deviceToken,
  ipToken,
  networkOf,
  networkToken,
  transactionId,
} from "@tripline/contracts/identifiers";
import { UNSENT } from "@tripline/contracts/unsent-fields";

/** A validated body. */
export interface PaymentBody {
  readonly transaction_id: string;
  readonly card: { readonly number?: string; readonly token?: string };
  readonly terminal_id: string;
  readonly amount: { readonly minor: number; readonly currency: string };
  readonly occurred_at: string;
  readonly device_id?: string;
  readonly ip_address?: string;
  readonly location?: { readonly latitude: number; readonly longitude: number };
}

export interface EncodedPayment {
  readonly id: string;
  readonly cardToken: string;
  readonly fingerprint: string;
  readonly value: Uint8Array;
}

/** What the service does with a checked payment too: tokens in place of numbers, an id, a fingerprint, protobuf. */
export function encodePayment(body: PaymentBody, tenant: string, key: Uint8Array): EncodedPayment {
  const { transaction_id: clientTransactionId, card, terminal_id: terminalId, amount, location } = body;
  const token = card.number === undefined ? (card.token ?? "") : cardToken(key, tenant, card.number);
  const device = body.device_id === undefined ? "" : deviceToken(key, tenant, body.device_id);
  const ip = body.ip_address === undefined ? "" : ipToken(key, tenant, body.ip_address);
  const id = transactionId(tenant, clientTransactionId);
  const occurredAtMs = Date.parse(body.occurred_at);
  const value = encodeMessage(Transaction, {
    transactionId: id,
    tenant,
    clientTransactionId,
    cardToken: token,
    terminalId,
    amountMinor: amount.minor,
    currency: amount.currency,
    occurredAtMs,
    acceptedAtMs: Date.now(),
    ...UNSENT,
    bin: card.number === undefined ? "" : binOf(card.number),
    deviceToken: device,
    ipToken: ip,
    networkToken: body.ip_address === undefined ? "" : networkToken(key, tenant, networkOf(body.ip_address)),
    ...location,
  });
  const content = [clientTransactionId, token, terminalId, amount.minor, amount.currency, occurredAtMs, device, ip];
  const fingerprint = hash("sha256", JSON.stringify([...content, location ?? null]), "base64url");
  return { id, cardToken: token, fingerprint, value };
}

export const IDEMPOTENCY_SECONDS = 86_400;

export const requestKey = (tenant: string, id: string): string => `idem:${tenant}:${id}`;
