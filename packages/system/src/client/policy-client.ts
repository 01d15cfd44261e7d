import { z } from "zod";
import type { ControlClient } from "./control-client.js";

const revision = z.object({
  revision: z.int(),
  version: z.string(),
  sha256: z.string(),
  author: z.string(),
  note: z.string(),
  created_at: z.string(),
});
export type PolicyRevision = z.infer<typeof revision>;

const approval = z.object({ approver: z.string(), note: z.string(), approved_at: z.string() });
const revisionWithText = revision.extend({
  text: z.string(),
  /** `suspect`: the revision was rolled back, so another user must approve it again. */
  activation_kind: z.string().optional(),
  approvals: z.array(approval),
});

const activation = z.object({
  activation: z.int(),
  revision: z.int().nullable(),
  author: z.string(),
  note: z.string(),
  created_at: z.string(),
  activates_at: z.string(),
});
export type PolicyActivationRow = z.infer<typeof activation>;

const status = z.object({
  tenant: z.string(),
  needs_approval: z.boolean(),
  newest_activation: z.int(),
  in_force: activation.nullable(),
  scheduled: activation.nullable(),
  /** The newest activated policy that was not rolled back. */
  return_to: z.object({ revision: z.int().nullable() }).nullable().optional(),
  /** Missing in responses from earlier releases. */
  switched_off_rules: z
    .array(z.object({ rule_id: z.string(), why: z.string(), switched_off_at: z.string() }))
    .default([]),
});

export const waitingChange = z.object({
  id: z.string(),
  kind: z.string(),
  details: z.record(z.string(), z.unknown()),
  author: z.string(),
  note: z.string(),
  created_at: z.string(),
  expires_at: z.string(),
  /** For a break-glass activation: it takes effect at this time unless another user rejects it. */
  takes_effect_at: z.string().nullable(),
});
export type WaitingChange = z.infer<typeof waitingChange>;

export interface SettingsChange {
  readonly needs_approval?: boolean;
  readonly lists_need_approval?: boolean;
  readonly break_glass?: boolean;
  readonly note: string;
}

export interface ActivationRequest {
  readonly revision: number | null;
  readonly after: number;
  /** RFC 3339. Default: now. */
  readonly at?: string;
  /** false: the change of outcomes is intended, so it will not be rolled back. Requires another user's approval. */
  readonly watched?: boolean;
  readonly note: string;
}

/** The control plane's maximum page size. */
const PAGE = 200;

/** A tenant's policy, through the control plane's API. */
export class PolicyClient {
  constructor(private readonly control: Pick<ControlClient, "call">) {}

  status() {
    return this.#call(status, "GET", "");
  }

  /** All revisions, newest first. */
  revisions(): Promise<PolicyRevision[]> {
    const answer = z.object({ revisions: z.array(revision) });
    return readAll(
      async (query) => (await this.#call(answer, "GET", "/revisions", query)).revisions,
      (one) => one.revision,
    );
  }

  revision(number: number) {
    return this.#call(revisionWithText, "GET", `/revisions/${number}`);
  }

  /** All activations, newest first. */
  activations(): Promise<PolicyActivationRow[]> {
    const answer = z.object({ activations: z.array(activation) });
    return readAll(
      async (query) => (await this.#call(answer, "GET", "/activations", query)).activations,
      (one) => one.activation,
    );
  }

  push(text: string, note: string): Promise<PolicyRevision> {
    return this.#call(revision, "POST", "/revisions", {}, { text, note });
  }

  activate(request: ActivationRequest) {
    return this.#call(activation.extend({ is_published: z.boolean() }), "POST", "/activations", {}, request);
  }

  /** @param revision null approves the removal of the policy */
  async approve(revision: number | null, note: string, isForUnwatched = false): Promise<void> {
    const more = isForUnwatched ? { unwatched: true } : {};
    await this.#call(z.undefined(), "POST", `/revisions/${revision ?? "none"}/approvals`, {}, { note, ...more });
  }

  /** @returns changes that await another user's approval */
  async changeSettings(change: SettingsChange): Promise<readonly WaitingChange[]> {
    const answer = z.object({ waiting: z.array(waitingChange) }).optional();
    return (await this.#call(answer, "PUT", "/settings", {}, change))?.waiting ?? [];
  }

  /** Changes that await another user's approval, oldest first. */
  async waiting(): Promise<readonly WaitingChange[]> {
    const answer = z.object({ approvals: z.array(waitingChange) });
    return answer.parse(await this.control.call("GET", "/v1/approvals")).approvals;
  }

  async settle(id: string, how: "confirm" | "refuse", note: string): Promise<void> {
    await this.control.call("POST", `/v1/approvals/${encodeURIComponent(id)}/${how}`, { body: { note } });
  }

  async #call<S extends z.ZodType>(
    answer: S,
    method: "GET" | "POST" | "PUT",
    path: string,
    query: Readonly<Record<string, string>> = {},
    body?: object,
  ): Promise<z.infer<S>> {
    const content = body === undefined ? {} : { body };
    const received = await this.control.call(method, `/v1/policy${path}`, {
      query: new URLSearchParams(query),
      ...content,
    });
    return answer.parse(received);
  }
}

/** Reads page by page; each page continues below the lowest number of the previous page. */
async function readAll<T>(
  read: (query: Readonly<Record<string, string>>) => Promise<T[]>,
  numberOf: (one: T) => number,
): Promise<T[]> {
  const all: T[] = [];
  for (;;) {
    const last = all.at(-1);
    const limit = String(PAGE);
    const found = await read(last === undefined ? { limit } : { limit, before: String(numberOf(last)) });
    if (last !== undefined && found.some((one) => numberOf(one) >= numberOf(last))) {
      throw new Error("Control returned the same page twice. Update control to the release of this command.");
    }
    all.push(...found);
    if (found.length < PAGE) return all;
  }
}
