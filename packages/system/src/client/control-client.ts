import { z } from "zod";
import { causeOf } from "./find-access.js";
import type { TokenSource } from "./token-source.js";

const ANSWER_MS_MAX = 30_000;

const problem = z.object({ detail: z.string() });

/** Calls the control plane's API. */
export class ControlClient {
  constructor(
    private readonly url: string,
    private readonly tokens: Pick<TokenSource, "authorization">,
    /** For clients that may act for another tenant than their own. */
    private readonly tenant?: string,
  ) {}

  /** @throws Error with the control plane's own sentence where it refuses */
  async call(
    method: "GET" | "POST" | "DELETE",
    path: string,
    { query = new URLSearchParams(), body }: { query?: URLSearchParams; body?: object } = {},
  ): Promise<unknown> {
    if (this.tenant !== undefined) query.set("tenant", this.tenant);
    const headers = { authorization: await this.tokens.authorization(), "content-type": "application/json" };
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    let response: Response;
    try {
      const { authorization } = headers;
      response = await fetch(`${this.url}${path}?${query}`, {
        ...{ method, headers: body === undefined ? { authorization } : headers, ...content },
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      });
    } catch (error) {
      throw new Error(
        `${this.url} does not answer (${causeOf(error)}): give --control the address of the control plane.`,
        { cause: error },
      );
    }
    const text = await response.text();
    const answer: unknown = text === "" ? undefined : JSON.parse(text);
    if (response.ok) return answer;
    const told = problem.safeParse(answer);
    throw new Error(told.success ? told.data.detail : `The control plane answered ${response.status}.`);
  }
}
