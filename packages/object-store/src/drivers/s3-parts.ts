import { open } from "node:fs/promises";
import type * as S3 from "@aws-sdk/client-s3";

const MIB = 1024 ** 2;
/** Size of a part in an upload. Parts are kept in memory, two at a time. */
export const UPLOAD_PART_BYTES = 16 * MIB;
/** Size of a part when an object is copied within the store. S3 copies at most 5 GB at once. */
export const COPY_PART_BYTES = 1024 * MIB;
/** Maximum number of parts in S3. Larger files are split into larger parts. */
const PARTS_MAX = 10_000;
const PARTS_AT_ONCE = 2;

/** Where an object is written, and the condition of the write. */
export interface PartedTarget {
  readonly Bucket: string;
  readonly Key: string;
  readonly IfNoneMatch?: "*";
}

/** The properties of an uploaded part, as returned by the store. */
interface SentPart {
  readonly ETag?: string | undefined;
  readonly ChecksumCRC32?: string | undefined;
}

interface Part {
  readonly number: number;
  /** Bytes [from, to) of the object. */
  readonly from: number;
  readonly to: number;
}

/** Writes large objects in parts. The object appears only when all parts have been written. */
export class S3Parts {
  constructor(
    private readonly library: typeof S3,
    private readonly client: S3.S3Client,
  ) {}

  /** Throws the library's errors, or the errors of reading the file. */
  async upload(target: PartedTarget, path: string, bytes: number, partBytes: number): Promise<void> {
    const { UploadPartCommand } = this.library;
    const file = await open(path);
    try {
      await this.#write(target, bytes, partBytes, async (place, { from, to }) => {
        const body = Buffer.alloc(to - from);
        const { bytesRead } = await file.read(body, 0, body.length, from);
        if (bytesRead < body.length) throw new Error(`${path} became shorter during its upload`);
        return this.client.send(new UploadPartCommand({ ...place, Body: body }));
      });
    } finally {
      await file.close();
    }
  }

  /** @param source as in `CopySource`. Throws the library's errors. */
  async copy(target: PartedTarget, source: string, bytes: number, partBytes: number): Promise<void> {
    const { UploadPartCopyCommand } = this.library;
    await this.#write(target, bytes, partBytes, async (place, { from, to }) => {
      const range = { CopySource: source, CopySourceRange: `bytes=${from}-${to - 1}` };
      const { CopyPartResult } = await this.client.send(new UploadPartCopyCommand({ ...place, ...range }));
      return CopyPartResult ?? {};
    });
  }

  async #write(
    { IfNoneMatch, ...target }: PartedTarget,
    bytes: number,
    partBytes: number,
    send: (
      place: { Bucket: string; Key: string; UploadId: string; PartNumber: number },
      part: Part,
    ) => Promise<SentPart>,
  ): Promise<void> {
    const { AbortMultipartUploadCommand, CompleteMultipartUploadCommand, CreateMultipartUploadCommand } = this.library;
    // The library sends this checksum with each part, and S3 rejects a checksum that was not announced.
    const create = new CreateMultipartUploadCommand({ ...target, ChecksumAlgorithm: "CRC32" });
    const { UploadId = "" } = await this.client.send(create);
    const place = { ...target, UploadId };
    try {
      const sent = new Map<number, SentPart>();
      const parts = partsOf(bytes, partBytes).values();
      let isFailed = false;
      const take = async () => {
        for (const part of parts) {
          if (isFailed) return;
          try {
            sent.set(part.number, await send({ ...place, PartNumber: part.number }, part));
          } catch (thrown) {
            isFailed = true;
            throw thrown;
          }
        }
      };
      // A part that arrives after the upload was aborted would be stored, and paid for, until the bucket is cleaned up.
      const taken = await Promise.allSettled(Array.from({ length: PARTS_AT_ONCE }, take));
      for (const one of taken) if (one.status === "rejected") throw one.reason;
      const Parts = [...sent]
        .sort(([one], [other]) => one - other)
        .map(([PartNumber, { ETag, ChecksumCRC32 }]) => ({
          ...{ PartNumber, ETag },
          ...(ChecksumCRC32 === undefined ? {} : { ChecksumCRC32 }),
        }));
      await this.client.send(
        new CompleteMultipartUploadCommand({
          ...place,
          MultipartUpload: { Parts },
          ...(IfNoneMatch === undefined ? {} : { IfNoneMatch }),
        }),
      );
    } catch (thrown) {
      // If this also fails, a lifecycle rule of the bucket removes the parts.
      await this.client.send(new AbortMultipartUploadCommand(place)).catch(() => {});
      throw thrown;
    }
  }
}

function partsOf(bytes: number, partBytes: number): Part[] {
  const size = Math.max(partBytes, Math.ceil(bytes / PARTS_MAX));
  return Array.from({ length: Math.ceil(bytes / size) }, (_, index) => {
    return { number: index + 1, from: index * size, to: Math.min(bytes, (index + 1) * size) };
  });
}
