import { join } from "node:path";
import { type Checkpoint, noCheckpoint, openCheckpoint, type Weights } from "./checkpoint.js";

/** The weights of every module of a model. */
export interface ModelWeights {
  readonly encoder: Weights;
  /** Weights of a module that has a folder of its own. */
  folder(name: string): Weights;
  /** Elements of all float tensors. */
  readonly parameters: number;
  close(): Promise<void>;
}

export interface WeightPlaces {
  /** The model directory, absolute. */
  readonly path: string;
  /** Folder of the encoder's weights, absolute; absent where they lie in an exported graph of `graphParameters` elements. */
  readonly encoderPath?: string;
  readonly graphParameters?: number;
  /** What the encoder's tensors' names may begin with. */
  readonly prefixes: readonly string[];
  /** Folders of the other modules that have weights, relative to `path`. */
  readonly folders: readonly string[];
}

/** Opens every weight file of a model. @throws E_SAFETENSORS, E_MODEL_INVALID */
export async function openModelWeights(places: WeightPlaces): Promise<ModelWeights> {
  const { path, encoderPath, graphParameters = 0, prefixes, folders } = places;
  const open: Checkpoint[] = [];
  const close = async () => {
    await Promise.all(open.map((checkpoint) => checkpoint.close()));
  };
  const ofFolders = new Map<string, Checkpoint>();
  try {
    const encoder = encoderPath === undefined ? noCheckpoint : await openCheckpoint(encoderPath, prefixes);
    open.push(encoder);
    for (const folder of folders) {
      const checkpoint = await openCheckpoint(join(path, folder), []);
      open.push(checkpoint);
      ofFolders.set(folder, checkpoint);
    }
    const parameters = open.reduce((sum, checkpoint) => sum + checkpoint.parameters, graphParameters);
    return { encoder, folder: (name) => ofFolders.get(name) as Checkpoint, parameters, close };
  } catch (error) {
    await close();
    throw error;
  }
}
