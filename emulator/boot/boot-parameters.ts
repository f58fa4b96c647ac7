/** struct boot_params of Linux, the "zero page" (arch/x86/include/uapi/asm/bootparam.h, Documentation/x86/zero-page.rst). */
import { PAGE_BYTES } from '../memory';
import { ImageError } from './image';

/** Offsets. From 1f1h on it is the setup header of a bzImage at the same place (Documentation/x86/boot.rst). */
const enum BootParams {
  E820_ENTRIES = 0x1e8,
  SETUP_HEADER = 0x1f1,
  BOOT_FLAG = 0x1fe,
  HEADER = 0x202,
  VERSION = 0x206,
  TYPE_OF_LOADER = 0x210,
  LOADFLAGS = 0x211,
  RAMDISK_IMAGE = 0x218,
  RAMDISK_SIZE = 0x21c,
  CMD_LINE_PTR = 0x228,
  E820_TABLE = 0x2d0,
}

const BOOT_FLAG = 0xaa55;
/** "HdrS". */
const HEADER_MAGIC = 0x53726448;
const VERSION = 0x020f;
/** A loader without a number of its own. */
const LOADER_UNDEFINED = 0xff;
const LOADED_HIGH = 1;

const E820_ENTRY_BYTES = 20;
/** COMMAND_LINE_SIZE of x86, with the terminating zero. */
export const MOST_COMMAND_LINE = 2048;

export interface E820Range {
  readonly base: number;
  readonly end: number;
  /** 1 is RAM, 2 reserved. */
  readonly type: number;
}

export interface BootParameterOptions {
  readonly setupHeader: Uint8Array | undefined;
  readonly commandLineAddress: number;
  readonly initrd: { readonly address: number; readonly bytes: number } | undefined;
  readonly e820: readonly E820Range[];
}

/** The page of boot parameters. Throws ImageError for a setup header that does not fit it. */
export function bootParameters({ setupHeader, commandLineAddress, initrd, e820 }: BootParameterOptions): Uint8Array {
  const page = new Uint8Array(PAGE_BYTES);
  const view = new DataView(page.buffer);
  if (setupHeader) {
    if (BootParams.SETUP_HEADER + setupHeader.length > (BootParams.E820_TABLE as number)) {
      throw new ImageError(
        'bad-header',
        `The setup header of the kernel is ${setupHeader.length} bytes long: too many.`,
      );
    }
    page.set(setupHeader, BootParams.SETUP_HEADER);
  } else {
    view.setUint16(BootParams.BOOT_FLAG, BOOT_FLAG, true);
    view.setUint32(BootParams.HEADER, HEADER_MAGIC, true);
    view.setUint16(BootParams.VERSION, VERSION, true);
  }
  page[BootParams.TYPE_OF_LOADER] = LOADER_UNDEFINED;
  page[BootParams.LOADFLAGS] |= LOADED_HIGH;
  view.setUint32(BootParams.CMD_LINE_PTR, commandLineAddress, true);
  if (initrd) {
    view.setUint32(BootParams.RAMDISK_IMAGE, initrd.address, true);
    view.setUint32(BootParams.RAMDISK_SIZE, initrd.bytes, true);
  }
  page[BootParams.E820_ENTRIES] = e820.length;
  e820.forEach(({ base, end, type }, index) => {
    const at = BootParams.E820_TABLE + E820_ENTRY_BYTES * index;
    view.setBigUint64(at, BigInt(base), true);
    view.setBigUint64(at + 8, BigInt(Math.max(0, end - base)), true);
    view.setUint32(at + 16, type, true);
  });
  return page;
}
