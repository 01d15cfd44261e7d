import type { Decision, FraudReport, Label, Payment, PaymentUpdate } from "@tripline/client";
import { TriplineClient as ApiClient } from "@tripline/client";
import type { AccessTokens } from "@tripline/client/access-tokens";
import { sentBody } from "../generated/sent-fields.js";
import type { KnownPayment } from "./payment.js";

/** A decision for a client with the scope `decisions:explain`. */
export interface ApiDecision extends Decision {
  readonly reasons: (Decision["reasons"][number] & { text: string })[];
  readonly score: number | null;
}

/** Outcome of one payment: decided, accepted but undecided, or rejected. */
export interface SendResult {
  readonly status: number;
  readonly decision?: ApiDecision;
  /** Id of an accepted payment: `txn_…`. */
  readonly id?: string;
  readonly code?: string;
}

/** Maximum time for a batch, including retries, because a service may be killed and restarted in the meantime. */
const BATCH_MS_MAX = 240_000;

/** Sends payments with known cards and labels, for the demo and the tests. */
export class TriplineClient {
  readonly #api: ApiClient;

  constructor(
    baseUrl: string,
    private readonly tokens: Pick<AccessTokens, "authorization"> & Partial<Pick<AccessTokens, "renew">>,
  ) {
    this.#api = new ApiClient({ url: baseUrl, credentials: () => tokens.authorization(), timeoutMs: BATCH_MS_MAX });
  }

  /**
   * Sends one payment and waits up to `waitSeconds` for its decision. It does not retry, so the caller sees the result.
   * After a token is rejected, the next call uses a new one.
   */
  async send(payment: KnownPayment, waitSeconds: number): Promise<SendResult> {
    const headers = {
      "content-type": "application/json",
      ...(waitSeconds > 0 ? { prefer: `wait=${waitSeconds}` } : {}),
    };
    const body = JSON.stringify(paymentBody(payment));
    const response = await this.#api.fetch("/v1/transactions", { method: "POST", body, headers });
    const { status } = response;
    if (status === 401) this.tokens.renew?.();
    const answer = (await response.json()) as Decision & { readonly code: string };
    if (status === 200) return { status, id: answer.id, decision: explained(answer) };
    return status === 202 ? { status, id: answer.id } : { status, code: answer.code };
  }

  /** Sends payments in order and returns a decision for each, with as many retries as needed. */
  async decideAll(payments: readonly KnownPayment[], waitSeconds: number): Promise<ApiDecision[]> {
    const decisions: ApiDecision[] = [];
    for await (const { decision, error } of this.#api.decideAll(payments.map(paymentBody), optionsOf(waitSeconds))) {
      if (error !== undefined) throw error;
      decisions.push(explained(decision));
    }
    return decisions;
  }

  /** Sends labels and returns once all of them have been applied to the features. */
  async applyLabels(payments: readonly KnownPayment[], waitSeconds: number): Promise<void> {
    await this.#api.label(payments.map(labelBody), optionsOf(waitSeconds));
  }

  /** Sends labels without waiting until they are applied. @throws Error if the batch was not accepted */
  async sendLabels(payments: readonly KnownPayment[]): Promise<void> {
    await this.#sendLines("/v1/labels/batch", payments.map(labelBody));
  }

  /** Sends payment updates. @throws Error if the batch was not accepted */
  async sendUpdates(updates: readonly PaymentUpdate[]): Promise<void> {
    await this.#sendLines("/v1/payment-updates/batch", updates);
  }

  /** Sends fraud reports. @throws Error if the batch was not accepted */
  async sendReports(reports: readonly FraudReport[]): Promise<void> {
    await this.#sendLines("/v1/fraud-reports/batch", reports);
  }

  async #sendLines(path: string, lines: readonly object[]): Promise<void> {
    const body = lines.map((line) => JSON.stringify(line)).join("\n");
    const headers = { "content-type": "application/x-ndjson" };
    const response = await this.#api.fetch(path, { method: "POST", body, headers });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} did not accept a batch: ${text}`);
  }

  /** The decision with this id; undefined if there is no decision yet. */
  async decision(id: string): Promise<ApiDecision | undefined> {
    const decision = await this.#api.decision(id);
    return decision === undefined ? undefined : explained(decision);
  }
}

const optionsOf = (waitSeconds: number) => ({ waitMs: waitSeconds * 1_000 });

function explained({ reasons, score = null, ...decision }: Decision): ApiDecision {
  return { ...decision, score, reasons: reasons.map((reason) => ({ ...reason, text: reason.text ?? "" })) };
}

export function paymentBody(payment: KnownPayment): Payment {
  return {
    transaction_id: payment.clientTransactionId,
    card: paymentCard(payment),
    amount: { minor: payment.amountMinor, currency: payment.currency as Payment["amount"]["currency"] },
    occurred_at: new Date(payment.occurredAtMs).toISOString(),
    ...sentBody(payment),
  };
}

function paymentCard({ cardNumber, cardToken, bin }: KnownPayment): Payment["card"] {
  if (cardToken === undefined) return { number: cardNumber };
  return { token: cardToken, ...(bin === undefined ? {} : { bin }) };
}

export function labelBody(payment: KnownPayment): Label {
  return {
    transaction_id: payment.clientTransactionId,
    card: payment.cardToken === undefined ? { number: payment.cardNumber } : { token: payment.cardToken },
    ...(payment.terminalId == null ? {} : { terminal_id: payment.terminalId }),
    occurred_at: new Date(payment.occurredAtMs).toISOString(),
    ...(payment.labelledAtMs === null ? {} : { labelled_at: new Date(payment.labelledAtMs).toISOString() }),
    fraud: payment.fraud,
    source: payment.fraud ? "chargeback" : "no-dispute",
  };
}
