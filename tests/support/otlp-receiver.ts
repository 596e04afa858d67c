import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { parse } from "protobufjs";

/** What of OpenTelemetry's protocol tests look at, with the numbers of its fields. */
const schema = parse(`
  syntax = "proto3";
  message Request { repeated ResourceSpans resource_spans = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
  message Resource { repeated KeyValue attributes = 1; }
  message ScopeSpans { repeated Span spans = 2; }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; ArrayValue array_value = 5; } }
  message ArrayValue { repeated AnyValue values = 1; }
  message Status { string message = 2; int32 code = 3; }
  message Span {
    bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5;
    fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9; Status status = 15;
  }
`).root.lookupType("Request");

/** A span as a collector received it. */
export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly id: string;
  /** Empty for a root. */
  readonly parentId: string;
  readonly milliseconds: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Of the error it ended with, else empty. */
  readonly error: string;
}

/** A collector that takes OTLP over HTTP, as protobuf; whatever else it is sent, such as metrics, it keeps as it is. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  /** Bodies as they came, to be searched for what must not be in them. */
  readonly bodies: Buffer[] = [];
  private readonly server: Server;

  private constructor() {
    this.server = createServer(async (request, response) => {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      const body = Buffer.concat(pieces);
      this.bodies.push(body);
      if (request.url === "/v1/traces" && request.headers["content-type"] === "application/x-protobuf") this.take(body);
      response.writeHead(200).end();
    });
  }

  static async start(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    await new Promise<void>((resolve) => receiver.server.listen(0, "127.0.0.1", resolve));
    return receiver;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  named(name: string): readonly ReceivedSpan[] {
    return this.spans.filter((span) => span.name === name);
  }

  /** Parents' names over all spans of a name, each once; `none` where the parent did not arrive. */
  parentsOf(name: string): readonly string[] {
    const parents = this.named(name).map(({ parentId, traceId }) => {
      if (parentId === "") return "root";
      return this.spans.find(({ id, traceId: of }) => id === parentId && of === traceId)?.name ?? "none";
    });
    return [...new Set(parents)].sort();
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private take(body: Buffer): void {
    const { resourceSpans } = schema.toObject(schema.decode(body), { longs: Number }) as RequestObject;
    for (const span of resourceSpans.flatMap(({ scopeSpans }) => scopeSpans).flatMap(({ spans }) => spans)) {
      this.spans.push({
        name: span.name,
        traceId: hex(span.traceId),
        id: hex(span.spanId),
        parentId: hex(span.parentSpanId),
        milliseconds: (span.endTimeUnixNano - span.startTimeUnixNano) / 1e6,
        attributes: Object.fromEntries((span.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]])),
        error: span.status?.message ?? "",
      });
    }
  }
}

interface RequestObject {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly SpanObject[] }[] }[];
}

interface SpanObject {
  readonly name: string;
  readonly traceId: Buffer;
  readonly spanId: Buffer;
  readonly parentSpanId?: Buffer;
  readonly startTimeUnixNano: number;
  readonly endTimeUnixNano: number;
  readonly attributes?: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
  readonly status?: { readonly message?: string };
}

function hex(bytes: Uint8Array = new Uint8Array()): string {
  return Buffer.from(bytes).toString("hex");
}
