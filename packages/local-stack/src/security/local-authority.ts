import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { generate } from "selfsigned";

const DAY_MS = 86_400_000;
/** A demo is over by then. */
const VALID_DAYS = 30;
/** Clocks of browsers and containers differ. */
const BEFORE_MS = 3_600_000;

/** PEM files of one program: what it shows as a server and as a client. */
export interface Identity {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/**
 * A certificate authority of one installation on this machine. Its key is never written: what it has not signed by the end of
 * this process it never will.
 */
export class LocalAuthority {
  private constructor(
    private readonly folder: string,
    private readonly own: { readonly cert: string; readonly key: string },
  ) {}

  /** Makes it, in a folder where an earlier one may have been. */
  static async make(folder: string): Promise<LocalAuthority> {
    const made = await generate([{ name: "commonName", value: "Tripline local authority" }], {
      ...{ keyType: "ec", algorithm: "sha256", ...validity() },
      extensions: [
        { name: "basicConstraints", cA: true, critical: true },
        { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
      ],
    });
    const authority = new LocalAuthority(resolve(folder), { cert: made.cert, key: made.private });
    mkdirSync(authority.folder, { recursive: true, mode: 0o755 });
    write(authority.file, made.cert);
    return authority;
  }

  /** PEM file with its certificate, which everybody has to trust. */
  get file(): string {
    return join(this.folder, "ca.pem");
  }

  get certificate(): string {
    return this.own.cert;
  }

  /**
   * Signs a new certificate with a new key. Written where the one before was, so this also renews it.
   *
   * @param name the program's; who it is for Kafka and scoring
   */
  async issue(name: string): Promise<Identity> {
    const made = await generate([{ name: "commonName", value: name }], {
      ...{ keyType: "ec", algorithm: "sha256", ...validity(), ca: this.own },
      extensions: [
        { name: "basicConstraints", cA: false, critical: true },
        { name: "keyUsage", digitalSignature: true, critical: true },
        { name: "extKeyUsage", serverAuth: true, clientAuth: true },
        {
          name: "subjectAltName",
          altNames: [
            { type: 7, ip: "127.0.0.1" },
            ...["localhost", name].map((value) => ({ type: 2 as const, value })),
          ],
        },
      ],
    });
    const folder = join(this.folder, name);
    mkdirSync(folder, { recursive: true });
    const identity = { certificateFile: join(folder, "tls.crt"), keyFile: join(folder, "tls.key") };
    write(identity.certificateFile, made.cert);
    write(identity.keyFile, made.private, 0o600);
    return identity;
  }
}

const validity = () => ({
  notBeforeDate: new Date(Date.now() - BEFORE_MS),
  notAfterDate: new Date(Date.now() + VALID_DAYS * DAY_MS),
});

function write(path: string, text: string, mode = 0o644): void {
  writeFileSync(`${path}.new`, text, { mode });
  renameSync(`${path}.new`, path);
}
