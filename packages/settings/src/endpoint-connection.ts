import type { Cloud, IdentityVariables } from "@tripline/cloud-identity/identity-variables";
import { missingIdentity } from "@tripline/cloud-identity/identity-variables";
import { awsRegion } from "@tripline/cloud-identity/open-tokens";
import type { SignEndpointRequest } from "@tripline/cloud-identity/sign-endpoint-request";
import { endpointSigner } from "@tripline/cloud-identity/sign-endpoint-request";
import { z } from "zod";
import { optionalText } from "./connection-config.js";

export type { SignEndpointRequest };

const CLOUDS: Readonly<Record<string, Cloud>> = { "aws-iam": "aws", "gcp-iam": "gcp", "azure-entra": "azure" };

/** Variables for a managed endpoint in place of the scoring service. */
export const endpointConfig = {
  SCORING_ENDPOINT_URL: optionalText
    .refine((url) => url === undefined || /^https?:\/\/[^\s]+$/.test(url), "must start with http:// or https://")
    .meta({
      description:
        "URL of a SageMaker, Vertex AI (`:rawPredict`) or Azure ML endpoint that runs scoring. Replaces `SCORING_ADDRESS`.",
    }),
  SCORING_ENDPOINT_AUTH: z
    .enum(["none", "key", "aws-iam", "gcp-iam", "azure-entra"])
    .default("none")
    .meta({ description: "How requests to the endpoint authenticate: with a key, or with the pod's cloud identity." }),
  SCORING_ENDPOINT_KEY: optionalText.meta({ description: "For `key`: sent as the bearer token." }),
  SCORING_ENDPOINT_CALLS_MAX: z.coerce
    .number()
    .int()
    .min(2)
    .max(1_000)
    .default(16)
    .meta({
      unit: "requests",
      description:
        "Maximum number of concurrent requests to the endpoint, at most half of them for candidates and explanations. " +
        "Others wait until their deadline.",
    }),
};

const schema = z.object(endpointConfig);

export type EndpointConfig = z.infer<typeof schema> & IdentityVariables;

/** @returns for each contradictory variable, a phrase that follows its name */
export function endpointFaults(config: EndpointConfig): [name: keyof EndpointConfig, phrase: string][] {
  const { SCORING_ENDPOINT_URL: url, SCORING_ENDPOINT_AUTH: auth, SCORING_ENDPOINT_KEY: key } = config;
  if (url === undefined) return auth === "none" ? [] : [["SCORING_ENDPOINT_AUTH", "requires SCORING_ENDPOINT_URL"]];
  const faults: [keyof EndpointConfig, string][] = [];
  if (auth !== "none" && !url.startsWith("https:")) {
    faults.push([
      "SCORING_ENDPOINT_URL",
      "must start with https://; otherwise, the credentials would be sent unencrypted",
    ]);
  }
  if ((auth === "key") !== (key !== undefined)) {
    faults.push(["SCORING_ENDPOINT_KEY", "applies only to SCORING_ENDPOINT_AUTH=key"]);
  }
  const cloud = CLOUDS[auth];
  if (cloud !== undefined) {
    for (const phrase of missingIdentity(cloud, config)) faults.push(["SCORING_ENDPOINT_AUTH", phrase]);
  }
  if (cloud === "aws" && awsRegion(config, URL.parse(url)?.host ?? "") === undefined) {
    faults.push(["SCORING_ENDPOINT_AUTH", "requires AWS_REGION, because SCORING_ENDPOINT_URL contains no region"]);
  }
  return faults;
}

export function endpointSignature(config: EndpointConfig, url: URL): SignEndpointRequest {
  const { SCORING_ENDPOINT_AUTH: auth, SCORING_ENDPOINT_KEY: key } = config;
  if (auth === "none") return async () => ({});
  if (auth === "key") return async () => ({ authorization: `Bearer ${key}` });
  return endpointSigner(auth, config, url);
}
