import { startHost } from "../hosts/host.js";

/** What the loader says of each library, undefined where it can be loaded after those before it. */
export async function probeLibraries(paths: readonly string[]): Promise<readonly (string | undefined)[]> {
  const host = await startHost<readonly string[], readonly (string | null)[]>({
    module: new URL("./probe-host.js", import.meta.url),
    settings: null,
    name: "library probe",
  });
  try {
    return (await host.request(paths)).map((problem) => problem ?? undefined);
  } finally {
    await host.stop();
  }
}
