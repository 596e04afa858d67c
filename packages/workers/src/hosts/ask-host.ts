import { type HostOptions, startHost } from "./host.js";

/** Starts a host for one request. @throws E_HOST when it dies first, else the error it answers with */
export async function askHost<Request, Reply>(options: HostOptions, request: Request): Promise<Reply> {
  const host = await startHost<Request, Reply>(options);
  try {
    return await host.request(request);
  } finally {
    await host.stop();
  }
}
