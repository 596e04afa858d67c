import { setTimeout as delay } from "node:timers/promises";
import { GetObjectCommand, type GetObjectCommandInput } from "@aws-sdk/client-s3";
import { s3Client } from "./client.js";
import { s3Failure } from "./errors.js";

/** Attempts at a body that is cut, or at a write that another one met. */
export const attempts = 8;

/** The bytes a request asks for, all of them: a body that breaks or is shorter than was said is read again. */
export async function readBody(request: GetObjectCommandInput): Promise<Uint8Array> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { Body, ContentLength } = await s3Client().send(new GetObjectCommand(request));
      const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
      if (bytes.length === (ContentLength ?? bytes.length)) return bytes;
      throw new Error(`${bytes.length} of ${ContentLength} bytes came`);
    } catch (error) {
      // What has a status was retried by the SDK; a body that broke was not.
      if (s3Failure(error).status !== 0 || attempt === attempts) throw error;
      await pause(attempt);
    }
  }
}

/** Waits longer each time, and never as long as others do. */
export async function pause(attempt: number): Promise<void> {
  await delay(Math.random() * Math.min(50 * 2 ** attempt, 5_000));
}
