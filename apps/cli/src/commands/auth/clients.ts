import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { CommandOutput } from "@tripline/system/command-output";
import { Command } from "commander";
import { z } from "zod";
import type { AuthFlags } from "./auth-options.js";
import { authApiCommand, openAuth } from "./auth-options.js";
import { tellPending } from "./grants.js";
import { commaSeparated, tellLater } from "./people.js";

const client = z.object({
  client_id: z.string(),
  auth_method: z.string(),
  scopes: z.array(z.string()),
  owner: z.object({ user_name: z.string(), is_disabled: z.boolean() }).nullable(),
  disabled_at: z.string().nullable(),
  is_published: z.boolean().optional(),
  client_secret: z.string().optional(),
});

type ShownClient = z.infer<typeof client>;

interface AddFlags extends AuthFlags {
  readonly scopes: string[];
  readonly jwks?: string;
  readonly owner?: string;
}

/** `tripline auth clients`: the machines that call the API. */
export function clientsCommand(output: CommandOutput): Command {
  const change = (name: string, description: string): Command =>
    authApiCommand(name, description)
      .argument("<client-id>", "whose")
      .action(async (id: string, flags: AuthFlags) => {
        const answer = await (await openAuth(flags)).call("POST", `/v1/clients/${encodeURIComponent(id)}/${name}`);
        tell(output, answer);
      });
  return new Command("clients")
    .description("manage machine clients: list, add, owner, disable, rotate-secret")
    .addCommand(
      authApiCommand("list", "list all in the tenant").action(async (flags: AuthFlags) => {
        const answer = await (await openAuth(flags)).call("GET", "/v1/clients");
        for (const one of z.object({ clients: z.array(client) }).parse(answer).clients)
          output.write(`${describe(one)}\n`);
      }),
    )
    .addCommand(
      authApiCommand("add", "register a client and print its secret, unless it uses keys")
        .argument("<client-id>", "its name")
        .requiredOption("--scopes <scopes>", "its scopes, comma-separated", commaSeparated)
        .option("--jwks <file>", "its public keys as a JSON Web Key Set, for private_key_jwt")
        .option("--owner <user-name>", "the user responsible for it (default: the user who adds it)")
        .action(async (id: string, { scopes, jwks, owner, ...flags }: AddFlags) => {
          const keys = jwks === undefined ? {} : { jwks: await readJson(jwks) };
          const body = { client_id: id, scopes, ...keys, ...(owner === undefined ? {} : { owner }) };
          tell(output, await (await openAuth(flags)).call("POST", "/v1/clients", { body }));
        }),
    )
    .addCommand(
      authApiCommand(
        "owner",
        "set the user responsible for the client; if a change requires two users, this user and the client count as one",
      )
        .argument("<client-id>", "whose")
        .argument("<user-name>", "an active user of the tenant")
        .action(async (id: string, owner: string, flags: AuthFlags) => {
          const path = `/v1/clients/${encodeURIComponent(id)}/owner`;
          tell(output, await (await openAuth(flags)).call("PUT", path, { body: { owner } }));
        }),
    )
    .addCommand(change("disable", "lock the client; all services reject its tokens within two seconds"))
    .addCommand(change("enable", "unlock the client, so that it can request tokens again"))
    .addCommand(change("rotate-secret", "print a new secret; the old one and its tokens stop working immediately"));
}

async function readJson(file: string): Promise<unknown> {
  return JSON.parse(await readFile(resolve(process.env.INIT_CWD ?? process.cwd(), file), "utf8"));
}

function tell(output: CommandOutput, answer: unknown): void {
  if (tellPending(output, answer)) return;
  const changed = client.parse(answer);
  output.write(`${describe(changed)}\n`);
  if (changed.client_secret !== undefined) output.write(`secret (shown only once): ${changed.client_secret}\n`);
  tellLater(output, changed.is_published);
}

function describe({ client_id, auth_method, scopes, owner, disabled_at }: ShownClient): string {
  const disabled = disabled_at === null ? "" : `  (disabled ${disabled_at})`;
  const ownedBy = owner === null ? "none" : `${owner.user_name}${owner.is_disabled ? " (disabled)" : ""}`;
  return `${client_id}  ${auth_method}  ${scopes.join(",")}  owner ${ownedBy}${disabled}`;
}
