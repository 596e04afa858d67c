import type { ServerFacts } from "../doctor/server-check.js";
import { connectTemporal, resolvePlace, type TemporalPlace } from "./connect.js";

/** Whether a server is named, here or in Temporal's own configuration, and how it is called. */
export function namedServer(place: TemporalPlace): { readonly address: string; readonly isNamed: boolean } {
  const { connection, address } = resolvePlace(place);
  return { address, isNamed: connection.address !== undefined };
}

/** Asks the server for its version, with the namespace a job would use. @throws E_UNREACHABLE, E_CREDENTIALS, E_NAMESPACE_MISSING */
export async function temporalFacts(place: TemporalPlace): Promise<ServerFacts> {
  const client = await connectTemporal(place);
  try {
    const { serverVersion } = await client.connection.workflowService.getSystemInfo({});
    return { version: serverVersion ?? undefined, detail: `namespace ${client.options.namespace}` };
  } finally {
    await client.connection.close();
  }
}
