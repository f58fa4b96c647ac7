/** Runs the command line in this process, what it prints captured. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { ringside } from '../../command-line/ringside';
import { assemble } from '../../toolchain';

export const samples = join(__dirname, '..', '..', 'samples');

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** Runs `ringside` with these arguments; `input` is what a pipe to its standard input carries. */
export async function run(args: readonly string[], input?: string): Promise<Outcome> {
  const out: Uint8Array[] = [];
  const errors: string[] = [];
  const code = await ringside(args, {
    out: (data) => void out.push(typeof data === 'string' ? Buffer.from(data) : data.slice()),
    error: (line) => void errors.push(line),
    input: input === undefined ? undefined : Readable.from([Buffer.from(input)]),
    hasColor: false,
  });
  return { code, out: Buffer.concat(out).toString('latin1'), error: errors.join('\n') };
}

/** A directory for the files of one test, removed by `dispose`. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'ringside-command-line-'));

  write(name: string, content: string | Uint8Array): string {
    const path = join(this.path, name);
    writeFileSync(path, content);
    return path;
  }

  /** The code of a source without relocations, as a flat image. */
  flat(name: string, source: string): string {
    return this.write(name, codeOf(source));
  }

  /** A JSON file as an object. */
  json(name: string): Record<string, unknown> {
    return JSON.parse(readFileSync(join(this.path, name), 'utf8')) as Record<string, unknown>;
  }

  file(name: string): string {
    return join(this.path, name);
  }

  dispose(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** The bytes of .text. Throws for a source with errors or relocations. */
export function codeOf(source: string): Uint8Array {
  const { module, diagnostics } = assemble({ path: 'flat.s', text: source });
  const text = module?.sections.find(({ name }) => name === '.text');
  if (!text || text.relocations.length > 0) throw new Error(`no flat code: ${JSON.stringify(diagnostics)}`);
  return text.data;
}

/** True if every one of `tools` can be started. */
export function have(...tools: readonly string[]): boolean {
  return tools.every((tool) => spawnSync(tool, ['--version']).status === 0);
}
