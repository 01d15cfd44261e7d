import { X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { generate } from "selfsigned";
import { writeWhole } from "../write-whole.js";

const DAY_MS = 86_400_000;
/** Validity of certificates in days: longer than any demo runs. */
const VALID_DAYS = 30;
/** Validity of a persistent authority, in days. */
const KEPT_VALID_DAYS = 3_650;
/** Certificates of a persistent authority are renewed this long before they expire. */
const RENEW_DAYS = 10;
/** Tolerance for clock differences between browsers and containers. */
const BEFORE_MS = 3_600_000;

/** PEM files with which a program identifies itself as server and client. */
export interface Identity {
  readonly certificateFile: string;
  readonly keyFile: string;
}

interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority of one local installation. */
export class LocalAuthority {
  private constructor(
    private readonly folder: string,
    private readonly own: KeyPair,
    /**
     * Host names in each certificate, in addition to `localhost` and the program's name, which replaces a `*`.
     */
    private readonly hosts: readonly string[],
    /** File mode of private keys. */
    readonly secretMode: number,
  ) {}

  /**
   * Creates an authority, replacing any earlier one in the folder. Its key is never written to disk, so nothing can be
   * signed after this process ends.
   */
  static async make(folder: string): Promise<LocalAuthority> {
    return LocalAuthority.#at(folder, await makeAuthority(VALID_DAYS), [], 0o600);
  }

  /**
   * Loads the authority from `authority/` in this folder, or creates an authority and saves it there with its key. For
   * containers. Each container sees only its own program's folder and runs as a different user, so the programs' keys
   * are readable by all users.
   *
   * @param hosts names under which other programs reach a program, with `*` in place of the program's own name
   */
  static async keep(folder: string, hosts: readonly string[] = []): Promise<LocalAuthority> {
    const kept = join(folder, "authority");
    const [certificateFile, keyFile] = [join(kept, "ca.crt"), join(kept, "ca.key")];
    if (!existsSync(keyFile)) {
      const made = await makeAuthority(KEPT_VALID_DAYS);
      mkdirSync(kept, { recursive: true, mode: 0o700 });
      writeWhole(certificateFile, made.cert);
      writeWhole(keyFile, made.key, 0o600);
    }
    const [cert, key] = [certificateFile, keyFile].map((file) => readFileSync(file, "utf8"));
    if (cert === undefined || key === undefined) throw new Error(`${kept} contains no certificate authority.`);
    return LocalAuthority.#at(folder, { cert, key }, hosts, 0o444);
  }

  static #at(folder: string, own: KeyPair, hosts: readonly string[], secretMode: number): LocalAuthority {
    const authority = new LocalAuthority(resolve(folder), own, hosts, secretMode);
    mkdirSync(authority.folder, { recursive: true, mode: 0o755 });
    writeWhole(authority.file, own.cert);
    return authority;
  }

  /** PEM file with its certificate, which all programs must trust. */
  get file(): string {
    return join(this.folder, "ca.pem");
  }

  get certificate(): string {
    return this.own.cert;
  }

  /** The files of a program. */
  identityOf(name: string): Identity {
    const folder = join(this.folder, name);
    return { certificateFile: join(folder, "tls.crt"), keyFile: join(folder, "tls.key") };
  }

  /** @returns whether a certificate was issued because the existing one was missing, expires soon or lacks a name */
  async issueWhereNeeded(name: string): Promise<boolean> {
    const { certificateFile } = this.identityOf(name);
    if (existsSync(certificateFile)) {
      const certificate = new X509Certificate(readFileSync(certificateFile));
      const isOurs = certificate.verify(new X509Certificate(this.own.cert).publicKey);
      const hasNames = this.#namesOf(name).every((host) => certificate.checkHost(host) !== undefined);
      const holds = certificate.validToDate.getTime() > Date.now() + RENEW_DAYS * DAY_MS;
      if (isOurs && hasNames && holds) return false;
    }
    await this.issue(name);
    return true;
  }

  /**
   * Signs a new certificate with a new key. It replaces any earlier certificate, so this also renews it.
   *
   * @param name the program's name, which is also its identity for Kafka and the scoring service
   */
  async issue(name: string): Promise<Identity> {
    const made = await generate([{ name: "commonName", value: name }], {
      keyType: "ec",
      algorithm: "sha256",
      ...validity(VALID_DAYS),
      ca: this.own,
      extensions: [
        { name: "basicConstraints", cA: false, critical: true },
        { name: "keyUsage", digitalSignature: true, critical: true },
        { name: "extKeyUsage", serverAuth: true, clientAuth: true },
        {
          name: "subjectAltName",
          altNames: [
            { type: 7, ip: "127.0.0.1" },
            ...this.#namesOf(name).map((value) => ({ type: 2 as const, value })),
          ],
        },
      ],
    });
    const folder = join(this.folder, name);
    const identity = this.identityOf(name);
    writeWhole(identity.certificateFile, made.cert);
    writeWhole(identity.keyFile, made.private, this.secretMode);
    writeWhole(join(folder, "ca.crt"), this.own.cert);
    return identity;
  }

  #namesOf(name: string): readonly string[] {
    return ["localhost", name, ...this.hosts.map((host) => host.replaceAll("*", name))];
  }
}

async function makeAuthority(days: number): Promise<KeyPair> {
  const made = await generate([{ name: "commonName", value: "Tripline local authority" }], {
    keyType: "ec",
    algorithm: "sha256",
    ...validity(days),
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { cert: made.cert, key: made.private };
}

const validity = (days: number) => ({
  notBeforeDate: new Date(Date.now() - BEFORE_MS),
  notAfterDate: new Date(Date.now() + days * DAY_MS),
});
