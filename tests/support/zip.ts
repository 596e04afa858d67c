import { crc32 } from "node:zlib";

export interface ZipEntry {
  readonly name: string;
  readonly bytes: Buffer;
  readonly mode?: number;
  /** Uncompressed size in the directory, where it lies. */
  readonly claims?: number;
}

/** A zip archive with stored entries, names written as they are. */
export function zip(entries: readonly ZipEntry[]): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const header = zipHeader(entry, 0x04034b50, Buffer.alloc(0));
    const extra = Buffer.alloc(14);
    extra.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 6);
    extra.writeUInt32LE(offset, 10);
    central.push(zipHeader(entry, 0x02014b50, extra));
    local.push(header, entry.bytes);
    offset += header.length + entry.bytes.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...local, directory, end]);
}

function zipHeader(entry: ZipEntry, signature: number, extra: Buffer): Buffer {
  const isCentral = extra.length > 0;
  const shared = Buffer.alloc(26);
  shared.writeUInt16LE(20, 0);
  shared.writeUInt32LE(crc32(entry.bytes), 10);
  shared.writeUInt32LE(entry.bytes.length, 14);
  shared.writeUInt32LE(entry.claims ?? entry.bytes.length, 18);
  shared.writeUInt16LE(Buffer.byteLength(entry.name), 22);
  const start = Buffer.alloc(isCentral ? 6 : 4);
  start.writeUInt32LE(signature, 0);
  if (isCentral) start.writeUInt16LE((3 << 8) | 20, 4);
  return Buffer.concat([start, shared, extra, Buffer.from(entry.name)]);
}
