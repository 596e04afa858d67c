import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { DeleteObjectCommand, HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { MillraceError } from "@millrace/core";
import { s3Client } from "./client.js";
import { s3Error, s3Failure } from "./errors.js";
import { asPrefix, parseLocation } from "./location.js";
import { attempts, pause } from "./read.js";

/** Keeps other runs out of a work folder for as long as its holder lives. */
export interface Lease {
  /** To be awaited before each write: asks the server where it was not asked lately. @throws E_STORE_BUSY once it is lost */
  check(): Promise<void>;
  /**
   * To be awaited where work begins: asks the server, however lately it was asked. Of a shared lease, another holder may
   * have given it back since, and a run of another kind taken it. @throws E_STORE_BUSY where it is lost
   */
  confirm(): Promise<void>;
  release(): Promise<void>;
}

export interface LeaseOptions {
  /** Not renewed for this long, a lease is of a run that died; 60 s by default. */
  readonly lifetimeMilliseconds?: number;
  /**
   * Whoever gives the same name holds the same lease. It is then renewed by `check` alone, so that it runs out by itself
   * when nobody works any more; a lease without a name is of one holder, which renews it until it is released.
   */
  readonly sharedBy?: string;
}

const defaultLifetime = 60_000;

/** Renewals in a lifetime. */
const renewals = 6;

/**
 * Takes `<location>/lock.json`, created only where there is none, and renews it. How old another's lease is, is told by the
 * server's clock alone, so that the clocks of machines may differ.
 * @throws E_STORE_BUSY while another run holds it
 */
export async function leaseS3Folder(location: string, options: LeaseOptions = {}): Promise<Lease> {
  const { lifetimeMilliseconds: lifetime = defaultLifetime, sharedBy } = options;
  const { bucket, path } = parseLocation(location);
  const owner = sharedBy ?? `${encodeURIComponent(hostname())}/${process.pid}/${randomUUID()}`;
  const lock = { Bucket: bucket, Key: `${asPrefix(path)}lock.json`, owner, lifetime };
  const held = new HeldLease(lock, sharedBy !== undefined);
  const named = async (act: () => Promise<void>) => {
    try {
      await act();
    } catch (error) {
      throw s3Error(error, `Cannot lock ${location}`, bucket);
    }
    if (held.isLost) throw busy(location, lifetime);
  };
  await named(() => held.take());
  const renew = () => void held.renew().catch(() => undefined);
  const timer = sharedBy === undefined ? setInterval(renew, lifetime / renewals).unref() : undefined;
  return {
    check: () => named(() => held.ensure()),
    confirm: () => named(() => held.renew()),
    async release() {
      clearInterval(timer);
      await held.release().catch(() => undefined);
    },
  };
}

/** The object that stands for a lease, and who wants it. */
interface Lock {
  readonly Bucket: string;
  readonly Key: string;
  readonly owner: string;
  readonly lifetime: number;
}

/** What this process knows of its lease. By the clock on the wall, which goes on while a machine sleeps. */
class HeldLease {
  isLost = false;
  private etag = "";
  private count = 0;
  private renewedAt = Number.NEGATIVE_INFINITY;
  private renewing: Promise<void> | undefined;

  constructor(
    private readonly lock: Lock,
    private readonly isShared: boolean,
  ) {}

  async take(): Promise<void> {
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      this.isLost = !(await this.put({ IfNoneMatch: "*" }));
      if (!this.isLost) return;
      const found = await look(this.lock);
      if (found?.owner === this.lock.owner) return this.adopt(found);
      if (found !== undefined && found.age <= this.lock.lifetime) return;
      this.isLost = found === undefined || !(await this.put({ IfMatch: found.etag }));
      if (!this.isLost) return;
      // It was given back, or another one took it, in between.
      await pause(attempt);
    }
  }

  /** Does nothing while the last renewal is young. After that nobody may rely on it until the server has said so. */
  async ensure(): Promise<void> {
    if (this.isLost && !this.isShared) return;
    const { lifetime } = this.lock;
    const limit = this.isShared ? lifetime / renewals : lifetime / 2;
    if (this.isLost || this.age > limit) await this.renew();
  }

  renew(): Promise<void> {
    if (this.isLost && !this.isShared) return Promise.resolve();
    this.renewing ??= this.renewOnce().finally(() => {
      this.renewing = undefined;
    });
    return this.renewing;
  }

  /** Where another may have taken it meanwhile, it is left alone: it runs out by itself. */
  async release(): Promise<void> {
    await this.renewing?.catch(() => undefined);
    if (this.isLost || this.age > this.lock.lifetime / 2) return;
    this.renewedAt = Number.NEGATIVE_INFINITY;
    const { Bucket, Key } = this.lock;
    await s3Client().send(new DeleteObjectCommand({ Bucket, Key }));
  }

  private get age(): number {
    return Math.abs(Date.now() - this.renewedAt);
  }

  private async renewOnce(): Promise<void> {
    if (await this.put({ IfMatch: this.etag })) {
      this.isLost = false;
      return;
    }
    const found = await look(this.lock);
    // The answer to a renewal may have been lost, and who shares the lease renews it, too.
    if (found?.owner === this.lock.owner) this.adopt(found);
    // Who worked here while a lease of one's own was gone, nobody knows; what is shared is taken anew.
    else if (this.isShared) await this.take();
    else this.isLost = true;
  }

  /** @returns false where the condition does not hold */
  private async put(condition: { readonly IfMatch: string } | { readonly IfNoneMatch: "*" }): Promise<boolean> {
    const { Bucket, Key, owner } = this.lock;
    const askedAt = Date.now();
    this.count += 1;
    // The content differs each time, and so does the ETag.
    const Body = JSON.stringify({ owner, renewals: this.count });
    try {
      const { ETag = "" } = await s3Client().send(
        new PutObjectCommand({ Bucket, Key, Body, Metadata: { owner }, ...condition }),
      );
      [this.etag, this.renewedAt] = [ETag, askedAt];
      return true;
    } catch (error) {
      // 412: the condition does not hold. 409: another write is under way. 404: what was to be replaced is gone.
      if ([404, 409, 412].includes(s3Failure(error).status) && s3Failure(error).name !== "NoSuchBucket") return false;
      throw error;
    }
  }

  private adopt({ etag, age }: Found): void {
    [this.etag, this.renewedAt, this.isLost] = [etag, Date.now() - age, false];
  }
}

interface Found {
  readonly etag: string;
  readonly owner: string | undefined;
  /** Milliseconds since it was written, both told by the server's own clock. */
  readonly age: number;
}

/** The lease as it is; undefined where there is none. */
async function look({ Bucket, Key }: Lock): Promise<Found | undefined> {
  const command = new HeadObjectCommand({ Bucket, Key });
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
  try {
    const { ETag = "", LastModified, Metadata } = await s3Client().send(command);
    return { etag: ETag, owner: Metadata?.owner, age: now - (LastModified?.getTime() ?? now) };
  } catch (error) {
    if (s3Failure(error).status === 404) return undefined;
    throw error;
  }
}

function busy(location: string, lifetime: number): MillraceError {
  return new MillraceError("E_STORE_BUSY", `another run is working in ${location}`, {
    why: "it holds lock.json there",
    fix: `Wait for it to end; of a run that was killed the lock runs out after ${Math.ceil(lifetime / 1000)} s.`,
  });
}
