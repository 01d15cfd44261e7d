import { runMain } from "@tripline/nest-kit/run-main";
import { archiveConfig } from "./config.js";
import { startArchive } from "./start-archive.js";

await runMain("archive", archiveConfig, startArchive);
