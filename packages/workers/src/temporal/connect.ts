import { MillraceError } from "@millrace/core";
import { Client, Connection, isGrpcServiceError } from "@temporalio/client";
import { loadClientConnectConfig } from "@temporalio/envconfig";
import { dataConverter } from "./data-converter.js";

/** How long a server may take to answer the first call. */
const connectTimeout = "5 seconds";

/** Where the Temporal server is: by its own profile file and environment, unless an address is given here. */
export interface TemporalPlace {
  readonly address?: string;
  readonly namespace?: string;
  /** 32 bytes each, in base64: the first one encrypts what jobs carry, all of them decrypt. Without one it is in plain. */
  readonly keys?: readonly string[];
}

/** A place with everything Temporal's own configuration adds: address, namespace, TLS, API key. */
export function resolvePlace({ address, namespace }: TemporalPlace) {
  const { connectionOptions, namespace: configured } = readConfiguration();
  return {
    connection: { ...connectionOptions, ...(address === undefined ? {} : { address }) },
    namespace: namespace ?? configured ?? "default",
    address: address ?? connectionOptions.address ?? "localhost:7233",
  };
}

/** Connects, and makes sure that the namespace is there. @throws E_UNREACHABLE, E_CREDENTIALS, E_NAMESPACE_MISSING */
export async function connectTemporal(place: TemporalPlace): Promise<Client> {
  const { connection: options, namespace, address } = resolvePlace(place);
  const converter = dataConverter(place.keys);
  let connection: Connection | undefined;
  try {
    connection = await Connection.connect({ ...options, connectTimeout });
    await connection.workflowService.describeNamespace({ namespace });
    return new Client({ connection, namespace, ...converter });
  } catch (error) {
    await connection?.close();
    throw temporalError(error, { address, namespace });
  }
}

function readConfiguration() {
  try {
    return loadClientConnectConfig();
  } catch (cause) {
    throw new MillraceError("E_CONFIG", "Temporal's configuration file cannot be read", {
      why: (cause as Error).message,
      fix: "Correct the file, or the TEMPORAL_ variables of the environment.",
      cause,
    });
  }
}

/** gRPC's status codes that are told apart. */
export const grpcCodes = {
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** Why a call to the server failed, in the product's words. */
export function temporalError(
  error: unknown,
  { address, namespace }: { readonly address: string; readonly namespace: string },
): MillraceError {
  if (error instanceof MillraceError) return error;
  const why = error instanceof Error ? error.message : String(error);
  const code = isGrpcServiceError(error) ? error.code : undefined;
  if (code === grpcCodes.notFound) {
    return new MillraceError("E_NAMESPACE_MISSING", `Temporal at ${address} has no namespace "${namespace}"`, {
      fix: "Create it there, or name another with --temporal-namespace or TEMPORAL_NAMESPACE.",
      cause: error,
    });
  }
  if (code === grpcCodes.permissionDenied || code === grpcCodes.unauthenticated) {
    return new MillraceError("E_CREDENTIALS", `Temporal at ${address} refuses this client`, {
      why,
      fix: "Check TEMPORAL_API_KEY and the TLS files, or the profile in temporal.toml.",
      cause: error,
    });
  }
  return new MillraceError("E_UNREACHABLE", `Temporal cannot be reached at ${address}`, {
    why,
    fix: "Start it, or say where it is with --temporal-address or TEMPORAL_ADDRESS.",
    cause: error,
  });
}
