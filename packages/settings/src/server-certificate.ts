import { unwatchFile, watchFile } from "node:fs";
import type { SecureContextOptions, TlsOptions } from "node:tls";
import { createSecureContext } from "node:tls";
import { readPem } from "./read-certificates.js";

/** Clients that speak less are refused. */
const TLS_VERSION_MIN = "TLSv1.3";
/** A client that opens a connection and does not finish its handshake holds it no longer than this. */
const HANDSHAKE_MS_MAX = 10_000;
/** How often the files are looked at. Certificates are renewed days before they end. */
const LOOK_EVERY_MS = 5_000;

/** A PEM file, and the variable that names it. */
export interface NamedFile {
  readonly variable: string;
  readonly path: string;
}

export interface ServerCertificateFiles {
  readonly certificate: NamedFile;
  readonly key: NamedFile;
  /** Authorities of clients' certificates: with them every client has to show one. */
  readonly clientAuthorities?: NamedFile | undefined;
  /** Clients may come without a certificate, and whoever answers a request looks for it: probes have none. */
  readonly isClientOptional?: boolean;
}

/** A server of TLS, as far as its certificate is concerned. */
interface CertifiedServer {
  setSecureContext(options: SecureContextOptions): void;
  once(event: "close", listener: () => void): unknown;
}

export interface ServerCertificateOptions {
  readonly onRenewed?: () => void;
  /** The files changed and cannot be used: the certificate before stays. Asked again at their next change. */
  readonly onFault?: (error: unknown) => void;
  readonly lookEveryMs?: number;
}

/** The certificate of a server. New connections get what its files hold now; open ones go on with what they began with. */
export class ServerCertificate {
  constructor(
    private readonly files: ServerCertificateFiles,
    private readonly options: ServerCertificateOptions = {},
  ) {}

  /** @throws TriplineError `config-invalid` where a file cannot be read */
  serverOptions(): TlsOptions {
    const isMutual = this.files.clientAuthorities !== undefined;
    const asked = isMutual ? { requestCert: true, rejectUnauthorized: this.files.isClientOptional !== true } : {};
    return { ...this.#read(), ...asked, handshakeTimeout: HANDSHAKE_MS_MAX };
  }

  /** Until the server closes. The files are looked at and not watched: in a pod they are links that are exchanged as a whole. */
  renew(server: CertifiedServer): void {
    const { certificate, key, clientAuthorities } = this.files;
    const paths = [certificate, key, ...(clientAuthorities === undefined ? [] : [clientAuthorities])];
    const { lookEveryMs = LOOK_EVERY_MS, onRenewed, onFault } = this.options;
    const take = (): void => {
      try {
        const context = this.#read();
        // A key that is not the certificate's is found here: between two writes that is what the files hold.
        createSecureContext(context);
        server.setSecureContext(context);
        onRenewed?.();
      } catch (error) {
        onFault?.(error);
      }
    };
    for (const { path } of paths) watchFile(path, { interval: lookEveryMs, persistent: false }, take);
    server.once("close", () => {
      for (const { path } of paths) unwatchFile(path, take);
    });
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
