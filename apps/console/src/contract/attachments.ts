import type { PersonRef } from "./people.js";

/**
 * A file attached to a case.
 *
 * - `POST /api/cases/:id/attachments`, the bytes of the file as `application/octet-stream`, its name percent-encoded in
 *   the `x-file-name` header; returns the CaseAttachment. 413 `body-too-large`, 415 `unsupported-media-type`.
 * - `GET /api/cases/:id/attachments/:attachment`: the file, for users with `personal:read`, because it cannot be
 *   masked.
 * - `DELETE /api/cases/:id/attachments/:attachment`
 */
export interface CaseAttachment {
  readonly id: string;
  /** Only the extension without `personal:read`, because file names may contain personal names. */
  readonly name: string;
  readonly mediaType: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly author: PersonRef;
  readonly atMs: number;
}

export interface AttachmentLimits {
  readonly bytesMax: number;
  /** Maximum number of files per case. */
  readonly filesMax: number;
}

/**
 * Accepted types, detected by content, with their file extensions. The first extension is added to a name that has none
 * of them.
 */
export const ATTACHMENT_TYPES = {
  "application/pdf": ["pdf"],
  "image/png": ["png"],
  "image/jpeg": ["jpg", "jpeg"],
  "image/webp": ["webp"],
  "image/heic": ["heic"],
  "text/plain": ["txt", "csv", "eml", "log"],
} as const;
