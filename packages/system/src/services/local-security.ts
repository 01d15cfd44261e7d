import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import type { Kafka } from "@tripline/kafka/port";
import type { Identity } from "@tripline/local-stack/security/local-authority";
import { LocalAuthority } from "@tripline/local-stack/security/local-authority";
import type { StackSecurity } from "@tripline/local-stack/security/stack-security";
import type { LocalStack } from "@tripline/local-stack/servers/start-stack";
import { connectDatabase } from "@tripline/service-kit/postgres/connect-database";
import { readAccessRules } from "../access/access-rules.js";
import { databaseRoles, databaseStatements, kafkaRights, redisUsers } from "../access/plan-access.js";
import { ROOT } from "./workspace.js";

const ACCESS_FILE = join(ROOT, "infra", "access.yaml");
const PASSWORD_BYTES = 24;
const SETUP_QUERY_MS_MAX = 10_000;
/** Who gives the others their rights. The services do not have its certificate and password. */
export const SETUP_USER = "setup";

/** What one service has to show, and what it may trust. */
export interface ServiceAccess extends Identity {
  readonly authorityFile: string;
  readonly redisUrl: string | undefined;
  readonly postgresUrl: string | undefined;
}

export type ServiceAddresses = Pick<LocalStack, "redisUrl" | "postgresUrl">;

/** Certificates, users and rights of a system on this machine. All of it is made anew at each start. */
export class LocalSecurity {
  readonly rules = readAccessRules(ACCESS_FILE);
  private readonly passwords: Readonly<Record<string, string>>;
  private readonly identities = new Map<string, Identity>();

  private constructor(readonly authority: LocalAuthority) {
    const users = [SETUP_USER, ...Object.keys(this.rules.services)];
    this.passwords = Object.fromEntries(users.map((user) => [user, randomBytes(PASSWORD_BYTES).toString("base64url")]));
  }

  /** Afterwards this process trusts the authority, too, as services do that are told of it by NODE_EXTRA_CA_CERTS. */
  static async make(folder: string): Promise<LocalSecurity> {
    const security = new LocalSecurity(await LocalAuthority.make(folder));
    const names = ["kafka", "redis", "postgres", SETUP_USER, ...Object.keys(security.rules.services)];
    for (const name of names) await security.renew(name);
    setDefaultCACertificates([...getCACertificates("default"), security.authority.certificate]);
    return security;
  }

  /** A new certificate and key where those of `name` were. */
  async renew(name: string): Promise<void> {
    this.identities.set(name, await this.authority.issue(name));
  }

  get stack(): StackSecurity {
    const [kafka, redis, postgres] = ["kafka", "redis", "postgres"].map((name) => this.identityOf(name));
    if (kafka === undefined || redis === undefined || postgres === undefined) throw new Error("There is no identity.");
    return {
      authorityFile: this.authority.file,
      identities: { kafka, redis, postgres },
      kafkaSetupUser: SETUP_USER,
      redisUsers: redisUsers(this.rules, { passwords: this.passwords, hasMultiSet: true }),
      redisSetup: { user: SETUP_USER, password: this.passwordOf(SETUP_USER) },
    };
  }

  identityOf(name: string): Identity {
    const identity = this.identities.get(name);
    if (identity === undefined) throw new Error(`${name} has no certificate.`);
    return identity;
  }

  /** For a client of Kafka in this process. */
  kafkaTls(name: string): { readonly ca: string; readonly cert: string; readonly key: string } {
    const { certificateFile, keyFile } = this.identityOf(name);
    const [cert, key] = [readFileSync(certificateFile, "utf8"), readFileSync(keyFile, "utf8")];
    return { ca: this.authority.certificate, cert, key };
  }

  accessOf(service: string, { redisUrl, postgresUrl }: ServiceAddresses): ServiceAccess {
    const as = (url: string): string => {
      const own = new URL(url);
      own.username = service;
      own.password = this.passwordOf(service);
      return own.href;
    };
    const isRole = databaseRoles(this.rules).includes(service);
    return {
      ...this.identityOf(service),
      authorityFile: this.authority.file,
      redisUrl: service in this.rules.cache_rights ? as(redisUrl) : undefined,
      postgresUrl: isRole ? as(postgresUrl) : undefined,
    };
  }

  /** Gives every service its rights, after the topics are there. Redis has read them at its start. */
  async giveRights(kafka: Kafka, postgresUrl: string): Promise<void> {
    const admin = await kafka.admin();
    try {
      await admin.setRights(kafkaRights(this.rules));
    } finally {
      await admin.close();
    }
    const database = connectDatabase({
      ...{ url: postgresUrl, tls: { ca: this.authority.certificate } },
      ...{ connectionsMax: 1, queryTimeoutMs: SETUP_QUERY_MS_MAX, onIdleError: () => undefined },
    });
    try {
      const name = new URL(postgresUrl).pathname.slice(1);
      for (const statement of databaseStatements(this.rules, name, this.passwords)) await database.execute(statement);
    } finally {
      await database.close();
    }
  }

  private passwordOf(user: string): string {
    const password = this.passwords[user];
    if (password === undefined) throw new Error(`${user} has no password.`);
    return password;
  }
}
