import { randomUUID } from "node:crypto";
import { afterAll, test } from "@jest/globals";
import { createSearcher, createSink } from "@millrace/workers";
import { describeSink } from "../../conformance/sink.ts";
import { startQdrant } from "../../services/qdrant-server.ts";

const qdrant = await startQdrant();
afterAll(() => qdrant?.stop());

if (qdrant === undefined) {
  test.skip("Qdrant's engine could not be brought: run node scripts/bring-services.mjs", () => undefined);
} else {
  const newUri = () => `${qdrant.uri}/${randomUUID()}`;

  describeSink("qdrant", async () => {
    const uri = newUri();
    return { sink: () => createSink(uri), searcher: () => createSearcher(uri), isSearchable: true };
  });
}
