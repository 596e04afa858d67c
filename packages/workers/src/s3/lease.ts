import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { DeleteObjectCommand, HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { type BlobStore, MillraceError } from "@millrace/core";
import { s3Client } from "./client.js";
import { s3Error, s3Failure } from "./errors.js";
import { asPrefix, parseLocation } from "./location.js";

/** Keeps other runs out of a work folder in S3 for as long as its holder lives. */
export interface Lease {
  /** The folder's blobs, whose writes fail once another run has taken the lease. @throws E_STORE_BUSY */
  guard(blobs: BlobStore): BlobStore;
  release(): Promise<void>;
}

/** A lease that was not renewed for this long is of a run that died. */
const defaultLifetime = 60_000;

interface Place {
  readonly Bucket: string;
  readonly Key: string;
}

/**
 * Takes `<location>/lock.json`, created only where there is none, and renews it. How old another's lease is, is told by the
 * server's clock alone, so that the clocks of machines may differ.
 * @throws E_STORE_BUSY while another run holds it
 */
export async function leaseS3Folder(location: string, lifetimeMilliseconds = defaultLifetime): Promise<Lease> {
  const { bucket, path } = parseLocation(location);
  const place: Place = { Bucket: bucket, Key: `${asPrefix(path)}lock.json` };
  const owner = `${hostname()}/${process.pid}/${randomUUID()}`;
  let etag: string | undefined;
  try {
    etag = await take(place, owner, lifetimeMilliseconds);
  } catch (error) {
    throw s3Error(error, `Cannot lock ${location}`, bucket);
  }
  if (etag === undefined) throw busy(location, lifetimeMilliseconds);

  let renewals = 0;
  let isLost = false;
  let renewing: Promise<void> = Promise.resolve();
  const renew = async () => {
    try {
      renewals += 1;
      etag = await put(place, { owner, renewals }, { IfMatch: etag as string });
    } catch (error) {
      // Any other failure passes, or lets the lease run out, which the next renewal then finds.
      isLost ||= isRefused(error);
    }
  };
  const timer = setInterval(() => {
    renewing = renewing.then(renew);
  }, lifetimeMilliseconds / 4);
  timer.unref();
  const check = () => {
    if (isLost) throw busy(location, lifetimeMilliseconds);
  };
  return {
    guard: (blobs) => guarded(blobs, check),
    async release() {
      clearInterval(timer);
      await renewing;
      // A lease that another run has taken is not ours to delete.
      if (!isLost)
        await s3Client()
          .send(new DeleteObjectCommand(place))
          .catch(() => undefined);
    },
  };
}

/** @returns the lease's ETag, or undefined while it is another's */
async function take(place: Place, owner: string, lifetime: number): Promise<string | undefined> {
  try {
    return await put(place, { owner, renewals: 0 }, { IfNoneMatch: "*" });
  } catch (error) {
    if (!isRefused(error)) throw error;
  }
  const { etag, age } = await look(place);
  if (age <= lifetime) return undefined;
  return put(place, { owner, renewals: 0 }, { IfMatch: etag }).catch((error: unknown) => {
    if (isRefused(error)) return undefined;
    throw error;
  });
}

type Condition = { readonly IfMatch: string } | { readonly IfNoneMatch: "*" };

/** The content differs each time, and so does the ETag. */
async function put(place: Place, content: object, condition: Condition): Promise<string> {
  const { ETag = "" } = await s3Client().send(
    new PutObjectCommand({ ...place, Body: JSON.stringify(content), ...condition }),
  );
  return ETag;
}

/** The lease as it is, and its age in milliseconds by the server's own clock. */
async function look(place: Place): Promise<{ readonly etag: string; readonly age: number }> {
  const command = new HeadObjectCommand(place);
  let now = Date.now();
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { headers } = result.response as { readonly headers?: Readonly<Record<string, string>> };
      now = Date.parse(headers?.date ?? "") || now;
      return result;
    },
    { step: "deserialize", name: "serverClock" },
  );
  const { ETag = "", LastModified } = await s3Client().send(command);
  return { etag: ETag, age: now - (LastModified?.getTime() ?? now) };
}

/** 412: the condition does not hold. 409: another write is under way. 404: what was to be replaced is gone. */
function isRefused(error: unknown): boolean {
  return [404, 409, 412].includes(s3Failure(error).status);
}

function guarded(blobs: BlobStore, check: () => void): BlobStore {
  return {
    get: (key) => blobs.get(key),
    list: (prefix) => blobs.list(prefix),
    put: async (key, bytes, options) => {
      check();
      return blobs.put(key, bytes, options);
    },
    delete: async (keys) => {
      check();
      await blobs.delete(keys);
    },
  };
}

function busy(location: string, lifetime: number): MillraceError {
  return new MillraceError("E_STORE_BUSY", `another run is working in ${location}`, {
    why: "it holds lock.json there",
    fix: `Wait for it to end; of a run that was killed the lock runs out after ${Math.ceil(lifetime / 1000)} s.`,
  });
}
