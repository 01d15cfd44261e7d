import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { SMTPServer } from "smtp-server";
import { z } from "zod";

const alertmanagerMessage = z.object({
  alerts: z.array(
    z.object({
      status: z.enum(["firing", "resolved"]),
      labels: z.record(z.string(), z.string()),
      annotations: z.record(z.string(), z.string()),
    }),
  ),
});

/** An alert in a message of Alertmanager's webhook receiver. */
export type ReceivedAlert = z.infer<typeof alertmanagerMessage>["alerts"][number];

/** An SMTP server and a webhook receiver on this machine. */
export interface Receivers {
  /** `host:port`. */
  readonly smtp: string;
  readonly webhook: string;
  /** Decoded e-mails, in order of arrival. */
  readonly mails: readonly string[];
  readonly alerts: readonly ReceivedAlert[];
  close(): Promise<void>;
}

export async function startReceivers(): Promise<Receivers> {
  const mails: string[] = [];
  const alerts: ReceivedAlert[] = [];
  const smtp = new SMTPServer({
    disabledCommands: ["AUTH", "STARTTLS"],
    onData(stream, _session, done) {
      text(stream).then(
        (mail) => {
          mails.push(decode(mail));
          done();
        },
        (error: Error) => done(error),
      );
    },
  });
  const webhook = createServer(async (request, response) => {
    alerts.push(...alertmanagerMessage.parse(JSON.parse(await text(request))).alerts);
    response.writeHead(204).end();
  });
  const smtpServer = smtp.listen(0, "127.0.0.1");
  webhook.listen(0, "127.0.0.1");
  await Promise.all([once(smtpServer, "listening"), once(webhook, "listening")]);
  const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;
  return {
    smtp: `127.0.0.1:${portOf(smtpServer)}`,
    webhook: `http://127.0.0.1:${portOf(webhook)}/`,
    mails,
    alerts,
    async close() {
      webhook.closeAllConnections();
      webhook.close();
      await new Promise<void>((resolve) => {
        smtp.close(() => resolve());
      });
    },
  };
}

/** Decodes quoted-printable text, which wraps lines and encodes `=`. */
function decode(mail: string): string {
  return mail
    .replaceAll(/=\r?\n/g, "")
    .replaceAll(/=([0-9A-F]{2})/g, (_code, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
