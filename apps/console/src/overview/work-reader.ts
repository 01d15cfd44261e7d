import { Inject, Injectable } from "@nestjs/common";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { SLOW_REQUESTS } from "../background.js";
import type { ConsoleConfig } from "../config.js";
import { CONSOLE_CONFIG } from "../config.js";
import type { Work, WorkFigures } from "../contract/work.js";
import { OUTCOME_NUMBERS, OUTCOMES } from "../decisions/decision-rows.js";

const DAY_MS = 86_400_000;
const DAYS_MAX = 366;
const DAYS_DEFAULT = 30;
/** The users with the most cases. */
const USERS_MAX = 200;

export const workQuery = z.strictObject({
  days: z.coerce.number().int().min(1).max(DAYS_MAX).default(DAYS_DEFAULT),
});

const group = {
  /** Has a bit for each of `outcome` and the user ID. The bit is 1 if the row is not grouped by that column. */
  by: z.number(),
  outcome: z.number().nullable(),
  user_id: z.string().nullable(),
  user_name: z.string().nullable(),
};
const ALL = 0b11;
const BY_USER = 0b10;
const BY_OUTCOME = 0b01;
const openRow = z.object({
  ...group,
  open: z.coerce.number(),
  late: z.coerce.number(),
  snoozed: z.coerce.number(),
  oldest_ms: z.coerce.number().nullable(),
});
const closedRow = z.object({
  ...group,
  closed: z.coerce.number(),
  on_time: z.coerce.number(),
  median_ms: z.coerce.number().nullable(),
});
type OpenRow = z.infer<typeof openRow>;
type ClosedRow = z.infer<typeof closedRow>;
type Grouped = Pick<OpenRow, "by" | "outcome" | "user_id">;

/** Reads how many cases wait, for how long, and who works on them. */
@Injectable()
export class WorkReader {
  constructor(
    @Inject(SLOW_REQUESTS) private readonly database: Database,
    @Inject(CONSOLE_CONFIG) private readonly config: Pick<ConsoleConfig, "RETENTION_DAYS">,
  ) {}

  /** @param seesUsers whether the user may see who works on cases */
  async read(tenant: string, wanted: number, seesUsers: boolean, nowMs = Date.now()): Promise<Work> {
    const days = Math.min(wanted, this.config.RETENTION_DAYS);
    const [open, closed] = await Promise.all([
      this.#open(tenant, nowMs),
      this.database.query(
        closedRow,
        `SELECT grouping(outcome, closed_by_id) AS by, outcome, closed_by_id AS user_id, max(closed_by_name) AS user_name,
           count(*) AS closed, count(*) FILTER (WHERE closed_at_ms <= due_at_ms) AS on_time,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY closed_at_ms - opened_at_ms) AS median_ms
         FROM console.cases WHERE tenant = $1 AND status = 'closed' AND closed_at_ms >= $2
         GROUP BY GROUPING SETS ((), (outcome), (closed_by_id))`,
        [tenant, nowMs - days * DAY_MS],
      ),
    ]);
    const figuresOf = (is: (row: Grouped) => boolean): WorkFigures => toFigures(open.find(is), closed.find(is));
    const users = new Map(
      [...open, ...closed].flatMap(({ by, user_id: id, user_name: name }) =>
        by === BY_USER && id !== null ? [[id, name ?? id] as const] : [],
      ),
    );
    const all = open.find(({ by }) => by === ALL);
    return {
      days,
      total: figuresOf(({ by }) => by === ALL),
      unassigned: open.find(({ by, user_id: id }) => by === BY_USER && id === null)?.open ?? 0,
      snoozed: all?.snoozed ?? 0,
      oldestOpenedAtMs: all?.oldest_ms ?? null,
      outcomes: OUTCOMES.toReversed().flatMap((outcome) => {
        const figures = figuresOf((row) => row.by === BY_OUTCOME && row.outcome === OUTCOME_NUMBERS[outcome]);
        return figures.open + figures.closed === 0 ? [] : [{ outcome, figures }];
      }),
      users: [...(seesUsers ? users : [])]
        .map(([id, name]) => ({
          person: { id, name },
          figures: figuresOf((row) => row.by === BY_USER && row.user_id === id),
        }))
        .toSorted((left, right) => workOf(right.figures) - workOf(left.figures))
        .slice(0, USERS_MAX),
    };
  }

  #open(tenant: string, nowMs: number): Promise<OpenRow[]> {
    const open = "(status = 'open' OR snoozed_until_ms <= $2)";
    return this.database.query(
      openRow,
      `SELECT grouping(outcome, assignee_id) AS by, outcome, assignee_id AS user_id, max(assignee_name) AS user_name,
         count(*) FILTER (WHERE ${open}) AS open, count(*) FILTER (WHERE ${open} AND due_at_ms < $2) AS late,
         count(*) FILTER (WHERE NOT ${open}) AS snoozed, min(opened_at_ms) FILTER (WHERE ${open}) AS oldest_ms
       FROM console.cases WHERE tenant = $1 AND status <> 'closed'
       GROUP BY GROUPING SETS ((), (outcome), (assignee_id))`,
      [tenant, nowMs],
    );
  }
}

const workOf = ({ open, closed }: WorkFigures): number => open + closed;

function toFigures(open: OpenRow | undefined, closed: ClosedRow | undefined): WorkFigures {
  return {
    open: open?.open ?? 0,
    late: open?.late ?? 0,
    closed: closed?.closed ?? 0,
    onTime: closed?.on_time ?? 0,
    medianMs: closed?.median_ms ?? null,
  };
}
