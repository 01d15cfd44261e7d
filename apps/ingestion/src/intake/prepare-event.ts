import { hash } from "node:crypto";
import { encodeMessage } from "@tripline/contracts/encode-message";
import type { FieldError } from "@tripline/contracts/error-table";
import type { FraudReportPolicy } from "@tripline/contracts/fraud-reports/report-policy";
import {
  REPORT_KIND_NUMBERS,
  REPORT_POLICY_DEFAULT,
  REPORT_STAGE_NUMBERS,
  REPORT_VERDICT_NUMBERS,
  reportVerdict,
} from "@tripline/contracts/fraud-reports/report-policy";
import {
  DeclinedBy,
  FraudReport,
  Label,
  PaymentUpdate,
  PaymentUpdateKind,
  Transaction,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import type { TokenKind } from "@tripline/contracts/identifiers";
import {
  attributesDigest,
  binOf,
  cardToken,
  fraudReportId,
  keyedToken,
  labelId,
  paymentUpdateId,
  transactionId,
} from "@tripline/contracts/identifiers";
import { describeIssues, invalidFields } from "@tripline/http/describe-issues";
import type { NewKey } from "@tripline/sealing/personal-sealer";
import type { TransitSealer } from "@tripline/sealing/transit/transit-sealer";
import { z } from "zod";
import { laterFields, otherSubjects, paymentMessage, requestContent } from "../generated/payment-fields.js";
import type { PersonalSeal } from "../personal/seal-personal.js";
import type { PaymentBody, PaymentUpdateKindName } from "../requests/request-schemas.js";
import {
  firstPaymentSchema,
  fraudReportSchema,
  labelSchema,
  paymentSchema,
  paymentUpdateSchema,
} from "../requests/request-schemas.js";
import type { IntakeTopic } from "./intake-topics.js";

/** A validated request for Kafka. It contains no card number, and personal data only in sealed form. */
export interface PreparedEvent {
  readonly topic: IntakeTopic;
  /** The ID of the payment's decision (`txn_…`), label (`lbl_…`), payment update (`upd_…`) or report (`rpt_…`). */
  readonly id: string;
  readonly clientTransactionId: string;
  /** The client's name for a payment update or a report, used in error messages. */
  readonly ownName?: string | undefined;
  /** Does not depend on the formatting of the request. */
  readonly fingerprint: string;
  /** The record's key: the card token, except for a report without a card. */
  readonly key: string;
  readonly value: Uint8Array;
  /** The sealed attributes for decisions, sent as the `tripline-attributes` header. */
  readonly attributes?: string | undefined;
  /** A new key that seals data in the event. It must be stored with the event. */
  readonly newKey?: NewKey | undefined;
}

export interface IntakeRules {
  /** The key for the tokens of cards and all other tokens. */
  readonly cardTokenKey: Uint8Array;
  /** Maximum age of payments in days. */
  readonly eventAgeDaysMax: number;
  /** The verdict for each kind of fraud report, by tenant. Default: `REPORT_POLICY_DEFAULT`. */
  readonly reportPolicies?: ReadonlyMap<string, FraudReportPolicy> | undefined;
  /** Seals personal fields. If undefined, they are not stored. */
  readonly seal?: PersonalSeal | undefined;
  /** Seals attributes for decisions. If undefined, rules get no attributes. */
  readonly transit?: Pick<TransitSealer, "seal"> | undefined;
}

export type PrepareEvent = (body: unknown, tenant: string, nowMs: number, rules: IntakeRules) => PreparedEvent;

/** The schemas, compiled into functions. Startup fails if Zod cannot compile one. */
const payments = z.compile(paymentSchema, { strict: true });
const firstPayments = z.compile(firstPaymentSchema, { strict: true });
const LATER_FIELDS: ReadonlySet<string> = new Set(Object.keys(laterFields));
const labels = z.compile(labelSchema, { strict: true });
const updates = z.compile(paymentUpdateSchema, { strict: true });
const reports = z.compile(fraudReportSchema, { strict: true });

const UPDATE_KINDS: Readonly<Record<PaymentUpdateKindName, PaymentUpdateKind>> = {
  authorised: PaymentUpdateKind.AUTHORISED,
  declined: PaymentUpdateKind.DECLINED,
  three_ds_completed: PaymentUpdateKind.THREE_DS_COMPLETED,
  three_ds_abandoned: PaymentUpdateKind.THREE_DS_ABANDONED,
  captured: PaymentUpdateKind.CAPTURED,
  reversed: PaymentUpdateKind.REVERSED,
  refunded: PaymentUpdateKind.REFUNDED,
};

/** The maximum time by which a client's clock may be ahead of ours. */
const CLOCK_SKEW_MS_MAX = 60_000;
const DAY_MS = 86_400_000;
const SOURCE_DEFAULT = "client";

/** @throws TriplineError `invalid-field`, which names every invalid field */
export const preparePayment: PrepareEvent = (body, tenant, nowMs, rules) => {
  const payment: PaymentBody = hasLaterField(body)
    ? parse(payments, paymentSchema, body)
    : parse(firstPayments, paymentSchema, body);
  const { transaction_id: clientTransactionId, amount, occurred_at: occurredAtMs } = payment;
  refuse(timeErrors("/occurred_at", occurredAtMs, nowMs, rules.eventAgeDaysMax));
  const token = tokenOf(payment.card, tenant, rules);
  const id = transactionId(tenant, clientTransactionId);
  const core = {
    transactionId: id,
    tenant,
    clientTransactionId,
    cardToken: token,
    amountMinor: amount.minor,
    currency: amount.currency,
    occurredAtMs,
    acceptedAtMs: nowMs,
    bin: payment.card.number === undefined ? (payment.card.bin ?? "") : binOf(payment.card.number),
    hasAttributes: payment.attributes === undefined ? undefined : true,
  };
  const makeToken = (kind: TokenKind, text: string) => keyedToken(kind, rules.cardTokenKey, tenant, text);
  const transaction = paymentMessage(core, payment, makeToken);
  const { emailToken } = transaction;
  const otherTokens = otherSubjects(transaction);
  const sealed = rules.seal?.(payment, { tenant, cardToken: token, emailToken, otherTokens }, id);
  transaction.personal = sealed?.bytes;
  const value = encodeMessage(Transaction, transaction);
  const content = requestContent(transaction);
  const { attributes: sent } = payment;
  if (sent !== undefined) content.push(["attributes", attributesDigest(rules.cardTokenKey, tenant, sent)]);
  const fingerprint = fingerprintOf("transactions", content);
  const attributes = sent === undefined ? undefined : rules.transit?.seal(sent, id);
  const newKey = sealed?.newKey;
  return { topic: "transactions", id, clientTransactionId, fingerprint, key: token, value, attributes, newKey };
};

/** @throws TriplineError `invalid-field`, which names every invalid field */
export const prepareLabel: PrepareEvent = (body, tenant, nowMs, rules) => {
  const label = parse(labels, labelSchema, body);
  const { transaction_id: clientTransactionId, terminal_id: terminalId = "", occurred_at: occurredAtMs, fraud } = label;
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
    reportId: "",
    policyVersion: "",
  });
  // The fields as sent, without defaults, so that a later retry without `labelled_at` is the same request.
  const sent = [clientTransactionId, token, terminalId, occurredAtMs, fraud, label.labelled_at ?? null];
  const fingerprint = fingerprintOf("labels", [...sent, label.source ?? SOURCE_DEFAULT]);
  return { topic: "labels", id, clientTransactionId, fingerprint, key: token, value };
};

/**
 * Prepares an update without looking up its payment, whose record may arrive later. The console compares the two.
 *
 * @throws TriplineError `invalid-field`, which names every invalid field
 */
export const preparePaymentUpdate: PrepareEvent = (body, tenant, nowMs, rules) => {
  const update = parse(updates, paymentUpdateSchema, body);
  const { transaction_id: clientTransactionId, update_id: clientUpdateId, occurred_at: updatedAtMs, kind } = update;
  refuse(timeErrors("/occurred_at", updatedAtMs, nowMs));
  const token = tokenOf(update.card, tenant, rules);
  const id = paymentUpdateId(tenant, clientTransactionId, clientUpdateId);
  const { issuer_code: issuerCode = "", amount } = update;
  const value = encodeMessage(PaymentUpdate, {
    updateId: id,
    tenant,
    transactionId: transactionId(tenant, clientTransactionId),
    clientTransactionId,
    cardToken: token,
    kind: UPDATE_KINDS[kind],
    issuerCode,
    amountMinor: amount?.minor,
    currency: amount?.currency ?? "",
    updatedAtMs,
    acceptedAtMs: nowMs,
    declinedBy: kind === "declined" ? DeclinedBy.ISSUER : DeclinedBy.UNSPECIFIED,
    clientUpdateId,
  });
  const money = amount === undefined ? [] : [amount.minor, amount.currency];
  const sent = [clientTransactionId, clientUpdateId, token, kind, issuerCode, updatedAtMs, ...money];
  const fingerprint = fingerprintOf("payment-updates", sent);
  const ownName = `update_id ${clientUpdateId}`;
  return { topic: "paymentUpdates", id, clientTransactionId, ownName, fingerprint, key: token, value };
};

/**
 * Prepares a version of a fraud report, with the verdict by the tenant's policy. As for payment updates, the payment is
 * not looked up.
 *
 * @throws TriplineError `invalid-field`, which names every invalid field
 */
export const prepareFraudReport: PrepareEvent = (body, tenant, nowMs, rules) => {
  const report = parse(reports, fraudReportSchema, body);
  const { transaction_id: clientTransactionId = "", report_id: clientReportId, occurred_at: occurredAtMs } = report;
  const { terminal_id: terminalId = "", version = 1, kind, stage = "received", withdrawn = false } = report;
  const { reason_code: reasonCode = "", amount, reported_at: reportedAtMs, file = "" } = report;
  const { acquirer_reference: acquirerReference = "", authorisation_code: authorisationCode = "" } = report;
  refuse([
    ...timeErrors("/occurred_at", occurredAtMs, nowMs),
    ...(reportedAtMs === undefined ? [] : timeErrors("/reported_at", reportedAtMs, nowMs)),
  ]);
  const token = report.card === undefined ? "" : tokenOf(report.card, tenant, rules);
  const id = fraudReportId(tenant, clientReportId, version);
  const policy = rules.reportPolicies?.get(tenant) ?? REPORT_POLICY_DEFAULT;
  const value = encodeMessage(FraudReport, {
    reportId: id,
    tenant,
    transactionId: clientTransactionId === "" ? "" : transactionId(tenant, clientTransactionId),
    clientTransactionId,
    cardToken: token,
    terminalId,
    occurredAtMs,
    clientReportId,
    version,
    kind: REPORT_KIND_NUMBERS[kind],
    stage: REPORT_STAGE_NUMBERS[stage],
    withdrawn,
    reasonCode,
    amountMinor: amount?.minor,
    currency: amount?.currency ?? "",
    reportedAtMs: reportedAtMs ?? Math.max(nowMs, occurredAtMs),
    acceptedAtMs: nowMs,
    verdict: REPORT_VERDICT_NUMBERS[reportVerdict(policy, kind, stage)],
    policyVersion: policy.version,
    acquirerReference,
    authorisationCode,
    file,
    matchedBy: "",
  });
  const money = amount === undefined ? [] : [amount.minor, amount.currency];
  const sent = [clientReportId, version, clientTransactionId, token, terminalId, occurredAtMs, kind, stage, withdrawn];
  // Appended only if sent, so that a retry of a request to an earlier release has the same fingerprint.
  const references = acquirerReference + authorisationCode === "" ? [] : [acquirerReference, authorisationCode];
  const content = [...sent, reasonCode, reportedAtMs ?? null, ...money, ...references];
  const fingerprint = fingerprintOf("fraud-reports", content);
  const ownName = `report_id ${clientReportId} and version ${version}`;
  // A report without a card is keyed by its own ID. When the console has found the payment, it writes the report again,
  // keyed by the payment's card.
  const key = token === "" ? id : token;
  return { topic: "fraudReports", id, clientTransactionId, ownName, fingerprint, key, value };
};

/** The name by which error messages refer to the event, with the client's ID. */
export function nameOf({ clientTransactionId, ownName }: PreparedEvent): string {
  return ownName ?? `transaction_id ${clientTransactionId}`;
}

function hasLaterField(body: unknown): boolean {
  for (const name in body as object) if (LATER_FIELDS.has(name)) return true;
  return false;
}

function parse<S extends z.ZodType>(compiled: S, schema: z.ZodType, body: unknown): z.infer<S> {
  const result = compiled.safeParse(body);
  if (result.success) return result.data;
  throw describeIssues(result.error.issues, body, schema);
}

function tokenOf(
  card: { number?: string | undefined; token?: string | undefined },
  tenant: string,
  rules: IntakeRules,
) {
  // The schema ensures that exactly one of the two is present.
  return card.number === undefined ? (card.token ?? "") : cardToken(rules.cardTokenKey, tenant, card.number);
}

function timeErrors(pointer: string, ms: number, nowMs: number, ageDaysMax = Number.POSITIVE_INFINITY): FieldError[] {
  if (ms > nowMs + CLOCK_SKEW_MS_MAX) return [{ pointer, detail: "must not be in the future" }];
  if (ms < nowMs - ageDaysMax * DAY_MS) return [{ pointer, detail: `must not be more than ${ageDaysMax} days old` }];
  return [];
}

function refuse(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidFields(errors);
}

function fingerprintOf(kind: string, content: readonly unknown[]): string {
  return hash("sha256", JSON.stringify([kind, ...content]), "base64url");
}
