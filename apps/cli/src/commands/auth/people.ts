import type { CommandOutput } from "@tripline/system/command-output";
import { Command } from "commander";
import { z } from "zod";
import type { AuthFlags } from "./auth-options.js";
import { authApiCommand, openAuth } from "./auth-options.js";
import { tellPending } from "./grants.js";

const person = z.object({
  user_name: z.string(),
  name: z.string(),
  roles: z.array(z.string()),
  has_second_factor: z.boolean(),
  disabled_at: z.string().nullable(),
  is_published: z.boolean().optional(),
  password: z.string().optional(),
});

type ShownPerson = z.infer<typeof person>;

/** `tripline auth people`: manages users and their roles. */
export function peopleCommand(output: CommandOutput): Command {
  const change = (name: string, description: string, path: string): Command =>
    authApiCommand(name, description)
      .argument("<user-name>", "whose")
      .action(async (userName: string, flags: AuthFlags) => {
        const client = await openAuth(flags);
        const answer = await client.call("POST", `/v1/people/${encodeURIComponent(userName)}/${path}`);
        tell(output, answer);
      });
  return new Command("people")
    .description("manage users: list, add, disable, roles, reset, sign-out")
    .addCommand(
      authApiCommand("list", "list all users of the tenant").action(async (flags: AuthFlags) => {
        const answer = await (await openAuth(flags)).call("GET", "/v1/people");
        for (const one of z.object({ people: z.array(person) }).parse(answer).people)
          output.write(`${describe(one)}\n`);
      }),
    )
    .addCommand(
      authApiCommand("add", "add a user and print the password")
        .argument("<user-name>", "user name for sign-in")
        .requiredOption("--name <name>", "the user's name")
        .requiredOption("--roles <roles>", "any of viewer, analyst, lead and admin, comma-separated", commaSeparated)
        .action(async (userName: string, { name, roles, ...flags }: AuthFlags & { name: string; roles: string[] }) => {
          const body = { user_name: userName, name, roles };
          tell(output, await (await openAuth(flags)).call("POST", "/v1/people", { body }));
        }),
    )
    .addCommand(
      authApiCommand("roles", "set a user's roles")
        .argument("<user-name>", "whose")
        .argument("<roles>", "any of viewer, analyst, lead and admin, comma-separated", commaSeparated)
        .action(async (userName: string, roles: string[], flags: AuthFlags) => {
          const path = `/v1/people/${encodeURIComponent(userName)}/roles`;
          tell(output, await (await openAuth(flags)).call("PUT", path, { body: { roles } }));
        }),
    )
    .addCommand(change("disable", "lock a user and end all sessions and tokens", "disable"))
    .addCommand(change("enable", "unlock a user", "enable"))
    .addCommand(
      change("reset", "print a new password; removes the second factor and ends all sessions and tokens", "reset"),
    )
    .addCommand(change("sign-out", "end all sessions and tokens of a user", "sign-out"));
}

function tell(output: CommandOutput, answer: unknown): void {
  if (tellPending(output, answer)) return;
  const changed = person.parse(answer);
  output.write(`${describe(changed)}\n`);
  if (changed.password !== undefined) output.write(`password (shown only once): ${changed.password}\n`);
  tellLater(output, changed.is_published);
}

export function tellLater(output: CommandOutput, isPublished: boolean | undefined): void {
  if (isPublished === false)
    output.write("Kafka is unavailable. The services will be notified when it is available again.\n");
}

function describe({ user_name, name, roles, has_second_factor, disabled_at }: ShownPerson): string {
  const notes = [
    ...(has_second_factor ? ["second factor"] : []),
    ...(disabled_at === null ? [] : [`disabled ${disabled_at}`]),
  ];
  return `${user_name}  ${name}  ${roles.join(",")}${notes.length === 0 ? "" : `  (${notes.join(", ")})`}`;
}

export const commaSeparated = (text: string): string[] => text.split(",").map((one) => one.trim());
