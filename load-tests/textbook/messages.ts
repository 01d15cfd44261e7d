/** The Kafka messages, as JSON. */
export interface TransactionMessage {
  readonly id: string;
  readonly tenant: string;
  readonly clientTransactionId: string;
  readonly cardToken: string;
  readonly terminalId: string;
  readonly deviceToken?: string;
  readonly ipToken?: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly occurredAtMs: number;
  readonly acceptedAtMs: number;
  /** Redis channel on which the caller waits. */
  readonly replyTo: string;
}

export interface FeaturesMessage {
  readonly transaction: TransactionMessage;
  readonly values: readonly number[];
}

export interface ReasonBody {
  readonly code: string;
  readonly text: string;
  readonly outcome: string;
}

/** A decision as it is returned. */
export interface DecisionBody {
  readonly id: string;
  readonly transaction_id: string;
  readonly status: "decided";
  readonly outcome: string;
  readonly reasons: readonly ReasonBody[];
  readonly score: number | null;
  readonly rung: "model" | "rules_only";
  readonly card_token: string;
  readonly accepted_at: string;
  readonly decided_at: string;
}

export const TOPICS = {
  transactions: "textbook.transactions",
  features: "textbook.features",
  decisions: "textbook.decisions",
} as const;
