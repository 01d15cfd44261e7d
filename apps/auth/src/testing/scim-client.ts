import { z } from "zod";

const USER = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

const body = z.looseObject({
  id: z.string().default(""),
  totalResults: z.number().optional(),
  Resources: z.array(z.looseObject({ id: z.string().optional() })).default([]),
  scimType: z.string().optional(),
  detail: z.string().default(""),
});

export interface ScimAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: z.infer<typeof body>;
}

/** Calls the SCIM API as an identity provider does. */
export class ScimClient {
  /** @param url of auth */
  constructor(
    readonly url: string,
    readonly token: string,
  ) {}

  /** @param path below `/scim/v2` @param given an object, or text to send as it is */
  async send(method: string, path: string, given?: unknown): Promise<ScimAnswer> {
    const response = await fetch(`${this.url}/scim/v2${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(given === undefined ? {} : { "content-type": "application/scim+json" }),
      },
      ...(given === undefined ? {} : { body: typeof given === "string" ? given : JSON.stringify(given) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: body.parse(text === "" ? {} : JSON.parse(text)),
    };
  }

  get(path: string): Promise<ScimAnswer> {
    return this.send("GET", path);
  }

  addUser(user: object): Promise<ScimAnswer> {
    return this.send("POST", "/Users", { schemas: [USER], ...user });
  }

  addGroup(group: object): Promise<ScimAnswer> {
    return this.send("POST", "/Groups", { schemas: [GROUP], ...group });
  }

  patch(path: string, ...operations: readonly object[]): Promise<ScimAnswer> {
    return this.send("PATCH", path, { schemas: [PATCH], Operations: operations });
  }

  find(kind: "Users" | "Groups", filter: string): Promise<ScimAnswer> {
    return this.get(`/${kind}?filter=${encodeURIComponent(filter)}`);
  }
}
