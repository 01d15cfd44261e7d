import { runMain } from "@tripline/service-kit/run-main";
import { archiveConfig } from "./config.js";
import { startArchive } from "./start-archive.js";

await runMain("archive", archiveConfig, startArchive);
