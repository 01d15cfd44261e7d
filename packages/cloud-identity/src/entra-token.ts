import { z } from "zod";
import { askForJson, readTokenFile, unavailable } from "./ask-identity.js";
import type { Token } from "./google-token.js";
import type { IdentityVariables } from "./identity-variables.js";

const AUTHORITY = "https://login.microsoftonline.com/";
const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

const accessToken = z.object({ access_token: z.string().min(1), expires_in: z.coerce.number().positive() });
const claims = z.object({ oid: z.string().min(1) });

/**
 * Exchanges the pod's token for one of Entra
 * (https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow, third case).
 *
 * @param resource whose token, for instance `https://redis.azure.com`
 */
export async function fetchEntraToken(variables: IdentityVariables, resource: string): Promise<Token> {
  const { AZURE_CLIENT_ID: id, AZURE_TENANT_ID: tenant, AZURE_FEDERATED_TOKEN_FILE: file } = variables;
  if (id === undefined || tenant === undefined || file === undefined) {
    throw unavailable("There is no Azure identity: label the pod with azure.workload.identity/use=true.");
  }
  const url = new URL(`${tenant}/oauth2/v2.0/token`, variables.AZURE_AUTHORITY_HOST ?? AUTHORITY).href;
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: id,
    scope: `${resource}/.default`,
    client_assertion_type: ASSERTION_TYPE,
    client_assertion: await readTokenFile(file),
  });
  const answer = await askForJson({ who: "Entra", url, method: "POST", body }, accessToken);
  return { text: answer.access_token, expiresAtMs: Date.now() + answer.expires_in * 1000 };
}

/** The object id of whom the token is about, under which Azure's Redis knows its user. */
export function objectIdOf(token: string): string {
  const [, payload = ""] = token.split(".");
  try {
    return claims.parse(JSON.parse(Buffer.from(payload, "base64url").toString())).oid;
  } catch (thrown) {
    throw unavailable("Entra's token names no object id (oid): put the user into REDIS_URL.", thrown);
  }
}
