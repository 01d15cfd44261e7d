import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { causeOf } from "@tripline/client/tripline-error";
import { z } from "zod";
import { readPorts } from "../../ports.mjs";
import type { DemoSecrets } from "../services/demo-secrets.js";
import type { LocalSystem } from "../services/local-system.js";
import { DEMO_WORKSPACE, readLocalSystem } from "../services/local-system.js";
import { localUrl } from "../services/plan-services.js";
import { STATE_DIRECTORY, workspaceIn } from "../services/workspace.js";

const ANSWER_MS_MAX = 10_000;

const apiDescription = z.object({
  components: z.object({
    securitySchemes: z.record(
      z.string(),
      z.object({ flows: z.object({ clientCredentials: z.object({ tokenUrl: z.url() }) }).optional() }),
    ),
  }),
});

/** Advice for the user, which follows a colon. */
export interface Remedies {
  readonly silent: string;
  readonly foreign: string;
}

/**
 * The token URL that the API itself publishes; undefined if it publishes none.
 *
 * @throws Error in one sentence if no Tripline API answers at this address
 */
export async function readTokenUrl(apiUrl: string, remedies: Remedies): Promise<string | undefined> {
  let body: unknown;
  try {
    const response = await fetch(`${apiUrl}/openapi.json`, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    body = await response.json();
  } catch (error) {
    throw new Error(`${apiUrl} is not responding (${causeOf(error)}): ${remedies.silent}.`, { cause: error });
  }
  const description = apiDescription.safeParse(body);
  if (!description.success) throw new Error(`${apiUrl} is not a Tripline ingestion API: ${remedies.foreign}.`);
  const schemes = Object.values(description.data.components.securitySchemes);
  return schemes.find(({ flows }) => flows !== undefined)?.flows?.clientCredentials.tokenUrl;
}

/** Addresses of this workspace's system. If no system is running, the addresses that it would have. */
export function localAddresses(workspace: string): LocalSystem["addresses"] {
  try {
    return readLocalSystem(workspace).addresses;
  } catch {
    const ports = readPorts();
    const url = (name: keyof LocalSystem["addresses"]): string => localUrl(ports[name], false);
    return { ingestion: url("ingestion"), auth: url("auth"), control: url("control"), console: url("console") };
  }
}

/** A secret of a local system that was started from this repository. Default: the demo client's secret. */
export async function localSecret(
  apiUrl: string,
  workspace = DEMO_WORKSPACE,
  name: keyof DemoSecrets = "clientSecret",
): Promise<string | undefined> {
  if (!["127.0.0.1", "localhost", "[::1]"].includes(new URL(apiUrl).hostname)) return undefined;
  try {
    const text = await readFile(workspaceIn(join(STATE_DIRECTORY, workspace)).secrets, "utf8");
    return z.string().parse(Reflect.get(JSON.parse(text), name));
  } catch {
    return undefined;
  }
}
