/**
 * Passes zstd frames on, cut so that no piece crosses the end of a frame. Node's decoder drops whatever lies behind a
 * frame's end in the same piece and takes a truncated stream for a whole one, so both are looked after here.
 * @throws Error when the stream ends inside a frame, or a frame is followed by something else
 */
export async function* alignedZstdFrames(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const layout = frameParts();
  let part = nextPart(layout);
  let missing = part.bytes;
  let held: Uint8Array[] = [];
  for await (const chunk of stream) {
    let passedOn = 0;
    for (let start = 0; start < chunk.length; ) {
      const piece = chunk.subarray(start, start + missing);
      start += piece.length;
      missing -= piece.length;
      if (part.isRead) held.push(piece);
      while (missing === 0) {
        part = nextPart(layout, Buffer.concat(held));
        missing = part.bytes;
        held = [];
        if (part.isFrameStart) {
          yield chunk.subarray(passedOn, start);
          passedOn = start;
        }
      }
    }
    if (passedOn < chunk.length) yield chunk.subarray(passedOn);
  }
  if (!part.isFrameStart || held.length > 0) throw new Error("it is truncated");
}

/** What comes next in the stream: bytes to be looked at, or bytes to be passed by. */
interface Part {
  readonly bytes: number;
  readonly isRead: boolean;
  readonly isFrameStart?: boolean;
}

type Layout = Generator<Part, never, Buffer>;

function nextPart(layout: Layout, bytes?: Buffer): Part {
  return layout.next(bytes as Buffer).value;
}

/** RFC 8878: magic 4, descriptor 1, window 0–1, dictionary 0–4, content size 0–8, blocks of 3 + n, checksum 0–4. */
function* frameParts(): Layout {
  while (true) {
    const magic = (yield { bytes: 4, isRead: true, isFrameStart: true }).readUInt32LE(0);
    if (magic >>> 4 === 0x184d2a5) {
      yield pass((yield read(4)).readUInt32LE(0));
      continue;
    }
    if (magic !== 0xfd2fb528) throw new Error("something that is not zstd follows");
    const descriptor = (yield read(1)).readUInt8(0);
    yield pass(restOfHeader(descriptor));
    for (let isLast = false; !isLast; ) {
      const header = (yield read(3)).readUIntLE(0, 3);
      isLast = (header & 1) === 1;
      const isOneByteRepeated = ((header >> 1) & 3) === 1;
      yield pass(isOneByteRepeated ? 1 : header >> 3);
    }
    yield pass((descriptor & 4) === 0 ? 0 : 4);
  }
}

function restOfHeader(descriptor: number): number {
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] as number;
  const contentSize = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] as number;
  return (isSingleSegment ? 0 : 1) + dictionary + contentSize;
}

const read = (bytes: number): Part => ({ bytes, isRead: true });
const pass = (bytes: number): Part => ({ bytes, isRead: false });
