/** The generated listings of a session's images, by the path under which clients know them. */
import { statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { imageListing, type Listing } from '../toolchain';
import { AdapterError } from './errors';
import type { Image } from './image';
import { hex } from './memory';
import { LISTING_SCHEME, type ListingArguments, type ListingResponse } from './protocol';
import { location } from './references';
import type { Target } from './target';

/** A listing with its place in the client's world. */
export interface ImageListing {
  readonly image: Image;
  /** `ringside-listing:<path of the image>.lst`; what a `Source.path` of it is. */
  readonly path: string;
  readonly name: string;
}

function listingPath(image: Image): string {
  return `${LISTING_SCHEME}:${pathToFileURL(image.path).pathname}.lst`;
}

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

  constructor(private readonly target: Target) {
    this.entries = target.images
      .filter(({ elf }) => elf !== undefined)
      .map((image) => ({ image, path: listingPath(image), name: `${basename(image.path)}.lst` }));
  }

  get all(): readonly ImageListing[] {
    return this.entries;
  }

  byPath(path: string): ImageListing | undefined {
    return this.entries.find(
      (entry) => entry.path === path || decodeURIComponent(entry.path) === decodeURIComponent(path),
    );
  }

  /** The listing and line that show the code at `va`. */
  lineOf(va: bigint): { readonly entry: ImageListing; readonly line: number } | undefined {
    for (const entry of this.entries) {
      const line = entry.image.listing?.lineOf(va);
      if (line !== undefined) return { entry, line };
    }
    return undefined;
  }

  /** `ringside/listing`. */
  response({ image = 'program', path }: ListingArguments): ListingResponse {
    const entry = path === undefined ? this.entries.find((each) => each.image.role === image) : this.byPath(path);
    const listing = entry?.image.listing;
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
