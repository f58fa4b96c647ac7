/*
 * pti.S - page-table isolation: what of the kernel ring 3's page tables contain.
 *
 * It is the table at the end of this file, and nothing else: entry code, the
 * per-CPU page, GDT, IDT, TSS and the stacks an entry begins on. Under the user
 * CR3 the rest of the kernel does not exist, so no leak can reach it.
 */
#include "linkage.h"
#include "layout.h"
#include "processor.h"

	.text

/*
 * pti_init - map cpu_entry_area for both sides, and the entry code at its own
 * address for the user side (the kernel side has it with the rest of the image).
 */
SYM_FUNC_START(pti_init)
	pushq	%rbx
	pushq	%r12
	movq	$user_mappings, %rbx
.Lnext_mapping:
	cmpq	$user_mappings_end, %rbx
	je	.Lmappings_done
	xorl	%r12d, %r12d			/* offset from the start of the mapping */
.Lnext_page:
	cmpq	16(%rbx), %r12
	jae	.Lmapping_done
	movq	$user_pg_dir, %rdi
	movq	(%rbx), %rsi
	addq	%r12, %rsi
	call	pte_alloc
	testq	%rax, %rax
	jz	.Lno_memory
	movq	8(%rbx), %rdx
	addq	%r12, %rdx			/* physical address of the page */
	orq	24(%rbx), %rdx
	movq	%rdx, (%rax)
	addq	$PAGE_SIZE, %r12
	jmp	.Lnext_page
.Lmapping_done:
	addq	$32, %rbx
	jmp	.Lnext_mapping
.Lmappings_done:

	/* The kernel side shares the tables of cpu_entry_area. */
	movq	user_pg_dir + 8 * PGD_CPU_ENTRY_AREA, %rax
	movq	%rax, swapper_pg_dir + 8 * PGD_CPU_ENTRY_AREA
	popq	%r12
	popq	%rbx
	ret
.Lno_memory:
	movq	$.Lno_memory_text, %rdi
	jmp	panic
SYM_FUNC_END(pti_init)

	.section .rodata, "a"
.Lno_memory_text:
	.asciz	"out of memory for page tables"

/* A row: virtual address, symbol of the first page, bytes, flags. */
.macro MAP address symbol bytes flags
	.quad	\address
	.quad	__pa(\symbol)
	.quad	\bytes
	.quad	\flags
.endm

	.balign	8
user_mappings:
	/* At their own addresses. */
	MAP	__entry_64_text, __entry_64_text, __entry_64_text_size, PAGE_KERNEL_ROX
	MAP	__entry_compat_text, __entry_compat_text, __entry_compat_text_size, PAGE_KERNEL_ROX
	MAP	per_cpu_area, per_cpu_area, PAGE_SIZE, PAGE_KERNEL
	/* In cpu_entry_area. The processor only reads the IDT and the TSS. */
	MAP	CEA_IDT, idt_page, PAGE_SIZE, PAGE_KERNEL_RO
	MAP	CEA_GDT, gdt_page, PAGE_SIZE, PAGE_KERNEL
	MAP	CEA_TSS, per_cpu_area, PAGE_SIZE, PAGE_KERNEL_RO
	MAP	CEA_ENTRY_STACK, entry_stack_page, PAGE_SIZE, PAGE_KERNEL
	MAP	CEA_DF_STACK, df_stack_page, PAGE_SIZE, PAGE_KERNEL
	MAP	CEA_NMI_STACK, nmi_stack_page, PAGE_SIZE, PAGE_KERNEL
	MAP	CEA_DB_STACK, db_stack_page, PAGE_SIZE, PAGE_KERNEL
	MAP	CEA_MCE_STACK, mce_stack_page, PAGE_SIZE, PAGE_KERNEL
user_mappings_end:

	.bss
	.balign	PAGE_SIZE
entry_stack_page:
	.skip	PAGE_SIZE
df_stack_page:
	.skip	PAGE_SIZE
nmi_stack_page:
	.skip	PAGE_SIZE
db_stack_page:
	.skip	PAGE_SIZE
mce_stack_page:
	.skip	PAGE_SIZE
