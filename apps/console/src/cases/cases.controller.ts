import {
  Body,
  Controller,
  Get,
  HttpCode,
  Inject,
  Param,
  Post,
  Query,
  Res,
  UseGuards,
  UseInterceptors,
} from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { invalidFields } from "@tripline/http/describe-issues";
import { parseRequest } from "@tripline/http/parse-request";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { FastifyReply } from "fastify";
import type { ConsoleConfig } from "../config.js";
import { CONSOLE_CONFIG } from "../config.js";
import type * as shown from "../contract/cases.js";
import { may, Person, RequirePermission, requirePermission, SessionGuard, showFor } from "../sessions/session.guard.js";
import type { Session } from "../sessions/session-store.js";
import { ViewEvents } from "../view-events.js";
import type { VerdictRules } from "./case-changes.js";
import {
  escalate,
  giveVerdict,
  keepNote,
  noteCase,
  refuseVerdict,
  reopen,
  requireOpen,
  snooze,
} from "./case-changes.js";
import { CaseReader } from "./case-reader.js";
import type { BulkChange } from "./case-requests.js";
import * as requests from "./case-requests.js";
import { parseCaseId, workerOf } from "./case-requests.js";
import { toCaseRow } from "./case-rows.js";
import type { DecideChange } from "./case-store.js";
import { assignTo, CaseStore } from "./case-store.js";
import { isHeld, undoVerdict } from "./held-verdicts.js";
import { CaseNarratives } from "./narrative/case-narratives.js";
import { QueueReader } from "./queue/queue-reader.js";

const MS_PER_S = 1_000;
const DETAIL_OF_UNKNOWN_PERSON = "must be a user who can work on cases and has signed in before";

/** The queue, and actions on cases. */
@Controller("/api/cases")
@UseGuards(SessionGuard)
@UseInterceptors(TraceInterceptor)
export class CasesController {
  constructor(
    @Inject(CaseStore) private readonly cases: CaseStore,
    @Inject(QueueReader) private readonly queue: QueueReader,
    @Inject(CaseReader) private readonly reader: CaseReader,
    @Inject(ViewEvents) private readonly viewEvents: ViewEvents,
    @Inject(CaseNarratives) private readonly narratives: CaseNarratives,
    @Inject(DATABASE) private readonly database: Database,
    @Inject(CONSOLE_CONFIG) private readonly config: ConsoleConfig,
  ) {}

  @Get()
  @RequirePermission("cases:read")
  search(@Person() session: Session, @Query() query: unknown): Promise<shown.QueuePage> {
    return this.queue.search(workerOf(session), parseRequest(requests.caseQuery, query), showFor(session));
  }

  @Get(":id")
  @RequirePermission("cases:read")
  async find(@Person() session: Session, @Param() path: unknown): Promise<shown.CaseDetail> {
    const found = await this.cases.find(session.tenant, parseCaseId(path));
    await this.viewEvents.record(session, "case", found.id);
    return this.reader.read(session.tenant, found, may(session, "personal:read"));
  }

  /** Built from masked tokens, regardless of the caller's permissions. */
  @Post(":id/narrative")
  @HttpCode(200)
  @RequirePermission("cases:read")
  async narrate(@Person() session: Session, @Param() path: unknown): Promise<shown.CaseNarrative> {
    const found = await this.cases.find(session.tenant, parseCaseId(path));
    const row = await this.reader.read(session.tenant, found, false);
    return this.narratives.write(session.tenant, { ...row, row }, () =>
      noteCase(this.database, workerOf(session), found.id, "narrative-asked", { model: row.narrativeModel }),
    );
  }

  /** Assigns the case immediately, so that two users never get the same case. */
  @Post("next")
  @HttpCode(200)
  @RequirePermission("cases:write")
  async next(@Person() session: Session, @Body() body: unknown, @Res({ passthrough: true }) reply: FastifyReply) {
    const wanted = parseRequest(requests.nextRequest, body ?? {});
    const taken = await this.cases.takeNext(workerOf(session), wanted);
    if (taken !== undefined) return toCaseRow(taken, showFor(session));
    reply.status(204);
    return undefined;
  }

  @Post("bulk")
  @HttpCode(200)
  @RequirePermission("cases:write")
  async bulk(@Person() session: Session, @Body() body: unknown): Promise<object> {
    const { cases, change } = parseRequest(requests.bulkRequest, body);
    if ("verdict" in change || "undo" in change) requirePermission(session, "labels:write");
    const decide = await this.#bulkChange(session, change);
    const changed: shown.CaseRow[] = [];
    const refused: { id: string; code: string; detail: string }[] = [];
    for (const { id, revision } of cases) {
      try {
        changed.push(toCaseRow(await this.cases.change(workerOf(session), id, revision, decide), showFor(session)));
      } catch (error) {
        if (!(error instanceof TriplineError) || error.row.httpStatus >= 500) throw error;
        refused.push({ id, code: error.code, detail: error.message });
      }
    }
    return { changed, refused };
  }

  @Post(":id/assign")
  @HttpCode(200)
  @RequirePermission("cases:write")
  async assign(@Person() session: Session, @Param() path: unknown, @Body() body: unknown): Promise<shown.CaseRow> {
    const { revision, assignee } = parseRequest(requests.assignRequest, body);
    const decide = await this.#assignment(session, assignee, "/assignee");
    return this.#change(session, path, revision, decide);
  }

  @Post(":id/snooze")
  @HttpCode(200)
  @RequirePermission("cases:write")
  snooze(@Person() session: Session, @Param() path: unknown, @Body() body: unknown): Promise<shown.CaseRow> {
    const { revision, untilMs } = parseRequest(requests.snoozeRequest, body);
    return this.#change(session, path, revision, (found) => snooze(found, untilMs));
  }

  @Post(":id/escalate")
  @HttpCode(200)
  @RequirePermission("cases:write")
  escalate(@Person() session: Session, @Param() path: unknown, @Body() body: unknown): Promise<shown.CaseRow> {
    const { revision, note } = parseRequest(requests.escalateRequest, body);
    return this.#change(session, path, revision, (found) => escalate(found, workerOf(session), note));
  }

  @Post(":id/reopen")
  @HttpCode(200)
  @RequirePermission("cases:write")
  reopen(@Person() session: Session, @Param() path: unknown, @Body() body: unknown): Promise<shown.CaseRow> {
    const { revision } = parseRequest(requests.reopenRequest, body);
    return this.#change(session, path, revision, (found, queries) => {
      if (!isHeld(found)) return reopen(queries, found, workerOf(session));
      // Reopening a case must undo a held verdict: otherwise, its labels would be sent later, even if they are wrong.
      requirePermission(session, "labels:write");
      return undoVerdict(queries, found, workerOf(session));
    });
  }

  @Post(":id/verdict")
  @HttpCode(200)
  @RequirePermission("labels:write")
  verdict(@Person() session: Session, @Param() path: unknown, @Body() body: unknown): Promise<shown.CaseRow> {
    requirePermission(session, "cases:write");
    const given = parseRequest(requests.verdictRequest, body);
    return this.#change(session, path, given.revision, (found, queries) =>
      giveVerdict(queries, found, workerOf(session), given, this.#rules),
    );
  }

  @Post(":id/verdict/undo")
  @HttpCode(200)
  @RequirePermission("labels:write")
  undo(@Person() session: Session, @Param() path: unknown, @Body() body: unknown): Promise<shown.CaseRow> {
    requirePermission(session, "cases:write");
    const { revision } = parseRequest(requests.reopenRequest, body);
    return this.#change(session, path, revision, (found, queries) => undoVerdict(queries, found, workerOf(session)));
  }

  @Post(":id/verdict/refuse")
  @HttpCode(200)
  @RequirePermission("labels:write")
  refuse(@Person() session: Session, @Param() path: unknown, @Body() body: unknown): Promise<shown.CaseRow> {
    requirePermission(session, "cases:write");
    const { revision, note } = parseRequest(requests.refuseRequest, body);
    return this.#change(session, path, revision, (found) => refuseVerdict(found, workerOf(session), note));
  }

  @Post(":id/notes")
  @HttpCode(201)
  @RequirePermission("cases:write")
  async note(@Person() session: Session, @Param() path: unknown, @Body() body: unknown) {
    const { text } = parseRequest(requests.noteText, body);
    const found = await this.cases.find(session.tenant, parseCaseId(path));
    const id = await keepNote(this.database, found.id, workerOf(session), text);
    return (await this.reader.notes(found.id)).find((one) => one.id === id);
  }

  async #change(session: Session, path: unknown, revision: number, decide: DecideChange): Promise<shown.CaseRow> {
    const changed = await this.cases.change(workerOf(session), parseCaseId(path), revision, decide);
    return toCaseRow(changed, showFor(session));
  }

  async #bulkChange(session: Session, change: BulkChange): Promise<DecideChange> {
    const by = workerOf(session);
    if ("assign" in change) return this.#assignment(session, change.assign.assignee, "/change/assign/assignee");
    if ("snooze" in change) return (found) => snooze(found, change.snooze.untilMs);
    if ("escalate" in change) return (found) => escalate(found, by, change.escalate.note);
    if ("undo" in change) return (found, queries) => undoVerdict(queries, found, by);
    const given = { ...change.verdict, revision: 0 };
    return (found, queries) => giveVerdict(queries, found, by, given, this.#rules);
  }

  get #rules(): VerdictRules {
    const { FOUR_EYES_AMOUNT_MINOR: fourEyes, VERDICT_HOLD_SECONDS: seconds } = this.config;
    return { fourEyes, holdMs: seconds * MS_PER_S };
  }

  /** @throws TriplineError `invalid-field` for an unknown user */
  async #assignment(session: Session, assignee: string | null, pointer: string): Promise<DecideChange> {
    const people = assignee === null ? [] : await this.cases.people(session.tenant);
    const person = people.find(({ id }) => id === (assignee === "me" ? session.personId : assignee));
    if (assignee !== null && person === undefined) {
      throw invalidFields([{ pointer, detail: DETAIL_OF_UNKNOWN_PERSON }]);
    }
    return (found) => {
      requireOpen(found);
      return assignTo(person ?? null);
    };
  }
}
