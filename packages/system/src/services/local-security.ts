import { readFileSync } from "node:fs";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import type { Kafka } from "@tripline/kafka/port";
import type { Identity } from "@tripline/local-stack/security/local-authority";
import { LocalAuthority } from "@tripline/local-stack/security/local-authority";
import type { StackSecurity } from "@tripline/local-stack/security/stack-security";
import type { LocalStack } from "@tripline/local-stack/servers/start-stack";
import type { AccessRules } from "../access/access-rules.js";
import { COLLECTOR_USER, OPERATOR_USER, readAccessRules, SETUP_USER } from "../access/access-rules.js";
import type { Passwords } from "../access/apply-access.js";
import { applyAccess, passwordOf } from "../access/apply-access.js";
import { makeCredentials, PASSWORD_FOLDER, readPasswords } from "../access/make-access.js";
import { databaseRoles, firstRedisUsers } from "../access/plan-access.js";
import type { LocalSystem } from "./local-system.js";

/** A service's credentials, and the authorities that it trusts. */
export interface ServiceAccess extends Identity {
  readonly authorityFile: string;
  readonly redisUrl: string | undefined;
  readonly postgresUrl: string | undefined;
}

export type ServiceAddresses = Pick<LocalStack, "redisUrl" | "postgresUrl">;

/** Certificates, users and access rules of a local system. All of these are recreated at each start. */
export class LocalSecurity {
  private constructor(
    readonly rules: AccessRules,
    readonly authority: LocalAuthority,
    private readonly folder: string,
    private readonly passwords: Passwords,
  ) {}

  /** From then on, this process also trusts the authority, like services with NODE_EXTRA_CA_CERTS. */
  static async make(folder: string): Promise<LocalSecurity> {
    const rules = readAccessRules();
    const authority = await LocalAuthority.make(folder);
    await makeCredentials(folder, rules, authority);
    setDefaultCACertificates([...getCACertificates("default"), authority.certificate]);
    return new LocalSecurity(rules, authority, folder, readPasswords(join(folder, PASSWORD_FOLDER)));
  }

  /** A folder with one file per user's password. */
  get passwordFolder(): string {
    return join(this.folder, PASSWORD_FOLDER);
  }

  /** Replaces the certificate and key of `name`. */
  async renew(name: string): Promise<void> {
    await this.authority.issue(name);
  }

  get stack(): StackSecurity {
    return {
      authorityFile: this.authority.file,
      identities: {
        kafka: this.identityOf("kafka"),
        redis: this.identityOf("valkey"),
        postgres: this.identityOf("postgres"),
      },
      kafkaSetupUser: SETUP_USER,
      redisUsers: firstRedisUsers(passwordOf(this.passwords, SETUP_USER)),
      redisSetup: { user: SETUP_USER, password: passwordOf(this.passwords, SETUP_USER) },
    };
  }

  identityOf(name: string): Identity {
    return this.authority.identityOf(name);
  }

  /** TLS settings for a Kafka client in this process. */
  kafkaTls(name: string): { readonly ca: string; readonly cert: string; readonly key: string } {
    const { certificateFile, keyFile } = this.identityOf(name);
    const [cert, key] = [readFileSync(certificateFile, "utf8"), readFileSync(keyFile, "utf8")];
    return { ca: this.authority.certificate, cert, key };
  }

  accessOf(service: string, { redisUrl, postgresUrl }: ServiceAddresses): ServiceAccess {
    const as = (url: string): string => {
      const own = new URL(url);
      own.username = service;
      own.password = passwordOf(this.passwords, service);
      return own.href;
    };
    const isCollector = service === COLLECTOR_USER;
    const isRole = isCollector || databaseRoles(this.rules).includes(service);
    return {
      ...this.identityOf(service),
      authorityFile: this.authority.file,
      redisUrl: isCollector || service in this.rules.cache_rights ? as(redisUrl) : undefined,
      postgresUrl: isRole ? as(postgresUrl) : undefined,
    };
  }

  /** Information about a running system that commands read. */
  operator(stack: ServiceAddresses): Pick<LocalSystem, "redisUrl" | "tls"> {
    const { redisUrl = "", authorityFile, certificateFile, keyFile } = this.accessOf(OPERATOR_USER, stack);
    return { redisUrl, tls: { authorityFile, certificateFile, keyFile } };
  }

  /** Grants every service its access, once the topics exist. */
  async giveRights(kafka: Kafka, { redisUrl, postgresUrl }: ServiceAddresses): Promise<void> {
    const database = { url: postgresUrl, tls: { ca: this.authority.certificate } };
    await applyAccess(this.rules, { kafka, redis: redisUrl, database }, this.passwords);
  }
}
