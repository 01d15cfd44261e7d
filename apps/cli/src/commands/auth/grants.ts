import type { CommandOutput } from "@tripline/system/command-output";
import { Command } from "commander";
import { z } from "zod";
import type { AuthFlags } from "./auth-options.js";
import { authApiCommand, openAuth } from "./auth-options.js";

const grant = z.object({
  grant_id: z.string(),
  change: z.looseObject({
    action: z.string(),
    user_name: z.string().optional(),
    client_id: z.string().optional(),
    roles: z.array(z.string()).optional(),
    scopes: z.array(z.string()).optional(),
    settings: z.record(z.string(), z.unknown()).optional(),
  }),
  requested_by: z.string(),
  expires_at: z.string(),
});

const requested = z.object({ grant, password: z.string().optional(), client_secret: z.string().optional() });

/** `tripline auth grants`: changes that wait for a second administrator. */
export function grantsCommand(output: CommandOutput): Command {
  return new Command("grants")
    .description("list or reject changes that await a second administrator; approve them in the console")
    .addCommand(
      authApiCommand("list", "list all in the tenant").action(async (flags: AuthFlags) => {
        const answer = await (await openAuth(flags)).call("GET", "/v1/grants");
        for (const one of z.object({ grants: z.array(grant) }).parse(answer).grants) output.write(`${describe(one)}\n`);
      }),
    )
    .addCommand(
      authApiCommand("reject", "reject a pending change")
        .argument("<grant-id>", "which")
        .action(async (id: string, flags: AuthFlags) => {
          const answer = await (await openAuth(flags)).call("POST", `/v1/grants/${encodeURIComponent(id)}/reject`);
          output.write(`rejected: ${describe(grant.parse(answer))}\n`);
        }),
    );
}

/** Reports what a requested change is waiting for. @returns whether it is waiting; if not, the change was made */
export function tellPending(output: CommandOutput, answer: unknown): boolean {
  const waiting = requested.safeParse(answer);
  if (!waiting.success) return false;
  const { grant: pending, password, client_secret: secret } = waiting.data;
  output.write(`awaiting approval by another administrator: ${describe(pending)}\n`);
  if (password !== undefined) output.write(`password, valid after approval (shown only once): ${password}\n`);
  if (secret !== undefined) output.write(`secret, valid after approval (shown only once): ${secret}\n`);
  return true;
}

function describe({ grant_id: id, change, requested_by: by, expires_at: expires }: z.infer<typeof grant>): string {
  const { action, user_name: userName, client_id: clientId, roles, scopes, settings } = change;
  const rights = (roles ?? scopes)?.join(",");
  const what = [action, userName ?? clientId, rights].filter(Boolean).join(" ");
  const lines = Object.entries(settings ?? {}).map(([name, value]) => `\n  ${name}: ${JSON.stringify(value)}`);
  return `${id}  ${what}  (requested by ${by}, expires ${expires})${lines.join("")}`;
}
