import { findLibraries, type LibrarySearch } from "./find-libraries.js";
import { cudaLibraries, formerName } from "./libraries.js";
import { probeLibraries } from "./probe.js";

/**
 * What to load for each of CUDA's libraries, by name: a path, or the name itself where only the loader knows the place, as
 * it does with LD_LIBRARY_PATH. Libraries of the CUDA version before are among them, to explain what is missing.
 */
export async function locateLibraries(search: LibrarySearch): Promise<ReadonlyMap<string, string>> {
  const names = cudaLibraries.flatMap(({ name }) => [name, formerName(name) ?? name]);
  const found = await findLibraries(names, search);
  const wanted = cudaLibraries.map(({ name }) => name);
  if (search.folders !== undefined || wanted.every((name) => found.has(name))) return found;
  const paths = wanted.map((name) => found.get(name) ?? name);
  const problems = await probeLibraries(paths);
  const byLoader = wanted.filter((name, index) => !found.has(name) && problems[index] === undefined);
  return new Map([...found, ...byLoader.map((name) => [name, name] as const)]);
}
