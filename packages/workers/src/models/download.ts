import { mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { MillraceError } from "@millrace/core";
import { digestFile, type FileDigest } from "./files.js";
import type { ModelFile } from "./model.js";
import { type HubAccess, type HubAnswer, requestHub } from "./request.js";
import { retrying, TransferError } from "./retry.js";

/** A file as the hub lists it. */
export interface RemoteFile {
  readonly name: string;
  readonly url: URL;
  readonly bytes?: number;
  /** sha256 (64 hex digits) or git blob sha1 (40). */
  readonly digest?: string;
}

export interface DownloadOptions {
  readonly access: HubAccess;
  /** Where the finished file goes, under its name. */
  readonly directory: string;
  /** Where its unfinished part lies meanwhile. */
  readonly partsDirectory: string;
  readonly report: (line: string) => void;
}

/** Brings a file, resuming a part that is there, and checks its digest. @throws TransferError or E_MODEL_DIGEST */
export async function download(file: RemoteFile, options: DownloadOptions): Promise<ModelFile> {
  const target = join(options.directory, file.name);
  const part = join(options.partsDirectory, `${file.name.replaceAll("/", "%")}.part`);
  await mkdir(dirname(target), { recursive: true });
  await mkdir(options.partsDirectory, { recursive: true });
  if ((await sizeOf(target)) > 0) await rename(target, part);
  for (let tries = 1; ; tries += 1) {
    const expected = await fetchPart(file, part, options);
    const found = await digestFile(part);
    if (isExpected(found, expected)) {
      await rename(part, target);
      await rm(etagOf(part), { force: true });
      return { name: file.name, bytes: found.bytes, sha256: found.sha256 };
    }
    await rm(part);
    if (tries === 2) throw differs(file.name, found, expected);
    options.report(`${file.name} is damaged; fetching it again from the start`);
  }
}

interface Expectation {
  readonly bytes?: number | undefined;
  readonly digest?: string | undefined;
}

/** Completes the part. What the answer's headers say fills in for what the listing did not. */
async function fetchPart(file: RemoteFile, part: string, options: DownloadOptions): Promise<Expectation> {
  let expected: Expectation = file;
  let bytes = await sizeOf(part);
  if (bytes === file.bytes && bytes > 0) return expected;
  const { access, report } = options;
  const attempt = async () => {
    const answer = await openFrom(bytes, { file, part, access });
    expected = { bytes: file.bytes, digest: file.digest ?? answer.linkedEtag };
    const isRest = answer.response.status === 206;
    await append(answer, part, { isRest, limit: file.bytes, onBytes: progressLine(file, report) });
  };
  const progress = () => bytes;
  const measured = async () => {
    try {
      await attempt();
    } finally {
      bytes = await sizeOf(part);
    }
    if (file.bytes !== undefined && bytes < file.bytes)
      throw new TransferError(`${file.name} ended at byte ${bytes} of ${file.bytes}`, { isRetryable: true });
  };
  await retrying(measured, { limits: access.limits, signal: access.signal, report, progress });
  return expected;
}

/** Asks for what is missing. A part that is no longer the beginning of the file is answered with the whole file. */
async function openFrom(
  offset: number,
  { file, part, access }: { file: RemoteFile; part: string; access: HubAccess },
): Promise<HubAnswer> {
  const etag = offset > 0 ? await readFile(etagOf(part), "utf8").catch(() => undefined) : undefined;
  const rest = offset > 0 ? { range: `bytes=${offset}-`, ...(etag && { "if-range": etag }) } : {};
  const request = { url: file.url, headers: rest, timeoutMs: access.limits.idleTimeoutMs };
  const answer = await requestHub(access, request).catch((error: unknown) => discardUnlessFitting(part, error));
  const strongEtag = answer.response.headers.get("etag");
  if (strongEtag?.startsWith('"')) await writeFile(etagOf(part), strongEtag);
  const range = answer.response.headers.get("content-range");
  if (answer.response.status === 206 && !range?.startsWith(`bytes ${offset}-`)) {
    await answer.response.body?.cancel();
    throw new TransferError(`${file.url.host} answers with the wrong range (${range})`, { isRetryable: false });
  }
  return answer;
}

/** 416 says the part is not shorter than the file: it is none of this file's. */
async function discardUnlessFitting(part: string, error: unknown): Promise<never> {
  if (!(error instanceof TransferError) || error.status !== 416) throw error;
  await rm(part, { force: true });
  throw new TransferError(error.message, { isRetryable: true, status: 416, cause: error });
}

async function append(
  answer: HubAnswer,
  part: string,
  { isRest, limit, onBytes }: { isRest: boolean; limit: number | undefined; onBytes: (bytes: number) => void },
): Promise<void> {
  const handle = await open(part, isRest ? "a" : "w");
  try {
    let bytes = (await handle.stat()).size;
    for await (const piece of answer.body()) {
      bytes += piece.byteLength;
      if (limit !== undefined && bytes > limit)
        throw new TransferError(`more than the ${limit} bytes that were announced`, { isRetryable: false });
      await handle.appendFile(piece);
      onBytes(bytes);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Says every few seconds how far a large file is. */
function progressLine(file: RemoteFile, report: (line: string) => void): (bytes: number) => void {
  const everyMs = 5_000;
  let last = Date.now();
  return (bytes) => {
    if (Date.now() - last < everyMs) return;
    last = Date.now();
    const total = file.bytes === undefined ? "" : ` of ${inMegabytes(file.bytes)}`;
    report(`${file.name}: ${inMegabytes(bytes)}${total}`);
  };
}

/** Megabytes of 10⁶ bytes with one decimal. */
export function inMegabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function isExpected(found: FileDigest, { bytes, digest }: Expectation): boolean {
  if (bytes !== undefined && bytes !== found.bytes) return false;
  if (digest?.length === 64) return digest === found.sha256;
  return digest?.length !== 40 || digest === found.gitSha1;
}

function differs(name: string, found: FileDigest, expected: Expectation): MillraceError {
  const isGit = expected.digest?.length === 40;
  return new MillraceError("E_MODEL_DIGEST", `${name} is not the file the hub lists`, {
    why: `its ${isGit ? "git sha1" : "sha256"} is ${isGit ? found.gitSha1 : found.sha256}, the hub names ${expected.digest ?? `${expected.bytes} bytes`}`,
    fix: "Try again later, or give a model directory",
  });
}

function etagOf(part: string): string {
  return `${part}.etag`;
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    (found) => found.size,
    () => 0,
  );
}
