import { z } from "zod";

/** An empty variable counts as unset, because charts and compose files cannot easily omit one. */
export const optionalText = z
  .string()
  .transform((text) => (text === "" ? undefined : text))
  .optional();

/**
 * Variables that describe a pod's identity, under the names that each cloud's webhook and libraries use. In a cluster,
 * users do not set them; outside a cluster, they can.
 */
export const identityVariables = {
  AWS_REGION: optionalText,
  /** EKS, roles for service accounts: https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html */
  AWS_ROLE_ARN: optionalText,
  AWS_WEB_IDENTITY_TOKEN_FILE: optionalText,
  AWS_ENDPOINT_URL_STS: optionalText,
  /** EKS Pod Identity: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html */
  AWS_CONTAINER_CREDENTIALS_FULL_URI: optionalText,
  AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: optionalText,
  /** Access keys, for machines outside a cluster. */
  AWS_ACCESS_KEY_ID: optionalText,
  AWS_SECRET_ACCESS_KEY: optionalText,
  AWS_SESSION_TOKEN: optionalText,
  /** Host and port of the metadata server, if not 169.254.169.254. Google's library reads it itself. */
  GCE_METADATA_HOST: optionalText,
  /** AKS workload identity: https://azure.github.io/azure-workload-identity/docs/installation/mutating-admission-webhook.html */
  AZURE_CLIENT_ID: optionalText,
  AZURE_TENANT_ID: optionalText,
  AZURE_FEDERATED_TOKEN_FILE: optionalText,
  AZURE_AUTHORITY_HOST: optionalText.refine(
    (text) => text === undefined || text.startsWith("https://"),
    "must start with https://",
  ),
};

const schema = z.object(identityVariables);

export type IdentityVariables = z.infer<typeof schema>;

export type Cloud = "aws" | "gcp" | "azure";

/** The reasons why this cloud cannot issue a token, as phrases that follow a variable's name; empty if it can. */
export function missingIdentity(cloud: Cloud, variables: IdentityVariables): string[] {
  if (cloud === "aws") return isAwsKnown(variables) ? [] : [AWS_MISSING];
  if (cloud === "azure") return isAzureKnown(variables) ? [] : [AZURE_MISSING];
  // Google's metadata server needs no settings.
  return [];
}

const AWS_MISSING =
  "requires an identity: AWS_ROLE_ARN with AWS_WEB_IDENTITY_TOKEN_FILE, AWS_CONTAINER_CREDENTIALS_FULL_URI, or " +
  "AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY. On EKS, the first two are set automatically once the service account " +
  "has a role";

const AZURE_MISSING =
  "requires AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_FEDERATED_TOKEN_FILE. On AKS, they are set automatically once the pod " +
  "has the label azure.workload.identity/use=true";

function isAwsKnown(variables: IdentityVariables): boolean {
  return (
    (variables.AWS_ACCESS_KEY_ID !== undefined && variables.AWS_SECRET_ACCESS_KEY !== undefined) ||
    (variables.AWS_ROLE_ARN !== undefined && variables.AWS_WEB_IDENTITY_TOKEN_FILE !== undefined) ||
    variables.AWS_CONTAINER_CREDENTIALS_FULL_URI !== undefined
  );
}

function isAzureKnown(variables: IdentityVariables): boolean {
  const { AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_FEDERATED_TOKEN_FILE } = variables;
  return [AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_FEDERATED_TOKEN_FILE].every((value) => value !== undefined);
}
