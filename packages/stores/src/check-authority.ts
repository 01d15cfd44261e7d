import { isIP } from "node:net";
import type { PeerCertificate } from "node:tls";
import { checkServerIdentity } from "node:tls";

/**
 * For servers with their own authority to which clients connect by IP address, such as Memorystore and Cloud SQL: if
 * the certificate contains no address at all, a valid signature by that authority is sufficient. Any other certificate
 * must match the host, as usual.
 */
export function checkByAuthority(host: string, certificate: PeerCertificate): Error | undefined {
  const carriesAddress = /\bIP Address:/.test(certificate.subjectaltname ?? "");
  if (isIP(host) !== 0 && !carriesAddress) return undefined;
  return checkServerIdentity(host, certificate);
}

/**
 * For the nodes of a cluster, which are usually known by their IP addresses: the certificate may contain the name that
 * the user configured instead.
 */
export function checkNodeOf(hostname: string): typeof checkServerIdentity {
  return (host, certificate) => {
    const fault = checkServerIdentity(host, certificate);
    return fault !== undefined && isIP(host) !== 0 ? checkServerIdentity(hostname, certificate) : fault;
  };
}
