import { MillraceError } from "@millrace/core";

/** Where a collection is. */
export interface QdrantPlace {
  /** The server, such as `http://localhost:6333`. */
  readonly url: string;
  /** Path before the interface's own, where a proxy adds one; empty otherwise. */
  readonly prefix: string;
  readonly collection: string;
  /** Server and collection as messages name them. */
  readonly name: string;
}

/** A store: the collection or alias of its name, or one of its generations. */
export interface QdrantStore {
  readonly place: QdrantPlace;
  /** Undefined for the live one. */
  readonly generation?: string | undefined;
}

/** Port of Qdrant's REST interface. */
const defaultPort = 6333;

const schemes = { qdrant: "http", "qdrant+https": "https" } as const;
export type QdrantScheme = keyof typeof schemes;

/** Reads `//host:port/collection`; the port is 6333 where none is given. @throws E_CONFIG for another form. */
export function parseQdrantPlace(scheme: QdrantScheme, place: string): QdrantPlace {
  const protocol = schemes[scheme];
  const address = /^\/\/[^/?#@]+\/[^?#]+$/.test(place) ? parseUrl(`${protocol}:${place}`) : undefined;
  if (address === undefined) throw wrongPlace(`${scheme}:${place}`);
  const names = address.pathname.split("/").filter((name) => name !== "");
  const collection = decodeURIComponent(names.pop() ?? "");
  if (!/^[^/\\<>:"|?*\0]{1,255}$/.test(collection)) throw wrongPlace(`${scheme}:${place}`);
  const port = address.port === "" ? standardPort(protocol, place) : address.port;
  const url = `${protocol}://${address.hostname}:${port}`;
  const prefix = names.map((name) => `/${name}`).join("");
  return collectionPlace({ url, prefix, collection });
}

/** The place of another collection of the same server. */
export function collectionPlace({ url, prefix, collection }: Omit<QdrantPlace, "name">): QdrantPlace {
  return { url, prefix, collection, name: `${url}${prefix}/collections/${collection}` };
}

/** The place in full, port included, so that one collection has one name. @throws E_CONFIG */
export function qdrantPlace(scheme: QdrantScheme, place: string): string {
  const { url, prefix, collection } = parseQdrantPlace(scheme, place);
  return `${url.slice(url.indexOf("//"))}${prefix}/${encodeURIComponent(collection)}`;
}

/** A URL forgets the port that is its protocol's own, such as `:443`. */
function standardPort(protocol: "http" | "https", place: string): number {
  const own = protocol === "https" ? 443 : 80;
  return /^\/\/[^/]*:\d+\//.test(place) ? own : defaultPort;
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

function wrongPlace(uri: string): MillraceError {
  const fix = "Write qdrant://host:6333/collection, or qdrant+https://host/collection for TLS";
  return new MillraceError("E_CONFIG", "the store's uri names no Qdrant collection", { why: JSON.stringify(uri), fix });
}
