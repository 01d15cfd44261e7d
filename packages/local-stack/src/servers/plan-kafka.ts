import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { JAVA_ENVIRONMENT, PACKAGE_ROOT } from "../locate-tools.js";
import type { ProcessPlan } from "../processes/managed-process.js";
import { runCommand } from "../processes/run-command.js";
import type { StackSecurity } from "../security/stack-security.js";
import { toProperties } from "./properties-file.js";
import { answersApiVersions } from "./request-kafka.js";

const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 15_000;
const FORMAT_MS_MAX = 60_000;

/**
 * All files are relative to the broker's own folder, because absolute names may be misparsed: `log.dirs` is split at
 * commas, the class path at colons, and log4j parses its file name as a URL.
 */
const SETTINGS_FILE = "server.properties";
const LOGGING_FILE = "log4j2.properties";
const DATA_FOLDER = "data";
/** Symbolic link to the Kafka installation. */
export const PROGRAM_FOLDER = "program";
/** Java's archive of Kafka's loaded classes (CDS). Java ignores an archive from another version. */
export const CLASSES_FILE = "classes.jsa";
const KEY_STORE_FILE = "key-store.pem";
const TRUST_STORE_FILE = "trust-store.pem";

/** Deliberately small, because all brokers share one machine. A broker uses about 340 MB in total. */
const JVM_FLAGS = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"];

/** Ports of a broker, which is also a controller. */
export interface KafkaNode {
  readonly port: number;
  readonly controllerPort: number;
}

export interface KafkaOptions {
  /** The stack's directory, which contains Kafka's data. */
  readonly directory: string;
  /** Folder of the Kafka installation. */
  readonly program: string;
  /** All brokers of the cluster. */
  readonly nodes: readonly KafkaNode[];
  /** The broker to plan, an index of `nodes`. */
  readonly index: number;
  readonly extras?: KafkaExtras;
  readonly security?: StackSecurity | undefined;
}

/** Additional broker options for tests, for example a listener with authentication. */
export interface KafkaExtras {
  /** Port by security protocol, for example `SASL_SSL`. */
  readonly listeners?: Readonly<Record<string, number>>;
  /** Broker settings by name. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Arguments of the tool that formats the data folder, which also creates SCRAM users. */
  readonly formatArgs?: readonly string[];
  readonly jvmFlags?: readonly string[];
}

/** Writes the settings, formats a new data folder, and returns how to run the broker. */
export async function planKafka(options: KafkaOptions): Promise<ProcessPlan> {
  const { directory, program, nodes, index, extras: asked = {}, security } = options;
  const { port } = nodeAt(nodes, index);
  const name = index === 0 ? "kafka" : `kafka-${index + 1}`;
  const folder = `${directory}/${name}`;
  mkdirSync(folder, { recursive: true });
  const extras = security === undefined ? asked : { ...asked, settings: secureSettings(folder, security) };
  const all = settings(nodes, index, extras, security === undefined ? "PLAINTEXT" : "SSL");
  writeFileSync(`${folder}/${SETTINGS_FILE}`, toProperties(all));
  copyFileSync(`${PACKAGE_ROOT}/kafka/${LOGGING_FILE}`, `${folder}/${LOGGING_FILE}`);
  const logging = `-Dlog4j2.configurationFile=${LOGGING_FILE}`;
  rmSync(`${folder}/${PROGRAM_FOLDER}`, { force: true });
  symlinkSync(program, `${folder}/${PROGRAM_FOLDER}`);
  const classes = `${PROGRAM_FOLDER}/${CLASSES_FILE}`;
  const stored = existsSync(`${folder}/${classes}`) ? [`-XX:SharedArchiveFile=${classes}`] : [];
  const java = [...JVM_FLAGS, ...stored, ...(extras.jvmFlags ?? []), logging, "-cp", `${PROGRAM_FOLDER}/libs/*`];
  const quorum = nodes.length === 1 ? ["--standalone"] : [];
  await formatOnce(folder, java, directory, [...quorum, ...(extras.formatArgs ?? [])]);
  return {
    name,
    title: kafkaTitle(nodes, index),
    directory,
    command: "java",
    args: [...java, "kafka.Kafka", SETTINGS_FILE],
    cwd: folder,
    environment: JAVA_ENVIRONMENT,
    port,
    stopSignal: "SIGTERM",
    stopMs: STOP_MS_MAX,
    readyMs: READY_MS_MAX,
    isReady: async (logFile, logOffset) =>
      hasStarted(logFile, logOffset) && (security !== undefined || (await answersApiVersions(port))),
  };
}

/** The name shown to users. It includes the broker's number only if there are several brokers. */
export function kafkaTitle(nodes: readonly KafkaNode[], index: number): string {
  return nodes.length === 1 ? "Kafka" : `Kafka broker ${index + 1}`;
}

function nodeAt(nodes: readonly KafkaNode[], index: number): KafkaNode {
  const node = nodes[index];
  if (node === undefined) throw new RangeError(`There is no broker ${index + 1} of ${nodes.length}.`);
  return node;
}

async function formatOnce(
  folder: string,
  java: readonly string[],
  directory: string,
  more: readonly string[],
): Promise<void> {
  const marker = `${folder}/cluster-id`;
  if (existsSync(marker)) return;
  rmSync(`${folder}/${DATA_FOLDER}`, { recursive: true, force: true });
  const clusterId = clusterIdIn(directory);
  await runCommand({
    command: "java",
    args: [...java, "kafka.tools.StorageTool", "format", "-t", clusterId, "-c", SETTINGS_FILE, ...more],
    cwd: folder,
    environment: JAVA_ENVIRONMENT,
    purpose: "format Kafka's data folder",
    logFile: `${directory}/logs/kafka-format.log`,
    timeoutMs: FORMAT_MS_MAX,
  });
  writeFileSync(marker, `${clusterId}\n`);
}

/** The id that all brokers of a stack share. */
function clusterIdIn(directory: string): string {
  const file = `${directory}/kafka-cluster-id`;
  if (!existsSync(file)) writeFileSync(file, randomClusterId());
  return readFileSync(file, "utf8");
}

/** 16 bytes in base64url. The result never starts with a dash, which the tool would parse as an option. */
export function randomClusterId(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8(bytes.readUInt8(0) & 0x7f, 0);
  return bytes.toString("base64url");
}

function settings(
  nodes: readonly KafkaNode[],
  index: number,
  extras: KafkaExtras,
  protocol: "PLAINTEXT" | "SSL",
): Record<string, string | number | boolean> {
  const { port, controllerPort } = nodeAt(nodes, index);
  const ports = { [protocol]: port, CONTROLLER: controllerPort, ...extras.listeners };
  const listeners = Object.entries(ports)
    .map(([name, at]) => `${name}://127.0.0.1:${at}`)
    .join(",");
  const protocols = Object.keys(ports).map((name) => `${name}:${name === "CONTROLLER" ? protocol : name}`);
  return {
    "process.roles": "broker,controller",
    "node.id": index + 1,
    listeners,
    "advertised.listeners": listeners,
    "listener.security.protocol.map": protocols.join(","),
    "controller.listener.names": "CONTROLLER",
    ...quorum(nodes),
    ...replication(nodes.length),
    "inter.broker.listener.name": protocol,
    "log.dirs": DATA_FOLDER,
    "auto.create.topics.enable": false,
    "num.partitions": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 2,
    "share.coordinator.state.topic.num.partitions": 1,
    "group.initial.rebalance.delay.ms": 0,
    // After a crash, the broker cannot rejoin until its old session has expired (9 s by default).
    "broker.session.timeout.ms": 4_000,
    "broker.heartbeat.interval.ms": 500,
    // Disk: at most a day and a gigabyte per partition, unless a topic overrides this.
    "log.retention.hours": 24,
    "log.retention.bytes": 1024 ** 3,
    "log.segment.bytes": 64 * 1024 ** 2,
    "metadata.max.retention.bytes": 64 * 1024 ** 2,
    // Memory: by default, the cleaner's table alone would take 128 MB, half of the heap.
    "log.cleaner.dedupe.buffer.size": 8 * 1024 ** 2,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "num.recovery.threads.per.data.dir": 2,
    "background.threads": 4,
    ...extras.settings,
  };
}

/** Several controllers are listed in the settings, because their ports change between runs with the same data. */
function quorum(nodes: readonly KafkaNode[]): Record<string, string> {
  const addresses = nodes.map(({ controllerPort }) => `127.0.0.1:${controllerPort}`);
  if (addresses.length === 1) return { "controller.quorum.bootstrap.servers": addresses.join(",") };
  return { "controller.quorum.voters": addresses.map((address, index) => `${index + 1}@${address}`).join(",") };
}

/** As in production: with three brokers, one can fail without an interruption, and two without losing a record. */
function replication(brokers: number): Record<string, number> {
  const [factor, inSync] = [Math.min(3, brokers), Math.min(2, brokers)];
  return {
    "default.replication.factor": factor,
    "min.insync.replicas": inSync,
    "offsets.topic.replication.factor": factor,
    "transaction.state.log.replication.factor": factor,
    "transaction.state.log.min.isr": inSync,
    "share.coordinator.state.topic.replication.factor": factor,
    "share.coordinator.state.topic.min.isr": inSync,
  };
}

/**
 * Every client needs a certificate, even on the controller's port. The certificate's common name is the user name.
 * Access to a topic requires an explicit permission.
 */
function secureSettings(folder: string, security: StackSecurity): Record<string, string> {
  const { authorityFile, identities, kafkaSetupUser } = security;
  const { certificateFile, keyFile } = identities.kafka;
  const keyStore = `${folder}/${KEY_STORE_FILE}`;
  writeFileSync(
    keyStore,
    [keyFile, certificateFile, authorityFile].map((file) => readFileSync(file, "utf8")).join("\n"),
    {
      mode: 0o600,
    },
  );
  copyFileSync(authorityFile, `${folder}/${TRUST_STORE_FILE}`);
  return {
    "ssl.enabled.protocols": "TLSv1.3",
    "ssl.protocol": "TLSv1.3",
    "ssl.client.auth": "required",
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": KEY_STORE_FILE,
    "ssl.truststore.type": "PEM",
    "ssl.truststore.location": TRUST_STORE_FILE,
    "ssl.principal.mapping.rules": "RULE:^CN=([a-z-]+)$/$1/,DEFAULT",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "false",
    "super.users": `User:kafka;User:${kafkaSetupUser}`,
  };
}

function hasStarted(logFile: string, logOffset: number): boolean {
  return readFileSync(logFile).subarray(logOffset).includes("Kafka Server started");
}
