import { MillraceError } from "@millrace/core";

/** A place in S3: its bucket, and what its keys begin with. */
export interface S3Location {
  readonly bucket: string;
  readonly path: string;
}

/** @throws E_CONFIG when it is not `s3://bucket/path` */
export function parseLocation(location: string): S3Location {
  const [, bucket, path = ""] = /^s3:\/\/([^/]+)(?:\/(.*))?$/s.exec(location) ?? [];
  if (bucket !== undefined) return { bucket, path };
  throw new MillraceError("E_CONFIG", `"${location}" is not a place in S3`, { fix: "Write s3://bucket/prefix." });
}

/** A path as a folder: "" or with one slash at its end. */
export function asPrefix(path: string): string {
  const folder = path.replace(/\/+$/, "");
  return folder === "" ? "" : `${folder}/`;
}

/** A key as a listing with `EncodingType: url` gives it. */
export function decodeKey(key: string): string {
  return decodeURIComponent(key.replaceAll("+", " "));
}
