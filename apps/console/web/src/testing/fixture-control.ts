import type { DeadLetter } from "../api/control.js";
import type { Answer, Asked } from "./fixture-request.js";
import { Refusal } from "./fixture-request.js";
import { answerWebhooks } from "./fixture-webhooks.js";
import type { ControlState } from "./made-up/control.js";

type Body = Readonly<Record<string, unknown>>;

/** Lists, policy, rollouts and audit log, with responses like those of apps/control. */
export function answerControl(state: ControlState, asked: Asked, nowMs: number): Answer {
  const [area = "", ...rest] = asked.path.replace("/api/control/v1/", "").split("/").map(decodeURIComponent);
  switch (area) {
    case "audit": {
      const before = Number(asked.query.get("before") ?? Number.POSITIVE_INFINITY);
      return { entries: state.audit.filter(({ sequence }) => sequence < before) };
    }
    case "dead-letters":
      return answerLetters(state, asked);
    case "erasures":
      return state.erasures;
    case "jobs":
      return { training: state.training };
    case "lists":
      return answerLists(state, asked, rest, nowMs);
    case "rollouts":
      return answerRollouts(state, asked, rest, nowMs);
    case "approvals":
      return { approvals: [] };
    case "webhooks":
      return answerWebhooks(state.webhooks, asked, rest, nowMs);
    case "policy":
      return answerPolicy(state, asked, rest, nowMs);
    default:
      throw new Refusal(404, "not-found", "Not found.");
  }
}

function answerLetters(state: ControlState, { method, body }: Asked): Answer {
  if (method === "GET") return { topics: state.deadLetters.filter(({ count }) => count > 0) };
  const { topic, code, letters } = body as { topic: string; code?: string; letters?: readonly DeadLetter[] };
  const isChosen = (letter: DeadLetter): boolean =>
    code === letter.code || letters?.some(({ offset }) => offset === letter.offset) === true;
  let returned = 0;
  state.deadLetters = state.deadLetters.map((one) => {
    if (one.topic !== topic) return one;
    const stay = one.letters.filter((letter) => !isChosen(letter));
    returned = one.letters.length - stay.length;
    return { ...one, letters: stay, count: one.count - returned };
  });
  return { returned, skipped: [] };
}

function answerLists(
  state: ControlState,
  { method, query, body, session }: Asked,
  [name = ""]: string[],
  nowMs: number,
): Answer {
  if (name === "") {
    const effects = new Map(state.entries.map(({ list, effect }) => [list, effect]));
    const lists = [...effects].map(([list, effect]) => ({
      list,
      effect,
      entries: state.entries.filter((entry) => entry.list === list).length,
    }));
    return { lists };
  }
  if (method === "GET") {
    const is = (key: "list" | "kind" | "value") => (entry: ControlState["entries"][number]) =>
      !query.has(key) || entry[key] === query.get(key);
    return { entries: state.entries.filter(is("list")).filter(is("kind")).filter(is("value")), next: null };
  }
  if (method === "DELETE") {
    const isGone = (entry: ControlState["entries"][number]): boolean =>
      entry.list === name && entry.kind === query.get("kind") && entry.value === query.get("value");
    state.entries = state.entries.filter((entry) => !isGone(entry));
    return undefined;
  }
  if (name === "preview") return { payments: 2_000, matched: 82, share: 0.041, from: new Date(nowMs).toISOString() };
  const { entries, effect } = body as { entries: ControlState["entries"]; effect?: string };
  const wrong = entries.find(({ kind, value }) => kind === "card" && !/^ct_[0-9a-f]{32}$/.test(value));
  if (wrong !== undefined) {
    const refusal = new Refusal(422, "invalid-field", "1 field is wrong.", "A field has a wrong value");
    const errors = [
      { pointer: "/entries/0/value", detail: "must be a card token: ct_ followed by 32 hexadecimal digits" },
    ];
    Object.assign(refusal.problem, { errors });
    throw refusal;
  }
  const more = {
    list: name,
    effect: effect ?? name,
    author: session.person.id,
    created_at: new Date(nowMs).toISOString(),
  };
  state.entries = [...entries.map((entry) => ({ ...entry, ...more })), ...state.entries];
  return { list: name, entries: entries.length };
}

function answerRollouts(
  state: ControlState,
  { method, body, session }: Asked,
  [, step]: string[],
  nowMs: number,
): Answer {
  if (method === "GET" && step === undefined) {
    return { rollouts: [state.rollout], ...state.rollout };
  }
  const { why } = body as { why: string };
  const revision = state.rollout.revision + 1;
  const at = new Date(nowMs).toISOString();
  state.rollout = {
    ...state.rollout,
    revision,
    stage: step === "rollback" ? "rolled-back" : state.rollout.stage,
    is_held: step === "hold",
    steps: [
      ...state.rollout.steps,
      { step: step ?? "", actor: session.person.id, stage: "canary", canary_percent: 5, why, revision, at },
    ],
  };
  return state.rollout;
}

function answerPolicy(
  state: ControlState,
  { method, body, session }: Asked,
  [area = "", name = "", more]: string[],
  nowMs: number,
): Answer {
  const at = new Date(nowMs).toISOString();
  const sent = body as Body;
  const author = session.person.id;
  switch (area) {
    case "":
      return {
        tenant: "demo",
        needs_approval: true,
        lists_need_approval: false,
        newest_revision: state.revisions[0] ?? null,
        newest_activation: state.activations[0]?.activation ?? 0,
        in_force: state.activations[0] ?? null,
        scheduled: null,
      };
    case "check":
      return checkText(String(sent.text));
    case "activations": {
      if (method === "GET") return { activations: state.activations };
      const activation = (state.activations[0]?.activation ?? 0) + 1;
      const made = { activation, revision: Number(sent.revision), note: String(sent.note) };
      const times = { created_at: at, activates_at: at, published_at: at };
      state.activations.unshift({ ...made, ...times, author, is_watched: true, kind: "new" });
      return made;
    }
    case "drafts": {
      if (method === "GET" && name === "") return { drafts: state.drafts };
      const found = state.drafts.find((draft) => draft.name === name);
      if (method === "GET" && found !== undefined) return found;
      if ((found?.version ?? 0) !== sent.version) {
        throw new Refusal(
          409,
          "changed-meanwhile",
          `lin saved version ${found?.version} of it.`,
          "Another change was made first",
        );
      }
      const draft = {
        name,
        version: (found?.version ?? 0) + 1,
        author,
        updated_at: at,
        text: String(sent.text),
        faults: [],
      };
      state.drafts = [draft, ...state.drafts.filter((one) => one !== found)];
      return draft;
    }
    default:
      return answerRevisions(state, sent, { method, name, more, author, at });
  }
}

interface OfRevisions {
  readonly method: string;
  readonly name: string;
  readonly more: string | undefined;
  readonly author: string;
  readonly at: string;
}

function answerRevisions(state: ControlState, sent: Body, { method, name, more, author, at }: OfRevisions): Answer {
  const found = state.revisions.find(({ revision }) => String(revision) === name);
  if (more === "approvals" && found !== undefined) {
    const approval = { approver: author, note: String(sent.note), approved_at: at, is_for_unwatched: false };
    state.revisions = state.revisions.map((one) =>
      one === found ? { ...one, approvals: [...one.approvals, approval] } : one,
    );
    return undefined;
  }
  if (method === "GET") return name === "" ? { revisions: state.revisions } : found;
  const revision = (state.revisions[0]?.revision ?? 0) + 1;
  const made = { revision, version: `1-${revision}`, sha256: "", author, note: String(sent.note), created_at: at };
  state.revisions.unshift({ ...made, text: String(sent.text), activation_kind: "new", approvals: [] });
  return made;
}

function checkText(text: string): object {
  const line = text.split("\n").findIndex((one) => /when:.*(==|>=|&&)\s*$/.test(one));
  if (line === -1) return { version: "1-4f2a91c0", feature_spec_version: 3 };
  const refusal = new Refusal(422, "invalid-field", "The policy is not valid: 1 faults.", "A field has a wrong value");
  const detail = `policy.yaml:${line + 1}:11 rules.0.when ends too early.`;
  Object.assign(refusal.problem, { errors: [{ pointer: "/text", detail }] });
  throw refusal;
}
