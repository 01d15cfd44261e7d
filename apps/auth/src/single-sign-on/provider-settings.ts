import { TriplineError } from "@tripline/contracts/error-table";
import type { Role } from "@tripline/contracts/roles";
import { ROLES } from "@tripline/contracts/roles";
import { z } from "zod";

const TEXT_CHARACTERS_MAX = 256;
const SECRET_CHARACTERS_MAX = 1_024;
const DOMAINS_MAX = 20;
const MAPPINGS_MAX = 200;
const REQUIRED_MAX = 10;

/** Anyone with a Google account can get an ID token from this issuer, so a tenant must also name its own domain. */
const GOOGLE = "accounts.google.com";

const text = z.string().min(1).max(TEXT_CHARACTERS_MAX);
const claim = text.regex(/^[\x21-\x7e]+$/, "must be the name of a claim");
const role = z.enum(ROLES as readonly [Role, ...Role[]]);

const settings = {
  issuer: z
    .url({ protocol: /^https?$/ })
    .max(TEXT_CHARACTERS_MAX)
    .meta({
      description: "The provider's issuer URL. Its metadata must be at `/.well-known/openid-configuration` below it.",
    }),
  client_id: text.meta({ description: "The client ID of Tripline at the provider." }),
  scope: text.default("openid profile email").meta({ description: "Scopes to request, separated by spaces." }),
  domains: z
    .array(z.string().regex(/^(?=.{1,253}$)([a-z0-9-]{1,63}\.)+[a-z]{2,63}$/, "must be a domain in lower case"))
    .max(DOMAINS_MAX)
    .default([])
    .meta({
      description:
        "Domains of e-mail addresses whose owners sign in with this provider. `_tripline.<domain>` must have the TXT " +
        "record `tenant=<tenant>`.",
    }),
  subject_claim: claim.default("sub").meta({ description: "Claim that identifies a user permanently." }),
  user_name_claim: claim
    .default("preferred_username")
    .meta({ description: "Claim with the user name. If it is not set, `email` is used." }),
  roles_claim: claim.default("groups").meta({ description: "Claim with the user's groups or roles." }),
  role_mapping: z
    .array(z.strictObject({ value: text, role }))
    .max(MAPPINGS_MAX)
    .default([])
    .meta({
      description:
        "Maps values of the roles claim to roles. Users without a mapped value are viewers. If the mapping is empty, " +
        "administrators assign roles in Tripline.",
    }),
  provisioning_match: z
    .enum(["external_id", "user_name"])
    .default("external_id")
    .meta({
      description:
        "How a user who signs in for the first time is matched with a user provisioned by SCIM: by comparing the subject claim " +
        "with `externalId`, or the user name claim with `userName`. Choose `user_name` only if users cannot change that claim.",
    }),
  required_claims: z
    .array(z.strictObject({ claim, value: text }))
    .max(REQUIRED_MAX)
    .default([])
    .meta({
      description:
        "Claims that every ID token must contain. Use them with a provider that also serves other organisations.",
    }),
  is_enforced: z
    .boolean()
    .default(false)
    .meta({ description: "Whether all users except `break_glass` must sign in with the provider." }),
  break_glass: z.string().nullable().default(null).meta({
    description: "User name of the administrator who can sign in with a password while the provider is unavailable.",
  }),
};

/** The request body from an administrator. */
export const newProvider = z
  .strictObject({
    ...settings,
    client_secret: z.string().min(1).max(SECRET_CHARACTERS_MAX).optional().meta({
      description: "The secret of `client_id`. If it is missing, the current one is kept, unless the issuer changes.",
    }),
  })
  .superRefine(({ issuer, required_claims: required, is_enforced: isEnforced, break_glass: breakGlass }, check) => {
    if (hostOf(issuer) === GOOGLE && !required.some((one) => one.claim === "hd")) {
      check.addIssue({
        code: "custom",
        path: ["required_claims"],
        message: "must contain the claim hd with your Google Workspace domain",
      });
    }
    if (isEnforced && breakGlass === null) {
      check.addIssue({ code: "custom", path: ["break_glass"], message: "is required if is_enforced is true" });
    }
  });

/** The settings as they are stored, without the secret. */
export const providerSettings = z.object(settings);

export type ProviderSettings = z.infer<typeof providerSettings>;

/** The host name without a final dot, which DNS ignores. The URL parser converts it to lower case. */
function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname.replace(/\.$/, "") : undefined;
}

/**
 * Issuers that several organisations share, such as `common` of Entra ID, publish a template like `{tenantid}`. The
 * library accepts ID tokens of every organisation there, so only exactly the configured issuer is accepted.
 *
 * @param published the issuer in the provider's metadata
 * @throws TriplineError `provider-url-refused`
 */
export function checkIssuer(configured: string, published: string): void {
  if (published === configured && !published.includes("{")) return;
  const detail = "The issuer must be the same as in the provider's metadata, and must belong to a single organisation.";
  throw new TriplineError("provider-url-refused", detail, [{ pointer: "/issuer", detail }]);
}

/** The roles of a user with these groups. A group grants only what the mapping says. */
export function mapRoles({ role_mapping: mapping }: ProviderSettings, groups: readonly string[]): Role[] {
  const granted = new Set(mapping.filter(({ value }) => groups.includes(value)).map((one) => one.role));
  return granted.size === 0 ? ["viewer"] : ROLES.filter((one) => granted.has(one));
}
