import { tokensFrom } from "@tripline/system/client/connect-system";
import { causeOf, localSecret } from "@tripline/system/client/find-access";
import { TokenSource } from "@tripline/system/client/token-source";
import { readPorts } from "@tripline/system/ports.mjs";
import { DEMO_WORKSPACE } from "@tripline/system/services/local-system";
import { OPERATOR_CLIENT_ID } from "@tripline/system/services/plan-services";
import { Command, Option } from "commander";
import { z } from "zod";

const ANSWER_MS_MAX = 30_000;
const SCOPES = "lists:read lists:write";

export interface ControlFlags {
  readonly control: string;
  readonly tokenUrl?: string;
  readonly workspace: string;
  readonly tenant?: string;
}

const problem = z.object({ detail: z.string() });

/** A command for the control plane, with the options that say where it is. */
export function controlCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option("--control <url>", "the control plane", `http://127.0.0.1:${readPorts().control}`)
    .addOption(
      new Option(
        "--token-url <url>",
        "where auth gives tokens, for the client that CLIENT_ID and CLIENT_SECRET name; the local demo's unless given",
      ).env("TOKEN_URL"),
    )
    .option(
      "--tenant <name>",
      "whose lists, for clients that may manage those of other tenants; the client's own unless given",
    )
    .option("--workspace <name>", "folder below .tripline with the secrets of a system that runs here", DEMO_WORKSPACE);
}

/** Calls the control plane as somebody who may change lists. */
export class ControlClient {
  private constructor(
    private readonly url: string,
    private readonly tokens: TokenSource,
    private readonly tenant: string | undefined,
  ) {}

  /** @throws Error in one sentence without credentials */
  static async open({ control, tokenUrl, workspace, tenant }: ControlFlags): Promise<ControlClient> {
    const url = control.replace(/\/$/, "");
    if (tokenUrl !== undefined) return new ControlClient(url, tokensFrom(process.env, tokenUrl, SCOPES), tenant);
    const clientSecret = await localSecret(url, workspace, "operatorSecret");
    if (clientSecret === undefined) {
      throw new Error(`There are no credentials for ${url}: set CLIENT_ID and CLIENT_SECRET, and give --token-url.`);
    }
    const localTokenUrl = `http://127.0.0.1:${readPorts().auth}/oauth/token`;
    const options = { tokenUrl: localTokenUrl, clientId: OPERATOR_CLIENT_ID, clientSecret, scope: SCOPES };
    return new ControlClient(url, new TokenSource(options), tenant);
  }

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
        {
          cause: error,
        },
      );
    }
    const text = await response.text();
    const answer: unknown = text === "" ? undefined : JSON.parse(text);
    if (response.ok) return answer;
    const told = problem.safeParse(answer);
    throw new Error(told.success ? told.data.detail : `The control plane answered ${response.status}.`);
  }
}
