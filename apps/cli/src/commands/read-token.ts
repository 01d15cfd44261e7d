import { isIP } from "node:net";
import { text } from "node:stream/consumers";
import {
  cardToken,
  isCardNumber,
  keyedToken,
  networkOf,
  normalAddress,
  normalEmail,
} from "@tripline/contracts/identifiers";
import { localAddresses, localSecret } from "@tripline/system/client/find-access";
import { DEMO_TENANT } from "@tripline/system/services/plan-services";
import type { ControlFlags } from "./control-options.js";

/**
 * Stands for standard input. Values are read from there, because command-line arguments stay in the shell's history and
 * are visible to other users of the machine.
 */
export const STDIN = "-";

/** Possible kinds of a value on standard input. An account id can be any text, so it cannot be recognised automatically. */
export function personKinds({ account }: { readonly account?: true }): readonly string[] {
  return account === true ? ["account"] : ["card", "email"];
}

const KEY_BYTES_MIN = 32;
const RANGE_BITS: Readonly<Record<number, string>> = { 4: "24", 6: "48" };

type MakeToken = (key: Uint8Array, tenant: string, clear: string) => string | undefined;

/** The way in which ingestion creates a token, by kind. Other kinds have no tokens. */
const TOKEN_OF: Readonly<Record<string, { readonly of: string; readonly make: MakeToken }>> = {
  card: {
    of: "a card number",
    make: (key, tenant, clear) => (isCardNumber(clear) ? cardToken(key, tenant, clear) : undefined),
  },
  account: {
    of: "an account ID",
    make: (key, tenant, clear) => (clear === "" ? undefined : keyedToken("account", key, tenant, clear)),
  },
  device: {
    of: "a device ID",
    make: (key, tenant, clear) => (clear === "" ? undefined : keyedToken("device", key, tenant, clear)),
  },
  email: {
    of: "an e-mail address",
    make(key, tenant, clear) {
      const email = normalEmail(clear);
      return email === undefined ? undefined : keyedToken("email", key, tenant, email);
    },
  },
  ip: {
    of: "an IP address",
    make(key, tenant, clear) {
      const address = normalAddress(clear);
      return address === undefined ? undefined : keyedToken("ip", key, tenant, address);
    },
  },
  ip_range: {
    of: "the first 24 bits of IPv4 addresses or 48 of IPv6, such as 198.51.100.0/24",
    make(key, tenant, clear) {
      const [first = "", bits] = clear.split("/");
      const address = normalAddress(first);
      if (address === undefined || bits !== RANGE_BITS[isIP(address)]) return undefined;
      return keyedToken("network", key, tenant, networkOf(address));
    },
  },
};

/**
 * The token for the value on standard input. The value never appears in a message, log or request.
 *
 * @param kinds tried in order; kinds without tokens are skipped
 * @throws Error in one sentence if the value matches none of them, or the token key is not configured
 */
export async function readToken(
  input: AsyncIterable<Uint8Array>,
  kinds: readonly string[],
  flags: ControlFlags,
): Promise<string> {
  const makers = kinds.flatMap((kind) => TOKEN_OF[kind] ?? []);
  if (makers.length === 0) throw new Error(`${kinds.join(", ")} has no tokens. Specify the value itself.`);
  const { key, tenant } = await keyFor(flags);
  const clear = (await text(input)).trim();
  for (const { make } of makers) {
    const token = make(key, tenant, clear);
    if (token !== undefined) return token;
  }
  throw new Error(`Standard input is not ${makers.map(({ of }) => of).join(" or ")}.`);
}

/** The key from CARD_TOKEN_KEY and the tenant from --tenant. Both are known for a local system. */
async function keyFor({ control, workspace, tenant }: ControlFlags): Promise<{ key: Uint8Array; tenant: string }> {
  const given = process.env.CARD_TOKEN_KEY;
  const local =
    given === undefined
      ? await localSecret(control ?? localAddresses(workspace).control, workspace, "cardTokenKey")
      : undefined;
  const key = Buffer.from(given ?? local ?? "", "base64");
  const whose = tenant ?? (local === undefined ? undefined : DEMO_TENANT);
  if (whose !== undefined && key.length >= KEY_BYTES_MIN) return { key, tenant: whose };
  throw new Error("Specify --tenant, and set CARD_TOKEN_KEY to ingestion's key. Both are needed to compute the token.");
}
