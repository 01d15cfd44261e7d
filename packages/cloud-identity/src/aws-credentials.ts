import { z } from "zod";
import { askForJson, askForText, readTokenFile, unavailable } from "./ask-identity.js";
import type { IdentityVariables } from "./identity-variables.js";
import type { Expiring } from "./renew-token.js";

/** What requests to AWS are signed with. */
export interface AwsCredentials extends Expiring {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Absent for the keys of a user. */
  readonly sessionToken: string | undefined;
}

const DAY_MS = 86_400_000;
const WHO_STS = "AWS STS";

/** What STS answers, in XML: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html */
const assumedRole = z.object({
  AccessKeyId: z.string().min(1),
  SecretAccessKey: z.string().min(1),
  SessionToken: z.string().min(1),
  Expiration: z.iso.datetime({ offset: true }),
});

/** https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html */
const containerCredentials = z.object({
  AccessKeyId: z.string().min(1),
  SecretAccessKey: z.string().min(1),
  Token: z.string().min(1),
  Expiration: z.iso.datetime({ offset: true }),
});

/** What the pod's token is exchanged for, in the order in which AWS's own libraries look. */
export async function fetchAwsCredentials(variables: IdentityVariables, region: string): Promise<AwsCredentials> {
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: session } = variables;
  if (id !== undefined && secret !== undefined) {
    return { accessKeyId: id, secretAccessKey: secret, sessionToken: session, expiresAtMs: Date.now() + DAY_MS };
  }
  const { AWS_ROLE_ARN: role, AWS_WEB_IDENTITY_TOKEN_FILE: file } = variables;
  if (role !== undefined && file !== undefined) return assumeRole(role, file, stsUrl(variables, region));
  const { AWS_CONTAINER_CREDENTIALS_FULL_URI: url } = variables;
  if (url !== undefined) return askContainer(url, variables.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE);
  throw unavailable("There is no AWS identity: give the service account a role.");
}

function stsUrl({ AWS_ENDPOINT_URL_STS: url }: IdentityVariables, region: string): string {
  return url ?? `https://sts.${region}.amazonaws.com`;
}

async function assumeRole(role: string, tokenFile: string, url: string): Promise<AwsCredentials> {
  const body = new URLSearchParams({
    Action: "AssumeRoleWithWebIdentity",
    Version: "2011-06-15",
    RoleArn: role,
    RoleSessionName: `tripline-${process.pid}`,
    WebIdentityToken: await readTokenFile(tokenFile),
  });
  const answer = await askForText({ who: WHO_STS, url, method: "POST", body });
  // None of the four ever holds a character that XML would write in another way.
  const field = (name: string) => new RegExp(`<${name}>([^<&]+)</${name}>`).exec(answer)?.[1];
  const given = assumedRole.safeParse(
    Object.fromEntries(Object.keys(assumedRole.shape).map((name) => [name, field(name)])),
  );
  if (!given.success) throw unavailable(`${WHO_STS} answers something else than credentials.`);
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = given.data;
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
    expiresAtMs: Date.parse(Expiration),
  };
}

async function askContainer(url: string, tokenFile: string | undefined): Promise<AwsCredentials> {
  const request = { who: "EKS Pod Identity", url };
  const given =
    tokenFile === undefined
      ? await askForJson(request, containerCredentials)
      : await askForJson(
          { ...request, headers: { authorization: await readTokenFile(tokenFile) } },
          containerCredentials,
        );
  return {
    accessKeyId: given.AccessKeyId,
    secretAccessKey: given.SecretAccessKey,
    sessionToken: given.Token,
    expiresAtMs: Date.parse(given.Expiration),
  };
}
