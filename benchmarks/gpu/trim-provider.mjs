import { readFile, writeFile } from "node:fs/promises";

/** What each container of GPU code in a library begins with: magic number, version, bytes of this head, bytes of its entries. */
const containerMagic = 0xba55ed50;

/**
 * Keeps the code for one architecture of GPUs in every container of a CUDA library: those entries move to the front of their
 * container, whose size shrinks, and zeros follow, which compress to nothing. Containers without that architecture stay.
 * @param {string} source
 * @param {string} target
 * @param {number} architecture Such as 90 for Hopper.
 */
export async function trimProvider(source, target, architecture) {
  const bytes = await readFile(source);
  const { start, size } = sectionOf(bytes, ".nv_fatbin");
  let kept = 0;
  for (let at = start; at < start + size; ) {
    if (bytes.readUInt32LE(at) !== containerMagic) {
      at += 8;
      continue;
    }
    const first = at + bytes.readUInt16LE(at + 6);
    const end = first + Number(bytes.readBigUInt64LE(at + 8));
    const wanted = entriesOf(bytes, first, end).filter((entry) => entry.architecture === architecture);
    if (wanted.length > 0) {
      const body = Buffer.concat(wanted.map((entry) => Buffer.from(bytes.subarray(entry.start, entry.end))));
      bytes.writeBigUInt64LE(BigInt(body.length), at + 8);
      bytes.fill(0, first, end);
      body.copy(bytes, first);
      kept += body.length;
    }
    at = end;
  }
  await writeFile(target, bytes, { mode: 0o755 });
  return kept;
}

/** Kind and version, bytes of the head, bytes of the code; 28 bytes in, the architecture. @param {Buffer} bytes @param {number} first @param {number} end */
function entriesOf(bytes, first, end) {
  const entries = [];
  for (let at = first; at < end; ) {
    const length = bytes.readUInt32LE(at + 4) + Number(bytes.readBigUInt64LE(at + 8));
    entries.push({ start: at, end: at + length, architecture: bytes.readUInt32LE(at + 28) });
    at += length;
  }
  return entries;
}

/** Where a section of a 64-bit ELF file lies. @param {Buffer} bytes @param {string} name */
function sectionOf(bytes, name) {
  const headers = Number(bytes.readBigUInt64LE(0x28));
  const [size, count, names] = [bytes.readUInt16LE(0x3a), bytes.readUInt16LE(0x3c), bytes.readUInt16LE(0x3e)];
  const header = (/** @type {number} */ index) => headers + index * size;
  const offsetOf = (/** @type {number} */ at) => Number(bytes.readBigUInt64LE(at + 0x18));
  const strings = offsetOf(header(names));
  for (let index = 0; index < count; index += 1) {
    const at = header(index);
    const text = strings + bytes.readUInt32LE(at);
    if (bytes.toString("latin1", text, bytes.indexOf(0, text)) === name)
      return { start: offsetOf(at), size: Number(bytes.readBigUInt64LE(at + 0x20)) };
  }
  throw new Error(`the library has no section ${name}`);
}
