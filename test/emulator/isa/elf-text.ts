/** Real code for decoder tests: the .text sections of little-endian ELF64 files. */
import { existsSync, readFileSync } from 'node:fs';

const FOLDERS = ['/lib/x86_64-linux-gnu/', '/usr/lib64/', '/usr/lib/'];
const inFolders = (file: string) => FOLDERS.map((folder) => folder + file);

/** The .text bytes of the first common x86-64 binary there is; undefined on other systems. */
export function realText(): Uint8Array | undefined {
  return firstText([...inFolders('libc.so.6'), '/bin/ls']);
}

/** The .text bytes of libraries whose code is full of x87, SSE and AVX instructions: those there are. */
export function vectorTexts(): readonly Uint8Array[] {
  return ['libm.so.6', 'libcrypto.so.3', 'libx264.so.164']
    .map((file) => firstText(inFolders(file)))
    .filter((text) => text !== undefined);
}

/** The .text bytes of the kernel that RINGSIDE_VMLINUX names, if it does. */
export function kernelText(): Uint8Array | undefined {
  const path = process.env.RINGSIDE_VMLINUX;
  return path === undefined ? undefined : firstText([path]);
}

function firstText(candidates: readonly string[]): Uint8Array | undefined {
  for (const path of candidates.filter((candidate) => existsSync(candidate))) {
    const text = findText(readFileSync(path));
    if (text) return text;
  }
  return undefined;
}

function findText(file: Buffer): Uint8Array | undefined {
  const isElf64 = file.readUInt32BE(0) === 0x7f454c46 && file[4] === 2;
  if (!isElf64 || file.readUInt16LE(18) !== 62) return undefined;
  const headers = Number(file.readBigUInt64LE(40));
  const [entrySize, count, namesIndex] = [58, 60, 62].map((at) => file.readUInt16LE(at));
  const section = (index: number) => file.subarray(headers + index * entrySize, headers + (index + 1) * entrySize);
  const contents = (header: Buffer) => {
    const offset = Number(header.readBigUInt64LE(24));
    return file.subarray(offset, offset + Number(header.readBigUInt64LE(32)));
  };
  const names = contents(section(namesIndex));
  for (let index = 0; index < count; index++) {
    const header = section(index);
    const start = header.readUInt32LE(0);
    if (names.toString('latin1', start, names.indexOf(0, start)) === '.text') return contents(header);
  }
  return undefined;
}
