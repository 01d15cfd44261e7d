import { Inject, Injectable } from "@nestjs/common";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { AttachmentStore } from "../attachments/attachment-store.js";
import type { ConsoleConfig } from "../config.js";
import { CONSOLE_CONFIG } from "../config.js";
import type { CaseDetail, CaseEvent, CaseNote } from "../contract/cases.js";
import type { DecisionRow } from "../contract/decisions.js";
import { DecisionReader } from "../decisions/decision-reader.js";
import type { KnownDecision } from "../decisions/decision-rows.js";
import { DECISION_COLUMNS, DECISIONS, decisionRow, toDecisionRow } from "../decisions/decision-rows.js";
import { laterEventsOf, timelineOf } from "../decisions/payment-timeline.js";
import type { ShowToken } from "../requests/mask-token.js";
import { maskFileName, showTokens } from "../requests/mask-token.js";
import { USUAL_DAYS, usualOf } from "./card-usual.js";
import { sumsOf } from "./case-changes.js";
import type { KnownCase } from "./case-rows.js";
import { toCaseRow } from "./case-rows.js";
import { readGraph } from "./entity-graph.js";
import { needsSecondPerson } from "./four-eyes.js";
import { narrateCase } from "./narrate-case.js";
import { CaseNarratives } from "./narrative/case-narratives.js";
import { tellStory, toStoryPayment } from "./queue/tell-story.js";

const noteRow = z.object({
  id: z.string(),
  author_id: z.string(),
  author_name: z.string(),
  text: z.string(),
  at_ms: z.coerce.number(),
});
const eventRow = z.object({
  at_ms: z.coerce.number(),
  by_id: z.string().nullable(),
  by_name: z.string().nullable(),
  text: z.string(),
});

/** Maximum number of earlier payments from which a card's baseline is computed; the newest ones are used. */
const PAYMENTS_MAX = 1_000;
const DECISIONS_MAX = 200;
const TIMELINE_MAX = 200;
const HISTORY_MAX = 500;
const DAY_MS = 86_400_000;

/** Reads all data of a case page. */
@Injectable()
export class CaseReader {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(DecisionReader) private readonly decisions: DecisionReader,
    @Inject(AttachmentStore) private readonly files: AttachmentStore,
    @Inject(CaseNarratives) private readonly narratives: CaseNarratives,
    @Inject(CONSOLE_CONFIG) private readonly config: Pick<ConsoleConfig, "FOUR_EYES_AMOUNT_MINOR">,
  ) {}

  /** @param isClear whether tokens and file names are shown unmasked */
  async read(tenant: string, found: KnownCase, isClear: boolean): Promise<CaseDetail> {
    const show = showTokens(isClear);
    const [ofCase, ofCard, graph, notes, history, files, sums] = await Promise.all([
      this.#decisions("c.case_id = $2", [tenant, found.id], DECISIONS_MAX),
      this.#decisions("p.tenant = $1 AND p.card_token = $2", [tenant, found.card_token], PAYMENTS_MAX),
      readGraph(this.database, tenant, found.card_token, show),
      this.notes(found.id),
      this.history(found.id),
      this.files.list(found.id),
      sumsOf(this.database, found.id),
    ]);
    const [first = ofCase[0]] = ofCase.toSorted(
      (left, right) => right.outcome - left.outcome || right.decided_at_ms - left.decided_at_ms,
    );
    const focus = await this.decisions.read(first?.transaction_id ?? "", tenant, show);
    const beforeMs = Math.min(...ofCase.map(({ occurred_at_ms }) => occurred_at_ms));
    const past = ofCard.filter(
      ({ occurred_at_ms: ms, case_id }) =>
        ms < beforeMs && ms >= beforeMs - USUAL_DAYS * DAY_MS && case_id !== found.id,
    );
    const usual = usualOf(past, beforeMs, found.currency);
    const row = toCaseRow(found, show);
    const shown = ofCard.slice(0, TIMELINE_MAX);
    const later = await laterEventsOf(
      this.database,
      shown.map(({ transaction_id }) => transaction_id),
    );
    return {
      ...row,
      // A story needs all payments of the case.
      story: ofCase.length === found.payments ? tellStory(ofCase.map(toStoryPayment)) : null,
      decisions: ofCase.map((one) => toDecisionRow(one, show)),
      focus,
      timeline: timelineOf(shown, later, found.id, show),
      usual,
      graph,
      notes,
      history,
      attachments: isClear ? files : files.map((one) => ({ ...one, name: maskFileName(one.name) })),
      attachmentLimits: this.files.limits,
      needsSecondUser: needsSecondPerson(this.config.FOUR_EYES_AMOUNT_MINOR, sums),
      pendingVerdict: found.pending === null || found.status === "closed" ? null : withoutNote(found.pending),
      narrative: narrateCase({ row, focus, usual, graph }),
      narrativeModel: this.narratives.modelName,
    };
  }

  /** The case's payments, newest first. */
  async payments(tenant: string, caseId: string, show: ShowToken): Promise<DecisionRow[]> {
    const rows = await this.#decisions("c.case_id = $2", [tenant, caseId], PAYMENTS_MAX);
    return rows.map((row) => toDecisionRow(row, show));
  }

  async notes(caseId: string): Promise<CaseNote[]> {
    const rows = await this.database.query(
      noteRow,
      `SELECT * FROM console.case_notes WHERE case_id = $1 ORDER BY at_ms, id LIMIT ${HISTORY_MAX}`,
      [caseId],
    );
    return rows.map(({ id, author_id, author_name, text, at_ms }) => {
      return { id, author: { id: author_id, name: author_name }, text, atMs: at_ms };
    });
  }

  async history(caseId: string): Promise<CaseEvent[]> {
    const rows = await this.database.query(
      eventRow,
      `SELECT at_ms, by_id, by_name, text FROM console.case_events WHERE case_id = $1 ORDER BY id DESC LIMIT ${HISTORY_MAX}`,
      [caseId],
    );
    return rows.map(({ at_ms: atMs, by_id: id, by_name: name, text }) => {
      return { atMs, by: id === null ? null : { id, name: name ?? id }, text };
    });
  }

  /** The decisions that match the condition, newest payments first. */
  #decisions(condition: string, values: readonly unknown[], limit: number): Promise<KnownDecision[]> {
    return this.database.query(
      decisionRow,
      `SELECT ${DECISION_COLUMNS} FROM ${DECISIONS} WHERE d.tenant = $1 AND ${condition}
       ORDER BY p.occurred_at_ms DESC, p.transaction_id LIMIT ${limit}`,
      values,
    );
  }
}

function withoutNote({ verdict, reason, by, atMs }: NonNullable<KnownCase["pending"]>) {
  return { verdict, reason, by, atMs };
}
