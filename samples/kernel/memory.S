/*
 * memory.S - physical pages and page tables.
 *
 * Pages are handed out from one mark that only rises: this kernel runs one
 * program and never has to give memory back.
 */
#include "linkage.h"
#include "layout.h"
#include "processor.h"
#include "multiboot.h"

	.text

/* IN_USE - rax = the greater of rax and an address. Changes rdx. */
.macro IN_USE end:req
	leaq	\end, %rdx
	cmpq	%rax, %rdx
	cmovaq	%rdx, %rax
.endm

/*
 * memory_init - find the free memory: it starts behind the kernel and all that
 * the loader left for us, and ends where the loader says memory ends.
 */
SYM_FUNC_START(memory_init)
	movq	multiboot_info, %rdx
	movabsq	$PAGE_OFFSET, %r8
	leaq	(%rdx, %r8), %rdi		/* the structure, through the direct map */

	movl	$_kernel_end_pa, %eax		/* end of what is in use, so far as we know */
	IN_USE	MULTIBOOT_SIZE(%rdx)		/* the structure itself */
	testl	$MULTIBOOT_INFO_MODS, MULTIBOOT_flags(%rdi)
	jz	.Lno_modules
	movl	MULTIBOOT_mods_count(%rdi), %ecx
	movl	MULTIBOOT_mods_addr(%rdi), %esi
	addq	%r8, %rsi
.Lnext_module:
	subl	$1, %ecx
	jc	.Lno_modules
	movl	MODULE_end(%rsi), %edx
	IN_USE	(%rdx)				/* the file */
	movl	MODULE_string(%rsi), %edx
	IN_USE	PAGE_SIZE(%rdx)			/* its command line, shorter than a page */
	addq	$MODULE_SIZE, %rsi
	movq	%rsi, %rdx
	subq	%r8, %rdx
	IN_USE	(%rdx)				/* its entry in the list */
	jmp	.Lnext_module
.Lno_modules:
	addq	$(PAGE_SIZE - 1), %rax
	andq	$PAGE_MASK, %rax
	movq	%rax, next_free_page

	/* mem_upper counts the KiB above 1 MiB; the direct map covers 1 GiB. */
	movl	MULTIBOOT_mem_upper(%rdi), %eax
	addq	$1024, %rax
	shlq	$10, %rax
	movl	$DIRECT_MAP_SIZE, %ecx
	cmpq	%rcx, %rax
	cmovaq	%rcx, %rax
	andq	$PAGE_MASK, %rax
	movq	%rax, end_of_memory
	ret
SYM_FUNC_END(memory_init)

/*
 * alloc_page - one page of zeros.
 * Out: %rax = its address in the direct map, 0 if memory is used up.
 */
SYM_FUNC_START(alloc_page)
	movq	next_free_page, %rax
	cmpq	end_of_memory, %rax
	jae	.Lout_of_memory
	addq	$PAGE_SIZE, next_free_page
	movabsq	$PAGE_OFFSET, %rdx
	addq	%rdx, %rax
	pushq	%rdi
	pushq	%rax
	movq	%rax, %rdi
	xorl	%eax, %eax
	movl	$(PAGE_SIZE / 8), %ecx
	rep stosq
	popq	%rax
	popq	%rdi
	ret
.Lout_of_memory:
	xorl	%eax, %eax
	ret
SYM_FUNC_END(alloc_page)

/*
 * pte_alloc - walk the page tables as the processor would, and make the tables
 * that are missing.
 * In:  %rdi = top-level table, %rsi = virtual address
 * Out: %rax = address of the last-level entry for it, 0 if memory is used up
 */
SYM_FUNC_START(pte_alloc)
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	movq	%rdi, %rbx			/* the table of this level */
	movl	$39, %r12d			/* its index starts at this bit of the address */
.Lwalk:
	movq	%rsi, %rax
	movl	%r12d, %ecx
	shrq	%cl, %rax
	andl	$511, %eax			/* 9 bits select one of 512 entries */
	leaq	(%rbx, %rax, 8), %rbp
	cmpl	$PAGE_SHIFT, %r12d
	je	.Lwalk_done

	movq	(%rbp), %rbx
	testb	$_PAGE_PRESENT, %bl
	jnz	.Lwalk_down

	/* A table for user addresses (bit 63 clear) must be open to ring 3. */
	call	alloc_page
	testq	%rax, %rax
	jz	.Lwalk_failed
	movabsq	$PAGE_OFFSET, %rcx
	subq	%rcx, %rax			/* entries hold physical addresses */
	leaq	_PAGE_TABLE(%rax), %rbx
	testq	%rsi, %rsi
	jns	.Lwalk_table
	leaq	_KERNPG_TABLE(%rax), %rbx
.Lwalk_table:
	movq	%rbx, (%rbp)

.Lwalk_down:
	movabsq	$_PAGE_ADDRESS, %rax
	andq	%rax, %rbx			/* strip the flags */
	movabsq	$PAGE_OFFSET, %rax
	addq	%rax, %rbx
	subl	$9, %r12d
	jmp	.Lwalk
.Lwalk_done:
	movq	%rbp, %rax
.Lwalk_failed:
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret
SYM_FUNC_END(pte_alloc)

/*
 * map_user_page - make one page exist in user space.
 * In:  %rdi = virtual address, %rsi = flags of the entry (PAGE_READONLY, ...)
 * Out: %rax = the page in the direct map, 0 if memory is used up
 *
 * A page that exists already stays, and gains what the new flags allow: two
 * segments of a program may share a page.
 */
SYM_FUNC_START(map_user_page)
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	movq	%rdi, %rbx
	movq	%rsi, %r12
	movq	%rdi, %rsi
	movq	$swapper_pg_dir, %rdi
	call	pte_alloc
	testq	%rax, %rax
	jz	.Lmap_failed
	movq	%rax, %r13			/* the entry */

	movq	(%r13), %rdx
	testb	$_PAGE_PRESENT, %dl
	jnz	.Lmap_widen
	call	alloc_page
	testq	%rax, %rax
	jz	.Lmap_failed
	movabsq	$PAGE_OFFSET, %rdx
	subq	%rdx, %rax			/* entries hold physical addresses */
	orq	%r12, %rax
	movq	%rax, (%r13)
	jmp	.Lmap_mirror

.Lmap_widen:
	movq	%rdx, %rcx
	andq	%r12, %rcx			/* no-execute stays only if both want it, */
	orq	%r12, %rdx			/* any other flag if one of them does */
	btrq	$_PAGE_BIT_NX, %rdx
	shrq	$_PAGE_BIT_NX, %rcx
	shlq	$_PAGE_BIT_NX, %rcx
	orq	%rcx, %rdx
	movq	%rdx, (%r13)

	/*
	 * Both top-level tables share the tables below them, so user space looks
	 * the same from both. The kernel's entry is marked no-execute: if a way
	 * out should ever forget to switch CR3, ring 3 faults at once instead of
	 * running with the kernel in view.
	 */
.Lmap_mirror:
	movq	%rbx, %rcx
	shrq	$39, %rcx
	andl	$511, %ecx
	movq	swapper_pg_dir(, %rcx, 8), %rdx
	btrq	$_PAGE_BIT_NX, %rdx
	movq	%rdx, user_pg_dir(, %rcx, 8)
	btsq	$_PAGE_BIT_NX, %rdx
	movq	%rdx, swapper_pg_dir(, %rcx, 8)

	invlpg	(%rbx)				/* forget what the TLB knew of the page */

	movq	(%r13), %rax
	movabsq	$_PAGE_ADDRESS, %rdx
	andq	%rdx, %rax			/* strip the flags */
	movabsq	$PAGE_OFFSET, %rdx
	addq	%rdx, %rax
	jmp	.Lmap_done
.Lmap_failed:
	xorl	%eax, %eax
.Lmap_done:
	popq	%r13
	popq	%r12
	popq	%rbx
	ret
SYM_FUNC_END(map_user_page)

	.bss
	.balign	8
next_free_page:
	.skip	8				/* physical address */
end_of_memory:
	.skip	8
