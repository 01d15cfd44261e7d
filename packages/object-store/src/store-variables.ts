import { identityVariables, optionalText } from "@tripline/cloud-identity/identity-variables";
import { z } from "zod";

/** What a store needs beside its URL, under the names that the clouds' own libraries know. */
export const storeVariables = {
  ...identityVariables,
  /** Address of an S3 server that is not AWS: MinIO, Ceph, R2. */
  AWS_ENDPOINT_URL_S3: optionalText,
  /** Address of a Google Cloud Storage emulator. */
  STORAGE_EMULATOR_HOST: optionalText,
  /** Name of the account, for a workload identity. */
  AZURE_STORAGE_ACCOUNT: optionalText,
  /** Account and key at once, outside of a cluster. */
  AZURE_STORAGE_CONNECTION_STRING: optionalText,
};

export const storeVariablesSchema = z.object(storeVariables);

/** What a program that is given its environment by name needs to open a store. */
export const STORE_VARIABLES = [...Object.keys(storeVariables), "GOOGLE_APPLICATION_CREDENTIALS", "HOME"];

export type StoreVariables = z.infer<typeof storeVariablesSchema>;
