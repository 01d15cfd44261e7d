import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { JAVA_ENVIRONMENT, logsFolder, PACKAGE_ROOT, toolsFolder } from "../locate-tools.js";
import { holdLock } from "../processes/hold-lock.js";
import { runCommand } from "../processes/run-command.js";

export const KAFKA_VERSION = "4.3.1";
const DOWNLOAD_MS_MAX = 5 * 60_000;

const POM_FILE = `${PACKAGE_ROOT}/kafka/pom.xml`;

const kafkaFolder = (root: string) => `${toolsFolder(root)}/kafka-${KAFKA_VERSION}`;

/** Whether `provisionKafka` has nothing to do. */
export function isKafkaProvisioned(root: string): boolean {
  const marker = `${kafkaFolder(root)}/.pom-sha256`;
  return existsSync(marker) && readFileSync(marker, "utf8") === hashOfPom();
}

/** Downloads Kafka's JAR files with Maven, once per version, and returns the folder that contains them in `libs`. */
export async function provisionKafka(root: string): Promise<string> {
  const folder = kafkaFolder(root);
  if (isKafkaProvisioned(root)) return folder;
  await holdLock(`${folder}.lock`, async () => {
    if (isKafkaProvisioned(root)) return;
    const unfinished = `${folder}.unfinished`;
    rmSync(unfinished, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(unfinished, { recursive: true });
    await runCommand({
      command: "mvn",
      args: ["-B", "-f", POM_FILE, "dependency:copy-dependencies", `-DoutputDirectory=${unfinished}/libs`],
      purpose: "download Kafka with Maven",
      environment: JAVA_ENVIRONMENT,
      logFile: `${logsFolder(root)}/download-kafka.log`,
      timeoutMs: DOWNLOAD_MS_MAX,
    });
    writeFileSync(`${unfinished}/.pom-sha256`, hashOfPom());
    renameSync(unfinished, folder);
  });
  return folder;
}

const hashOfPom = () => createHash("sha256").update(readFileSync(POM_FILE)).digest("hex");
