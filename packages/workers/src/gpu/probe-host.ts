import { serveHost } from "../hosts/serve.js";
import { loadLibrary } from "./load-library.js";

/** Loads libraries one after another and tells what the loader says: in a process of its own, since they stay loaded. */
await serveHost<null, readonly string[], readonly (string | null)[]>(async () => ({
  facts: null,
  handle: async (paths) => paths.map((path) => loadLibrary(path) ?? null),
}));
