import { hash } from "node:crypto";
import { encodeMessage } from "@tripline/contracts/encode-message";
import type { FieldError } from "@tripline/contracts/error-table";
import { Label, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import {
  binOf,
  cardToken,
  deviceToken,
  emailToken,
  ipToken,
  labelId,
  networkOf,
  networkToken,
  transactionId,
} from "@tripline/contracts/identifiers";
import { describeIssues, invalidFields } from "@tripline/http/describe-issues";
import type { NewKey } from "@tripline/sealing/personal-sealer";
import { z } from "zod";
import type { PersonalSeal } from "../personal/seal-personal.js";
import type { PaymentBody } from "../requests/request-schemas.js";
import { labelSchema, paymentSchema } from "../requests/request-schemas.js";

/** A checked request, ready for Kafka. Behind it a card number is nowhere, and what names a person is sealed or nowhere. */
export interface PreparedEvent {
  readonly topic: "transactions" | "labels";
  /** Of the payment's decision (`txn_…`) or of the label (`lbl_…`). */
  readonly id: string;
  readonly clientTransactionId: string;
  /** The same for every formatting of the same request. */
  readonly fingerprint: string;
  readonly cardToken: string;
  readonly value: Uint8Array;
  /** Has to be stored with the event: something in it is sealed with it. */
  readonly newKey?: NewKey | undefined;
}

export interface IntakeRules {
  /** Makes the tokens of cards, and all others too. */
  readonly cardTokenKey: Uint8Array;
  /** Oldest payment that is accepted, in days before now. */
  readonly eventAgeDaysMax: number;
  /** Keeps personal fields; without it none are kept. */
  readonly seal?: PersonalSeal | undefined;
}

export type PrepareEvent = (body: unknown, tenant: string, nowMs: number, rules: IntakeRules) => PreparedEvent;

/** Compiled into one function each. They fail to start where a schema has what Zod cannot compile. */
const payments = z.compile(paymentSchema, { strict: true });
const labels = z.compile(labelSchema, { strict: true });

/** How far a client's clock may be ahead of ours. */
const CLOCK_SKEW_MS_MAX = 60_000;
const DAY_MS = 86_400_000;
const SOURCE_DEFAULT = "client";

/** @throws TriplineError `invalid-field` that names every wrong field */
export const preparePayment: PrepareEvent = (body, tenant, nowMs, rules) => {
  const payment = parse(payments, body);
  const { transaction_id: clientTransactionId, terminal_id: terminalId, amount, occurred_at: occurredAtMs } = payment;
  refuse(timeErrors("/occurred_at", occurredAtMs, nowMs, rules.eventAgeDaysMax));
  const token = tokenOf(payment.card, tenant, rules);
  const id = transactionId(tenant, clientTransactionId);
  const origin = originOf(payment, tenant, rules);
  const sealed = rules.seal?.(payment, { tenant, cardToken: token, emailToken: origin.emailToken }, id);
  const value = encodeMessage(Transaction, {
    transactionId: id,
    tenant,
    clientTransactionId,
    cardToken: token,
    terminalId,
    amountMinor: amount.minor,
    currency: amount.currency,
    occurredAtMs,
    acceptedAtMs: nowMs,
    bin: payment.card.number === undefined ? (payment.card.bin ?? "") : binOf(payment.card.number),
    ...origin,
    personal: sealed?.bytes,
  });
  const content = [clientTransactionId, token, terminalId, amount.minor, amount.currency, occurredAtMs];
  const fingerprint = fingerprintOf("transactions", [...content, ...originContent(origin)]);
  const newKey = sealed?.newKey;
  return { topic: "transactions", id, clientTransactionId, fingerprint, cardToken: token, value, newKey };
};

/** @throws TriplineError `invalid-field` that names every wrong field */
export const prepareLabel: PrepareEvent = (body, tenant, nowMs, rules) => {
  const label = parse(labels, body);
  const { transaction_id: clientTransactionId, terminal_id: terminalId, occurred_at: occurredAtMs, fraud } = label;
  refuse([
    ...timeErrors("/occurred_at", occurredAtMs, nowMs),
    ...(label.labelled_at === undefined ? [] : timeErrors("/labelled_at", label.labelled_at, nowMs)),
  ]);
  const token = tokenOf(label.card, tenant, rules);
  const id = labelId(tenant, clientTransactionId);
  const value = encodeMessage(Label, {
    labelId: id,
    tenant,
    clientTransactionId,
    cardToken: token,
    terminalId,
    occurredAtMs,
    labelledAtMs: label.labelled_at ?? Math.max(nowMs, occurredAtMs),
    fraud,
    source: label.source ?? SOURCE_DEFAULT,
  });
  // As sent, without defaults: a retry without `labelled_at` is the same request a second later too.
  const sent = [clientTransactionId, token, terminalId, occurredAtMs, fraud, label.labelled_at ?? null];
  const fingerprint = fingerprintOf("labels", [...sent, label.source ?? SOURCE_DEFAULT]);
  return { topic: "labels", id, clientTransactionId, fingerprint, cardToken: token, value };
};

function parse<S extends z.ZodType>(schema: S, body: unknown): z.infer<S> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw describeIssues(result.error.issues, body);
}

function tokenOf(
  card: { number?: string | undefined; token?: string | undefined },
  tenant: string,
  rules: IntakeRules,
) {
  // The schema lets exactly one of the two through.
  return card.number === undefined ? (card.token ?? "") : cardToken(rules.cardTokenKey, tenant, card.number);
}

/** By whom, by which device, from which address and at which place, where the client says so. */
type Origin = Pick<Transaction, "deviceToken" | "ipToken" | "networkToken" | "latitude" | "longitude"> &
  Pick<Transaction, "emailToken" | "cardCountry" | "merchantCountry" | "ipCountry">;

function originOf(payment: PaymentBody, tenant: string, { cardTokenKey: key }: IntakeRules): Origin {
  const { device_id: deviceId, ip_address: address, email, location } = payment;
  return {
    deviceToken: deviceId === undefined ? "" : deviceToken(key, tenant, deviceId),
    ipToken: address === undefined ? "" : ipToken(key, tenant, address),
    networkToken: address === undefined ? "" : networkToken(key, tenant, networkOf(address)),
    emailToken: email === undefined ? "" : emailToken(key, tenant, email),
    cardCountry: payment.card_country ?? "",
    merchantCountry: payment.merchant_country ?? "",
    ipCountry: payment.ip_country ?? "",
    ...location,
  };
}

/**
 * Empty for a payment without any of it, so that it keeps the fingerprint it had before clients could send these. The
 * first digits of the card are not in it: a retry may name the card by its token. Nor is the name on the card, which a hash
 * without a key would not hide.
 */
function originContent({ deviceToken: device, ipToken: ip, latitude, longitude, ...payer }: Origin): unknown[] {
  const { emailToken: email, cardCountry, merchantCountry, ipCountry } = payer;
  const added = [email, cardCountry, merchantCountry, ipCountry];
  const isPlain = added.every((value) => value === "");
  if (isPlain && device === "" && ip === "" && latitude === undefined) return [];
  return [device, ip, latitude ?? null, longitude ?? null, ...(isPlain ? [] : added)];
}

function timeErrors(pointer: string, ms: number, nowMs: number, ageDaysMax = Number.POSITIVE_INFINITY): FieldError[] {
  if (ms > nowMs + CLOCK_SKEW_MS_MAX) return [{ pointer, detail: "must not be in the future" }];
  if (ms < nowMs - ageDaysMax * DAY_MS) return [{ pointer, detail: `must not be older than ${ageDaysMax} days` }];
  return [];
}

function refuse(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidFields(errors);
}

function fingerprintOf(kind: string, content: readonly unknown[]): string {
  return hash("sha256", JSON.stringify([kind, ...content]), "base64url");
}
