import type { ScimResource } from "./scim-resource.js";
import { GROUP_SCHEMA, SCIM_PATH, USER_SCHEMA } from "./scim-resource.js";

const CORE = "urn:ietf:params:scim:schemas:core:2.0";
const SCHEMA_SCHEMA = `${CORE}:Schema`;
const TYPE_SCHEMA = `${CORE}:ResourceType`;
const CONFIG_SCHEMA = `${CORE}:ServiceProviderConfig`;
/** Maximum number of users per page. */
export const USERS_PER_PAGE_MAX = 200;
/** Maximum number of groups per page. Lower than for users, because a group can have a thousand members. */
export const GROUPS_PER_PAGE_MAX = 20;

interface Characteristics {
  readonly type?: "string" | "boolean" | "complex" | "reference";
  readonly multiValued?: true;
  readonly required?: true;
  readonly caseExact?: true;
  readonly mutability?: "readOnly" | "immutable";
  readonly uniqueness?: "server";
  readonly subAttributes?: readonly ScimResource[];
}

function attribute(name: string, description: string, given: Characteristics = {}): ScimResource {
  return {
    name,
    type: "string",
    multiValued: false,
    description,
    required: false,
    caseExact: false,
    mutability: "readWrite",
    returned: "default",
    uniqueness: "none",
    ...given,
  };
}

const EXTERNAL_ID = attribute("externalId", "The identity provider's ID.", { caseExact: true, uniqueness: "server" });

const USER_ATTRIBUTES = [
  attribute("userName", "1 to 64 letters, digits or any of . _ @ + -", { required: true, uniqueness: "server" }),
  EXTERNAL_ID,
  attribute("displayName", "The name shown in Tripline."),
  attribute("name", "Used if there is no displayName.", {
    type: "complex",
    subAttributes: [
      attribute("formatted", "The full name."),
      attribute("givenName", "The first name; not stored separately."),
      attribute("familyName", "The last name; not stored separately."),
    ],
  }),
  attribute("active", "Whether the user can sign in.", { type: "boolean" }),
  attribute("groups", "The user's groups.", {
    type: "complex",
    multiValued: true,
    mutability: "readOnly",
    subAttributes: [
      attribute("value", "The group's id.", { caseExact: true, mutability: "readOnly" }),
      attribute("display", "The group's name.", { mutability: "readOnly" }),
    ],
  }),
];

const GROUP_ATTRIBUTES = [
  attribute("displayName", "Can be a value of the role mapping.", { required: true, uniqueness: "server" }),
  EXTERNAL_ID,
  attribute("members", "Users, at most 1,000.", {
    type: "complex",
    multiValued: true,
    subAttributes: [
      attribute("value", "The user's id.", { caseExact: true, mutability: "immutable" }),
      attribute("display", "The user's name.", { mutability: "readOnly" }),
    ],
  }),
];

/** The attributes that Tripline stores (RFC 7643 section 7). */
export function schemas(issuer: string): readonly ScimResource[] {
  const schema = (id: string, name: string, attributes: readonly ScimResource[]): ScimResource => ({
    schemas: [SCHEMA_SCHEMA],
    id,
    name,
    description: name,
    attributes,
    meta: { resourceType: "Schema", location: `${issuer}${SCIM_PATH}/Schemas/${id}` },
  });
  return [schema(USER_SCHEMA, "User", USER_ATTRIBUTES), schema(GROUP_SCHEMA, "Group", GROUP_ATTRIBUTES)];
}

/** RFC 7643 section 6. */
export function resourceTypes(issuer: string): readonly ScimResource[] {
  const type = (id: string, schema: string): ScimResource => ({
    schemas: [TYPE_SCHEMA],
    id,
    name: id,
    endpoint: `/${id}s`,
    schema,
    meta: { resourceType: "ResourceType", location: `${issuer}${SCIM_PATH}/ResourceTypes/${id}` },
  });
  return [type("User", USER_SCHEMA), type("Group", GROUP_SCHEMA)];
}

/** RFC 7643 section 5. */
export function serviceProviderConfig(issuer: string): ScimResource {
  const [no, yes] = [{ supported: false }, { supported: true }];
  return {
    schemas: [CONFIG_SCHEMA],
    patch: yes,
    bulk: { ...no, maxOperations: 0, maxPayloadSize: 0 },
    filter: { ...yes, maxResults: USERS_PER_PAGE_MAX },
    changePassword: no,
    sort: no,
    etag: no,
    authenticationSchemes: [
      { type: "oauthbearertoken", name: "Bearer token", description: "The token that an administrator created." },
    ],
    meta: { resourceType: "ServiceProviderConfig", location: `${issuer}${SCIM_PATH}/ServiceProviderConfig` },
  };
}
