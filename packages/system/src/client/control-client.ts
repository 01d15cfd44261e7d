import type { AccessTokens } from "@tripline/client/access-tokens";
import { causeOf } from "@tripline/client/tripline-error";
import { z } from "zod";

const ANSWER_MS_MAX = 30_000;

const fault = z.object({ pointer: z.string(), detail: z.string() });
const problem = z.object({ detail: z.string(), errors: z.array(fault).default([]) });
/** The JSON pointer of faults in a policy's text, whose messages already contain the line. */
const POLICY_TEXT = "/text";

/** The control plane's own message, with its HTTP status. */
export class ControlRefusal extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

/** Names for the console, whose API for clients has the same conventions. */
export const CONSOLE_NAMES = { service: "the console", option: "--console" } as const;

/** Calls the control plane's API. */
export class ControlClient {
  /**
   * @param tenant for clients that may act for other tenants; empty for data that concerns all tenants
   * @param names how messages refer to the service and to the option with its address
   */
  constructor(
    private readonly url: string,
    private readonly tokens: Pick<AccessTokens, "authorization">,
    private readonly tenant?: string,
    private readonly names = { service: "the control plane", option: "--control" },
  ) {}

  /**
   * @throws ControlRefusal with the control plane's own message, or with one line per fault; Error if there is no
   *   response
   */
  async call(
    method: "GET" | "POST" | "PUT" | "DELETE",
    path: string,
    { query = new URLSearchParams(), body }: { query?: URLSearchParams; body?: object } = {},
  ): Promise<unknown> {
    if (this.tenant !== undefined) query.set("tenant", this.tenant);
    const authorization = await this.tokens.authorization();
    const headers = new Headers({ authorization });
    if (body !== undefined) headers.set("content-type", "application/json");
    let response: Response;
    try {
      response = await fetch(`${this.url}${path}?${query}`, {
        method,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      });
    } catch (error) {
      throw new Error(
        `${this.url} is not responding (${causeOf(error)}). Set ${this.names.option} to the URL of ${this.names.service}.`,
        { cause: error },
      );
    }
    const text = await response.text();
    const answer: unknown = text === "" ? undefined : JSON.parse(text);
    if (response.ok) return answer;
    const parsed = problem.safeParse(answer);
    if (!parsed.success) throw new Error(`${this.url} answered ${response.status}.`);
    const { detail, errors } = parsed.data;
    // If the message only gives the number of faults, the faults replace it.
    const isWhole = errors.length === 0 || errors.some((error) => detail.includes(error.detail));
    throw new ControlRefusal(isWhole ? detail : errors.map(describe).join("\n"), response.status);
  }
}

function describe({ pointer, detail }: z.infer<typeof fault>): string {
  return pointer === POLICY_TEXT ? detail : `${pointer} ${detail}`.trimStart();
}
