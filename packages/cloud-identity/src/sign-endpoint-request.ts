import { fetchAwsCredentials } from "./aws-credentials.js";
import { fetchEntraToken } from "./entra-token.js";
import type { Token } from "./google-token.js";
import { fetchGoogleToken } from "./google-token.js";
import type { IdentityVariables } from "./identity-variables.js";
import { awsRegion, GOOGLE_RETRIES } from "./open-tokens.js";
import type { Renewed } from "./renew-token.js";
import { renewing } from "./renew-token.js";
import { signEndpointRequest } from "./sign-aws-token.js";

export type EndpointIdentity = "aws-iam" | "gcp-iam" | "azure-entra";

/** Returns the headers that authenticate a POST of a JSON body; throws TriplineError `identity-unavailable`. */
export type SignEndpointRequest = (body: string) => Promise<Readonly<Record<string, string>>>;

/** Resource of the Entra token for Azure ML's online endpoints. */
const AZURE_ML = "https://ml.azure.com";

/**
 * Signs requests to SageMaker, or adds a token for Vertex AI or Azure ML.
 *
 * @param url a SageMaker URL contains the region; otherwise, the pod's region is used
 */
export function endpointSigner(
  identity: EndpointIdentity,
  variables: IdentityVariables,
  url: URL,
): SignEndpointRequest {
  switch (identity) {
    case "aws-iam": {
      const region = awsRegion(variables, url.host) ?? "";
      const credentials = renewing(() => fetchAwsCredentials(variables, region));
      return async (body) => {
        const signing = { credentials: (await credentials()).value, region, nowMs: Date.now() };
        return signEndpointRequest(signing, url, body);
      };
    }
    case "gcp-iam":
      return bearer(renewing(() => fetchGoogleToken(variables), GOOGLE_RETRIES));
    case "azure-entra":
      return bearer(renewing(() => fetchEntraToken(variables, AZURE_ML)));
  }
}

function bearer(tokens: () => Promise<Renewed<Token>>): SignEndpointRequest {
  return async () => ({ authorization: `Bearer ${(await tokens()).value.text}` });
}
