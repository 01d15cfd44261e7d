import { setImmediate as nextTurn } from "node:timers/promises";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { problemOf } from "@tripline/http/problem";
import type { AnswerDetail } from "../replies/answer-detail.js";
import { decisionPath, presentDecision } from "../replies/present-outcome.js";
import { BATCH_LINES_MAX, BODY_BYTES_MAX } from "../requests/limits.js";
import { parseJson } from "../requests/parse-json.js";
import { splitLines } from "../requests/split-lines.js";
import type { EventIntake, Outcome } from "./event-intake.js";
import type { IntakeRules, PreparedEvent, PrepareEvent } from "./prepare-event.js";
import { nameOf } from "./prepare-event.js";

export interface BatchRequest {
  readonly tenant: string;
  readonly body: Buffer;
  readonly waitMs: number;
  readonly receivedAtMs: number;
  /** See `presentDecision`. */
  readonly detail: AnswerDetail;
  /** Charges the caller's rate limit, which already covers one event. @throws TriplineError `rate-limited` */
  spend(events: number): void;
}

export interface BatchAnswer {
  /** NDJSON with one result per line of the request, in the same order. */
  readonly body: string;
  /** In seconds; set if a line may succeed on a retry. */
  readonly retryAfterSeconds: number | undefined;
}

/** A line's event or its error. */
type Line = PreparedEvent | TriplineError;

/** Number of lines that are checked, in a few milliseconds, before yielding to other requests. */
const LINES_PER_TURN = 64;

/**
 * Accepts the lines of an NDJSON body. A rejected line does not affect the others.
 *
 * @throws TriplineError if the whole batch is rejected, see `splitLines` and `EventIntake.accept`
 */
export async function acceptBatch(
  request: BatchRequest,
  prepare: PrepareEvent,
  rules: IntakeRules,
  intake: EventIntake,
): Promise<BatchAnswer> {
  const { tenant, waitMs, receivedAtMs } = request;
  const texts = splitLines(request.body, BATCH_LINES_MAX);
  request.spend(texts.length - 1);
  const lines: Line[] = [];
  for (const [index, text] of texts.entries()) {
    if (index % LINES_PER_TURN === 0) await nextTurn();
    lines.push(prepareLine(text, (body) => prepare(body, tenant, receivedAtMs, rules)));
  }
  const firsts = firstOfEach(lines);
  const events = [...firsts.values()];
  const outcomes = await intake.accept({ tenant, events, waitMs, receivedAtMs });
  const byId = new Map(events.map((event, index) => [event.id, outcomes[index]]));
  return present(
    lines.map((line) => settle(line, firsts, byId)),
    request.detail,
  );
}

function prepareLine(text: string, prepare: (body: unknown) => PreparedEvent): Line {
  try {
    if (Buffer.byteLength(text) > BODY_BYTES_MAX) {
      throw new TriplineError("body-too-large", `The line must have at most ${BODY_BYTES_MAX} bytes.`);
    }
    return prepare(parseJson(text, "The line"));
  } catch (error) {
    return asTriplineError(error);
  }
}

/** The first event of each id; a duplicate within the batch shares its outcome. */
function firstOfEach(lines: readonly Line[]): Map<string, PreparedEvent> {
  const firsts = new Map<string, PreparedEvent>();
  for (const line of lines) {
    if (!(line instanceof TriplineError) && !firsts.has(line.id)) firsts.set(line.id, line);
  }
  return firsts;
}

type Settled = TriplineError | { readonly event: PreparedEvent; readonly outcome: Outcome };

function settle(
  line: Line,
  firsts: ReadonlyMap<string, PreparedEvent>,
  outcomes: ReadonlyMap<string, Outcome | undefined>,
): Settled {
  if (line instanceof TriplineError) return line;
  if (firsts.get(line.id)?.fingerprint !== line.fingerprint) {
    const detail = `An earlier line of this batch has the same ${nameOf(line)} but different content.`;
    return new TriplineError("idempotency-conflict", detail);
  }
  const outcome = outcomes.get(line.id);
  if (outcome === undefined) return new TriplineError("internal", "A line of the batch has no outcome.");
  return outcome.state === "refused" ? outcome.error : { event: line, outcome };
}

function present(results: readonly Settled[], detail: AnswerDetail): BatchAnswer {
  let retryAfterSeconds: number | undefined;
  const rows = results.map((result, index) => {
    const fields = fieldsOf(result, detail);
    if (fields instanceof TriplineError) {
      const wait = fields.row.retryAfterSeconds;
      if (wait !== undefined) retryAfterSeconds = Math.max(retryAfterSeconds ?? 0, wait);
      const problem = problemOf(fields);
      return JSON.stringify({ line: index + 1, status: problem.status, problem });
    }
    return JSON.stringify({ line: index + 1, ...fields });
  });
  return { body: `${rows.join("\n")}\n`, retryAfterSeconds };
}

function fieldsOf(result: Settled, detail: AnswerDetail): TriplineError | Readonly<Record<string, unknown>> {
  if (result instanceof TriplineError) return result;
  const { event, outcome } = result;
  if (outcome.state === "refused") return outcome.error;
  if (outcome.state === "pending") {
    const location = event.topic === "transactions" ? { location: decisionPath(event.id) } : {};
    return { status: 202, id: event.id, ...location };
  }
  if (outcome.reply === "label-applied") return { status: 200, id: event.id };
  try {
    return { status: 200, decision: presentDecision(outcome.reply, detail) };
  } catch (error) {
    return asTriplineError(error);
  }
}
