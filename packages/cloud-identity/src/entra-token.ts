import type { INetworkModule, NetworkResponse } from "@azure/msal-node";
import type { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";
import type { Token } from "./google-token.js";
import type { IdentityVariables } from "./identity-variables.js";
import type { IdentityRequest } from "./request-identity.js";
import { parseJson, readTokenFile, refused, sendRequest, strange, unavailable } from "./request-identity.js";

const AUTHORITY = "https://login.microsoftonline.com/";
const WHO = "Entra";
const STATUS_OK = 200;

const claims = z.object({ oid: z.string().min(1) });

/**
 * Exchanges the pod's token for an Entra token with Microsoft's own library
 * (https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow, third case).
 *
 * @param resource what the token gives access to, for example `https://redis.azure.com`
 */
export async function fetchEntraToken(variables: IdentityVariables, resource: string): Promise<Token> {
  const { AZURE_CLIENT_ID: clientId, AZURE_TENANT_ID: tenant, AZURE_FEDERATED_TOKEN_FILE: file } = variables;
  if (clientId === undefined || tenant === undefined || file === undefined) {
    throw unavailable("There is no Azure identity. Label the pod with azure.workload.identity/use=true.");
  }
  const authority = new URL(tenant, variables.AZURE_AUTHORITY_HOST ?? AUTHORITY);
  const clientAssertion = await readTokenFile(file);
  const { ConfidentialClientApplication } = await import("@azure/msal-node");
  const network = new BoundedNetwork();
  try {
    // A new instance for each token, because after a rejection the library itself rejects requests for a minute.
    const application = new ConfidentialClientApplication({
      auth: { clientId, authority: authority.href, knownAuthorities: [authority.host], clientAssertion },
      system: { networkClient: network },
    });
    const given = await application.acquireTokenByClientCredential({ scopes: [`${resource}/.default`] });
    if (!given?.accessToken || given.expiresOn === null) throw strange(WHO);
    return { text: given.accessToken, expiresAtMs: given.expiresOn.getTime() };
  } catch (thrown) {
    throw network.failure ?? strange(WHO, thrown);
  }
}

/** Replaces the library's default network module, which does not time out POST requests. */
class BoundedNetwork implements INetworkModule {
  /** Why there is no token; the library's message is longer and has no status. */
  failure: TriplineError | undefined;

  sendGetRequestAsync<T>(url: string, options: Options = {}): Promise<NetworkResponse<T>> {
    return this.#send({ ...options, who: WHO, url });
  }

  sendPostRequestAsync<T>(url: string, options: Options = {}): Promise<NetworkResponse<T>> {
    return this.#send({ ...options, who: WHO, url, method: "POST" });
  }

  async #send<T>(request: IdentityRequest): Promise<NetworkResponse<T>> {
    const { status, headers, text } = await sendRequest(request).catch((thrown) => {
      this.failure = thrown;
      throw thrown;
    });
    if (status !== STATUS_OK) this.failure = refused(WHO, status, text);
    return { status, headers: Object.fromEntries(headers), body: parseJson(text) as T };
  }
}

type Options = Pick<IdentityRequest, "headers" | "body">;

/** The object id of the token's subject, which is the user name in Azure's Redis service. */
export function objectIdOf(token: string): string {
  const [, payload = ""] = token.split(".");
  try {
    return claims.parse(JSON.parse(Buffer.from(payload, "base64url").toString())).oid;
  } catch (thrown) {
    throw unavailable("Entra's token has no object ID (oid). Put the user into REDIS_URL.", thrown);
  }
}
