import type { AwsCredentials } from "./aws-credentials.js";

/** Maximum lifetime that AWS allows for such a token. */
const TOKEN_SECONDS = 900;

export interface AwsSigning {
  readonly credentials: AwsCredentials;
  readonly region: string;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** A token for MSK: a signed URL in base64 (https://github.com/aws/aws-msk-iam-sasl-signer-js#details). */
export async function signKafkaToken(signing: AwsSigning): Promise<string> {
  const host = `kafka.${signing.region}.amazonaws.com`;
  const url = await presign(signing, "kafka-cluster", host, { Action: "kafka-cluster:Connect" });
  return Buffer.from(`https://${url}&User-Agent=tripline`).toString("base64url");
}

/**
 * A token for ElastiCache: a signed URL without its scheme
 * (https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html).
 */
export function signCacheToken(signing: AwsSigning, cache: string, user: string): Promise<string> {
  return presign(signing, "elasticache", cache, { Action: "connect", User: user });
}

/**
 * A token for RDS: a signed URL without its scheme
 * (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html).
 */
export function signDatabaseToken(signing: AwsSigning, host: string, user: string): Promise<string> {
  return presign(signing, "rds-db", host, { Action: "connect", DBUser: user });
}

/**
 * When a token signed now expires: at the end of its own lifetime, or when the credentials expire, whichever comes
 * first.
 */
export function tokenEndMs({ credentials, nowMs }: AwsSigning): number {
  return Math.min(nowMs + TOKEN_SECONDS * 1000, credentials.expiresAtMs);
}

/**
 * Headers that authenticate a POST of a JSON body to a SageMaker endpoint
 * (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html).
 */
export async function signEndpointRequest(
  signing: AwsSigning,
  url: URL,
  body: string,
): Promise<Record<string, string>> {
  const { signer } = await openSigner(signing, "sagemaker");
  const { headers } = await signer.sign(
    {
      method: "POST",
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query: {},
      headers: { host: url.host, "content-type": "application/json" },
      body,
    },
    { signingDate: new Date(signing.nowMs) },
  );
  // The HTTP client sets the host itself.
  const { host: _host, ...rest } = headers;
  return rest;
}

/** Presigns a GET of `/` with AWS's own library. */
async function presign(
  signing: AwsSigning,
  service: string,
  host: string,
  query: Readonly<Record<string, string>>,
): Promise<string> {
  const { signer, buildQueryString } = await openSigner(signing, service);
  const signed = await signer.presign(
    { method: "GET", protocol: "https:", hostname: host, path: "/", headers: { host }, query: { ...query } },
    { expiresIn: TOKEN_SECONDS, signingDate: new Date(signing.nowMs) },
  );
  return `${host}/?${buildQueryString(signed.query ?? {})}`;
}

async function openSigner({ credentials, region }: AwsSigning, service: string) {
  // Loaded only for signing.
  const [{ SignatureV4 }, { Hash }, { buildQueryString }] = await Promise.all([
    import("@smithy/signature-v4"),
    import("@smithy/core/serde"),
    import("@smithy/core/protocols"),
  ]);
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const signer = new SignatureV4({
    service,
    region,
    sha256: Hash.bind(null, "sha256"),
    // Only S3 needs the body's hash as a header.
    applyChecksum: false,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
  });
  return { signer, buildQueryString };
}
