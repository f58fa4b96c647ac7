/*
 * head.S - from the boot loader to the high half.
 *
 * The loader leaves us in 32-bit protected mode without paging, as the multiboot
 * specification (version 1) says. Long mode needs, in this order: page tables,
 * CR4.PAE, CR3, EFER.LME, CR0.PG, and a far jump to a 64-bit code segment.
 *
 * Section .boot is linked at its physical address, everything else at
 * __START_KERNEL_map + physical address; __pa() turns the one into the other.
 */
#include "linkage.h"
#include "layout.h"
#include "processor.h"
#include "segment.h"
#include "calling.h"

#define MULTIBOOT_HEADER_MAGIC          0x1badb002
#define MULTIBOOT_BOOTLOADER_MAGIC      0x2badb002
#define MULTIBOOT_PAGE_ALIGN            0x00000001      /* put modules on page boundaries */
#define MULTIBOOT_MEMORY_INFO           0x00000002      /* tell how much memory there is */
#define MULTIBOOT_AOUT_KLUDGE           0x00010000      /* load by the addresses below, not by ELF headers */
#define MULTIBOOT_FLAGS                 (MULTIBOOT_PAGE_ALIGN | MULTIBOOT_MEMORY_INFO | MULTIBOOT_AOUT_KLUDGE)

#define CPUID_EXTENDED_LM               29              /* leaf 0x80000001, edx: long mode */
#define CPUID_EXTENDED_NX               20              /* leaf 0x80000001, edx: no-execute */

#define COM1                            0x3f8

	.section .boot, "ax"
	.code32

	.balign	4
multiboot_header:
	.long	MULTIBOOT_HEADER_MAGIC
	.long	MULTIBOOT_FLAGS
	.long	-(MULTIBOOT_HEADER_MAGIC + MULTIBOOT_FLAGS)	/* the three add up to 0 */
	.long	multiboot_header		/* header_addr: where this header belongs */
	.long	_kernel_start_pa		/* load_addr: first byte to load */
	.long	_kernel_load_end_pa		/* load_end_addr: end of what the file holds */
	.long	_kernel_end_pa			/* bss_end_addr: end of what starts as zeros */
	.long	startup_32			/* entry_addr */

/*
 * In: %eax = loader's magic number, %ebx = physical address of its information.
 */
SYM_CODE_START(startup_32)
SYM_INNER_LABEL(_start)			/* the name linkers look for as the entry */
	cli				/* there is no IDT yet */
	cld				/* string instructions go up */

	cmpl	$MULTIBOOT_BOOTLOADER_MAGIC, %eax
	jne	.Lno_multiboot
	movl	%ebx, __pa(multiboot_info)	/* CPUID is about to overwrite %ebx */

	/* Is there a long mode, and does it know no-execute? */
	movl	$0x80000001, %eax
	cpuid
	btl	$CPUID_EXTENDED_LM, %edx
	jnc	.Lno_long_mode
	btl	$CPUID_EXTENDED_NX, %edx
	jnc	.Lno_long_mode

	/*
	 * Top level. Slot 511 is where the kernel is linked, slot 273 the direct
	 * map, slot 0 where we are running now; the last goes when we have left.
	 * An entry is 8 bytes; below 4 GiB the upper four stay 0.
	 */
	movl	$(__pa(level3_kernel_pgt) + _KERNPG_TABLE), %eax
	movl	%eax, __pa(swapper_pg_dir) + 8 * PGD_KERNEL_IMAGE
	movl	%eax, __pa(swapper_pg_dir)
	movl	$(__pa(level3_direct_pgt) + _KERNPG_TABLE), __pa(swapper_pg_dir) + 8 * PGD_PAGE_OFFSET

	/*
	 * Second level, one entry for each GiB. The kernel image is in the last
	 * but one GiB of its slot (510); entry 0 serves slot 0 of the top level.
	 */
	movl	$(__pa(level2_kernel_pgt) + _KERNPG_TABLE), %eax
	movl	%eax, __pa(level3_kernel_pgt) + 8 * 510
	movl	%eax, __pa(level3_kernel_pgt)
	movl	$(__pa(level2_direct_pgt) + _KERNPG_TABLE), __pa(level3_direct_pgt)

	/* The kernel image: the first 4 MiB of memory, in two large pages. */
	movl	$PAGE_KERNEL_LARGE_EXEC, __pa(level2_kernel_pgt)
	movl	$(PAGE_KERNEL_LARGE_EXEC + 0x200000), __pa(level2_kernel_pgt) + 8

	/* The direct map: 512 large pages, data only. */
	movl	$__pa(level2_direct_pgt), %edi
	movl	$(_KERNPG_TABLE | _PAGE_PSE), %eax
	movl	$512, %ecx
.Lfill_direct_map:
	movl	%eax, (%edi)
	movl	$(1 << (_PAGE_BIT_NX - 32)), 4(%edi)
	addl	$0x200000, %eax
	addl	$8, %edi
	decl	%ecx
	jnz	.Lfill_direct_map

	/* Long mode's tables have 8-byte entries; CR3 points to the top one. */
	movl	%cr4, %eax
	orl	$X86_CR4_PAE, %eax
	movl	%eax, %cr4
	movl	$__pa(swapper_pg_dir), %eax
	movl	%eax, %cr3

	/* Ask for long mode, for the no-execute bit, and for SYSCALL. */
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$(EFER_SCE | EFER_LME | EFER_NX), %eax
	wrmsr

	/* Paging on: with LME set, this is the moment long mode begins. */
	movl	$(X86_CR0_PG | X86_CR0_WP | X86_CR0_NE | X86_CR0_ET | X86_CR0_MP | X86_CR0_PE), %eax
	movl	%eax, %cr0

	/* Still 32-bit code, until CS says otherwise. */
	lgdt	boot_gdt_pointer
	ljmp	$__KERNEL_CS, $startup_64

.Lno_multiboot:
	movl	$.Lno_multiboot_text, %esi
	jmp	.Lgive_up
.Lno_long_mode:
	movl	$.Lno_long_mode_text, %esi

	/* Say why on the serial port, and stop: nothing below works without. */
.Lgive_up:
	movl	$COM1, %edx
	lodsb
	testb	%al, %al
	jz	.Lhalt
	outb	%al, %dx
	jmp	.Lgive_up
.Lhalt:
	hlt
	jmp	.Lhalt
SYM_CODE_END(startup_32)

	.code64
SYM_CODE_START(startup_64)
	/* From the low addresses to the high ones: only an indirect jump reaches. */
	movabsq	$secondary_startup_64, %rax
	jmp	*%rax
SYM_CODE_END(startup_64)

.Lno_multiboot_text:
	.asciz	"This kernel must be started by a multiboot loader.\n"
.Lno_long_mode_text:
	.asciz	"This kernel needs an x86-64 processor with the NX bit.\n"

	/* A GDT for one jump. The real one follows in setup.S. */
	.balign	8
boot_gdt:
	.quad	0
	.quad	DESC_CODE32			/* 0x08 */
	.quad	DESC_CODE64			/* 0x10 */
	.quad	DESC_DATA			/* 0x18 */
boot_gdt_pointer:
	.word	. - boot_gdt - 1
	.long	boot_gdt

	.text
SYM_CODE_START(secondary_startup_64)
	/* Data segments mean nothing in 64-bit mode, save for valid limits: null. */
	xorl	%eax, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%eax, %fs
	movl	%eax, %gs

	/* The kernel stack, below the place of the first program's pt_regs. */
	movq	$(init_stack + THREAD_SIZE - PTREGS_SIZE), %rsp
	xorl	%ebp, %ebp			/* no frame above this one */

	/* Nothing runs at the low addresses any more: leave them to user space. */
	movq	$0, swapper_pg_dir
	movq	$0, level3_kernel_pgt
	movq	%cr3, %rax
	movq	%rax, %cr3			/* a write to CR3 empties the TLB */

	call	start_kernel			/* does not return */
	ud2
SYM_CODE_END(secondary_startup_64)

	.data
	.balign	8
SYM_DATA_START(multiboot_info)
	.quad	0				/* physical address */
SYM_DATA_END(multiboot_info)

	.bss
	/* Kernel and user top-level tables: a pair, aligned so that bit 12 selects. */
	.balign	2 * PAGE_SIZE
SYM_DATA_START(swapper_pg_dir)
	.skip	PAGE_SIZE
SYM_DATA_END(swapper_pg_dir)
SYM_DATA_START(user_pg_dir)
	.skip	PAGE_SIZE
SYM_DATA_END(user_pg_dir)

SYM_DATA_START(level3_kernel_pgt)
	.skip	PAGE_SIZE
SYM_DATA_END(level3_kernel_pgt)
SYM_DATA_START(level2_kernel_pgt)
	.skip	PAGE_SIZE
SYM_DATA_END(level2_kernel_pgt)
SYM_DATA_START(level3_direct_pgt)
	.skip	PAGE_SIZE
SYM_DATA_END(level3_direct_pgt)
SYM_DATA_START(level2_direct_pgt)
	.skip	PAGE_SIZE
SYM_DATA_END(level2_direct_pgt)

	.balign	PAGE_SIZE
SYM_DATA_START(init_stack)
	.skip	THREAD_SIZE
SYM_DATA_END(init_stack)
