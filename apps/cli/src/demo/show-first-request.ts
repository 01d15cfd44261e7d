import { readPorts } from "@tripline/system/ports.mjs";
import { DEMO_WORKSPACE } from "@tripline/system/services/local-system";

/**
 * Shell lines that send a payment each time they are pasted. The shell generates a new ID. They work in bash and zsh,
 * on Linux and macOS.
 *
 * @param workspace the folder of the system below `.tripline`
 * @param authorityFile for a system with TLS
 */
export function firstRequest(apiUrl: string, workspace: string, authorityFile?: string): string {
  const isMoved = apiUrl !== `http://127.0.0.1:${readPorts({}).ingestion}`;
  const flags = `${isMoved ? ` --api ${apiUrl}` : ""}${workspace === DEMO_WORKSPACE ? "" : ` --workspace ${workspace}`}`;
  return `TOKEN=$(npm run -s tripline -- token${flags})
curl ${authorityFile === undefined ? "" : `--cacert ${authorityFile} `}${apiUrl}/v1/transactions -H "authorization: Bearer $TOKEN" -H "content-type: application/json" \\
  -H "prefer: wait=2" -d '{"transaction_id": "order-'$(date +%s)-$RANDOM'", "card": {"number": "4111111111111111"},
  "terminal_id": "t-42", "amount": {"minor": 1299, "currency": "EUR"}, "occurred_at": "'$(date -u +%FT%TZ)'"}'`;
}
