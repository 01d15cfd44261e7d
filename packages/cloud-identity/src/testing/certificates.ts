import { generate } from "selfsigned";

const DAY_MS = 86_400_000;

/** A self-signed certificate and its key, in PEM. */
export interface TestCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** For tests. `names` are the DNS names or addresses in the certificate; without any, it is a client certificate. */
export async function makeCertificate(commonName: string, names: readonly string[]): Promise<TestCertificate> {
  const made = await generate([{ name: "commonName", value: commonName }], {
    keyType: "ec",
    algorithm: "sha256",
    notBeforeDate: new Date(Date.now() - DAY_MS),
    notAfterDate: new Date(Date.now() + DAY_MS),
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "subjectAltName", altNames: names.map(altName) },
    ],
  });
  return { certificate: made.cert, key: made.private };
}

const altName = (name: string) =>
  /^[\d.]+$/.test(name) ? ({ type: 7, ip: name } as const) : ({ type: 2, value: name } as const);
