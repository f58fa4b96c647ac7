/**
 * Where a kernel runs, against where it was linked. Its own decompressor moves it (CONFIG_RANDOMIZE_BASE, unless the
 * command line says nokaslr) by a multiple of its alignment, which is at least 2 MiB; vmlinux entered directly stays.
 * All of the image moves alike, except the addresses within a CPU's own data, which are offsets.
 */

/** Least value of CONFIG_PHYSICAL_ALIGN on x86-64. */
const ALIGNMENT = 0x200000n;
/** KERNEL_IMAGE_SIZE: where the kernel's mapping ends, behind its beginning. */
const MOST = 0x40000000n;

/**
 * How far a kernel was moved: the address at which it runs less the linked one of the same place. The place that is
 * always to be had is `entry_SYSCALL_64`, whose address is in IA32_LSTAR as soon as the kernel takes system calls.
 * Undefined if no kernel is moved so far: then they are not the same place.
 */
export function kernelSlide(linked: bigint, running: bigint): bigint | undefined {
  const slide = BigInt.asIntN(64, running - linked);
  const isPossible = slide % ALIGNMENT === 0n && slide > -MOST && slide < MOST;
  return isPossible ? slide : undefined;
}
