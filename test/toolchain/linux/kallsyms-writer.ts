/** Kernel images with symbol tables of their own, as scripts/kallsyms.c of Linux lays them out. */
import { type ContainerSection, headersSize, writeContainer } from '../../../toolchain/elf/container';
import { ByteWriter } from '../../../toolchain/elf/bytes';
import { type ElfFile, readElf } from '../../../toolchain/elf/reader';

export interface KallsymsLayout {
  /** Since Linux 6.4 the addresses come last. */
  readonly order: 'addresses first' | 'addresses last';
  readonly addresses: 'absolute' | 'relative' | 'per-cpu';
  /** Sequence numbers: behind the markers, or behind everything. */
  readonly sequences: boolean;
}

const KINDS = ['absolute', 'relative', 'per-cpu'] as const;
export const LAYOUTS: readonly KallsymsLayout[] = KINDS.flatMap((addresses) =>
  (['addresses first', 'addresses last'] as const).flatMap((order) =>
    [false, true].map((sequences) => ({ order, addresses, sequences })),
  ),
);

export const BASE = 0xffffffff81000000n;
const RODATA = BASE + 0x800000n;

interface WrittenSymbol {
  readonly kind: string;
  readonly name: string;
  readonly value: bigint;
}

/** More than two markers' worth, one of them with a name of more than 127 tokens. */
const SYMBOLS: readonly WrittenSymbol[] = [
  { kind: 'A', name: 'cpu_number', value: 0x40n },
  { kind: 'T', name: '_text', value: BASE },
  { kind: 'T', name: 'entry_SYSCALL_64', value: BASE + 0x80n },
  { kind: 't', name: `_R${'NvNtCs1234_'.repeat(25)}`, value: BASE + 0x90n },
  { kind: 'W', name: 'weak_one', value: BASE + 0x98n },
  ...Array.from({ length: 700 }, (_, index) => ({
    kind: index % 2 ? 'T' : 't',
    name: `helper_${index}`,
    value: BASE + BigInt(0x100 + 16 * index),
  })),
  { kind: 'D', name: 'sys_call_table', value: RODATA + 8n },
];

/** A kernel for one CPU has no addresses within a CPU's own data. */
export function symbolsIn({ addresses }: KallsymsLayout): readonly WrittenSymbol[] {
  return addresses === 'relative' ? SYMBOLS.filter(({ value }) => value >= BASE) : SYMBOLS;
}

/** Characters are tokens of their own, a few pairs have further ones. */
const TOKENS = Array.from({ length: 256 }, (_, code) =>
  code === 1 ? 'helper_' : code === 2 ? 'SYS' : code > 32 && code < 127 ? String.fromCharCode(code) : '',
);

function compressed(text: string): number[] {
  const tokens: number[] = [];
  for (let at = 0; at < text.length;) {
    const token = [1, 2].find((code) => text.startsWith(TOKENS[code], at)) ?? text.charCodeAt(at);
    tokens.push(token);
    at += TOKENS[token].length;
  }
  return tokens;
}

function tables(layout: KallsymsLayout): Uint8Array {
  const { order, addresses, sequences } = layout;
  const symbols = symbolsIn(layout);
  const writer = new ByteWriter();
  const names = new ByteWriter();
  const markers: number[] = [];
  symbols.forEach(({ kind, name }, index) => {
    if (index % 256 === 0) markers.push(names.length);
    const tokens = compressed(kind + name);
    if (tokens.length < 0x80) names.u8(tokens.length);
    else names.bytes(Uint8Array.of((tokens.length & 0x7f) | 0x80, tokens.length >> 7));
    names.bytes(Uint8Array.from(tokens));
  });
  const writeAddresses = (): void => {
    for (const { value } of symbols) {
      if (addresses === 'absolute') writer.u64(value);
      else if (addresses === 'per-cpu')
        writer.u32(Number(BigInt.asUintN(32, value < BASE ? value : BASE - 1n - value)));
      else writer.u32(Number(BigInt.asUintN(32, value - BASE)));
    }
    writer.align(8);
    if (addresses !== 'absolute') writer.u64(BASE);
  };
  const writeSequences = (): void => {
    if (sequences) writer.bytes(new Uint8Array(3 * symbols.length).fill(7));
    writer.align(8);
  };
  writer.bytes(new TextEncoder().encode('some text before it'));
  writer.align(8);
  if (order === 'addresses first') writeAddresses();
  writer.u32(symbols.length);
  writer.align(8);
  writer.bytes(names.finish());
  writer.align(8);
  for (const marker of markers) writer.u32(marker);
  writer.align(8);
  if (order === 'addresses first') writeSequences();
  const index: number[] = [];
  const start = writer.length;
  for (const token of TOKENS) {
    index.push(writer.length - start);
    writer.cstring(token);
  }
  writer.align(8);
  for (const offset of index) writer.bytes(Uint8Array.of(offset, offset >> 8));
  writer.align(8);
  if (order === 'addresses last') {
    writeAddresses();
    writeSequences();
  }
  // Pointers to functions follow in real kernels.
  for (let pointer = 0; pointer < 2000; pointer++) writer.u64(BASE + BigInt((pointer * 7919) % 0x4000));
  return writer.finish();
}

/** An image with these tables in its read-only data; without symbols of its linker. */
export function kernelWith(layout: KallsymsLayout | undefined): ElfFile {
  const rodata = layout ? tables(layout) : new TextEncoder().encode('nothing here');
  const [text, percpu] = [new Uint8Array(0x4000).fill(0x90), new Uint8Array(0x1000)];
  const parts = [
    { name: '.text', va: BASE, data: text, flags: 6 },
    { name: '.rodata', va: RODATA, data: rodata, flags: 2 },
    { name: '.data..percpu', va: 0n, data: percpu, flags: 3 },
  ];
  let offset = Math.ceil(headersSize(parts.length) / 4096) * 4096;
  const sections: ContainerSection[] = parts.map(({ name, va, data, flags }) => {
    const at = offset;
    offset += Math.ceil(data.length / 4096) * 4096;
    const common = { type: 1, link: 0, info: 0, alignment: 4096, entrySize: 0 };
    return { name, flags, address: va, offset: at, data, size: data.length, ...common };
  });
  const segments = sections.map(({ address, offset: at, size, flags }, index) => ({
    type: 1,
    flags: flags === 6 ? 5 : 6,
    offset: at ?? 0,
    va: address,
    pa: 0x1000000n + 0x800000n * BigInt(index),
    fileSize: size,
    memorySize: size,
    alignment: 4096,
  }));
  return readElf(writeContainer({ type: 2, entry: BASE, segments, sections }));
}
