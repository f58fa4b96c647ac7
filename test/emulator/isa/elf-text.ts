/** Real code for decoder tests: the .text section of a little-endian ELF64 file. */
import { existsSync, readFileSync } from 'node:fs';

const CANDIDATES = ['/lib/x86_64-linux-gnu/libc.so.6', '/usr/lib64/libc.so.6', '/usr/lib/libc.so.6', '/bin/ls'];

/** The .text bytes of the first common x86-64 binary there is; undefined on other systems. */
export function realText(): Uint8Array | undefined {
  for (const path of CANDIDATES.filter((candidate) => existsSync(candidate))) {
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
