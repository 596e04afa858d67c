import { tmpdir } from "node:os";
import {
  createSearcher,
  diagnose,
  type Finding,
  namedTemporalServer,
  parseStoreUri,
  qdrantFacts,
  type ServerCheck,
  s3Facts,
  storeFolder,
  storeUri,
  temporalFacts,
} from "@millrace/workers";
import type { Settings } from "../config/settings.js";
import { version } from "../version.js";
import { deviceKind, deviceSearch } from "./device.js";
import { modelStore, storeOptions } from "./model.js";
import { temporalPlace } from "./temporal-place.js";

/** What `doctor` finds on this machine, and of the servers that the settings name. */
export async function examineMachine(settings: Settings): Promise<readonly Finding[]> {
  const location = storeUri(settings.store);
  const searcher = createSearcher(location, { ...storeOptions(settings), timeoutMilliseconds: patienceMilliseconds });
  const folders = [settings.work, settings.cacheDirectory, tmpdir(), storeFolder(location)];
  try {
    return await diagnose({
      version,
      folders: folders.filter((folder) => folder !== undefined && !isInS3(folder)) as readonly string[],
      model: settings.model,
      modelStore: modelStore(settings, () => {}),
      ...((settings.gpu || deviceKind(settings) === "cuda") && { gpu: deviceSearch(settings) }),
      store: { location, schema: () => searcher.schema() },
      servers: await serversOf(settings, location),
    });
  } finally {
    await searcher.close();
  }
}

/** A server is looked at, not waited for. */
const patienceMilliseconds = 5_000;

function isInS3(place: string): boolean {
  return place.startsWith("s3://");
}

async function serversOf(settings: Settings, store: string): Promise<readonly ServerCheck[]> {
  return [...(await temporalChecks(settings)), ...s3Checks(settings), ...qdrantChecks(settings, store)];
}

/** Temporal is asked where somebody has named it, or wants to run on it. */
async function temporalChecks(settings: Settings): Promise<readonly ServerCheck[]> {
  const place = temporalPlace(settings);
  const check = (name: string): ServerCheck => ({ name, isStrictOnTime: false, ask: () => temporalFacts(place) });
  try {
    const { address, isNamed } = await namedTemporalServer(place);
    return isNamed || settings.on === "temporal" ? [check(`temporal ${address}`)] : [];
  } catch {
    // Its configuration cannot be read: so the check will say.
    return [check("temporal")];
  }
}

/** One check for each bucket. */
function s3Checks({ work, source }: Settings): readonly ServerCheck[] {
  const places = [work, ...(source === undefined ? [] : [source])].filter(isInS3);
  const buckets = new Set(places.map((place) => place.split("/").slice(0, 3).join("/")));
  return [...buckets].map((bucket) => ({
    name: `s3 ${bucket}`,
    isStrictOnTime: true,
    ask: (signal) => s3Facts(bucket, signal),
  }));
}

function qdrantChecks({ qdrantApiKey }: Settings, store: string): readonly ServerCheck[] {
  const { driver: scheme, place } = parseStoreUri(store);
  if (scheme !== "qdrant" && scheme !== "qdrant+https") return [];
  const [, host = place] = /^\/\/([^/]+)/.exec(place) ?? [];
  const ask = (signal: AbortSignal) => qdrantFacts({ scheme, place }, qdrantApiKey, signal);
  return [{ name: `qdrant ${host}`, isStrictOnTime: false, ask }];
}
