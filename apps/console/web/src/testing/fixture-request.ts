import type { CaseAttachment } from "#contract/attachments";
import type { Problem, Session } from "#contract/session";

/** An error response as problem+json. */
export class Refusal extends Error {
  readonly problem: Problem;

  constructor(
    readonly status: number,
    code: string,
    detail: string,
    title = detail,
  ) {
    super(detail);
    this.problem = { type: "about:blank", title, status, code, detail };
  }
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
  /** Sent as bytes. */
  readonly file: Pick<CaseAttachment, "name" | "mediaType" | "bytes" | "sha256"> | undefined;
  readonly session: Session;
}

export type Answer = object | undefined;
