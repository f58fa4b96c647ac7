/**
 * Snapshots in files. All numbers are little-endian:
 *
 * | offset | bytes | |
 * |---|---|---|
 * | 0 | 8 | magic |
 * | 8 | 4 | version of the format |
 * | 12 | 4 | length of the description |
 * | 16 | 8 | length of the file |
 * | 24 | 32 | SHA-256 of all other bytes |
 * | 56 | | description: JSON, see `Description`; then the chunks of memory one by one, each compressed by raw deflate |
 */
import { createHash } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import {
  CPU_MODELS,
  describeMachine,
  hasFormOf,
  savedFromText,
  savedToText,
  type Snapshot,
  type SnapshotProblem,
} from '../emulator';
import { AdapterError } from './errors';

/** A snapshot and what its maker wants to find again with it. */
export interface SnapshotFile {
  readonly snapshot: Snapshot;
  /** Which inputs it was made of: see `bootKey`. */
  readonly key: string;
  /** What the guest has written to the last line of its console: a prompt, most likely, which it will not repeat. */
  readonly console: Uint8Array;
}

export type SnapshotFileProblem =
  /** It cannot be read at all. */
  | 'unreadable'
  | 'not-a-snapshot'
  | 'truncated'
  | 'damaged'
  /** Made by an older, or a newer version of Ringside. */
  | 'older-version'
  | 'newer-version'
  | SnapshotProblem;

/** A snapshot cannot be used; the message says which, why, and what to do. */
export class SnapshotFileError extends AdapterError {
  constructor(
    readonly problem: SnapshotFileProblem,
    message: string,
  ) {
    super(message);
  }
}

/** Raised whenever the form of a file changes, or what parts of a machine save. */
export const SNAPSHOT_VERSION = 1;

/** Begins as no text does; the line ends show whether somebody took the file for one. */
const MAGIC = Uint8Array.of(0x89, 0x52, 0x53, 0x4e, 0x41, 0x50, 0x0d, 0x0a);
const VERSION = 8;
const DESCRIPTION_LENGTH = 12;
const FILE_LENGTH = 16;
const CHECKSUM = 24;
const CHECKSUM_BYTES = 32;
const DESCRIPTION = CHECKSUM + CHECKSUM_BYTES;

/** The fastest level of compression: what more work would save is a twentieth. */
const LEVEL = 1;
const compress = promisify(deflateRaw);
const decompress = promisify(inflateRaw);

/** Compresses and writes a snapshot; what was in the file before is there until the new one is complete. Throws AdapterError. */
export async function writeSnapshot(path: string, { snapshot, key, console }: SnapshotFile): Promise<void> {
  const { machine, state, memory } = snapshot;
  // The chunks are compressed side by side on the threads of Node.
  const chunks = await Promise.all(memory.chunks.map((chunk) => compress(chunk, { level: LEVEL })));
  const lengths = chunks.map((chunk, i) => [chunk.length, memory.chunks[i].length]);
  const text = savedToText({ key, console: [...console], machine, state, runs: memory.runs, chunks: lengths });
  const description = new TextEncoder().encode(text);
  const header = Buffer.alloc(DESCRIPTION);
  header.set(MAGIC);
  header.writeUInt32LE(SNAPSHOT_VERSION, VERSION);
  header.writeUInt32LE(description.length, DESCRIPTION_LENGTH);
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, DESCRIPTION + description.length);
  header.writeBigUInt64LE(BigInt(length), FILE_LENGTH);
  const file = Buffer.concat([header, description, ...chunks], length);
  file.set(checksum(file), CHECKSUM);
  await replaceFile(path, file);
}

async function replaceFile(path: string, content: Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, content);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    const reason = error instanceof Error ? error.message : String(error);
    throw new AdapterError(`The snapshot ${path} cannot be written: ${reason}`);
  }
}

/** Reads and checks a snapshot. Throws SnapshotFileError. */
export async function readSnapshot(path: string): Promise<SnapshotFile> {
  const fail = (problem: SnapshotFileProblem, what: string): never => {
    throw new SnapshotFileError(problem, `${path} ${what}`);
  };
  const file = await readFile(path).catch((error: NodeJS.ErrnoException) =>
    fail('unreadable', `cannot be read (${error.code ?? error.message}). Check the path and its permissions.`),
  );
  const problem = problemOf(file);
  if (problem) fail(...problem);
  const { description, start } = descriptionOf(file) ?? fail(...DAMAGED);
  let at = start;
  const compressed = description.chunks.map(([length]) => file.subarray(at, (at += length)));
  const chunks = await Promise.all(
    // As the length is known, the whole chunk is made at once.
    compressed.map((chunk, i) => decompress(chunk, { chunkSize: Math.max(64, description.chunks[i][1]) })),
  ).catch(() => fail(...DAMAGED));
  const { key, console, machine, state, runs } = description;
  return { key, console: Uint8Array.from(console), snapshot: { machine, state, memory: { runs, chunks } } };
}

type Problem = readonly [SnapshotFileProblem, string];

const BOOT_AGAIN = 'Boot again and save a new one.';
const DAMAGED: Problem = ['damaged', `is damaged: its content does not match its checksum. ${BOOT_AGAIN}`];

/** What is wrong with a file as a whole. */
function problemOf(file: Buffer): Problem | undefined {
  if (!file.subarray(0, MAGIC.length).equals(MAGIC))
    return ['not-a-snapshot', 'is not a snapshot. Give a file that --save-snapshot has written.'];
  if (file.length < DESCRIPTION) return truncated(file.length, DESCRIPTION);
  const version = file.readUInt32LE(VERSION);
  if (version < SNAPSHOT_VERSION) {
    return ['older-version', `was saved by an older version of Ringside (format ${version}). ${BOOT_AGAIN}`];
  }
  if (version > SNAPSHOT_VERSION) {
    const remedy = 'Update Ringside, or boot again and save a new one.';
    return ['newer-version', `was saved by a newer version of Ringside (format ${version}). ${remedy}`];
  }
  const length = Number(file.readBigUInt64LE(FILE_LENGTH));
  if (file.length < length) return truncated(file.length, length);
  const intact = file.length === length && checksum(file).equals(file.subarray(CHECKSUM, DESCRIPTION));
  return intact ? undefined : DAMAGED;
}

function truncated(length: number, expected: number): Problem {
  return ['truncated', `is cut off: it has ${length} of at least ${expected} bytes. ${BOOT_AGAIN}`];
}

function checksum(file: Uint8Array): Buffer {
  return createHash('sha256').update(file.subarray(0, CHECKSUM)).update(file.subarray(DESCRIPTION)).digest();
}

type Description = Pick<SnapshotFile, 'key'> &
  Pick<Snapshot, 'machine' | 'state'> & {
    readonly console: readonly number[];
    readonly runs: Snapshot['memory']['runs'];
    /** Length of each chunk, compressed and not. */
    readonly chunks: readonly (readonly [compressed: number, length: number])[];
  };

/** The form of a description. The state is the machine's to look at. */
const EXAMPLE: Description = {
  key: '',
  console: [0],
  machine: describeMachine(0, 'legacy', CPU_MODELS.intel),
  state: undefined,
  runs: [[0, 0]],
  chunks: [[0, 0]],
};

/** The description of a file whose checksum is right, and where the chunks begin; undefined if it has another form. */
function descriptionOf(file: Buffer): { readonly description: Description; readonly start: number } | undefined {
  const start = DESCRIPTION + file.readUInt32LE(DESCRIPTION_LENGTH);
  try {
    const description = savedFromText(file.toString('utf8', DESCRIPTION, start));
    return hasFormOf(EXAMPLE, description) ? { description, start } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
