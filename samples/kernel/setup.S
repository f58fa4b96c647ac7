/*
 * setup.S - the tables the processor looks things up in: GDT, TSS and IDT, and
 * the per-CPU area. Each has a page of its own, because the processor must find
 * it under the user page tables too; pti.S maps the pages there.
 */
#include "linkage.h"
#include "calling.h"

#define CPUID_1_ECX_PCID        17
#define CPUID_1_ECX_XSAVE       26
#define CPUID_1_ECX_AVX         28
#define CPUID_1_EDX_FXSR        24
#define CPUID_7_EBX_SMEP        7
#define CPUID_7_EBX_SMAP        20

#define PIC1_COMMAND            0x20
#define PIC1_DATA               0x21
#define PIC2_COMMAND            0xa0
#define PIC2_DATA               0xa1

	.text

/* cpu_init - load GDT, IDT, task register and GS.base. */
SYM_FUNC_START(cpu_init)
	/*
	 * The TSS descriptor. Limit and type come first; the base is split: bits
	 * 0..23 go to bits 16..39, bits 24..31 to bits 56..63, bits 32..63 to the
	 * second half.
	 */
	movabsq	$CEA_TSS, %rax
	movl	%eax, %edx
	andl	$0x00ffffff, %edx
	shlq	$16, %rdx
	movl	%eax, %ecx
	shrl	$24, %ecx
	shlq	$56, %rcx
	orq	%rcx, %rdx
	movabsq	$DESC_TSS, %rcx
	orq	%rcx, %rdx
	movq	%rdx, gdt_page + 8 * GDT_ENTRY_TSS
	shrq	$32, %rax
	movq	%rax, gdt_page + 8 * GDT_ENTRY_TSS + 8

	/* The boot GDT had the same code segment, so CS need not be loaded anew. */
	lgdt	gdt_pointer
	movl	$(GDT_ENTRY_TSS * 8), %eax
	ltr	%ax				/* marks the descriptor busy: writes to the GDT */
	call	idt_init
	lidt	idt_pointer

	/*
	 * The kernel's GS.base. The other one, for SWAPGS to exchange it with, is
	 * the user's: 0 until the program sets it. WRMSR takes a value in edx:eax.
	 */
	movl	$MSR_GS_BASE, %ecx
	movq	$per_cpu_area, %rax
	movq	%rax, %rdx
	shrq	$32, %rdx
	wrmsr
	movl	$MSR_KERNEL_GS_BASE, %ecx
	xorl	%eax, %eax
	xorl	%edx, %edx
	wrmsr
	ret
SYM_FUNC_END(cpu_init)

/*
 * cpu_features_init - turn on what CPUID offers.
 */
SYM_FUNC_START(cpu_features_init)
	pushq	%rbx				/* CPUID writes it */

	/* PCIDs: CR3 bits 0..11 must be 0 when CR4.PCIDE is set, and they are. */
	movl	$1, %eax
	xorl	%ecx, %ecx
	cpuid
	btl	$CPUID_1_ECX_PCID, %ecx
	jnc	.Lno_pcid
	movq	%cr4, %rax
	orq	$X86_CR4_PCIDE, %rax
	movq	%rax, %cr4
	movabsq	$(1 << X86_CR3_NOFLUSH_BIT), %rax
	movq	%rax, PER_CPU_VAR(cr3_noflush)
	orq	$PTI_USER_PGTABLE_AND_PCID_MASK, %rax
	movq	%rax, PER_CPU_VAR(cr3_user_bits)
.Lno_pcid:

	/* SMEP and SMAP are in leaf 7, if leaf 7 exists. */
	xorl	%eax, %eax
	cpuid
	cmpl	$7, %eax
	jb	.Lno_leaf_7
	movl	$7, %eax
	xorl	%ecx, %ecx
	cpuid
	movq	%cr4, %rax
	btl	$CPUID_7_EBX_SMEP, %ebx
	jnc	.Lno_smep
	orq	$X86_CR4_SMEP, %rax
.Lno_smep:
	btl	$CPUID_7_EBX_SMAP, %ebx
	jnc	.Lno_smap
	orq	$X86_CR4_SMAP, %rax
	movb	$1, PER_CPU_VAR(cpu_has_smap)
.Lno_smap:
	movq	%rax, %cr4
.Lno_leaf_7:
	popq	%rbx
	ret
SYM_FUNC_END(cpu_features_init)

/*
 * fpu_init - let programs use x87, SSE and, where the processor has it, AVX.
 *
 * There is one program and the kernel uses no vector registers, so nobody has to
 * save them: they are the program's all the time, through every system call.
 */
SYM_FUNC_START(fpu_init)
	pushq	%rbx				/* CPUID writes it */
	movl	$1, %eax
	xorl	%ecx, %ecx
	cpuid
	btl	$CPUID_1_EDX_FXSR, %edx
	jnc	.Lno_fxsr
	fninit
	movq	%cr4, %rax
	orq	$(X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT), %rax
	movq	%rax, %cr4

	/* AVX needs the operating system's word, given in XCR0. */
	btl	$CPUID_1_ECX_XSAVE, %ecx
	jnc	.Lno_fxsr
	orq	$X86_CR4_OSXSAVE, %rax
	movq	%rax, %cr4
	movl	$(XFEATURE_FP | XFEATURE_SSE), %eax
	btl	$CPUID_1_ECX_AVX, %ecx
	jnc	.Lno_avx
	orl	$XFEATURE_YMM, %eax
.Lno_avx:
	xorl	%ecx, %ecx			/* XCR0 */
	xorl	%edx, %edx
	xsetbv
.Lno_fxsr:
	popq	%rbx
	ret
SYM_FUNC_END(fpu_init)

/*
 * idt_init - write the gates listed in idt_table.
 *
 * A gate is 16 bytes: offset 0..15, selector, IST, type, offset 16..31,
 * offset 32..63, 0.
 */
SYM_FUNC_START_LOCAL(idt_init)
	movq	$idt_table, %rsi
.Lnext_gate:
	cmpq	$idt_table_end, %rsi
	je	.Lgates_done
	movq	(%rsi), %rax			/* handler */
	movzbl	8(%rsi), %edi			/* vector */
	shll	$4, %edi
	addq	$idt_page, %rdi
	movw	%ax, (%rdi)
	movw	$__KERNEL_CS, 2(%rdi)
	movb	9(%rsi), %dl			/* IST index */
	movb	%dl, 4(%rdi)
	movb	10(%rsi), %dl			/* type and DPL */
	movb	%dl, 5(%rdi)
	shrq	$16, %rax
	movw	%ax, 6(%rdi)
	shrq	$16, %rax
	movl	%eax, 8(%rdi)
	addq	$16, %rsi
	jmp	.Lnext_gate
.Lgates_done:
	ret
SYM_FUNC_END(idt_init)

/*
 * init_8259A - give the interrupt controllers vectors above the exceptions, then
 * mask every line: this kernel polls, so that a step never ends in an interrupt.
 */
SYM_FUNC_START(init_8259A)
	movb	$0x11, %al			/* ICW1: edge triggered, cascade, ICW4 follows */
	outb	%al, $PIC1_COMMAND
	outb	%al, $PIC2_COMMAND
	movb	$0x20, %al			/* ICW2: first vector */
	outb	%al, $PIC1_DATA
	movb	$0x28, %al
	outb	%al, $PIC2_DATA
	movb	$0x04, %al			/* ICW3: the second controller is on line 2 */
	outb	%al, $PIC1_DATA
	movb	$0x02, %al
	outb	%al, $PIC2_DATA
	movb	$0x01, %al			/* ICW4: 8086 mode */
	outb	%al, $PIC1_DATA
	outb	%al, $PIC2_DATA
	movb	$0xff, %al			/* mask all lines */
	outb	%al, $PIC1_DATA
	outb	%al, $PIC2_DATA
	ret
SYM_FUNC_END(init_8259A)

	.section .rodata, "a"

	.balign	8
gdt_pointer:
	.word	GDT_ENTRIES * 8 - 1
	.quad	CEA_GDT
	.balign	8
idt_pointer:
	.word	256 * 16 - 1
	.quad	CEA_IDT

/* One row of idt_table: which vector, on which stack, who may call it by INT n. */
.macro INTG vector handler ist=0 type=GATE_INTERRUPT
	.quad	\handler
	.byte	\vector, \ist, \type
	.balign	16
.endm

	.balign	16
SYM_DATA_START(idt_table)
	INTG	X86_TRAP_DE, asm_exc_divide_error
	INTG	X86_TRAP_DB, asm_exc_debug, ist=IST_INDEX_DB
	INTG	X86_TRAP_NMI, asm_exc_nmi, ist=IST_INDEX_NMI
	INTG	X86_TRAP_BP, asm_exc_int3, type=GATE_INTERRUPT_USER
	INTG	X86_TRAP_OF, asm_exc_overflow, type=GATE_INTERRUPT_USER
	INTG	X86_TRAP_BR, asm_exc_bounds
	INTG	X86_TRAP_UD, asm_exc_invalid_op
	INTG	X86_TRAP_NM, asm_exc_device_not_available
	INTG	X86_TRAP_DF, asm_exc_double_fault, ist=IST_INDEX_DF
	INTG	X86_TRAP_TS, asm_exc_invalid_tss
	INTG	X86_TRAP_NP, asm_exc_segment_not_present
	INTG	X86_TRAP_SS, asm_exc_stack_segment
	INTG	X86_TRAP_GP, asm_exc_general_protection
	INTG	X86_TRAP_PF, asm_exc_page_fault
	INTG	X86_TRAP_MF, asm_exc_coprocessor_error
	INTG	X86_TRAP_AC, asm_exc_alignment_check
	INTG	X86_TRAP_MC, asm_exc_machine_check, ist=IST_INDEX_MCE
	INTG	X86_TRAP_XF, asm_exc_simd_coprocessor_error
	INTG	IA32_SYSCALL_VECTOR, entry_INT80_compat, type=GATE_INTERRUPT_USER
idt_table_end:
SYM_DATA_END(idt_table)

	.data

	/* The selectors of segment.h, in their order. */
	.balign	PAGE_SIZE
SYM_DATA_START(gdt_page)
	.quad	0				/* 0x00: the null selector */
	.quad	DESC_CODE32			/* 0x08: __KERNEL32_CS */
	.quad	DESC_CODE64			/* 0x10: __KERNEL_CS */
	.quad	DESC_DATA			/* 0x18: __KERNEL_DS */
	.quad	DESC_USER_CODE32		/* 0x23: __USER32_CS */
	.quad	DESC_USER_DATA			/* 0x2b: __USER_DS */
	.quad	DESC_USER_CODE64		/* 0x33: __USER_CS */
	.quad	0				/* 0x38 */
	.quad	0, 0				/* 0x40: the TSS, written by cpu_init */
	.quad	0, 0				/* 0x50: no LDT */
	.quad	0, 0, 0				/* 0x63, 0x6b, 0x73: set_thread_area */
	.quad	0				/* 0x78 */
	.balign	PAGE_SIZE
SYM_DATA_END(gdt_page)

	/*
	 * The per-CPU area, one page. GS.base is its address; what other files name
	 * in PER_CPU_VAR() are the offsets at the end.
	 */
SYM_DATA_START(per_cpu_area)
.Ltss:
	.long	0				/* reserved */
	.quad	CEA_ENTRY_STACK + CEA_STACK_SIZE	/* sp0: the trampoline stack */
	.quad	init_stack + THREAD_SIZE	/* sp1: top of the thread's kernel stack */
	.quad	0				/* sp2: the user's RSP, during an entry */
	.quad	0				/* reserved */
	.quad	CEA_DF_STACK + CEA_STACK_SIZE	/* IST 1 */
	.quad	CEA_NMI_STACK + CEA_STACK_SIZE	/* IST 2 */
	.quad	CEA_DB_STACK + CEA_STACK_SIZE	/* IST 3 */
	.quad	CEA_MCE_STACK + CEA_STACK_SIZE	/* IST 4 */
	.quad	0, 0, 0				/* IST 5..7 */
	.quad	0				/* reserved */
	.word	0				/* reserved */
	.word	TSS_SIZE			/* I/O bitmap beyond the limit: no ports for ring 3 */

	.balign	64
.Lcr3_noflush:
	.quad	0
.Lcr3_user_bits:
	.quad	PTI_USER_PGTABLE_MASK
.Lcpu_has_smap:
	.byte	0
	.balign	PAGE_SIZE
SYM_DATA_END(per_cpu_area)

	.globl	cpu_tss_rw, cr3_noflush, cr3_user_bits, cpu_has_smap
	.set	cpu_tss_rw, .Ltss - per_cpu_area
	.set	cr3_noflush, .Lcr3_noflush - per_cpu_area
	.set	cr3_user_bits, .Lcr3_user_bits - per_cpu_area
	.set	cpu_has_smap, .Lcpu_has_smap - per_cpu_area

	.bss
	.balign	PAGE_SIZE
SYM_DATA_START(idt_page)
	.skip	PAGE_SIZE
SYM_DATA_END(idt_page)
