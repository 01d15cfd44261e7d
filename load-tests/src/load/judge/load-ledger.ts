import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { Decision, Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { transactionId } from "@tripline/contracts/identifiers";
import { TOPICS } from "@tripline/contracts/topics";
import type { IncomingRecord, Kafka } from "@tripline/kafka/port";
import { z } from "zod";
import type { Transcript } from "../k6/read-transcript.js";
import { NUMBERS_MAX, printOf } from "../k6/read-transcript.js";

/** A comparison of sent, accepted, decided and returned payments. */
export interface LoadLedger {
  /** The source of the decisions. */
  readonly source: "the decisions topic" | "the API";
  readonly sent: number;
  readonly accepted: number;
  /** Accepted payments with a decision. */
  readonly decided: number;
  /** Accepted payments without a decision. */
  readonly lost: number;
  /** Some IDs of lost payments. */
  readonly lostIds: readonly string[];
  /** Payments with two different decisions, which must never happen. */
  readonly duplicated: number;
  /** Payments with repeated but identical decisions on the topic (at-least-once delivery). */
  readonly repeated: number;
  /** Decisions that were returned to their callers. */
  readonly returned: number;
  /** Returned decisions that differ from the stored one. */
  readonly differing: number;
  /** Decided payments whose caller got no successful response. This is allowed. */
  readonly unanswered: number;
}

export function ledgerLine(ledger: LoadLedger): string {
  const { sent, accepted, decided, lost, duplicated, repeated, returned, differing, unanswered } = ledger;
  return (
    `ledger: sent=${sent} accepted=${accepted} decided=${decided} lost=${lost} duplicated=${duplicated} ` +
    `repeated=${repeated} returned=${returned} differing=${differing} unanswered=${unanswered}`
  );
}

export function balances({ lost, duplicated, differing, accepted, decided }: LoadLedger): boolean {
  return lost === 0 && duplicated === 0 && differing === 0 && decided === accepted;
}

/** Compares the transcript with the decisions. Created before the load starts. */
export type CloseLedger = (transcript: Transcript) => Promise<LoadLedger>;

const SETTLE_MS_MAX = 60_000;
const POLL_MS = 250;
const READ_MS_MAX = 600_000;
const LOST_IDS_KEPT = 5;

/** The decisions found, by number of the payment. */
class Findings {
  readonly #prints: Float64Array;
  readonly #duplicated = new Set<number>();
  readonly #repeated = new Set<number>();

  constructor(transcript: Transcript) {
    let highest = 0;
    for (let index = 0; index < transcript.count; index += 1) {
      highest = Math.max(highest, transcript.numbers[index] ?? 0);
    }
    // Payments in flight at the end of the load may have higher numbers that are not in the transcript.
    this.#prints = new Float64Array(Math.min(NUMBERS_MAX, 2 * highest + 1_024));
  }

  add(number: number, print: number): void {
    const before = this.#prints[number];
    if (before === undefined) return;
    if (before === 0) this.#prints[number] = print;
    else if (before === print) this.#repeated.add(number);
    else this.#duplicated.add(number);
  }

  has(number: number): boolean {
    return this.#prints[number] !== 0;
  }

  isComplete(transcript: Transcript): boolean {
    for (let index = 0; index < transcript.count; index += 1) {
      if (transcript.isAccepted(index) && !this.has(transcript.numbers[index] ?? 0)) return false;
    }
    return true;
  }

  sum(transcript: Transcript, run: string, source: LoadLedger["source"]): LoadLedger {
    let accepted = 0;
    let decided = 0;
    let returned = 0;
    let differing = 0;
    const lostIds: string[] = [];
    const found = this.#prints.reduce((sum, print) => sum + (print === 0 ? 0 : 1), 0);
    for (let index = 0; index < transcript.count; index += 1) {
      const number = transcript.numbers[index] ?? 0;
      const seen = transcript.prints[index];
      if (transcript.isAccepted(index)) {
        accepted += 1;
        if (this.has(number)) decided += 1;
        else if (lostIds.length < LOST_IDS_KEPT) lostIds.push(`${run}-${number}`);
      }
      if (seen !== 0) {
        returned += 1;
        if (this.has(number) && this.#prints[number] !== seen) differing += 1;
      }
    }
    return {
      source,
      sent: transcript.count,
      accepted,
      decided,
      lost: accepted - decided,
      lostIds,
      duplicated: this.#duplicated.size,
      repeated: this.#repeated.size,
      returned,
      differing,
      unanswered: found - decided,
    };
  }
}

/** Tenant and ID prefix of the run's payments, so that no others are counted. */
export interface LoadRun {
  readonly tenant: string;
  readonly run: string;
}

/** Creates the ledger from the `decisions` topic, from its current end. Waits `settleMs` for late decisions. */
export async function openTopicLedger(kafka: Kafka, load: LoadRun, settleMs = SETTLE_MS_MAX): Promise<CloseLedger> {
  const topic = TOPICS.decisions.name;
  const positions = new Map(await endOffsets(kafka, topic));
  return async (transcript) => {
    const findings = new Findings(transcript);
    let failure: Error | undefined;
    const consumer = await kafka.consume({
      group: `load-ledger-${randomUUID()}`,
      topics: [topic],
      positions: { begin: async (_topic, partition) => positions.get(partition) ?? 0, deadLettered() {} },
      async handle(batches) {
        for (const record of batches.flatMap(({ records }) => records)) {
          addRecord(findings, load, record);
          positions.set(record.partition, record.offset + 1);
        }
      },
      onStop(error) {
        failure = error;
      },
    });
    const startedAt = performance.now();
    try {
      for (;;) {
        const ends = await endOffsets(kafka, topic);
        const isRead = () => [...ends].every(([partition, end]) => (positions.get(partition) ?? 0) >= end);
        while (!isRead() && failure === undefined && performance.now() - startedAt < READ_MS_MAX) await delay(POLL_MS);
        if (failure !== undefined) throw failure;
        if (!isRead()) throw new TriplineError("kafka-unavailable", `${topic} could not be read to its end in time.`);
        if (findings.isComplete(transcript) || performance.now() - startedAt > settleMs) break;
        await delay(POLL_MS);
      }
    } finally {
      await consumer.close();
    }
    return findings.sum(transcript, load.run, "the decisions topic");
  };
}

async function endOffsets(kafka: Kafka, topic: string): Promise<ReadonlyMap<number, number>> {
  const admin = await kafka.admin();
  try {
    return await admin.endOffsets(topic);
  } finally {
    await admin.close();
  }
}

function addRecord(findings: Findings, { tenant, run }: LoadRun, record: IncomingRecord): void {
  const { tenant: whose, clientTransactionId, outcome, rung, decidedAtMs } = Decision.decode(record.value);
  if (whose !== tenant || !clientTransactionId.startsWith(`${run}-`)) return;
  const number = Number(clientTransactionId.slice(run.length + 1));
  if (!Number.isInteger(number)) return;
  findings.add(number, printOf(nameOf(Outcome, outcome), nameOf(Rung, rung), decidedAtMs));
}

/** The name of an enum's value in lower case, as in the API. */
function nameOf(names: Readonly<Record<number, string>>, value: number): string {
  return (names[value] ?? String(value)).toLowerCase();
}

const decisionBody = z.object({ outcome: z.string(), rung: z.string(), decided_at: z.iso.datetime() });

export interface DecisionReader {
  readonly apiUrl: string;
  /** The tenant that sent the payments. */
  readonly tenant: string;
  authorization(): Promise<string>;
}

const READERS = 16;
const ANSWER_MS_MAX = 15_000;

/**
 * Creates the ledger with one `GET /v1/decisions/{id}` per accepted payment, for a system whose Kafka is not
 * accessible. It cannot detect repeated decisions, and a second decision only if it differs from the returned one.
 */
export function apiLedger(reader: DecisionReader, run: string): CloseLedger {
  return async (transcript) => {
    const findings = new Findings(transcript);
    const deadlineMs = performance.now() + SETTLE_MS_MAX;
    let next = 0;
    const readOn = async (): Promise<void> => {
      while (next < transcript.count) {
        const index = next;
        next += 1;
        if (!transcript.isAccepted(index)) continue;
        const number = transcript.numbers[index] ?? 0;
        const print = await readDecision(reader, `${run}-${number}`, deadlineMs);
        if (print !== undefined) findings.add(number, print);
      }
    };
    await Promise.all(Array.from({ length: READERS }, readOn));
    return findings.sum(transcript, run, "the API");
  };
}

/** Retries until the deadline while the payment is undecided or the API fails. */
async function readDecision(reader: DecisionReader, id: string, deadlineMs: number): Promise<number | undefined> {
  const url = `${reader.apiUrl}/v1/decisions/${transactionId(reader.tenant, id)}`;
  for (;;) {
    const print = await tryReadDecision(url, await reader.authorization());
    if (print !== "later") return print;
    if (performance.now() > deadlineMs) return undefined;
    await delay(POLL_MS);
  }
}

async function tryReadDecision(url: string, authorization: string): Promise<number | "later" | undefined> {
  try {
    const response = await fetch(url, { headers: { authorization }, signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    const body: unknown = await response.json();
    if (response.status === 404) return undefined;
    if (response.status !== 200) return "later";
    const { outcome, rung, decided_at } = decisionBody.parse(body);
    return printOf(outcome, rung, Date.parse(decided_at));
  } catch {
    return "later";
  }
}
