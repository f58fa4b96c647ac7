/** A kernel of a few instructions that is entered by the Linux boot protocol, and images as Linux packs them. */
import { execFileSync } from 'node:child_process';
import { buildImage } from '../../../toolchain/linker/build-image';
import { KERNEL_LAYOUT } from '../../../toolchain/linker/layout';

/**
 * Prints its command line and the first bytes of the initial RAM disk, then answers lines: `p` panics as Linux does, `o`
 * powers off, `t` is a triple fault, `h` halts, `x` writes 3 to the debug-exit port; others
 * are echoed.
 */
const SOURCE = `
	.section .boot.text, "ax"
	.globl	_start
_start:
	movl	%esi, %ebx
	cld
	movl	0x228(%rbx), %esi
	call	print
	leaq	newline(%rip), %rsi
	call	print
	movl	0x218(%rbx), %esi
	movl	$6, %ecx
	cmpl	$0, 0x21c(%rbx)
	je	prompt
1:	lodsb
	call	putc
	loop	1b
prompt:
	leaq	prompt_text(%rip), %rsi
	call	print
	call	getc
	movb	%al, %r8b
	call	putc
	call	getc
	leaq	panic_text(%rip), %rsi
	cmpb	$'p', %r8b
	je	say_and_spin
	leaq	off_text(%rip), %rsi
	cmpb	$'o', %r8b
	je	say_and_halt
	leaq	newline(%rip), %rsi
	cmpb	$'h', %r8b
	je	say_and_halt
	cmpb	$'t', %r8b
	je	shutdown
	cmpb	$'x', %r8b
	je	exit
	jmp	prompt
say_and_spin:
	call	print
2:	jmp	2b
say_and_halt:
	call	print
	cli
	hlt
shutdown:
	ud2
exit:
	movb	$3, %al
	outb	%al, $0xf4
	hlt
print:
	lodsb
	testb	%al, %al
	jz	3f
	call	putc
	jmp	print
putc:
	movw	$0x3f8, %dx
	outb	%al, %dx
3:	ret
getc:
	movw	$0x3fd, %dx
	inb	%dx, %al
	testb	$1, %al
	jz	getc
	movw	$0x3f8, %dx
	inb	%dx, %al
	ret
prompt_text:
	.asciz	"\\n/ # "
panic_text:
	.asciz	"Kernel panic - not syncing: asked to\\n---[ end Kernel panic - not syncing: asked to ]---\\n"
off_text:
	.asciz	"reboot: Power down\\n"
newline:
	.asciz	"\\n"
	# Linked where kernels are; and compressors shall have something to do.
	.data
	.fill	20000, 1, 0x90
	.fill	20000, 4, 0x12345678
`;

/** Its vmlinux. */
export function smallVmlinux(): Uint8Array {
  const { elf, diagnostics } = buildImage(
    [{ path: 'small-kernel.S', text: SOURCE }],
    { entry: '_start' },
    KERNEL_LAYOUT,
  );
  if (!elf) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  return elf;
}

export interface BzImageFields {
  readonly version?: number;
  readonly xloadflags?: number;
  readonly loadflags?: number;
  readonly bootFlag?: number;
}

const SETUP_SECTORS = 4;
/** Where the payload begins in the protected-mode code. */
const PAYLOAD_OFFSET = 0x400;

/** A bzImage around a payload; its own code is `code`, at the 64-bit entry. */
export function bzImage(payload: Uint8Array, fields: BzImageFields = {}, code = Uint8Array.of(0xf4)): Uint8Array {
  const setupBytes = 512 * (SETUP_SECTORS + 1);
  const codeBytes = Math.ceil((PAYLOAD_OFFSET + payload.length) / 16) * 16;
  const file = new Uint8Array(setupBytes + codeBytes);
  const view = new DataView(file.buffer);
  file[0x1f1] = SETUP_SECTORS;
  view.setUint32(0x1f4, codeBytes / 16, true);
  view.setUint16(0x1fe, fields.bootFlag ?? 0xaa55, true);
  file.set([0xeb, 0x6a], 0x200);
  file.set(new TextEncoder().encode('HdrS'), 0x202);
  view.setUint16(0x206, fields.version ?? 0x20f, true);
  file[0x211] = fields.loadflags ?? 1;
  view.setUint16(0x236, fields.xloadflags ?? 1, true);
  view.setUint32(0x248, PAYLOAD_OFFSET, true);
  view.setUint32(0x24c, payload.length, true);
  view.setBigUint64(0x258, 0x1000000n, true);
  view.setUint32(0x260, codeBytes, true);
  file.set(code, setupBytes + 0x200);
  file.set(payload, setupBytes + PAYLOAD_OFFSET);
  return file;
}

/** How the kernel's makefiles call each compressor; all but gzip need the size appended. */
const COMPRESSORS: Readonly<Record<string, readonly string[]>> = {
  gzip: ['gzip', '-n', '-9', '-c'],
  lz4: ['lz4', '-l', '-9', '-c'],
  zstd: ['zstd', '-9', '-c'],
  'zstd without checksum': ['zstd', '-9', '-c', '--no-check'],
  xz: ['xz', '--check=crc32', '--x86', '--lzma2=dict=1MiB', '-c'],
  lzma: ['xz', '--format=lzma', '-c'],
  bzip2: ['bzip2', '-9', '-c'],
};

/** A payload as Linux packs it; undefined if the program for that is missing. */
export function compressed(compression: string, data: Uint8Array): Uint8Array | undefined {
  const [program, ...args] = COMPRESSORS[compression] ?? [];
  let packed: Uint8Array;
  try {
    packed = execFileSync(program ?? '', args, { input: data, stdio: ['pipe', 'pipe', 'ignore'] });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  if (compression === 'gzip') return packed;
  const payload = new Uint8Array(packed.length + 4);
  payload.set(packed);
  new DataView(payload.buffer).setUint32(packed.length, data.length, true);
  return payload;
}
