import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { STATE_DIRECTORY } from "@tripline/system/services/workspace";
import { Option } from "commander";

export function registryOption(): Option {
  return new Option(
    "--registry <url>",
    "a folder, a bucket or MLflow: file:///folder, s3://bucket/prefix, gs://…, azblob://… or mlflow+http://host:port",
  )
    .env("REGISTRY_URL")
    .default(pathToFileURL(join(STATE_DIRECTORY, "registry")).href, "the one in this repository");
}
