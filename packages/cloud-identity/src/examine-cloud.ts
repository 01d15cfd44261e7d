import { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";
import { fetchAwsCredentials } from "./aws-credentials.js";
import { fetchEntraToken } from "./entra-token.js";
import { fetchGoogleToken } from "./google-token.js";
import type { Cloud, IdentityVariables } from "./identity-variables.js";
import { identityVariables, missingIdentity } from "./identity-variables.js";
import type { Expiring } from "./renew-token.js";

/** Whether this process can authenticate, in the form of `tripline doctor`. */
export interface CloudFinding {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** Empty if nothing is wrong. */
  readonly fix: string;
}

const MINUTE_MS = 60_000;
const PAGE = "see docs/connections.md";
const schema = z.object(identityVariables);

interface Source {
  readonly cloud: Cloud;
  readonly name: string;
  fetch(variables: IdentityVariables): Promise<Expiring>;
}

const SOURCES = new Map<string, Source>([
  [
    "aws",
    { cloud: "aws", name: "AWS", fetch: (variables) => fetchAwsCredentials(variables, variables.AWS_REGION ?? "") },
  ],
  ["gcp", { cloud: "gcp", name: "Google", fetch: fetchGoogleToken }],
  [
    "azure",
    { cloud: "azure", name: "Azure", fetch: (variables) => fetchEntraToken(variables, "https://ml.azure.com") },
  ],
]);

/**
 * Requests credentials as a service would, in at most 15 s. Never throws.
 *
 * @param cloud `aws`, `gcp` or `azure`
 */
export async function examineCloud(
  cloud: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<CloudFinding> {
  const source = SOURCES.get(cloud);
  if (source === undefined) return bad("cloud", `unknown cloud "${cloud}"`, "use aws, gcp or azure");
  const { name } = source;
  const parsed = schema.safeParse(environment);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return bad(name, `${issue?.path.join(".")} is invalid`, `it ${issue?.message}`);
  }
  const variables = parsed.data;
  const [missing] = missingIdentity(source.cloud, variables);
  if (missing !== undefined) {
    return bad(name, `this process has no identity on ${name}`, missing.replace(/^requires (an identity: )?/, "set "));
  }
  if (cloud === "aws" && variables.AWS_REGION === undefined) {
    return bad(name, "AWS_REGION is not set", "set it to the region of your resources");
  }
  if (cloud === "aws" && variables.AWS_ACCESS_KEY_ID !== undefined) {
    return { name, ok: true, detail: "AWS_ACCESS_KEY_ID is set; it was not verified with AWS", fix: "" };
  }
  try {
    const { expiresAtMs } = await source.fetch(variables);
    const minutes = Math.round((expiresAtMs - Date.now()) / MINUTE_MS);
    return { name, ok: true, detail: `issued credentials that are valid for ${minutes} minutes`, fix: "" };
  } catch (thrown) {
    const detail = thrown instanceof TriplineError ? thrown.message.replace(/\.$/, "") : String(thrown);
    return bad(name, detail, PAGE);
  }
}

function bad(name: string, detail: string, fix: string): CloudFinding {
  return { name, ok: false, detail, fix };
}
