import { isIP } from "node:net";
import type { IdentityVariables } from "@tripline/cloud-identity/identity-variables";
import { missingIdentity } from "@tripline/cloud-identity/identity-variables";
import { TriplineError } from "@tripline/contracts/error-table";
import { optionalText } from "@tripline/settings/connection-config";
import { z } from "zod";
import { awsMasterKey } from "./master-keys/aws-master-key.js";
import { azureMasterKey } from "./master-keys/azure-master-key.js";
import { googleMasterKey } from "./master-keys/google-master-key.js";
import { localMasterKey } from "./master-keys/local-master-key.js";
import type { VaultAccess } from "./master-keys/vault-master-key.js";
import { vaultMasterKey } from "./master-keys/vault-master-key.js";
import type { MasterKey } from "./master-keys/wrapping.js";

/** The service's identity for key services: settings of `masterKeyConfig`, and the pod's environment. */
export type KeyAccess = VaultAccess & IdentityVariables;

interface Kind {
  readonly pattern: RegExp;
  /** The required format after the kind's prefix. */
  readonly wanted: string;
  open(place: string, access: KeyAccess): MasterKey;
}

const KEY_BYTES = 32;
const VAULT_ADDRESS = /^(https?):\/\/([^/?#@\s]+)((?:\/[A-Za-z0-9_.-]+)+)\/([A-Za-z0-9_.-]+)$/;

/** The kinds of key services, by the prefix before the colon. */
const KINDS: Readonly<Record<string, Kind>> = {
  awskms: {
    pattern: /^[A-Za-z0-9:/_-]{1,2048}$/,
    wanted: "the ID, alias or ARN of an AWS KMS key",
    open: awsMasterKey,
  },
  gcpkms: {
    pattern: /^projects\/[^/\s]+\/locations\/[^/\s]+\/keyRings\/[^/\s]+\/cryptoKeys\/[^/\s]+$/,
    wanted: "projects/…/locations/…/keyRings/…/cryptoKeys/…, the name of a Google Cloud KMS key without its version",
    open: googleMasterKey,
  },
  azurekv: {
    pattern: /^https:\/\/[^/?#@\s]+\/keys\/[A-Za-z0-9-]{1,127}$/,
    wanted: "https://….vault.azure.net/keys/…, the address of an RSA key in Azure Key Vault without its version",
    open: openAzure,
  },
  vault: {
    pattern: VAULT_ADDRESS,
    wanted: "https://host:port/transit/…, the Vault server, the path of its transit engine and the name of a key",
    open: openVault,
  },
};

const WANTED =
  `must be ${KEY_BYTES} random bytes in base64, or one of ${Object.keys(KINDS).join(":, ")}: and the key's name. Separate several ` +
  "keys by commas";

/** The settings of ingestion and the control plane; see their descriptions. */
export const masterKeyConfig = {
  PERSONAL_MASTER_KEY: z
    .string()
    // A file that became a Secret often ends with a line feed.
    .trim()
    .superRefine((text, context) => {
      const fault = faultOf(text);
      if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
    })
    .optional()
    .meta({
      description:
        "Wraps the keys that encrypt personal data: 32 random bytes in base64, or the name of a key in a key service: " +
        "`awskms:…`, `gcpkms:projects/…`, `azurekv:https://…` or `vault:https://…`. Of several comma-separated keys, the first one " +
        "wraps, and the others only unwrap. Without it, no personal data is stored.",
    }),
  PERSONAL_MASTER_KEY_FILE: optionalText.meta({
    description:
      "Instead of `PERSONAL_MASTER_KEY`: a file with its value. A new value in the file takes effect within seconds, without a restart.",
  }),
  VAULT_TOKEN_FILE: optionalText.meta({
    description:
      "File with the token for a `vault:` key. It is read for each use, so that a Vault Agent can replace the token there.",
  }),
  VAULT_KUBERNETES_ROLE: optionalText.meta({
    description: "Instead of `VAULT_TOKEN_FILE`: the Vault role for the pod's service account.",
  }),
  VAULT_KUBERNETES_MOUNT: optionalText.meta({
    description: "Path of Vault's Kubernetes authentication; default: `kubernetes`.",
  }),
  VAULT_KUBERNETES_TOKEN_FILE: optionalText.meta({
    description: "File with the service account's token, if it is not at the default path.",
  }),
  VAULT_NAMESPACE: optionalText.meta({ description: "Vault Enterprise namespace of the key." }),
};

/**
 * @param text value of the setting
 * @throws TriplineError `config-invalid`, with one sentence that names the setting
 */
export function openMasterKey(text: string, access: KeyAccess = {}): MasterKey {
  const fault = faultOf(text);
  if (fault !== undefined) throw invalid(fault);
  const [first, ...others] = partsOf(text).map((part) => {
    const { kind, place } = splitKind(part);
    return kind === undefined ? localMasterKey(Buffer.from(part, "base64")) : kind.open(place, access);
  });
  if (first === undefined) throw invalid(WANTED);
  return others.length === 0 ? first : firstOf(first, others);
}

/** The first key wraps; any key may unwrap. */
function firstOf(first: MasterKey, others: readonly MasterKey[]): MasterKey {
  return {
    name: first.name,
    wrap: (key) => first.wrap(key),
    async unwrap(wrapped) {
      const failures: unknown[] = [];
      for (const key of [first, ...others]) {
        try {
          return await key.unwrap(wrapped);
        } catch (error) {
          failures.push(error);
        }
      }
      // The failure of the current wrapping key is the most informative.
      throw failures[0];
    },
  };
}

const invalid = (fault: string) => new TriplineError("config-invalid", `PERSONAL_MASTER_KEY ${fault}.`);

const partsOf = (text: string): string[] => text.split(",").map((part) => part.trim());

/** @returns `kind` undefined for a literal key or an unknown kind */
function splitKind(part: string): { readonly kind: Kind | undefined; readonly name: string; readonly place: string } {
  const [, name = "", place = ""] = /^([a-z]+):(.*)$/s.exec(part) ?? [];
  return { kind: Object.hasOwn(KINDS, name) ? KINDS[name] : undefined, name, place };
}

/** The fault, as a phrase that follows the setting's name. It never contains the keys. */
function faultOf(text: string): string | undefined {
  for (const part of partsOf(text)) {
    const { kind, name, place } = splitKind(part);
    if (kind === undefined) {
      if (part.includes(":") || Buffer.from(part, "base64").length !== KEY_BYTES) return WANTED;
      continue;
    }
    if (!kind.pattern.test(place)) return `must contain, after "${name}:", ${kind.wanted}`;
    const [, scheme, host = ""] = VAULT_ADDRESS.exec(place) ?? [];
    if (name === "vault" && scheme === "http" && !isOfThisMachine(host)) {
      return `must have https:// after "vault:", because the Vault token is sent to ${host}`;
    }
  }
  return undefined;
}

function isOfThisMachine(host: string): boolean {
  const name = host.replace(/:\d+$/, "");
  return name === "localhost" || (isIP(name) === 4 && name.startsWith("127."));
}

function openAzure(url: string, access: KeyAccess): MasterKey {
  const [missing] = missingIdentity("azure", access);
  if (missing !== undefined) throw invalid(`contains an Azure key, which ${missing}`);
  return azureMasterKey(url, access);
}

function openVault(address: string, access: KeyAccess): MasterKey {
  const [, scheme, host, mount = "", key = ""] = VAULT_ADDRESS.exec(address) ?? [];
  const { VAULT_TOKEN_FILE: file, VAULT_KUBERNETES_ROLE: role } = access;
  if ((file === undefined) === (role === undefined)) {
    throw invalid("contains a Vault key, which requires either VAULT_TOKEN_FILE or VAULT_KUBERNETES_ROLE");
  }
  return vaultMasterKey({ server: `${scheme}://${host}`, mount: mount.slice(1), key }, access);
}
