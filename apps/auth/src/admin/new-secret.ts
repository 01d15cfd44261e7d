import { randomBytes } from "node:crypto";

const SECRET_BYTES = 24;

/** A password or secret that is shown once: 192 bits in characters that can be copied and typed. */
export const newSecret = (): string => randomBytes(SECRET_BYTES).toString("base64url");
