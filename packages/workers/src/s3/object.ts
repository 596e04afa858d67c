import { type CorpusObject, MillraceError, type OpenObject } from "@millrace/core";
import { s3Error, s3Failure } from "./errors.js";
import { readBody } from "./read.js";

/** Bytes of one request of a stream: little enough to read again where a body breaks, much enough to be few. */
const pieceSize = 8 << 20;

/** An object that is read by ranges, each pinned to the version that was listed. @throws E_OBJECT_CHANGED on reading */
export async function openS3Object(
  { bucket, key }: { readonly bucket: string; readonly key: string },
  object: CorpusObject,
): Promise<OpenObject> {
  const read = async (start: number, end: number): Promise<Uint8Array> => {
    if (end <= start) return new Uint8Array();
    try {
      const bytes = await readBody({
        Bucket: bucket,
        Key: key,
        Range: `bytes=${start}-${end - 1}`,
        IfMatch: object.version,
      });
      if (bytes.length === end - start) return bytes;
      throw new Error(`${bytes.length} bytes came where ${end - start} were asked for`);
    } catch (error) {
      const { status } = s3Failure(error);
      // 416: the object has become shorter than it was listed.
      if (status === 404 || status === 412 || status === 416) throw changed(object.key, error);
      throw s3Error(error, `Cannot read "${object.key}"`, bucket);
    }
  };
  return {
    key: object.key,
    bytes: object.bytes,
    async *stream() {
      for (let start = 0; start < object.bytes; start += pieceSize) {
        yield await read(start, Math.min(start + pieceSize, object.bytes));
      }
    },
    read,
    close: async () => {},
  };
}

function changed(key: string, cause: unknown): MillraceError {
  return new MillraceError("E_OBJECT_CHANGED", `"${key}" changed after it was listed`, {
    why: "S3 no longer has the version that was planned",
    fix: "The next run reads it again.",
    cause,
  });
}
