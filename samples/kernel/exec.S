/*
 * exec.S - load the program, give it a stack with its arguments, go to ring 3.
 *
 * The boot loader has put the program's file into memory as the first module;
 * the module's command line is the program's. A second module whose command line
 * ends in "environ" holds the environment: strings, each with a NUL behind it.
 */
#include "linkage.h"
#include "calling.h"
#include "multiboot.h"
#include "elf.h"

#define ARGUMENTS_MAX           2048
#define ENVIRONMENT_MAX         4096
#define HEAP_MAX                0x10000000
#define CPUID_VENDOR_AMD_EBX    0x68747541      /* "Auth" of "AuthenticAMD" */

	.text

/*
 * run_init_process - does not return.
 * rbx = the file, rbp = its size, r12 = program header, r13 = headers left
 */
SYM_FUNC_START(run_init_process)
	movq	multiboot_info, %rdi
	movabsq	$PAGE_OFFSET, %r8
	addq	%r8, %rdi
	testl	$MULTIBOOT_INFO_MODS, MULTIBOOT_flags(%rdi)
	jz	.Lno_program
	movl	MULTIBOOT_mods_count(%rdi), %r14d
	testl	%r14d, %r14d
	jz	.Lno_program
	movl	MULTIBOOT_mods_addr(%rdi), %r12d
	addq	%r8, %r12			/* the first module */
	movl	MODULE_start(%r12), %ebx
	movl	MODULE_end(%r12), %ebp
	subq	%rbx, %rbp
	addq	%r8, %rbx

	movl	MODULE_string(%r12), %edi
	addq	%r8, %rdi
	call	split_arguments
	cmpl	$2, %r14d
	jb	.Lno_environment
	leaq	MODULE_SIZE(%r12), %rdi
	call	copy_environment
.Lno_environment:

	/* An executable of either class, complete as far as its header? */
	cmpq	$E64_SIZE, %rbp
	jb	.Lbad_program
	cmpl	$ELF_MAGIC, (%rbx)
	jne	.Lbad_program
	cmpw	$ET_EXEC, E_type(%rbx)
	jne	.Lbad_program
	movzbl	EI_CLASS(%rbx), %eax
	movzwl	E_machine(%rbx), %edx
	cmpl	$ELFCLASS64, %eax
	je	.Lclass_64
	cmpl	$ELFCLASS32, %eax
	jne	.Lbad_program
	cmpl	$EM_386, %edx
	jne	.Lbad_program

	movl	E32_entry(%rbx), %eax
	movq	%rax, program_entry
	movl	$__USER32_CS, program_cs
	movl	$__USER_DS, %eax		/* 32-bit code, unlike ours, needs DS and ES */
	movl	%eax, %ds
	movl	%eax, %es
	movl	$4, word_size
	movq	$IA32_STACK_TOP, %rax
	movq	%rax, stack_top
	movl	E32_phoff(%rbx), %r12d
	movzwl	E32_phnum(%rbx), %r13d
	movzwl	E32_phentsize(%rbx), %r14d
	jmp	.Lload_segments

.Lclass_64:
	cmpl	$EM_X86_64, %edx
	jne	.Lbad_program
	movq	E64_entry(%rbx), %rax
	movq	%rax, program_entry
	movl	$__USER_CS, program_cs
	movl	$8, word_size
	movabsq	$STACK_TOP, %rax
	movq	%rax, stack_top
	movq	E64_phoff(%rbx), %r12
	movzwl	E64_phnum(%rbx), %r13d
	movzwl	E64_phentsize(%rbx), %r14d

.Lload_segments:
	/* The whole table must be inside the file. */
	movl	%r13d, %eax
	imull	%r14d, %eax
	addq	%r12, %rax
	jc	.Lbad_program
	cmpq	%rbp, %rax
	ja	.Lbad_program
	addq	%rbx, %r12			/* from offset to address */

.Lnext_segment:
	subl	$1, %r13d
	jc	.Lsegments_done
	cmpl	$PT_LOAD, P_type(%r12)
	jne	.Lskip_segment
	cmpl	$8, word_size
	jne	.Lsegment_32
	movq	P64_vaddr(%r12), %rdi
	movq	P64_offset(%r12), %rsi
	movq	P64_filesz(%r12), %rdx
	movq	P64_memsz(%r12), %rcx
	movl	P64_flags(%r12), %r8d
	jmp	.Lsegment_load
.Lsegment_32:
	movl	P32_vaddr(%r12), %edi
	movl	P32_offset(%r12), %esi
	movl	P32_filesz(%r12), %edx
	movl	P32_memsz(%r12), %ecx
	movl	P32_flags(%r12), %r8d
.Lsegment_load:
	movq	%rsi, %rax
	addq	%rdx, %rax			/* its bytes must be inside the file */
	jc	.Lbad_program
	cmpq	%rbp, %rax
	ja	.Lbad_program
	cmpq	%rdx, %rcx			/* and fit in its memory */
	jb	.Lbad_program
	addq	%rbx, %rsi
	call	load_segment
	testl	%eax, %eax
	jnz	.Lbad_program
.Lskip_segment:
	addq	%r14, %r12
	jmp	.Lnext_segment
.Lsegments_done:

	/* The heap begins behind the last segment, and is empty. */
	movq	mm_brk, %rax
	addq	$(PAGE_SIZE - 1), %rax
	andq	$PAGE_MASK, %rax
	movq	%rax, mm_brk
	addq	$HEAP_MAX, %rax
	movq	%rax, mm_brk_limit

	call	map_vdso32
	call	setup_stack			/* rax = the user's stack pointer */

	/*
	 * A pt_regs at the top of the kernel stack, as if the program had made a
	 * system call before its first instruction; then out the usual way. All
	 * general registers start as 0.
	 */
	movq	PER_CPU_VAR(cpu_current_top_of_stack), %rsp
	pushq	$__USER_DS			/* pt_regs->ss */
	pushq	%rax				/* pt_regs->sp */
	pushq	$(X86_EFLAGS_IF | X86_EFLAGS_FIXED)	/* pt_regs->flags */
	movl	program_cs, %eax
	pushq	%rax				/* pt_regs->cs */
	pushq	program_entry			/* pt_regs->ip */
	pushq	$-1				/* pt_regs->orig_ax: no system call */
	xorl	%edi, %edi
	xorl	%eax, %eax
	CLEAR_REGS
	PUSH_REGS
	cli
	jmp	swapgs_restore_regs_and_return_to_usermode

.Lno_program:
	movq	$.Lno_program_text, %rdi
	jmp	panic
.Lbad_program:
	movq	$.Lbad_program_text, %rdi
	jmp	panic
SYM_FUNC_END(run_init_process)

/*
 * load_segment - map a segment and fill it.
 * In:  %rdi = virtual address, %rsi = its bytes, %rdx = bytes in the file,
 *      %rcx = bytes in memory, %r8d = p_flags
 * Out: %eax = 0, or -1 if it does not fit in user space
 */
SYM_FUNC_START_LOCAL(load_segment)
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	movq	%rdi, %rbx			/* where we are */
	movq	%rsi, %rbp			/* bytes still to copy: from here ... */
	movq	%rdx, %r12			/* ... so many */
	movq	%rdi, %r13
	addq	%rcx, %r13			/* the segment's end */
	jc	.Lsegment_too_big
	movabsq	$TASK_SIZE_MAX, %rax
	cmpq	%rax, %r13
	ja	.Lsegment_too_big
	cmpq	mm_brk, %r13			/* the highest end is where the heap starts */
	jbe	.Lsegment_not_last
	movq	%r13, mm_brk
.Lsegment_not_last:

	/* W: writable. No X: no-execute. */
	movl	$(_PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED), %r14d
	btl	$PF_W_BIT, %r8d
	jnc	.Lsegment_readonly
	orl	$(_PAGE_RW | _PAGE_DIRTY), %r14d
.Lsegment_readonly:
	btl	$PF_X_BIT, %r8d
	jc	.Lsegment_page
	btsq	$_PAGE_BIT_NX, %r14

.Lsegment_page:
	cmpq	%r13, %rbx
	jae	.Lsegment_done
	movq	%rbx, %rdi
	andq	$PAGE_MASK, %rdi
	movq	%r14, %rsi
	call	map_user_page
	testq	%rax, %rax
	jz	.Lexec_no_memory

	/* The piece of the segment in this page: to the page's end or to its own. */
	movq	%rbx, %rdx
	andl	$(PAGE_SIZE - 1), %edx		/* offset in the page */
	leaq	(%rax, %rdx), %rdi
	movl	$PAGE_SIZE, %ecx
	subq	%rdx, %rcx
	movq	%r13, %rdx
	subq	%rbx, %rdx
	cmpq	%rdx, %rcx
	cmovaq	%rdx, %rcx
	addq	%rcx, %rbx

	/* Copy what the file has of it; the rest of the page is 0 already. */
	cmpq	%r12, %rcx
	cmovaq	%r12, %rcx
	subq	%rcx, %r12
	movq	%rbp, %rsi
	rep movsb
	movq	%rsi, %rbp
	jmp	.Lsegment_page

.Lsegment_done:
	xorl	%eax, %eax
	jmp	.Lsegment_return
.Lsegment_too_big:
	movl	$-1, %eax
.Lsegment_return:
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

.Lexec_no_memory:
	movq	$.Lexec_no_memory_text, %rdi
	jmp	panic
SYM_FUNC_END(load_segment)

/*
 * map_vdso32 - the page of vdso32.S, and which of its two entries suits this
 * processor.
 */
SYM_FUNC_START_LOCAL(map_vdso32)
	movl	$VDSO32_BASE, %edi
	movl	$PAGE_READONLY_EXEC, %esi
	call	map_user_page
	testq	%rax, %rax
	jz	.Lexec_no_memory
	movq	%rax, %rdi
	movq	$vdso32_page, %rsi
	movl	$(PAGE_SIZE / 8), %ecx
	rep movsq

	pushq	%rbx				/* CPUID writes it */
	xorl	%eax, %eax
	cpuid
	movl	$vdso32_sysenter, %eax
	movl	$vdso32_syscall, %edx
	cmpl	$CPUID_VENDOR_AMD_EBX, %ebx
	cmovel	%edx, %eax
	movq	%rax, sysinfo
	popq	%rbx
	ret
SYM_FUNC_END(map_vdso32)

/*
 * split_arguments - copy a command line and end each of its words with a NUL.
 * In: %rdi = text
 */
SYM_FUNC_START_LOCAL(split_arguments)
	xorl	%ecx, %ecx			/* bytes stored */
	xorl	%edx, %edx			/* words */
	xorl	%esi, %esi			/* 1 inside a word */
.Lsplit_next:
	movzbl	(%rdi), %eax
	incq	%rdi
	cmpl	$(ARGUMENTS_MAX - 1), %ecx	/* the last byte is for the last NUL */
	jae	.Lsplit_end
	testl	%eax, %eax
	jz	.Lsplit_end
	cmpl	$' ', %eax
	je	.Lsplit_space
	testl	%esi, %esi
	jnz	.Lsplit_store
	incl	%edx				/* a word begins */
	movl	$1, %esi
.Lsplit_store:
	movb	%al, arguments(%rcx)
	incl	%ecx
	jmp	.Lsplit_next
.Lsplit_space:
	testl	%esi, %esi
	jz	.Lsplit_next			/* one of several spaces */
	movb	$0, arguments(%rcx)
	incl	%ecx
	xorl	%esi, %esi
	jmp	.Lsplit_next
.Lsplit_end:
	testl	%esi, %esi
	jz	.Lsplit_done
	movb	$0, arguments(%rcx)
	incl	%ecx
.Lsplit_done:
	movl	%ecx, arguments_size
	movl	%edx, arguments_count
	ret
SYM_FUNC_END(split_arguments)

/*
 * copy_environment - keep the strings of a module, if it is the environment.
 * In: %rdi = module
 */
SYM_FUNC_START_LOCAL(copy_environment)
	movabsq	$PAGE_OFFSET, %r8
	movl	MODULE_string(%rdi), %esi
	addq	%r8, %rsi
.Lfind_end:
	incq	%rsi
	cmpb	$0, -1(%rsi)
	jne	.Lfind_end
	subq	$(ENVIRON_NAME_SIZE), %rsi	/* the last letters of its command line */
	movq	%rdi, %rdx
	movq	$environ_name, %rdi
	movl	$ENVIRON_NAME_SIZE, %ecx
	repe cmpsb
	jne	.Lenvironment_done

	movl	MODULE_start(%rdx), %esi
	movl	MODULE_end(%rdx), %ecx
	subq	%rsi, %rcx
	jz	.Lenvironment_done
	movl	$(ENVIRONMENT_MAX - 1), %eax
	cmpq	%rax, %rcx
	cmovaq	%rax, %rcx
	addq	%r8, %rsi
	movq	$environment, %rdi
	rep movsb
	cmpb	$0, -1(%rdi)			/* the last string may lack its NUL */
	je	.Lenvironment_count
	movb	$0, (%rdi)
	incq	%rdi
.Lenvironment_count:
	subq	$environment, %rdi
	movl	%edi, environment_size
	xorl	%ecx, %ecx
.Lcount_next:
	cmpb	$1, environment - 1(%rdi)	/* a borrow for each NUL: one for each string */
	adcl	$0, %ecx
	decq	%rdi
	jnz	.Lcount_next
	movl	%ecx, environment_count
.Lenvironment_done:
	ret
SYM_FUNC_END(copy_environment)

/*
 * setup_stack - the stack a program starts with (psABI section 3.4.1), from low
 * to high addresses: argc, argv[], 0, envp[], 0, auxv[], and then the strings.
 * Out: %rax = user stack pointer
 *
 * rbx = strings of the environment, rbp = strings of the arguments, r12 = next
 * word, r13 = bytes of a word, r14 = the stack pointer
 */
SYM_FUNC_START_LOCAL(setup_stack)
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14

	movq	stack_top, %rbx
	subq	$USER_STACK_SIZE, %rbx
.Lstack_page:
	movq	%rbx, %rdi
	movabsq	$PAGE_SHARED, %rsi
	call	map_user_page
	testq	%rax, %rax
	jz	.Lexec_no_memory
	addq	$PAGE_SIZE, %rbx
	cmpq	stack_top, %rbx
	jne	.Lstack_page

	/* The strings. They fit: both buffers together are smaller than the stack. */
	movl	environment_size, %edx
	subq	%rdx, %rbx
	movq	%rbx, %rdi
	movq	$environment, %rsi
	call	copy_to_user
	movl	arguments_size, %edx
	movq	%rbx, %rbp
	subq	%rdx, %rbp
	movq	%rbp, %rdi
	movq	$arguments, %rsi
	call	copy_to_user

	/* 16 bytes that a C library takes for random: the time, twice. */
	rdtsc
	shlq	$32, %rdx
	orq	%rdx, %rax
	pushq	%rax
	pushq	%rax
	leaq	-AT_RANDOM_SIZE(%rbp), %rdi
	movq	%rdi, random_bytes
	movq	%rsp, %rsi
	movl	$AT_RANDOM_SIZE, %edx
	call	copy_to_user
	addq	$AT_RANDOM_SIZE, %rsp

	/* argc, the two lists with their ends, auxv: so many words; RSP on 16 bytes. */
	movl	word_size, %r13d
	movl	arguments_count, %eax
	addl	environment_count, %eax
	addl	$(3 + 2 * AUXV_PAIRS), %eax
	imull	%r13d, %eax
	movq	random_bytes, %r14
	subq	%rax, %r14
	andq	$-16, %r14
	movq	%r14, %r12

	movl	arguments_count, %edi
	call	put_word
	movq	%rbp, %rdi
	movq	$arguments, %rsi
	movl	arguments_count, %edx
	call	put_strings
	movq	%rbx, %rdi
	movq	$environment, %rsi
	movl	environment_count, %edx
	call	put_strings

.macro AUXV type:req value:req
	movl	$\type, %edi
	call	put_word
	movq	\value, %rdi
	call	put_word
.endm
	AUXV	AT_PAGESZ, $PAGE_SIZE
	AUXV	AT_ENTRY, program_entry
	AUXV	AT_RANDOM, random_bytes
	AUXV	AT_SYSINFO, sysinfo
	AUXV	AT_NULL, $0

	movq	%r14, %rax
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret
SYM_FUNC_END(setup_stack)

/* put_word - one word to the user's stack at r12. In: %rdi. */
SYM_FUNC_START_LOCAL(put_word)
	pushq	%rdi				/* a place in memory to copy from */
	movq	%r12, %rdi
	movq	%rsp, %rsi
	movq	%r13, %rdx
	call	copy_to_user
	addq	%r13, %r12
	popq	%rdi
	ret
SYM_FUNC_END(put_word)

/*
 * put_strings - a list of pointers to strings, and a 0.
 * In: %rdi = address of the first string in user space, %rsi = our copy of them,
 *     %edx = how many
 */
SYM_FUNC_START_LOCAL(put_strings)
	pushq	%rbx
	pushq	%rbp
	pushq	%r15
	movq	%rdi, %rbx
	movq	%rsi, %rbp
	movl	%edx, %r15d
.Lput_next:
	subl	$1, %r15d
	jc	.Lput_end
	movq	%rbx, %rdi
	call	put_word
.Lput_skip:
	incq	%rbx				/* to behind the NUL */
	incq	%rbp
	cmpb	$0, -1(%rbp)
	jne	.Lput_skip
	jmp	.Lput_next
.Lput_end:
	xorl	%edi, %edi
	call	put_word
	popq	%r15
	popq	%rbp
	popq	%rbx
	ret
SYM_FUNC_END(put_strings)

	.section .rodata, "a"
.Lno_program_text:
	.asciz	"no program: the boot loader must pass one as a module"
.Lbad_program_text:
	.asciz	"the program is not a complete, statically linked x86 ELF executable"
.Lexec_no_memory_text:
	.asciz	"out of memory while loading the program"
environ_name:
	.asciz	"environ"
	.set	ENVIRON_NAME_SIZE, . - environ_name	/* with the NUL */

	.bss
	.balign	8
SYM_DATA_START(mm_brk)				/* end of the heap */
	.skip	8
SYM_DATA_END(mm_brk)
SYM_DATA_START(mm_brk_limit)
	.skip	8
SYM_DATA_END(mm_brk_limit)
program_entry:
	.skip	8
stack_top:
	.skip	8
sysinfo:
	.skip	8
random_bytes:
	.skip	8
program_cs:
	.skip	4
word_size:					/* of the program's class: 4 or 8 */
	.skip	4
arguments_size:
	.skip	4
arguments_count:
	.skip	4
environment_size:
	.skip	4
environment_count:
	.skip	4
arguments:
	.skip	ARGUMENTS_MAX
environment:
	.skip	ENVIRONMENT_MAX
