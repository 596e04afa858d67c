import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { freePorts, TestServer } from "./server.ts";

const [accessKey, secretKey] = ["test", "testsecret"];

/** What the environment of a client holds, beside the endpoint. */
export const s3Keys = { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey };

/** Starts an S3 server with one bucket, "corpus". @returns its endpoint */
export async function startS3Server(program: string): Promise<{ server: TestServer; endpoint: string }> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-s3-"));
  await mkdir(join(folder, "data"));
  const actions = ["Admin", "Read", "Write", "List", "Tagging"];
  const credentials = [{ accessKey, secretKey }];
  await writeFile(join(folder, "s3.json"), JSON.stringify({ identities: [{ name: "t", credentials, actions }] }));
  const ports = await serverPorts();
  const flags = ["s3.port", "master.port", "volume.port", "filer.port"].flatMap((name, i) => [
    `-${name}`,
    `${ports[i]}`,
  ]);
  const args = ["server", "-ip", "127.0.0.1", "-ip.bind", "127.0.0.1", "-dir", join(folder, "data"), "-s3"];
  args.push("-s3.config", join(folder, "s3.json"), ...flags, "-volume.max", "20", "-master.volumeSizeLimitMB", "64");
  args.push("-s3.port.iceberg", "0", "-s3.port.lance", "0", "-volume.preStopSeconds", "0");
  const endpoint = `http://127.0.0.1:${ports[0]}`;
  const isReady = async () => (await fetch(`${endpoint}/healthz`)).ok;
  const server = new TestServer({ program, args, isReady });
  await server.start();
  await warmUp(endpoint);
  return { server, endpoint };
}

/** The server also opens each port + 10000, which must be a port as well. */
async function serverPorts(): Promise<readonly number[]> {
  const ports = (await freePorts(24)).filter((port) => port < 55_000);
  return ports.length >= 4 ? ports : serverPorts();
}

/** A client that goes past what a test puts between the product and the server. */
export function directS3(endpoint: string): S3Client {
  const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey };
  return new S3Client({ endpoint, region: "us-east-1", credentials, forcePathStyle: true, maxAttempts: 8 });
}

async function warmUp(endpoint: string): Promise<void> {
  const client = directS3(endpoint);
  await client.send(new CreateBucketCommand({ Bucket: "corpus" }));
  await client.send(new PutObjectCommand({ Bucket: "corpus", Key: "warm", Body: "up" }));
  client.destroy();
}
