import { join } from "node:path";
import { formOf, type Job, layout, MillraceError, type Searcher } from "@millrace/core";
import {
  createSearcher,
  type DocumentMap,
  documentName,
  isWorkedOn,
  type Jobs,
  openBlobs,
  openMap,
  quarantined,
  storeUri,
  WorkReader,
} from "@millrace/workers";
import type { Settings } from "../config/settings.js";
import { type JobMoment, JobWatch } from "../ui/job-view.js";
import { type FleetProgress, fleetMoment, mergedMoments, workMoment } from "../ui/moments.js";
import type { DocumentView, FoundPassages, PageParts, SearchRequest } from "../ui/parts.js";
import type { StoredJob } from "./choose-jobs.js";
import { listJobs, openFleet } from "./fleet.js";
import { type Say, storeOptions } from "./model.js";
import { type OpenSearch, openSearch } from "./search.js";
import { storedJobs } from "./stored-jobs.js";

/** Opens what the page shows. @param reference the model, where it is not the one that the store names */
export function openPage(settings: Settings, reference: string | undefined, say: Say): PageParts {
  const searcher = createSearcher(settings.store, storeOptions(settings));
  const search = lazily(() => openSearch(settings, reference, say));
  const map = new OpenMap(searcher, settings);
  const jobs = new OpenJobs(settings);
  return {
    async facts() {
      const schema = await searcher.schema();
      const { model, dimensions } = schema;
      const points = await searcher.count();
      // Somebody looks at the page: the map is begun before they ask for it. If it fails, they hear of it when they do.
      if (points <= mostMappedAhead) map.read().catch(() => {});
      return { place: settings.store, model, dimensions, precision: formOf(schema).precision, points };
    },
    search: async (request) => find(await search.open(), request, map),
    jobs: () => jobs.list(),
    quarantine: (job) => jobs.quarantine(job),
    map: () => map.read(),
    document: (index) => map.document(index),
    async close() {
      await Promise.all([search.close(), jobs.close(), searcher.close()]);
    },
  };
}

/** A map of so many points takes seconds. */
const mostMappedAhead = 200_000;

async function find(search: OpenSearch, { query, top, filters }: SearchRequest, map: OpenMap): Promise<FoundPassages> {
  const startedAt = performance.now();
  const hits = await search.find(query, { top, filters });
  const milliseconds = performance.now() - startedAt;
  const places = map.placesOf(hits.map(({ record }) => documentName(record)));
  return { hits, engine: search.engine, milliseconds, ...(places === undefined ? {} : { places }) };
}

/** The map of what the store held when it was last asked for. */
class OpenMap {
  private made: { readonly state: string; readonly map: Promise<DocumentMap> } | undefined;
  private known: { readonly map: DocumentMap; readonly indices: ReadonlyMap<string, number> } | undefined;

  constructor(
    private readonly searcher: Searcher,
    private readonly settings: Settings,
  ) {}

  async read(): Promise<DocumentMap> {
    const state = await this.state();
    if (this.made?.state !== state) this.made = { state, map: this.open(state) };
    const made = this.made;
    return made.map.catch((error: unknown) => {
      if (this.made === made) this.made = undefined;
      throw error;
    });
  }

  /** Where documents are on the map that was read last; undefined where none was. */
  placesOf(names: readonly string[]): readonly (number | undefined)[] | undefined {
    return this.known && names.map((name) => this.known?.indices.get(name));
  }

  async document(index: number): Promise<DocumentView | undefined> {
    const document = this.known?.map.documents[index];
    if (document === undefined) return undefined;
    const [point] = (await this.searcher.points?.([document.firstPoint])) ?? [];
    return { ...document, excerpt: point?.record.text.slice(0, excerptLength) ?? "" };
  }

  private async open(state: string): Promise<DocumentMap> {
    const cache = await openBlobs(join(this.settings.cacheDirectory, "maps"));
    const map = await openMap({ searcher: this.searcher, cache, state });
    const indices = new Map(map.documents.map((document, index) => [documentName(document), index]));
    this.known = { map, indices };
    return map;
  }

  /** Another whenever the content is: each commit of a job puts another manifest in force. */
  private async state(): Promise<string> {
    const { identity } = await this.searcher.schema();
    const store = storeUri(this.settings.store);
    const jobs = (await storedJobs(this.settings.work)).filter(({ job }) => job.store === store);
    const heads = jobs.map(async ({ job }) => {
      const head = await (await openBlobs(job.work)).get(layout.manifestHead);
      return Buffer.from(head ?? "").toString("utf8");
    });
    return JSON.stringify([identity, await this.searcher.count(), await Promise.all(heads)]);
  }
}

const excerptLength = 280;

/** The jobs of the work folder, and of the Temporal server where that is asked for. */
class OpenJobs {
  private readonly watch = new JobWatch();
  private readonly readers = new Map<string, WorkReader>();
  private readonly fleet = lazily(() => openFleet(this.settings));

  constructor(private readonly settings: Settings) {}

  async list() {
    const { work, temporal } = this.settings;
    const local = await Promise.all((await storedJobs(work)).map((stored) => this.moment(stored)));
    const moments = [...mergedMoments(local, temporal ? await this.remote() : [])];
    const rank = ({ state }: JobMoment) => (state === "running" ? 0 : 1);
    moments.sort((a, b) => rank(a) - rank(b));
    return moments.map((moment) => this.watch.view(moment, performance.now()));
  }

  async quarantine(id: string) {
    const stored = (await storedJobs(this.settings.work)).find((stored) => stored.id === id);
    if (stored === undefined) throw new MillraceError("E_JOB_MISSING", `the work folder knows no job ${id}`);
    return quarantined(await openBlobs(stored.job.work));
  }

  close(): Promise<void> {
    return this.fleet.close();
  }

  private async moment(stored: StoredJob): Promise<JobMoment> {
    const { work }: Job = stored.job;
    const reader = this.readers.get(work) ?? new WorkReader(await openBlobs(work));
    this.readers.set(work, reader);
    // Asked first: a run that ends meanwhile is shown as running for one more second, not as interrupted.
    const isHeld = await isWorkedOn(work);
    return workMoment(stored, await reader.read(), isHeld);
  }

  private async remote(): Promise<readonly JobMoment[]> {
    const jobs = await this.fleet.open();
    const wanted = { corpus: undefined, store: undefined, status: undefined };
    const listed = (await listJobs(jobs, this.settings, wanted)).slice(0, mostRemote);
    return Promise.all(listed.map(async (job) => fleetMoment(job, await progressOf(jobs, job.id))));
  }
}

/** Each costs a query every second. */
const mostRemote = 20;

/** A query needs a worker; while there is none, nothing is known. */
function progressOf(jobs: Jobs, id: string): Promise<FleetProgress | undefined> {
  return jobs.query<FleetProgress>(id, "progress").catch(() => undefined);
}

interface Closable {
  close(): Promise<void>;
}

/** Opens something when it is first needed, once; what fails is tried again the next time. */
function lazily<Part extends Closable>(open: () => Promise<Part>) {
  let opened: Promise<Part> | undefined;
  return {
    open: () => {
      opened ??= open().catch((error: unknown) => {
        opened = undefined;
        throw error;
      });
      return opened;
    },
    close: async () => (await opened?.catch(() => undefined))?.close(),
  };
}
