import { types } from "node:util";
import { z } from "zod";
import type { IdentityVariables } from "./identity-variables.js";
import type { Expiring } from "./renew-token.js";
import {
  ANSWER_MS_MAX,
  parseJson,
  readTokenFile,
  refused,
  sendRequest,
  silent,
  strange,
  unavailable,
} from "./request-identity.js";

/** The credentials that sign requests to AWS. */
export interface AwsCredentials extends Expiring {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Absent for the long-term keys of an IAM user. */
  readonly sessionToken: string | undefined;
}

const DAY_MS = 86_400_000;
const WHO_STS = "AWS STS";
const WHO_POD = "EKS Pod Identity";
const STATUS_OK = 200;

/** https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html */
const containerCredentials = z.object({
  AccessKeyId: z.string().min(1),
  SecretAccessKey: z.string().min(1),
  Token: z.string().min(1),
  Expiration: z.iso.datetime({ offset: true }),
});

/** Exchanges the pod's token for credentials, trying sources in the same order as AWS's own libraries. */
export async function fetchAwsCredentials(variables: IdentityVariables, region: string): Promise<AwsCredentials> {
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: session } = variables;
  if (id !== undefined && secret !== undefined) {
    return { accessKeyId: id, secretAccessKey: secret, sessionToken: session, expiresAtMs: Date.now() + DAY_MS };
  }
  const { AWS_ROLE_ARN: role, AWS_WEB_IDENTITY_TOKEN_FILE: file } = variables;
  if (role !== undefined && file !== undefined) {
    return assumeRole(role, await readTokenFile(file), region, variables.AWS_ENDPOINT_URL_STS);
  }
  const { AWS_CONTAINER_CREDENTIALS_FULL_URI: url } = variables;
  if (url !== undefined) return fetchContainerCredentials(url, variables.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE);
  throw unavailable("There is no AWS identity. Assign a role to the service account.");
}

/** Uses AWS's own library. @param endpoint STS endpoint to use instead of the region's */
async function assumeRole(
  roleArn: string,
  webIdentityToken: string,
  region: string,
  endpoint: string | undefined,
): Promise<AwsCredentials> {
  const { fromWebToken } = await import("@aws-sdk/credential-provider-web-identity");
  const clientConfig = {
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    // The caller is responsible for retries.
    maxAttempts: 1,
    // Without `throwOnRequestTimeout`, the library would only log a warning and keep waiting.
    requestHandler: {
      connectionTimeout: ANSWER_MS_MAX,
      requestTimeout: ANSWER_MS_MAX,
      throwOnRequestTimeout: true,
    },
  };
  const roleSessionName = `tripline-${process.pid}`;
  try {
    const given = await fromWebToken({ roleArn, roleSessionName, webIdentityToken, clientConfig })();
    if (given.expiration === undefined) throw strange(WHO_STS);
    return {
      accessKeyId: given.accessKeyId,
      secretAccessKey: given.secretAccessKey,
      sessionToken: given.sessionToken,
      expiresAtMs: given.expiration.getTime(),
    };
  } catch (thrown) {
    throw stsFailure(thrown, endpoint === undefined ? region : new URL(endpoint).host);
  }
}

const answered = z.object({ $metadata: z.object({ httpStatusCode: z.number() }) });

function stsFailure(thrown: unknown, where: string): Error {
  if (!types.isNativeError(thrown)) return strange(WHO_STS, thrown);
  const status = answered.safeParse(thrown).data?.$metadata.httpStatusCode;
  if (status === undefined) return silent(WHO_STS, where, thrown);
  return status === STATUS_OK
    ? strange(WHO_STS, thrown)
    : refused(WHO_STS, status, `${thrown.name}: ${thrown.message}`, thrown);
}

/**
 * Sends its own request, because AWS's `fromHttp` has no timeout for a server that accepts a request but does not
 * respond.
 */
async function fetchContainerCredentials(url: string, tokenFile: string | undefined): Promise<AwsCredentials> {
  const headers: Record<string, string> = {};
  if (tokenFile !== undefined) headers.authorization = await readTokenFile(tokenFile);
  const { status, text } = await sendRequest({ who: WHO_POD, url, headers });
  if (status !== STATUS_OK) throw refused(WHO_POD, status, text);
  const given = containerCredentials.safeParse(parseJson(text));
  if (!given.success) throw strange(WHO_POD);
  return {
    accessKeyId: given.data.AccessKeyId,
    secretAccessKey: given.data.SecretAccessKey,
    sessionToken: given.data.Token,
    expiresAtMs: Date.parse(given.data.Expiration),
  };
}
