import { decodeHuffman } from "./decode-huffman.js";
import { STATIC_TABLE } from "./hpack-tables.js";
import { ERRORS, Http2Error } from "./http2-error.js";

/** Header lines by name; the values of a name that comes several times are joined by commas. */
export type Headers = Readonly<Record<string, string | undefined>>;

type Header = readonly [name: string, value: string];

/** What an entry of the table counts besides its text: RFC 7541, section 4.1. */
const ENTRY_BYTES = 32;
/** Bytes of the table; what peers may use unless they are told otherwise. */
const TABLE_BYTES_MAX = 4_096;
/** Most bytes of one call's headers, counted as in the table. 512 trace contexts are 28 KB. */
export const HEADERS_BYTES_MAX = 65_536;

/** Reads the header blocks of one connection, HPACK (RFC 7541), which refer to each other: each has to be read, in order. */
export class HeaderDecoder {
  /** Newest first. */
  private readonly table: Header[] = [];
  private tableBytes = 0;
  private tableBytesMax = TABLE_BYTES_MAX;

  /** @throws Http2Error for a block that cannot be read, after which nothing else can, or that is too long */
  decode(block: Buffer): Headers {
    // Without a prototype, so that no name of a header means something else.
    const headers: Record<string, string | undefined> = Object.create(null) as Record<string, string | undefined>;
    const reader = new BlockReader(block);
    let bytes = 0;
    let hasHeader = false;
    while (!reader.isAtEnd) {
      const header = this.next(reader, hasHeader);
      if (header === undefined) continue;
      hasHeader = true;
      const [name, value] = header;
      bytes += name.length + value.length + ENTRY_BYTES;
      if (bytes > HEADERS_BYTES_MAX) throw new Http2Error(ERRORS.enhanceYourCalm, "too many headers");
      const before = headers[name];
      headers[name] = before === undefined ? value : `${before},${value}`;
    }
    return headers;
  }

  /** Each representation begins with bits that tell which it is: RFC 7541, section 6. */
  private next(reader: BlockReader, hasHeader: boolean): Header | undefined {
    const first = reader.peek();
    if (first >= 0x80) return this.entry(reader.integer(7));
    if (first >= 0x40) {
      const header = this.literal(reader, 6);
      this.add(header);
      return header;
    }
    if (first < 0x20) return this.literal(reader, 4);
    if (hasHeader) throw broken("the table is resized after a header");
    const bytes = reader.integer(5);
    if (bytes > TABLE_BYTES_MAX) throw broken(`the table is to have ${bytes} bytes`);
    this.tableBytesMax = bytes;
    this.evict();
    return undefined;
  }

  private literal(reader: BlockReader, prefixBits: number): Header {
    const index = reader.integer(prefixBits);
    const name = index === 0 ? reader.text() : this.entry(index)[0];
    return [name, reader.text()];
  }

  private entry(index: number): Header {
    const entry = index <= STATIC_TABLE.length ? STATIC_TABLE[index - 1] : this.table[index - STATIC_TABLE.length - 1];
    if (entry === undefined) throw broken(`there is no header ${index}`);
    return entry;
  }

  private add(header: Header): void {
    this.table.unshift(header);
    this.tableBytes += sizeOf(header);
    this.evict();
  }

  private evict(): void {
    while (this.tableBytes > this.tableBytesMax) {
      const oldest = this.table.pop();
      if (oldest !== undefined) this.tableBytes -= sizeOf(oldest);
    }
  }
}

class BlockReader {
  private at = 0;

  constructor(private readonly block: Buffer) {}

  get isAtEnd(): boolean {
    return this.at >= this.block.length;
  }

  peek(): number {
    const byte = this.block[this.at];
    if (byte === undefined) throw broken("it is cut off");
    return byte;
  }

  /** RFC 7541, section 5.1. */
  integer(prefixBits: number): number {
    const most = 2 ** prefixBits - 1;
    let value = this.take() & most;
    if (value < most) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.take();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw broken("a number is too large");
  }

  /** RFC 7541, section 5.2. */
  text(): string {
    const isHuffman = this.peek() >= 0x80;
    const length = this.integer(7);
    const end = this.at + length;
    if (end > this.block.length) throw broken("a text is cut off");
    const bytes = this.block.subarray(this.at, end);
    this.at = end;
    return isHuffman ? decodeHuffman(bytes) : bytes.toString("latin1");
  }

  private take(): number {
    const byte = this.peek();
    this.at += 1;
    return byte;
  }
}

function sizeOf([name, value]: Header): number {
  return name.length + value.length + ENTRY_BYTES;
}

function broken(reason: string): Http2Error {
  return new Http2Error(ERRORS.compression, `a header block cannot be read: ${reason}`);
}
