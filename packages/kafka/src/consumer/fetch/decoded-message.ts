import type { IHeaders, RecordBatchEntry } from "kafkajs";
import { RecordReader } from "./record-reader.js";

/** What kafkajs keeps of a record's batch, as far as its own code looks at it. */
export interface BatchContext {
  readonly firstOffset: string;
  readonly producerId: string;
  readonly inTransaction: boolean;
  readonly isControlBatch: boolean;
}

/** What is read of a record at once. */
export interface RecordContent {
  readonly offset: number;
  readonly timestampMs: number;
  readonly keyText: string;
  readonly value: Buffer | null;
  readonly headerTexts: Readonly<Record<string, string>>;
  /** Where the key's length stands; value and headers follow. */
  readonly keyAt: number;
}

/** A record as kafkajs has it. What only dead letters need is read again when it is asked for. */
export class DecodedMessage implements RecordBatchEntry {
  readonly magicByte = 2;
  readonly attributes = 0;
  readonly offset: string;
  readonly isControlRecord: boolean;
  readonly value: Buffer | null;

  constructor(
    private readonly answer: Buffer,
    readonly content: RecordContent,
    readonly batchContext: BatchContext,
  ) {
    this.offset = String(content.offset);
    this.isControlRecord = batchContext.isControlBatch;
    this.value = content.value;
  }

  get timestamp(): string {
    return String(this.content.timestampMs);
  }

  get key(): Buffer | null {
    return bytesAt(this.#readerAtKey()) ?? null;
  }

  /** The very bytes; a name that stands several times has a list. */
  get headers(): IHeaders {
    const reader = this.#readerAtKey();
    bytesAt(reader);
    bytesAt(reader);
    const headers: IHeaders = {};
    for (let left = reader.varint(); left > 0; left -= 1) {
      const name = bytesAt(reader)?.toString("utf8") ?? "";
      const value = bytesAt(reader);
      const known = headers[name];
      if (known === undefined || value === undefined) headers[name] = value ?? known;
      else headers[name] = Array.isArray(known) ? [...known, value] : [known, value];
    }
    return headers;
  }

  /** At `keyLength` of the Record, whose layout is above `contentAt` in decode-fetch.ts. */
  #readerAtKey(): RecordReader {
    const reader = new RecordReader(this.answer);
    reader.at = this.content.keyAt;
    return reader;
  }
}

/** A view on the bytes whose length stands here; undefined for none. */
function bytesAt(reader: RecordReader): Buffer | undefined {
  const length = reader.varint();
  if (length < 0) return undefined;
  reader.at += length;
  return reader.bytes.subarray(reader.at - length, reader.at);
}
