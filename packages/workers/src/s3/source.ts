import { HeadObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { type CorpusObject, compareKeys, MillraceError, type Source, type SourceSpec } from "@millrace/core";
import { selectObjects, splitGlob } from "../sources/selection.js";
import { s3Client } from "./client.js";
import { s3Error, s3Failure } from "./errors.js";
import { asPrefix, decodeKey, parseLocation, type S3Location } from "./location.js";
import { openS3Object } from "./object.js";

/**
 * Objects below `s3://bucket/prefix/`, those a glob such as `s3://bucket/prefix/*.jsonl` takes, or the one object of that
 * key. An object's version is its ETag.
 * @throws E_BUCKET_MISSING, E_CREDENTIALS, E_CLOCK, E_UNREACHABLE or E_IO
 */
export async function openS3Source(spec: SourceSpec): Promise<Source> {
  const location = parseLocation(spec.location);
  const pattern = splitGlob(location.path);
  if (pattern !== undefined) return prefixSource({ ...location, path: pattern.base }, spec, pattern.glob);
  const single = location.path === "" || location.path.endsWith("/") ? undefined : await findObject(location);
  return single === undefined ? prefixSource(location, spec) : objectSource(location, single);
}

function prefixSource({ bucket, path }: S3Location, spec: SourceSpec, glob?: string): Source {
  const prefix = asPrefix(path);
  const uri = `s3://${bucket}/${prefix}${glob ?? ""}`;
  const selection = selectObjects(glob === undefined ? spec : { ...spec, glob });
  return {
    uri,
    async *list(after) {
      for await (const object of listObjects({ bucket, prefix, uri, after })) {
        // A key that ends in a slash marks a folder.
        if (!object.key.endsWith("/") && selection.takesFile(object.key)) yield object;
      }
    },
    open: (object) => openS3Object({ bucket, key: prefix + object.key }, object),
  };
}

function objectSource({ bucket, path }: S3Location, found: CorpusObject): Source {
  return {
    uri: `s3://${bucket}/${path}`,
    async *list(after) {
      const object = await findObject({ bucket, path });
      if (object !== undefined && (after === undefined || compareKeys(found.key, after) > 0)) yield object;
    },
    open: (object) => openS3Object({ bucket, key: path }, object),
  };
}

interface Listing {
  readonly bucket: string;
  readonly prefix: string;
  readonly uri: string;
  readonly after: string | undefined;
}

async function* listObjects({ bucket, prefix, uri, after }: Listing): AsyncGenerator<CorpusObject> {
  const request = { Bucket: bucket, Prefix: prefix, EncodingType: "url" as const };
  let from: { StartAfter?: string; ContinuationToken?: string } =
    after === undefined ? {} : { StartAfter: prefix + after };
  let last: string | undefined;
  for (;;) {
    const page = await s3Client()
      .send(new ListObjectsV2Command({ ...request, ...from }))
      .catch((error: unknown) => {
        throw s3Error(error, `Cannot list ${uri}`, bucket);
      });
    for (const { Key = "", ETag = "", Size = 0, LastModified } of page.Contents ?? []) {
      const key = decodeKey(Key).slice(prefix.length);
      if (last !== undefined && compareKeys(last, key) >= 0) throw notInOrder(uri, last, key);
      last = key;
      yield { key, version: ETag, bytes: Size, ...modifiedAt(LastModified) };
    }
    if (!page.IsTruncated || page.NextContinuationToken === undefined) return;
    from = { ContinuationToken: page.NextContinuationToken };
  }
}

function modifiedAt(date: Date | undefined): Pick<CorpusObject, "modified"> {
  return date === undefined ? {} : { modified: date.getTime() };
}

/** What is out of order would be taken for removed: better no run than a wrong one. */
function notInOrder(uri: string, before: string, after: string): MillraceError {
  return new MillraceError("E_SOURCE_MISSING", `Cannot index "${uri}"`, {
    why: `the server does not list in the order of S3: "${after}" came after "${before}"`,
    fix: "Use a general-purpose bucket, or keys without characters that sort before the slash.",
  });
}

async function findObject({ bucket, path }: S3Location): Promise<CorpusObject | undefined> {
  try {
    const {
      ETag = "",
      ContentLength = 0,
      LastModified,
    } = await s3Client().send(new HeadObjectCommand({ Bucket: bucket, Key: path }));
    return {
      key: path.slice(path.lastIndexOf("/") + 1),
      version: ETag,
      bytes: ContentLength,
      ...modifiedAt(LastModified),
    };
  } catch (error) {
    if (s3Failure(error).status === 404) return undefined;
    throw s3Error(error, `Cannot open s3://${bucket}/${path}`, bucket);
  }
}
