import { TriplineError } from "@tripline/contracts/error-table";
import { isTimeZone } from "@tripline/contracts/time-zone";
import { z } from "zod";
import { VERDICT_REASONS } from "../contract/cases.js";
import type { PersonRef } from "../contract/people.js";
import { OUTCOMES } from "../decisions/decision-rows.js";
import { cursorOf, PAGE_MAX, pageLimit, writtenText, yesOrNo } from "../requests/request-fields.js";
import { may } from "../sessions/session.guard.js";
import type { Session } from "../sessions/session-store.js";

const NOTE_CHARACTERS_MAX = 4_000;
const VIEWS_NAME_MAX = 64;
const INT_MAX = 2_147_483_647;

const currency = z.string().regex(/^[A-Z]{3}$/, "must be a currency code, such as EUR");
const personId = z.string().min(1).max(128);

/** A user who works on cases. */
export interface Worker {
  readonly tenant: string;
  readonly person: PersonRef;
  /** Whether the user may see card tokens, and therefore search for them. */
  readonly seesTokens: boolean;
}

/** A search of the queue, without the position of a page. */
const searchOf = <N extends z.ZodNumber, F extends z.ZodType<boolean>>(number: N, flag: F) => {
  const amount = number.int().min(0).max(Number.MAX_SAFE_INTEGER);
  return z.strictObject({
    status: z.enum(["open", "snoozed", "closed"]).optional(),
    outcome: z.enum(OUTCOMES).optional(),
    reason: z.string().max(128).optional(),
    assignee: personId.optional(),
    escalated: flag.optional(),
    currency: currency.optional(),
    amountMinorMin: amount.optional(),
    amountMinorMax: amount.optional(),
    scoreMin: number.min(0).max(1).optional(),
    overdue: flag.optional(),
    search: writtenText(64).optional(),
    sort: z.enum(["due", "opened", "score", "amount"]).optional(),
    descending: flag.optional(),
  });
};

/** The content of a saved view, as JSON. */
export const viewQuery = searchOf(z.number(), z.boolean());
/** The same fields from a URL, where all values are strings. */
const addressQuery = searchOf(z.coerce.number<number>(), yesOrNo);

export const caseCursor = cursorOf("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");
export const caseQuery = addressQuery.extend({ after: caseCursor.optional(), limit: pageLimit });
export type CaseSearch = z.infer<typeof caseQuery>;

/** The queue from which to take the next case, and the case after which to continue. */
export const nextRequest = z.strictObject({ filters: viewQuery.optional(), after: z.uuid().optional() });
export type NextCase = z.infer<typeof nextRequest>;
export type CaseFilters = z.infer<typeof viewQuery>;

/** A search for an export: all pages from a position on. */
export const caseFileQuery = addressQuery.extend({ after: caseCursor.optional() });

/** The time zone for times in a report. */
export const reportQuery = z.strictObject({
  zone: z.string().max(64).refine(isTimeZone, "must be the name of a time zone").default("UTC"),
});

const caseId = z.object({ id: z.uuid() });

/** @throws TriplineError `not-found`, also for a malformed ID */
export function parseCaseId(path: unknown): string {
  const found = caseId.safeParse(path);
  if (!found.success) throw new TriplineError("not-found", "This case does not exist.");
  return found.data.id;
}

/** The signed-in user as a `Worker`. */
export function workerOf(session: Session): Worker {
  return {
    tenant: session.tenant,
    person: { id: session.personId, name: session.personName },
    seesTokens: may(session, "personal:read"),
  };
}

export const viewName = z.object({ name: writtenText(VIEWS_NAME_MAX).min(1, "must not be empty") });

const note = writtenText(NOTE_CHARACTERS_MAX).default("");
export const noteText = z.strictObject({ text: writtenText(NOTE_CHARACTERS_MAX).min(1, "must not be empty") });

const revision = z.int().min(0).max(INT_MAX);

const assign = { assignee: personId.nullable() };
const SNOOZE_DAYS_MAX = 90;
const DAY_MS = 86_400_000;
const snooze = {
  untilMs: z
    .int()
    .refine((ms) => ms > Date.now(), "must be in the future")
    .refine((ms) => ms < Date.now() + SNOOZE_DAYS_MAX * DAY_MS, `must be within ${SNOOZE_DAYS_MAX} days`),
};
const escalate = { note };
const verdict = { verdict: z.enum(["fraud", "genuine"]), reason: z.string(), note };
const reasonFits = ({ verdict: which, reason }: { verdict: "fraud" | "genuine"; reason: string }): boolean =>
  (VERDICT_REASONS[which] as readonly string[]).includes(reason);
const REASON_MESSAGE = { message: "must be a reason for this verdict", path: ["reason"] };

export const assignRequest = z.strictObject({ revision, ...assign });
export const snoozeRequest = z.strictObject({ revision, ...snooze });
export const escalateRequest = z.strictObject({ revision, ...escalate });
export const reopenRequest = z.strictObject({ revision });
export const refuseRequest = z.strictObject({ revision, note });
export const verdictRequest = z.strictObject({ revision, ...verdict }).refine(reasonFits, REASON_MESSAGE);

/** A request contains exactly one change. */
const change = z.union([
  z.strictObject({ assign: z.strictObject(assign) }),
  z.strictObject({ snooze: z.strictObject(snooze) }),
  z.strictObject({ escalate: z.strictObject(escalate) }),
  z.strictObject({ verdict: z.strictObject(verdict).refine(reasonFits, REASON_MESSAGE) }),
  z.strictObject({ undo: z.strictObject({}) }),
]);
export type BulkChange = z.infer<typeof change>;

export const bulkRequest = z.strictObject({
  cases: z
    .array(z.strictObject({ id: z.uuid(), revision }))
    .min(1, "must not be empty")
    .max(PAGE_MAX, `must be at most ${PAGE_MAX}`),
  change,
});

export type Verdict = z.infer<typeof verdictRequest>;
