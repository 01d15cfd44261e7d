import type { SecureContextOptions, TlsOptions } from "node:tls";
import { createSecureContext } from "node:tls";
import { readPem } from "./read-certificates.js";

/** Clients with older versions are rejected. */
const TLS_VERSION_MIN = "TLSv1.3";
/** A client that does not finish its handshake is disconnected after this time. */
const HANDSHAKE_MS_MAX = 10_000;
/** How often the files are checked. Certificates are renewed days before they expire. */
const LOOK_EVERY_MS = 5_000;

/** A PEM file, and the variable that contains its path. */
export interface NamedFile {
  readonly variable: string;
  readonly path: string;
}

export interface ServerCertificateFiles {
  readonly certificate: NamedFile;
  readonly key: NamedFile;
  /** Authorities for client certificates: if set, every client must present one. */
  readonly clientAuthorities?: NamedFile | undefined;
  /** Clients may connect without a certificate, because probes have none; request handlers check for it. */
  readonly isClientOptional?: boolean;
}

/** A TLS server, reduced to its certificate functions. */
interface CertifiedServer {
  setSecureContext(options: SecureContextOptions): void;
  once(event: "close", listener: () => void): unknown;
}

export interface ServerCertificateOptions {
  readonly onRenewed?: () => void;
  /** Called when changed files are invalid; the previous certificate is used until the files change again. */
  readonly onFault?: (error: unknown) => void;
  readonly lookEveryMs?: number;
}

/** A server's certificate. New connections get the current files; open connections keep theirs. */
export class ServerCertificate {
  /** The files' contents when they were last read, or the error. */
  #lastRead: string | undefined;

  constructor(
    private readonly files: ServerCertificateFiles,
    private readonly options: ServerCertificateOptions = {},
  ) {}

  /** @throws TriplineError `config-invalid` if a file cannot be read */
  serverOptions(): TlsOptions {
    const isMutual = this.files.clientAuthorities !== undefined;
    const asked = isMutual ? { requestCert: true, rejectUnauthorized: this.files.isClientOptional !== true } : {};
    const context = this.#read();
    this.#lastRead = JSON.stringify(context);
    return { ...context, ...asked, handshakeTimeout: HANDSHAKE_MS_MAX };
  }

  /**
   * Runs until the server closes. It compares the contents of the files with those that it read last, because file
   * watchers miss changes while they start, and in a pod, the files are symbolic links that are replaced together.
   */
  renew(server: CertifiedServer): void {
    const { lookEveryMs = LOOK_EVERY_MS, onRenewed, onFault } = this.options;
    const look = (): void => {
      try {
        const context = this.#readChanged();
        if (context === undefined) return;
        // Detects a key that does not match its certificate, because the files may be inconsistent between two writes.
        createSecureContext(context);
        server.setSecureContext(context);
        onRenewed?.();
      } catch (error) {
        onFault?.(error);
      }
    };
    const timer = setInterval(look, lookEveryMs).unref();
    server.once("close", () => clearInterval(timer));
  }

  /** Undefined if nothing has changed. Throws once per fault. */
  #readChanged(): SecureContextOptions | undefined {
    let context: SecureContextOptions;
    try {
      context = this.#read();
    } catch (error) {
      if (!this.#isChange(String(error))) return undefined;
      throw error;
    }
    return this.#isChange(JSON.stringify(context)) ? context : undefined;
  }

  #isChange(read: string): boolean {
    const isChange = read !== this.#lastRead;
    this.#lastRead = read;
    return isChange;
  }

  #read(): SecureContextOptions {
    const { certificate, key, clientAuthorities: authorities } = this.files;
    return {
      minVersion: TLS_VERSION_MIN,
      cert: readPem(certificate.variable, certificate.path, "CERTIFICATE"),
      key: readPem(key.variable, key.path, "PRIVATE KEY"),
      ...(authorities === undefined ? {} : { ca: readPem(authorities.variable, authorities.path, "CERTIFICATE") }),
    };
  }
}
