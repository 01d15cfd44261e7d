import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import type { ThriftStruct } from "./backfill-thrift.js";
import { integerOf, readThrift, setInteger, setStructs, structOf, structsOf, writeThrift } from "./backfill-thrift.js";

/*
 * A Parquet file (https://parquet.apache.org/docs/file-format/) is "PAR1", the pages of its row groups, a footer that says
 * where they are, the footer's length in four bytes and "PAR1". Files of one schema therefore become one by putting their
 * pages behind each other and moving the places in the footers: nothing is packed or unpacked again.
 */
const MAGIC = Buffer.from("PAR1");
/** Length of the footer and the magic bytes. */
const TRAILER_BYTES = 8;
const COPY_BYTES = 1 << 23;

/** Field ids, from https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift */
const FILE = { rows: 3, rowGroups: 4 } as const;
const ROW_GROUP = { columns: 1, fileOffset: 5 } as const;
const COLUMN = { fileOffset: 2, metadata: 3, offsetIndex: 4, columnIndex: 6 } as const;
const METADATA = { dataPage: 9, indexPage: 10, dictionaryPage: 11, bloomFilter: 14 } as const;

/**
 * Puts the rows of Parquet files behind each other into one file. The files have the same columns, are all from DuckDB and
 * not encrypted: row groups with numbers of their own are not foreseen.
 */
export class ParquetMerger {
  private at = MAGIC.length;
  private rows = 0;
  /** Of the first file: what all have in common. */
  private footer: ThriftStruct | undefined;
  /** As bytes, which take a tenth of the memory. */
  private readonly rowGroups: Uint8Array[] = [];

  private constructor(private readonly output: FileHandle) {}

  static async create(path: string): Promise<ParquetMerger> {
    const output = await open(path, "w");
    await output.writev([MAGIC]);
    return new ParquetMerger(output);
  }

  /** @throws RangeError for a file that is no Parquet */
  async append(path: string): Promise<void> {
    const input = await open(path, "r");
    try {
      const { footer, pagesEnd } = await readFooter(input, path);
      for (const rowGroup of structsOf(footer, FILE.rowGroups)) {
        move(rowGroup, this.at - MAGIC.length);
        this.rowGroups.push(writeThrift(rowGroup));
      }
      this.at += await copy(input, MAGIC.length, pagesEnd, this.output);
      this.rows += integerOf(footer, FILE.rows) ?? 0;
      this.footer ??= footer;
    } finally {
      await input.close();
    }
  }

  /** Completes the file. @throws RangeError where nothing was appended */
  async end(): Promise<void> {
    if (this.footer === undefined) throw new RangeError("there is no file to merge");
    setInteger(this.footer, FILE.rows, this.rows);
    setStructs(this.footer, FILE.rowGroups, this.rowGroups);
    const footer = writeThrift(this.footer);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(footer.length);
    await this.output.writev([footer, length, MAGIC]);
    await this.output.sync();
  }

  async close(): Promise<void> {
    await this.output.close();
  }
}

async function readFooter(input: FileHandle, path: string): Promise<{ footer: ThriftStruct; pagesEnd: number }> {
  const { size } = await input.stat();
  const trailer = await readAt(input, Math.max(0, size - TRAILER_BYTES), TRAILER_BYTES);
  const length = trailer.readUInt32LE();
  const pagesEnd = size - TRAILER_BYTES - length;
  if (!trailer.subarray(4).equals(MAGIC) || pagesEnd < MAGIC.length) throw new RangeError(`${path} is no Parquet file`);
  return { footer: readThrift(await readAt(input, pagesEnd, length)), pagesEnd };
}

async function readAt(input: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  await input.read(bytes, 0, length, position);
  return bytes;
}

/** Moves every place in a row group by `bytes`. */
function move(rowGroup: ThriftStruct, bytes: number): void {
  moveField(rowGroup, ROW_GROUP.fileOffset, bytes);
  for (const column of structsOf(rowGroup, ROW_GROUP.columns)) {
    for (const field of [COLUMN.fileOffset, COLUMN.offsetIndex, COLUMN.columnIndex]) moveField(column, field, bytes);
    const metadata = structOf(column, COLUMN.metadata);
    if (metadata === undefined) continue;
    for (const field of Object.values(METADATA)) moveField(metadata, field, bytes);
  }
}

/** A place of 0 stands for none. */
function moveField(struct: ThriftStruct, field: number, bytes: number): void {
  const place = integerOf(struct, field) ?? 0;
  if (place > 0) setInteger(struct, field, place + bytes);
}

/** Copies the bytes from `start` up to but without `end` to the end of `output`. @returns how many they are */
async function copy(input: FileHandle, start: number, end: number, output: FileHandle): Promise<number> {
  const bytes = Buffer.allocUnsafe(Math.min(COPY_BYTES, end - start));
  for (let at = start; at < end; ) {
    const { bytesRead } = await input.read(bytes, 0, Math.min(bytes.length, end - at), at);
    if (bytesRead === 0) throw new RangeError("a file became shorter while it was read");
    await output.writev([bytes.subarray(0, bytesRead)]);
    at += bytesRead;
  }
  return end - start;
}
