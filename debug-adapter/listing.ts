/** The generated listings of a session's images, by the path under which clients know them. */
import { statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative } from 'node:path';
import { imageListing, type Listing } from '../toolchain';
import { AdapterError } from './errors';
import type { Image } from './image';
import { CodeListings } from './linux/code-listings';
import { type ImageListing, listingUri } from './listing-document';
import { hex } from './memory';
import type { ListingArguments, ListingResponse } from './protocol';
import { location } from './references';
import type { Target } from './target';

/** Makes the listing of an image; its source lines come from the files named in the line table. */
export function makeListing(
  image: Pick<Image, 'path' | 'elf' | 'debugInfo'>,
  sourceText: (file: string) => string | undefined,
): Listing | undefined {
  if (!image.elf) return undefined;
  const folder = statSync(image.path, { throwIfNoEntry: false })?.isDirectory() ? image.path : dirname(image.path);
  const options = { name: basename(image.path), sourceText, displayPath: (file: string) => nearPath(folder, file) };
  return imageListing(image.elf, image.debugInfo ? { ...options, debugInfo: image.debugInfo } : options);
}

/** `file` as seen from `folder`, unless that is farther than a neighbouring folder. */
function nearPath(folder: string, file: string): string {
  const near = relative(folder, file);
  return isAbsolute(file) && !near.startsWith(join('..', '..')) ? near : file;
}

export class Listings {
  private readonly entries: readonly ImageListing[];
  /** A Linux kernel is listed by parts. */
  private readonly parts: CodeListings | undefined;

  /** `changed` gets the path of a listing whose text is no longer what it was. */
  constructor(
    private readonly target: Target,
    changed: (path: string) => void = () => {},
  ) {
    const linux = target.linux && target.images.find(({ role }) => role === 'kernel');
    this.parts = linux && new CodeListings(target, linux, changed);
    this.entries = target.images
      .filter((image) => image !== linux && image.elf !== undefined)
      .map((image) => ({
        image,
        path: listingUri(image.path),
        name: `${basename(image.path)}.lst`,
        get listing() {
          return image.listing;
        },
      }));
  }

  get all(): readonly ImageListing[] {
    return [...this.entries, ...(this.parts?.all ?? [])];
  }

  byPath(path: string): ImageListing | undefined {
    const whole = this.entries.find(
      (entry) => entry.path === path || decodeURIComponent(entry.path) === decodeURIComponent(path),
    );
    return whole ?? this.parts?.byPath(path);
  }

  /** The listing and line that show the code at `va`. */
  lineOf(va: bigint): { readonly entry: ImageListing; readonly line: number } | undefined {
    for (const entry of this.entries) {
      const line = entry.listing?.lineOf(va);
      if (line !== undefined) return { entry, line };
    }
    return this.parts?.lineOf(va);
  }

  /** Of a Linux kernel the code around RIP, or the entry of system calls while RIP is elsewhere. */
  private ofImage(role: Image['role']): ImageListing | undefined {
    const { state, symbols, images } = this.target;
    const whole = this.entries.find(({ image }) => image.role === role);
    if (whole || !this.parts) return whole;
    const kernel = images.find((image) => image.role === 'kernel');
    if (role === 'program' && images.length > 1) return undefined;
    const va = state.cpl === 0 && kernel ? state.rip : symbols.named('entry_SYSCALL_64')?.value;
    return va === undefined ? undefined : this.parts.lineOf(va)?.entry;
  }

  /** `ringside/listing`. */
  response({ image = 'program', path }: ListingArguments): ListingResponse {
    const entry = path === undefined ? this.ofImage(image) : this.byPath(path);
    const listing = entry?.listing;
    if (!entry || !listing) {
      const wanted = path ?? `the ${image}`;
      throw new AdapterError(`There is no listing of ${wanted}: only ELF images of this session have one.`);
    }
    return {
      path: entry.path,
      text: listing.text,
      lines: listing.instructions.map(({ line, address, length }) => {
        const row = this.target.lines.at(address);
        return { line, address: hex(address), length, ...(row ? { location: location(row.location) } : {}) };
      }),
    };
  }
}
