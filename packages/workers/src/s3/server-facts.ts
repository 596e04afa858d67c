import { HeadBucketCommand } from "@aws-sdk/client-s3";
import type { ServerFacts } from "../doctor/server-check.js";
import { s3Client } from "./client.js";
import { s3Error } from "./errors.js";
import { parseLocation } from "./location.js";

/** Asks for the bucket of a place, as a run would. @throws E_CLOCK, E_CREDENTIALS, E_BUCKET_MISSING, E_UNREACHABLE */
export async function s3Facts(location: string, signal: AbortSignal): Promise<ServerFacts> {
  const { bucket } = parseLocation(location);
  const command = new HeadBucketCommand({ Bucket: bucket });
  let date = "";
  command.middlewareStack.add(
    (next) => async (given) => {
      const answered = await next(given);
      date = headerOf(answered.response, "date");
      return answered;
    },
    // Before the answer is taken apart, also where it is a refusal.
    { step: "deserialize", priority: "low" },
  );
  try {
    await s3Client().send(command, { abortSignal: signal });
    return { detail: `bucket ${bucket}`, clock: Date.parse(date) || undefined };
  } catch (error) {
    throw s3Error(missing(error), `bucket ${bucket} cannot be reached`, bucket);
  }
}

function headerOf(response: unknown, name: string): string {
  return (response as { readonly headers?: Readonly<Record<string, string>> }).headers?.[name] ?? "";
}

/** The answer to HEAD has no body that could say that it is the bucket that is missing. */
function missing(error: unknown): unknown {
  const { name } = Object(error) as { readonly name?: string };
  return name === "NotFound" ? Object.assign(new Error("404"), { name: "NoSuchBucket" }) : error;
}
