/**
 * Listings of single functions of a kernel, which as a whole is too large to list: what is in memory now, for Linux
 * rewrites its code while it boots (alternatives, static keys, ftrace).
 */
import { Listing, type ListedInstruction } from '../../toolchain';
import { rowsBetween, type DisassembledRow } from '../disassembly';
import type { Image } from '../image';
import { type ImageListing, listingUri } from '../listing-document';
import { hex } from '../memory';
import type { Target } from '../target';

/** Longest code listed as one document; and of code without a symbol. */
const LONGEST = 1n << 16n;
const UNNAMED_BYTES = 256n;
const BYTES_WIDTH = 30;

/** A stretch of code with a document of its own. */
interface Stretch {
  /** Its symbol, or its address. */
  readonly label: string;
  readonly start: bigint;
  readonly end: bigint;
}

interface CodeListing extends ImageListing, Stretch {
  readonly listing: Listing;
  /** The bytes it shows. */
  readonly bytes: Uint8Array;
}

export class CodeListings {
  private readonly made = new Map<string, CodeListing>();

  constructor(
    private readonly target: Target,
    private readonly image: Image,
    /** A listing that was made has another text now. */
    private readonly changed: (path: string) => void,
  ) {}

  /** Those made so far. */
  get all(): readonly ImageListing[] {
    return [...this.made.values()];
  }

  /** The listing a document of this or of an earlier session shows. */
  byPath(path: string): ImageListing | undefined {
    const prefix = this.uri('').replace(/\.lst$/, '');
    const decoded = decodeURIComponent(path);
    if (!decoded.startsWith(decodeURIComponent(prefix))) return undefined;
    const name = /([^/]+)\.lst$/.exec(decoded)?.[1] ?? '';
    const [, symbol, address] = /^(.*?)@?(0x[0-9a-f]+)?$/.exec(name) ?? [];
    const va = address === undefined ? this.target.symbols.named(symbol)?.value : BigInt(address);
    return va === undefined ? undefined : this.current(this.stretchAround(va));
  }

  /** The listing and line that show the code at `va`; undefined where nothing is mapped. */
  lineOf(va: bigint): { readonly entry: ImageListing; readonly line: number } | undefined {
    if (this.target.readCode(va, 1).length === 0) return undefined;
    const known = [...this.made.values()].find(
      ({ start, end, listing }) => start <= va && va < end && startsAt(listing, va),
    );
    const entry = this.current(known ?? this.stretchAround(va));
    const line = entry.listing.lineOf(va);
    return line === undefined ? undefined : { entry, line };
  }

  /** The function around an address, or so much code from it on. */
  private stretchAround(va: bigint): Stretch {
    const { symbols } = this.target;
    const found = symbols.functionAt(va)?.symbol;
    if (!found) return { label: hex(va), start: va, end: va + UNNAMED_BYTES };
    const { name, value: start, size } = found;
    const after = size > 0n ? start + size : (symbols.nextAfter(va) ?? va + UNNAMED_BYTES);
    const end = after - start > LONGEST ? start + LONGEST : after;
    if (va >= end) return { label: hex(va), start: va, end: va + UNNAMED_BYTES };
    // Static functions of several files may have the same name.
    return { label: symbols.named(name)?.value === start ? name : `${name}@${hex(start)}`, start, end };
  }

  /** Made anew if the guest has rewritten the code. */
  private current({ label, start, end }: Stretch): CodeListing {
    const known = this.made.get(label);
    const bytes = this.target.readCode(start, Number(end - start)).slice();
    if (known?.end === end && Buffer.compare(known.bytes, bytes) === 0) return known;
    const listing = write(this.target, this.image, { label, start, end: start + BigInt(bytes.length) });
    const document = { image: this.image, path: this.uri(label), name: `${label}.lst` };
    const entry = { ...document, label, start, end, listing, bytes };
    this.made.set(label, entry);
    if (known) this.changed(entry.path);
    return entry;
  }

  private uri(label: string): string {
    return listingUri(`${this.image.path}/${label}`);
  }
}

function startsAt({ instructions }: Listing, va: bigint): boolean {
  return instructions.some(({ address }) => address === va);
}

function write(target: Target, image: Image, { label, start, end }: Stretch): Listing {
  const lines = [`# ${label}, as it is in memory`];
  const instructions: ListedInstruction[] = [];
  let place = '';
  for (const row of rowsBetween(target, start, end)) {
    const labels = target.symbols.allAt(row.va);
    if (labels.length > 0) lines.push('');
    for (const { name } of labels) lines.push(`${digits(row.va)} <${name}>:`);
    const from = image.debugInfo?.locate(row.va)?.location;
    const here = from ? `# ${from.file}:${from.line}` : '';
    if (here !== '' && here !== place) lines.push(here);
    place = here;
    lines.push(rowText(row));
    if (row.valid) instructions.push({ line: lines.length, address: row.va, length: row.bytes.length });
  }
  return new Listing(`${lines.join('\n')}\n`, instructions);
}

function rowText({ va, bytes, text }: DisassembledRow): string {
  const code = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return `  ${va.toString(16)}:\t${code.padEnd(BYTES_WIDTH)}\t${text}`;
}

function digits(va: bigint): string {
  return va.toString(16).padStart(16, '0');
}
