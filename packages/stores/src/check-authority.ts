import { isIP } from "node:net";
import type { PeerCertificate } from "node:tls";
import { checkServerIdentity } from "node:tls";

/**
 * For servers with an authority of their own that are reached by address, as Memorystore and Cloud SQL are: where the
 * certificate carries no address at all, that authority alone vouches for it. Any other certificate has to carry the
 * host, as always.
 */
export function checkByAuthority(host: string, certificate: PeerCertificate): Error | undefined {
  const carriesAddress = /\bIP Address:/.test(certificate.subjectaltname ?? "");
  if (isIP(host) !== 0 && !carriesAddress) return undefined;
  return checkServerIdentity(host, certificate);
}
