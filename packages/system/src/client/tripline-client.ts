import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { KnownPayment } from "./payment.js";
import { originBody } from "./payment.js";
import type { TokenSource } from "./token-source.js";

/** Text and the rounded score come with the scope `decisions:explain`. */
const decision = z.object({
  id: z.string(),
  transaction_id: z.string(),
  status: z.literal("decided"),
  outcome: z.enum(["approve", "challenge", "review", "decline"]),
  reasons: z.array(z.object({ code: z.string(), text: z.string().default(""), outcome: z.string() })),
  score: z.number().nullable().default(null),
  rung: z.enum(["model", "scorecard", "rules_only", "static_policy"]),
  degraded_because: z.string().nullable(),
  card_token: z.string(),
  accepted_at: z.string(),
  decided_at: z.string(),
});

/** A decision as the API returns it. */
export type ApiDecision = z.infer<typeof decision>;

const problem = z.object({ status: z.number(), code: z.string(), detail: z.string() });

const line = z.object({
  line: z.number(),
  status: z.number(),
  id: z.string().optional(),
  decision: decision.optional(),
  problem: problem.optional(),
});
export type LineResult = z.infer<typeof line>;

/** Outcome of one payment: decided, accepted but undecided, or refused. */
export interface SendResult {
  readonly status: number;
  readonly decision?: ApiDecision;
  /** Of a payment that was accepted: `txn_…`. */
  readonly id?: string;
  readonly code?: string;
}

const TRIES_MAX = 60;
const RETRY_DELAY_MS = 500;
const POLL_DELAY_MS = 250;
const POLLS_MAX = 480;

/** A client of Tripline's public API; retries are safe because every call is idempotent. */
export class TriplineClient {
  constructor(
    private readonly baseUrl: string,
    private readonly tokens: Pick<TokenSource, "authorization">,
  ) {}

  /** Sends one payment and waits up to `waitSeconds` for its decision. No retry: the caller sees what happened. */
  async send(payment: KnownPayment, waitSeconds: number): Promise<SendResult> {
    const response = await this.post("/v1/transactions", JSON.stringify(paymentBody(payment)), waitSeconds);
    const body: unknown = await response.json();
    if (response.status === 200) {
      const decided = decision.parse(body);
      return { status: 200, id: decided.id, decision: decided };
    }
    if (response.status === 202) return { status: 202, id: z.object({ id: z.string() }).parse(body).id };
    return { status: response.status, code: problem.parse(body).code };
  }

  /** Sends payments in order and returns a decision for each, however often that has to be tried. */
  async decideAll(payments: readonly KnownPayment[], waitSeconds: number): Promise<ApiDecision[]> {
    const decisions = new Map<string, ApiDecision>();
    let open = payments;
    for (let attempt = 1; open.length > 0; attempt += 1) {
      if (attempt > TRIES_MAX) throw new Error(`${open.length} payments were not decided after ${TRIES_MAX} tries`);
      if (attempt > 1) await delay(RETRY_DELAY_MS);
      const results = await this.batch("/v1/transactions/batch", open.map(paymentBody), waitSeconds);
      const again: KnownPayment[] = [];
      for (const [index, payment] of open.entries()) {
        const result = results?.[index];
        const given = result && (await this.settle(result));
        if (given === undefined) again.push(payment);
        else decisions.set(payment.clientTransactionId, given);
      }
      open = again;
    }
    return payments.flatMap((payment) => decisions.get(payment.clientTransactionId) ?? []);
  }

  /** Sends labels and returns once every one of them has been applied to the features. */
  async applyLabels(payments: readonly KnownPayment[], waitSeconds: number): Promise<void> {
    let open = payments;
    for (let attempt = 1; open.length > 0; attempt += 1) {
      if (attempt > TRIES_MAX) throw new Error(`${open.length} labels were not applied after ${TRIES_MAX} tries`);
      if (attempt > 1) await delay(RETRY_DELAY_MS);
      const results = await this.batch("/v1/labels/batch", open.map(labelBody), waitSeconds);
      open = open.filter((_payment, index) => {
        const result = results?.[index];
        if (result !== undefined) refuseOnClientError(result);
        return result?.status !== 200;
      });
    }
  }

  /** Sends labels without waiting until they are applied. */
  async sendLabels(payments: readonly KnownPayment[]): Promise<void> {
    await this.batch("/v1/labels/batch", payments.map(labelBody), 0);
  }

  /** The decision with this id, or undefined while there is none. */
  async decision(id: string): Promise<ApiDecision | undefined> {
    const response = await fetch(`${this.baseUrl}/v1/decisions/${id}`, {
      headers: { authorization: await this.tokens.authorization() },
    });
    const body: unknown = await response.json();
    return response.status === 200 ? decision.parse(body) : undefined;
  }

  /** A decision for a batch line: the one given, or fetched when it was still open; undefined when to be sent again. */
  private async settle(result: LineResult): Promise<ApiDecision | undefined> {
    refuseOnClientError(result);
    if (result.decision !== undefined) return result.decision;
    if (result.status !== 202 || result.id === undefined) return undefined;
    for (let poll = 0; poll < POLLS_MAX; poll += 1) {
      const given = await unlessUnreachable(this.decision(result.id));
      if (given !== undefined) return given;
      await delay(POLL_DELAY_MS);
    }
    return undefined;
  }

  /** One result per line, or undefined when the whole request failed and has to be sent again. */
  private async batch(
    path: string,
    bodies: readonly object[],
    waitSeconds: number,
  ): Promise<readonly LineResult[] | undefined> {
    const text = bodies.map((body) => JSON.stringify(body)).join("\n");
    const answer = await unlessUnreachable(this.answerTo(path, text, waitSeconds));
    return answer
      ?.split("\n")
      .filter(Boolean)
      .map((row) => line.parse(JSON.parse(row)));
  }

  private async answerTo(path: string, text: string, waitSeconds: number): Promise<string | undefined> {
    const response = await this.post(path, text, waitSeconds, "application/x-ndjson");
    const answer = await response.text();
    if (response.status >= 500 || response.status === 429) return undefined;
    if (response.status !== 200) throw new ApiRefusal(answer);
    return answer;
  }

  private async post(
    path: string,
    body: string,
    waitSeconds: number,
    contentType = "application/json",
  ): Promise<Response> {
    return fetch(this.baseUrl + path, {
      method: "POST",
      body,
      headers: {
        authorization: await this.tokens.authorization(),
        "content-type": contentType,
        ...(waitSeconds > 0 ? { prefer: `wait=${waitSeconds}` } : {}),
      },
    });
  }
}

/** The API refused what was sent; sending it again would not help. */
export class ApiRefusal extends Error {}

/** Undefined where the connection failed. */
async function unlessUnreachable<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    // Fetch's word for "the connection failed". By its name, because Jest has a `TypeError` of its own.
    if ((error as Partial<Error>).name !== "TypeError") throw error;
    return undefined;
  }
}

function refuseOnClientError(result: LineResult): void {
  if (result.status >= 400 && result.status < 500 && result.status !== 429) {
    throw new ApiRefusal(`line ${result.line}: ${result.problem?.code}: ${result.problem?.detail}`);
  }
}

export function paymentBody(payment: KnownPayment): object {
  return {
    transaction_id: payment.clientTransactionId,
    card: { number: payment.cardNumber },
    terminal_id: payment.terminalId,
    amount: { minor: payment.amountMinor, currency: payment.currency },
    occurred_at: new Date(payment.occurredAtMs).toISOString(),
    ...originBody(payment),
  };
}

export function labelBody(payment: KnownPayment): object {
  return {
    transaction_id: payment.clientTransactionId,
    card: { number: payment.cardNumber },
    terminal_id: payment.terminalId,
    occurred_at: new Date(payment.occurredAtMs).toISOString(),
    ...(payment.labelledAtMs === null ? {} : { labelled_at: new Date(payment.labelledAtMs).toISOString() }),
    fraud: payment.fraud,
    source: payment.fraud ? "chargeback" : "no-dispute",
  };
}
