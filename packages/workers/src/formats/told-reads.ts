import type { OpenObject } from "@millrace/core";

/** The same object, telling after each read up to which byte it went. */
export function toldReads(open: OpenObject, reached: (position: number) => void): OpenObject {
  return {
    key: open.key,
    bytes: open.bytes,
    async *stream() {
      let position = 0;
      for await (const piece of open.stream()) {
        position += piece.byteLength;
        reached(position);
        yield piece;
      }
    },
    async read(start, end) {
      reached(end);
      return open.read(start, end);
    },
    close: () => open.close(),
  };
}
