import type { CaseDetail, CaseRow, QueueRow, SavedView } from "#contract/cases";
import type { ArchiveJobs, HealthReport, ModelCard, ModelsReport } from "#contract/operations";
import type { PaymentDetail } from "#contract/payments";
import type { Session } from "#contract/session";
import { answerAdmin, makeAdmin } from "./fixture-admin.js";
import { answerControl } from "./fixture-control.js";
import { openPersonal } from "./fixture-personal.js";
import type { Answer, Asked } from "./fixture-request.js";
import { Refusal } from "./fixture-request.js";
import { makeControl } from "./made-up/control.js";
import { caseDetail, makeCase, makeDecision, seeded } from "./made-up/payments.js";
import { answerReports, makeReports } from "./made-up/reports.js";

type Body = Readonly<Record<string, unknown>>;

const HOUR_MS = 3_600_000;
const PEOPLE = [
  { id: "demo", name: "Demo Person" },
  { id: "person-ada", name: "Ada Osei" },
  { id: "person-lin", name: "Lin Zhao" },
];

/** Cases in memory that change according to the contract. */
export class Api {
  readonly #details = new Map<string, CaseDetail>();
  readonly #rows: QueueRow[];
  readonly control;
  readonly admin;
  readonly unmatched;
  #views: SavedView[] = [{ name: "Past due, unassigned", query: { overdue: true, assignee: "nobody" } }];

  constructor(
    private readonly nowMs: number,
    cases: number,
  ) {
    const random = seeded(18);
    this.#rows = Array.from({ length: cases }, (_, index) => makeCase(random, index, nowMs));
    this.control = makeControl(nowMs);
    this.admin = makeAdmin(nowMs);
    this.unmatched = { reports: makeReports(nowMs) };
  }

  /** The case, for tests to read or change. */
  detail(id: string): CaseDetail {
    const row = this.#rows.find((one) => one.id === id);
    if (row === undefined) throw new Refusal(404, "not-found", "This case does not exist.");
    const kept = this.#details.get(id) ?? caseDetail(row, this.nowMs);
    this.#details.set(id, kept);
    return kept;
  }

  change(id: string, change: Partial<CaseDetail>): CaseRow {
    const before = this.detail(id);
    const after = { ...before, ...change, revision: before.revision + 1 };
    this.#details.set(id, after);
    const at = this.#rows.findIndex((one) => one.id === id);
    const { decisions: _d, focus: _f, timeline: _t, usual: _u, graph: _g, notes: _n, history: _h, ...row } = after;
    const {
      needsSecondUser: _s,
      pendingVerdict: _p,
      narrative: _r,
      narrativeModel: _m,
      attachments: _a,
      attachmentLimits: _l,
      ...kept
    } = row;
    this.#rows[at] = { ...kept, focusReasons: this.#rows[at]?.focusReasons ?? [] };
    return kept;
  }

  answer(asked: Asked): Answer {
    const { method, path } = asked;
    const [, , area = "", id = "", ...rest] = path.split("/").map(decodeURIComponent);
    if (area === "control") return answerControl(this.control, asked, this.nowMs);
    if (area === "auth") return answerAdmin(this.admin, asked, this.nowMs);
    if (area === "decisions") return id === "" ? { decisions: [this.#payment()], next: null } : this.#payment();
    if (area === "fraud-reports") return answerReports(this.unmatched, asked, [id, ...rest]);
    if (area === "views") return this.#answerViews(asked, id);
    if (area === "people") return id === "names" ? [...PEOPLE, { id: "ada", name: "Ada Osei" }] : PEOPLE;
    if (area === "health") return makeHealth(this.nowMs);
    if (area === "personal") return openPersonal(asked.body as { transactionIds: string[] });
    if (area === "models") return id === "" ? makeModels(this.nowMs) : makeCard(this.nowMs, id);
    if (area === "entities") return this.#entity(id, rest[0] ?? "");
    if (area !== "cases") throw new Refusal(404, "not-found", `Nothing exists at ${path}.`);
    if (method === "GET") return id === "" ? this.#page(asked) : this.detail(id);
    if (id === "next") return this.#next(asked.session);
    if (id === "bulk") return this.#bulk(asked);
    if (rest[0] === "narrative") return { text: this.detail(id).narrative, model: "nova-lite", fallback: null };
    if (rest[0] === "attachments") return this.#file(id, rest[1], asked);
    return this.#act(id, rest.join("/"), asked.body as Body, asked.session);
  }

  #page({ query, session }: Asked): object {
    const is = (name: string, value: unknown): boolean => !query.has(name) || query.get(name) === String(value);
    const assignee = query.get("assignee");
    const wanted = assignee === "me" ? session.person.id : assignee === "nobody" ? undefined : assignee;
    const found = this.#rows.filter(
      (row) =>
        is("status", row.status) &&
        is("outcome", row.outcome) &&
        is("escalated", row.isEscalated) &&
        (assignee === null || row.assignee?.id === wanted) &&
        (!query.has("overdue") || row.dueAtMs < this.nowMs) &&
        is("currency", row.currency) &&
        row.amountMinor >= Number(query.get("amountMinorMin") ?? 0) &&
        (!query.has("reason") || row.reasons.includes(query.get("reason") ?? "")) &&
        row.cardToken.includes(query.get("search") ?? ""),
    );
    const keys = { due: "dueAtMs", opened: "openedAtMs", score: "score", amount: "amountMinor" } as const;
    const key = keys[(query.get("sort") ?? "due") as keyof typeof keys];
    const sign = query.get("descending") === "true" ? -1 : 1;
    found.sort((a, b) => sign * ((a[key] ?? 0) - (b[key] ?? 0)));
    const from = Number(query.get("after") ?? 0);
    const limit = Number(query.get("limit") ?? 50);
    const next = from + limit < found.length ? String(from + limit) : null;
    return { cases: found.slice(from, from + limit), total: found.length, next };
  }

  #next({ person }: Session): Answer {
    const free = this.#rows.find((row) => row.status === "open" && row.assignee === null);
    return free === undefined ? undefined : this.change(free.id, { assignee: person });
  }

  #bulk({ body, session }: Asked): object {
    const { cases, change } = body as { cases: readonly CaseRow[]; change: Readonly<Record<string, Body>> };
    const [action = "", more = {}] = Object.entries(change)[0] ?? [];
    const changed: CaseRow[] = [];
    const refused: object[] = [];
    for (const { id, revision } of cases) {
      try {
        changed.push(this.#act(id, action, { revision, ...more }, session) as CaseRow);
      } catch (error) {
        refused.push({ id, code: "conflict", detail: String(error) });
      }
    }
    return { changed, refused };
  }

  #act(id: string, action: string, body: Body, { person }: Session): object {
    const before = this.detail(id);
    if (action === "notes") {
      const note = { id: `${before.notes.length}`, author: person, text: String(body.text), atMs: Date.now() };
      this.#details.set(id, { ...before, notes: [...before.notes, note] });
      return note;
    }
    if (body.revision !== before.revision) {
      throw new Refusal(409, "conflict", "Lin Zhao assigned the case to herself a moment ago.", "Somebody was faster");
    }
    const said = (text: string) => ({ history: [...before.history, { atMs: Date.now(), by: person, text }] });
    switch (action) {
      case "assign":
        return this.change(id, {
          assignee: PEOPLE.find((one) => one.id === body.assignee) ?? null,
          ...said("Assigned."),
        });
      case "snooze":
        return this.change(id, { status: "snoozed", snoozedUntilMs: Number(body.untilMs), ...said("Snoozed.") });
      case "escalate":
        return this.change(id, { isEscalated: true, ...said(`Escalated: ${String(body.note)}`) });
      case "reopen":
        return this.change(id, { status: "open", snoozedUntilMs: null, verdict: null, ...said("Reopened.") });
      case "verdict/refuse":
        return this.change(id, { pendingVerdict: null, ...said(`Verdict refused: ${String(body.note)}`) });
      default: {
        const verdict = body.verdict === "fraud" ? "fraud" : "genuine";
        return this.change(id, { status: "closed", verdict, pendingVerdict: null, ...said(`Closed as ${verdict}.`) });
      }
    }
  }

  #file(id: string, removed: string | undefined, { file, session: { person } }: Asked): Answer {
    const { attachments: before } = this.detail(id);
    const added =
      file === undefined ? [] : [{ ...file, id: `file-${before.length}`, author: person, atMs: Date.now() }];
    this.change(id, { attachments: [...before.filter((one) => one.id !== removed), ...added] });
    return added[0];
  }

  #answerViews({ method, body }: Asked, name: string): Answer {
    if (method === "GET") return this.#views;
    this.#views = this.#views.filter((view) => view.name !== name);
    if (method === "PUT") this.#views.push({ name, query: body as SavedView["query"] });
    return undefined;
  }

  #payment(): PaymentDetail {
    const { focus, timeline } = this.detail(this.#rows[0]?.id ?? "");
    return {
      ...focus,
      timeline: timeline.filter(({ decision }) => decision.transactionId === focus.transactionId),
      record: { features: { specVersion: 3, values: focus.features.map(({ value }) => value) }, decision: {} },
    };
  }

  #entity(kind: string, value: string): object {
    const random = seeded(value.length);
    const decisions = Array.from({ length: 12 }, (_, index) =>
      makeDecision(random, this.nowMs - index * 5 * HOUR_MS, index === 1 ? "review" : "approve", {
        [kind === "terminal" ? "terminalId" : "cardToken"]: value,
      }),
    );
    return {
      kind,
      value,
      payments: 164,
      frauds: kind === "terminal" ? 5 : 0,
      decisions,
      firstSeenMs: this.nowMs - 90 * 24 * HOUR_MS,
      lastSeenMs: this.nowMs,
      features: this.detail(this.#rows[0]?.id ?? "").focus.features,
      lists: [{ list: "watch", effect: "watch", reason: "Skimmer found on 12 November", expiresAtMs: null }],
      cases: this.#rows.slice(0, 3),
    };
  }
}

function makeHealth(nowMs: number): HealthReport {
  const names = ["auth", "control", "ingestion", "features", "scoring", "decisions", "archive"];
  return {
    atMs: nowMs,
    services: names.map((name) => ({
      name,
      isReady: name !== "archive",
      detail: name === "archive" ? "The data lake is unavailable." : null,
      works: name === "control" ? ["postgres", "audit_anchors", "list_guard", "rule_watch"] : ["kafka"],
    })),
    lag: ["features", "decisions", "archive", "console", "features-erasures", "console-erasures"].map(
      (group, index) => ({
        group,
        topic: index === 0 ? "transactions" : group.endsWith("erasures") ? "erasures" : "decisions",
        records: [0, 3, 18_230, 9, 0, 1][index] ?? 0,
      }),
    ),
    deadLetters: [{ topic: "transactions.dlq", records: 2 }],
    rungs: { model: 41_210, scorecard: 12, "rules-only": 0, "static-policy": 0 },
    archive: makeArchive(nowMs),
  };
}

function makeArchive(nowMs: number): ArchiveJobs {
  const last = { atMs: nowMs - 21_000, tookMs: 84, rows: 11_204, files: 1 };
  const failure = "The file cannot be written: no space left on device. Free disk space in the lake's folder.";
  return {
    writing: ["transactions", "features", "decisions", "labels", "drift-detected"].map((topic) => ({
      topic,
      last: topic === "drift-detected" ? null : last,
      failure: topic === "decisions" ? failure : null,
    })),
    compaction: {
      atMs: nowMs - 9 * HOUR_MS,
      tookMs: 4_180,
      days: 8,
      files: 11_520,
      merged: 9,
      daysLeft: 0,
      rows: 1_204_771,
      failure: null,
    },
    snapshots: {
      newestAtMs: nowMs - 2 * HOUR_MS,
      intervalHours: 6,
      last: { atMs: nowMs - 2 * HOUR_MS, tookMs: 61_400, states: 412_882, events: 96_310, failure: null },
    },
    publication: { atMs: nowMs - 120_000, tookMs: 2_310, tables: 6, files: 27, failure: null },
  };
}

function makeModels(nowMs: number): ModelsReport {
  const figures = (version: string, decisions: number, precision: number) => ({
    version,
    decisions,
    precision,
    stoppedShare: 0.021,
    meanScore: 0.0124,
    fraudScore: 0.412,
    genuineScore: 0.0091,
    labels: Math.round(decisions / 20),
    frauds: Math.round(decisions / 400),
  });
  return {
    champion: figures("2026-11-20-a", 482_113, 0.71),
    canary: figures("2026-11-26-b", 24_018, 0.74),
    shadow: { ...figures("2026-11-26-b", 12_400, 0), stoppedShare: null, precision: null },
    histogram: {
      champion: [470_000, 6_200, 2_100, 1_100, 700, 510, 420, 390, 410, 283],
      candidate: [23_400, 320, 110, 50, 38, 27, 22, 19, 18, 14],
    },
    calibration: [0.01, 0.05, 0.15, 0.3, 0.5, 0.7, 0.9].map((meanScore, index) => ({
      meanScore,
      fraudShare: meanScore * (index % 2 === 0 ? 0.95 : 1.08),
      labels: Math.round(9_000 / 3 ** index),
    })),
    hours: Array.from({ length: 24 }, (_, hour) => ({
      atMs: nowMs - (24 - hour) * HOUR_MS,
      decisions: 20_000,
      meanScore: 0.012 + 0.002 * Math.sin(hour / 3),
      declinedShare: 0.006 + 0.001 * Math.cos(hour / 4),
    })),
    maturity: { delayDays: 9, beforeMs: nowMs - 9 * 24 * HOUR_MS, payments: 24_800 },
    drifts: [3, 11].map((days) => ({
      model: "fraud",
      day: new Date(nowMs - days * 24 * HOUR_MS).toISOString().slice(0, 10),
      comparedFrom: "2026-11-01",
      comparedTo: "2026-11-14",
      payments: 18_402,
      sentence: "Amounts and the payments of a card in a day are higher than on the 14 days before.",
      columns: ["amount", "card_count_1d", "score", "card_ratio_to_mean_30d", "terminal_count_7d"].map(
        (column, index) => ({
          column,
          kind: column === "score" ? "score" : "feature",
          threshold: 0.1,
          distance: 0.42 / (index + 1),
        }),
      ),
    })),
  };
}

function makeCard(nowMs: number, version: string): ModelCard {
  return {
    name: "fraud",
    version,
    aliases: ["champion"],
    createdAtMs: nowMs - 200 * HOUR_MS,
    featureSpecVersion: 4,
    vectorFeatures: 6,
    features: ["amount", "card_count_1d", "card_count_7d", "card_ratio_to_mean_30d", "terminal_fraud_rate_7d"],
    training: {
      fromMs: nowMs - 2_400 * HOUR_MS,
      toMs: nowMs - 700 * HOUR_MS,
      knownByMs: nowMs - 500 * HOUR_MS,
      payments: 1_204_771,
      frauds: 9_802,
      dataSha256: "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
    },
    commit: "4d7f5b24c1aa90b7",
    parameters: ["max_depth", "eta", "seed"].map((name, index) => ({ name, value: String([6, 0.1, 1][index]) })),
    money: null,
    measures: [
      { name: "calibration.ece", value: 0.0021 },
      { name: "valid.rows", value: 182_004 },
      { name: "valid.average_precision", value: 0.7412 },
      { name: "valid.auc_roc", value: 0.8831 },
      { name: "valid.card_precision_at_100", value: 0.3055 },
    ],
    segments: [
      ["amount", "0 to 10", 61_204, 12, 0.0002, 0.412, 0.801],
      ["amount", "10 to 50", 74_118, 40, 0.0006, 0.655, 0.861],
      ["amount", "50 to 200", 40_207, 121, 0.0029, 0.748, 0.891],
      ["amount", "from 200", 6_475, 274, 0.0421, 0.862, 0.934],
      ["hour (UTC)", "00:00 to 06:00", 9_301, 3, 0.0004, null, null],
      ["hour (UTC)", "06:00 to 24:00", 172_703, 444, 0.0026, 0.743, 0.884],
    ].map(([kind, segment, payments, frauds, meanScore, averagePrecision, aucRoc]) => ({
      kind: String(kind),
      name: String(segment),
      payments: Number(payments),
      frauds: Number(frauds),
      meanScore: Number(meanScore),
      averagePrecision: averagePrecision === null ? null : Number(averagePrecision),
      aucRoc: aucRoc === null ? null : Number(aucRoc),
      calibration: { value: 1.04, low: 0.91, high: 1.18 },
      falsePositives: { value: 0.004, low: 0.003, high: 0.006, band: 0.15 },
    })),
    calibration: [0.004, 0.06, 0.14, 0.28, 0.47, 0.66, 0.88].map((meanScore, index) => {
      return { meanScore, fraudShare: meanScore * (index % 2 === 0 ? 1.04 : 0.97), labels: 900 };
    }),
  };
}
