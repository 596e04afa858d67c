import { MillraceError } from "@millrace/core";

/** Name and HTTP status of what S3 answered, "" and 0 for anything else. */
export function s3Failure(error: unknown): { readonly name: string; readonly status: number } {
  const { name, code, $metadata } = Object(error) as {
    name?: string;
    code?: string;
    $metadata?: { httpStatusCode?: number };
  };
  const known = name === undefined || name === "Error" || name === "AggregateError" ? code : name;
  return { name: known ?? "", status: $metadata?.httpStatusCode ?? 0 };
}

const refused = [
  "CredentialsProviderError",
  "InvalidAccessKeyId",
  "SignatureDoesNotMatch",
  "AccessDenied",
  "XAdminUserNotFound",
  "ExpiredToken",
  "InvalidToken",
];
const unreachable = [
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
  "ECONNRESET",
  "EPIPE",
  "TimeoutError",
];

/** Why S3 did not do it. @returns E_CREDENTIALS, E_BUCKET_MISSING, E_UNREACHABLE or E_IO */
export function s3Error(error: unknown, what: string, bucket: string): MillraceError {
  if (error instanceof MillraceError) return error;
  const { name, status } = s3Failure(error);
  const why = `${name} ${Object(error).message ?? ""}`.trim();
  if (refused.includes(name) || status === 401 || status === 403) {
    const fix = "Check the access key, its secret and its rights on the bucket.";
    return new MillraceError("E_CREDENTIALS", what, { why, fix, cause: error });
  }
  if (name === "NoSuchBucket") {
    const fix = "Create the bucket, or correct its name.";
    return new MillraceError("E_BUCKET_MISSING", `The bucket "${bucket}" does not exist`, { fix, cause: error });
  }
  // What a server still answers after many attempts says that it is not up, or not yet.
  if (unreachable.includes(name) || status >= 500) {
    const fix = "Check the endpoint (AWS_ENDPOINT_URL), that the server runs, and the network.";
    return new MillraceError("E_UNREACHABLE", what, { why, fix, cause: error });
  }
  return new MillraceError("E_IO", what, { why, fix: "Run it again.", cause: error });
}
