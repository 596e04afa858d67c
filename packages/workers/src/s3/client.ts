import { S3Client } from "@aws-sdk/client-s3";

let shared: S3Client | undefined;

/** The S3 client of this process. Credentials, region and endpoint are found as the SDK finds them. */
export function s3Client(): S3Client {
  shared ??= createClient();
  return shared;
}

function createClient(): S3Client {
  const agent = { keepAlive: true, maxSockets: 32 };
  // Says what the SDK would find by itself, and is asked for nothing else.
  const found = new S3Client({}).config;
  return new S3Client({
    maxAttempts: 8,
    retryMode: "standard",
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 60_000, httpAgent: agent, httpsAgent: agent },
    region: () => found.region().catch(() => "us-east-1"),
    // Servers other than AWS rarely have a name per bucket. Only here is an endpoint of a profile or variable known.
    endpointProvider: (given, context) =>
      found.endpointProvider(given.Endpoint === undefined ? given : { ...given, ForcePathStyle: true }, context),
  });
}
