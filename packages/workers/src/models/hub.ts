import { join } from "node:path";
import { compareKeys, MillraceError } from "@millrace/core";
import { download, inMegabytes, type RemoteFile } from "./download.js";
import { checkComplete, isSafeName, neededFiles } from "./files.js";
import { checkWeights, findInstalled, installModel } from "./install.js";
import {
  defaultTransferLimits,
  type InstalledModel,
  type ModelFile,
  type ModelOrigin,
  type ModelStoreOptions,
} from "./model.js";
import { type HubAccess, requestHub } from "./request.js";
import { retrying, TransferError } from "./retry.js";
import { openStaging, releaseStaging } from "./staging.js";

/** What to bring from a hub. */
export interface HubModel {
  readonly name: string;
  readonly id: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  readonly license?: string;
  readonly weights?: Readonly<Record<string, string>>;
}

/** Brings a model from the hub and installs it under its commit. @throws TransferError or MillraceError */
export async function pullFromHub(model: HubModel, options: ModelStoreOptions): Promise<InstalledModel> {
  const access = accessTo(options);
  const report = options.report ?? (() => undefined);
  const snapshot = await readSnapshot(model, access, report);
  const origin: ModelOrigin = { kind: "hub", reference: model.id, revision: snapshot.commit };
  const requested = model.revision === snapshot.commit ? [] : [model.revision];
  const installed = await findInstalled(options.modelsDirectory, origin, requested);
  if (installed !== undefined) return installed;
  const license = model.license ?? snapshot.license;
  const bytes = snapshot.files.reduce((sum, file) => sum + (file.bytes ?? 0), 0);
  report(
    `fetching ${model.id}@${snapshot.commit.slice(0, 12)} from ${access.endpoint.origin}: ${inMegabytes(bytes)}, licence ${license ?? "not stated"}`,
  );
  const staging = await openStaging(options.modelsDirectory, `hub ${model.id} ${snapshot.commit}`);
  try {
    const directory = join(staging, "model");
    const files: ModelFile[] = [];
    for (const file of snapshot.files)
      files.push(await download(file, { access, directory, partsDirectory: join(staging, "parts"), report }));
    checkWeights(model.name, files, model.weights);
    return await installModel(staging, options.modelsDirectory, {
      name: model.name,
      ...(license && { license }),
      origin,
      requested,
      files,
    });
  } catch (error) {
    await releaseStaging(staging);
    throw error;
  }
}

function accessTo(options: ModelStoreOptions): HubAccess {
  return {
    endpoint: new URL(options.hubEndpoint),
    token: options.hubToken,
    limits: { ...defaultTransferLimits, ...options.limits },
    signal: options.signal,
  };
}

/** A repository at one commit: the files we need. */
interface Snapshot {
  readonly commit: string;
  readonly license?: string;
  readonly files: readonly RemoteFile[];
}

/** Where nothing answers two tries are enough: another place may have the model. */
const unreachableAttempts = 2;

async function readSnapshot(model: HubModel, access: HubAccess, report: (line: string) => void): Promise<Snapshot> {
  const url = urlBelow(access.endpoint, `api/models/${model.id}/revision/${encodeURIComponent(model.revision)}`);
  url.searchParams.set("blobs", "true");
  const { limits, signal } = access;
  const attempt = async () => {
    const { body } = await requestHub(access, { url, timeoutMs: limits.connectTimeoutMs });
    const pieces: Uint8Array[] = [];
    for await (const piece of body()) pieces.push(piece);
    return Buffer.concat(pieces).toString("utf8");
  };
  const text = await retrying(attempt, { limits, unreachableAttempts, signal, report });
  return parseSnapshot(text, model.id, access.endpoint);
}

interface Sibling {
  readonly rfilename: string;
  readonly size?: number;
  readonly blobId?: string;
  readonly lfs?: { readonly sha256?: string; readonly size?: number };
}

function parseSnapshot(text: string, id: string, endpoint: URL): Snapshot {
  const { sha, siblings, tags } = parseJson(text, endpoint);
  if (typeof sha !== "string" || !/^[0-9a-f]{40}$/.test(sha) || !Array.isArray(siblings)) throw notAHub(endpoint);
  const listed = (siblings as Sibling[]).filter((sibling) => typeof sibling?.rfilename === "string");
  const unsafe = listed.find(({ rfilename }) => !isSafeName(rfilename));
  if (unsafe !== undefined) {
    const why = `it lists ${JSON.stringify(unsafe.rfilename)}, which lies outside the model's folder`;
    throw new MillraceError("E_MODEL_INVALID", `${endpoint.host} lists a file that is refused`, {
      why,
      fix: "Do not use this model",
    });
  }
  const needed = new Set(neededFiles(listed.map(({ rfilename }) => rfilename)));
  const wanted = listed
    .filter(({ rfilename }) => needed.has(rfilename))
    .sort((a, b) => compareKeys(a.rfilename, b.rfilename));
  checkComplete(
    id,
    wanted.map(({ rfilename }) => rfilename),
  );
  const license = licenseOf(tags);
  return {
    commit: sha,
    ...(license && { license }),
    files: wanted.map((sibling) => remoteFile(sibling, { id, sha, endpoint })),
  };
}

function remoteFile(sibling: Sibling, { id, sha, endpoint }: { id: string; sha: string; endpoint: URL }): RemoteFile {
  const { rfilename: name, lfs, blobId } = sibling;
  const bytes = lfs?.size ?? sibling.size;
  const digest = lfs === undefined ? blobId : lfs.sha256;
  const path = name.split("/").map(encodeURIComponent).join("/");
  const url = urlBelow(endpoint, `${id}/resolve/${sha}/${path}`);
  return { name, url, ...(bytes !== undefined && { bytes }), ...(digest !== undefined && { digest }) };
}

function parseJson(text: string, endpoint: URL): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // A login page of the network, most often.
  }
  throw notAHub(endpoint);
}

function notAHub(endpoint: URL): TransferError {
  return new TransferError(`${endpoint.host} does not answer as a model hub does`, {
    isRetryable: false,
    fix: "Check the hub's endpoint",
  });
}

function licenseOf(tags: unknown): string | undefined {
  const tag = Array.isArray(tags)
    ? tags.find((tag) => typeof tag === "string" && tag.startsWith("license:"))
    : undefined;
  return tag?.slice("license:".length);
}

/** Keeps a path that the endpoint itself has, as mirrors behind a prefix do. */
function urlBelow(endpoint: URL, path: string): URL {
  return new URL(path, endpoint.href.endsWith("/") ? endpoint : `${endpoint.href}/`);
}
