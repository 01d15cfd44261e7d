import { identityVariables, optionalText } from "@tripline/cloud-identity/identity-variables";
import { z } from "zod";

/** A store's settings other than its URL, under the names of the clouds' own libraries. */
export const storeVariables = {
  ...identityVariables,
  /** Address of an S3 server that is not AWS: MinIO, Ceph, R2. */
  AWS_ENDPOINT_URL_S3: optionalText,
  /** Address of a Google Cloud Storage emulator. */
  STORAGE_EMULATOR_HOST: optionalText,
  /** Name of the account, for workload identity. */
  AZURE_STORAGE_ACCOUNT: optionalText,
  /** Account and key in one, outside a cluster. */
  AZURE_STORAGE_CONNECTION_STRING: optionalText,
};

export const storeVariablesSchema = z.object(storeVariables);

/** Variables that a program needs to open a store, if its environment is passed on by name. */
export const STORE_VARIABLES = [...Object.keys(storeVariables), "GOOGLE_APPLICATION_CREDENTIALS", "HOME"];

export type StoreVariables = z.infer<typeof storeVariablesSchema>;
