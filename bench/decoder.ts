/** The decoder over the text of the C library, beside iced-x86's, which is WebAssembly called from JavaScript. */
import { existsSync, readFileSync } from 'node:fs';
import { Decoder, DecoderOptions, Instruction } from 'iced-x86';
import { decode } from '../emulator';
import { readElf } from '../toolchain';
import { median, seconds, type Row } from './measure';

const LIBRARY = '/lib/x86_64-linux-gnu/libc.so.6';
const ROUNDS = 7;
const EXECUTABLE = 1;
const LONGEST = 15;

/** Decodes all of it, one instruction after the other; where there is none it goes on a byte later. */
function ours(text: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < text.length; count++) {
    const found = decode(text, at, Math.min(LONGEST, text.length - at), 64);
    at += typeof found === 'string' ? 1 : found.length;
  }
  return count;
}

function theirs(text: Uint8Array): number {
  const decoder = new Decoder(64, text, DecoderOptions.None);
  const instruction = new Instruction();
  let count = 0;
  for (; decoder.canDecode; count++) decoder.decodeOut(instruction);
  instruction.free();
  decoder.free();
  return count;
}

export function benchDecoder(): Row[] {
  if (!existsSync(LIBRARY)) {
    console.error(`${LIBRARY} is missing: the decoder is not compared.`);
    return [];
  }
  const segment = readElf(readFileSync(LIBRARY)).segments.find(({ flags }) => flags & EXECUTABLE);
  if (!segment) throw new Error(`${LIBRARY} has no text`);
  const text = segment.data;
  const rounds = Array.from({ length: ROUNDS }, () => ({
    theirs: seconds(() => theirs(text)),
    ours: seconds(() => ours(text)),
  }));
  const speed = (time: number): string => `${(text.length / time / 1e6).toFixed(0)} MB/s`;
  return [
    {
      what: 'decode the C library',
      ours: speed(median(rounds.map((round) => round.ours))),
      peer: `iced-x86 ${speed(median(rounds.map((round) => round.theirs)))}`,
      ratio: median(rounds.map((round) => round.theirs / round.ours)).toFixed(2),
      goal: '',
      reached: true,
    },
  ];
}
