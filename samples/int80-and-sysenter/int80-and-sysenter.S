/*
 * int80-and-sysenter.S - the older gates. Four times write, through
 *
 *   1. int $0x80 in 64-bit code
 *   2. int $0x80 in 32-bit code
 *   3. __kernel_vsyscall: SYSENTER, or on AMD's processors 32-bit SYSCALL
 *   4. syscall in 64-bit code, to compare
 *
 * A 64-bit program may run 32-bit code: the mode is a bit of the code segment, and
 * a far jump changes the segment. 1 to 3 take the i386 numbers and arguments:
 * eax = number; ebx, ecx, edx, esi, edi, ebp. Addresses must be below 4 GiB.
 */

#define __NR_ia32_write         4
#define __NR_write              1
#define __NR_exit               60

#define STDOUT                  1
#define USER32_CS               0x23            /* 32-bit code: compatibility mode */
#define USER_DS                 0x2b            /* data, for both */
#define USER_CS                 0x33            /* 64-bit code */
#define AT_NULL                 0
#define AT_SYSINFO              32              /* auxiliary vector: __kernel_vsyscall */

	.text
	.globl	_start
	.type	_start, @function
_start:
	/*
	 * The auxiliary vector lies behind argv and envp, each of which ends in 0.
	 * Linux tells AT_SYSINFO to 32-bit programs only, this sample's kernel to all.
	 */
	movq	(%rsp), %rcx			/* argc */
	leaq	16(%rsp, %rcx, 8), %rsi		/* behind argv[] and its 0: envp */
skip_environment:
	lodsq
	testq	%rax, %rax
	jnz	skip_environment
next_auxv:
	lodsq					/* type */
	movq	%rax, %rcx
	lodsq					/* value */
	cmpq	$AT_NULL, %rcx
	je	auxv_done
	cmpq	$AT_SYSINFO, %rcx
	jne	next_auxv
	movl	%eax, kernel_vsyscall
auxv_done:
	leaq	stack_top, %rsp			/* 32-bit code needs a stack below 4 GiB */

/*
 * 1. The gate is in the IDT, and its DPL is 3, or this would be a #GP. INT pushes
 * SS, RSP, RFLAGS, CS and RIP on a stack it takes from the TSS.
 */
int80_in_64_bit_code:
	movl	$__NR_ia32_write, %eax
	movl	$STDOUT, %ebx			/* 1st argument */
	movl	$text_1, %ecx			/* 2nd: an address that fits in 32 bits */
	movl	$text_1_length, %edx		/* 3rd */
	int	$0x80

/* Into compatibility mode: same page tables, same registers, 32 bits of them. */
to_32_bit_code:
	ljmp	*far_pointer(%rip)

	.code32
code_32:
	/* 64-bit code ignores DS and ES, and they are null: 32-bit code needs them. */
	movl	$USER_DS, %eax
	movl	%eax, %ds
	movl	%eax, %es

/* 2. The same instruction, the same gate. CS in pt_regs is 0x23 this time. */
int80_in_32_bit_code:
	movl	$__NR_ia32_write, %eax
	movl	$STDOUT, %ebx
	movl	$text_2, %ecx
	movl	$text_2_length, %edx
	int	$0x80

/*
 * 3. SYSENTER saves neither EIP nor ESP, so nobody can use it alone. The kernel
 * gives us a function that can. All it may change is eax.
 */
vsyscall:
	cmpl	$0, kernel_vsyscall
	je	no_vsyscall
	movl	$__NR_ia32_write, %eax
	movl	$STDOUT, %ebx
	movl	$text_3, %ecx
	movl	$text_3_length, %edx
	movl	$0x5151, %esi			/* values to recognise in pt_regs */
	movl	$0xd1d1, %edi
	movl	$0xb9b9, %ebp
	call	*kernel_vsyscall
	cmpl	$text_3_length, %eax		/* all written, */
	jne	broken
	cmpl	$text_3, %ecx			/* and the three registers SYSENTER */
	jne	broken				/* or SYSCALL needs are what they were? */
	cmpl	$text_3_length, %edx
	jne	broken
	cmpl	$0xb9b9, %ebp
	jne	broken
	jmp	to_64_bit_code

no_vsyscall:
	movl	$__NR_ia32_write, %eax
	movl	$STDOUT, %ebx
	movl	$text_no_vsyscall, %ecx
	movl	$text_no_vsyscall_length, %edx
	int	$0x80

/* Back: a far jump again. */
to_64_bit_code:
	ljmp	$USER_CS, $code_64

broken:
	movl	$1, exit_status
	jmp	to_64_bit_code

	.code64
code_64:
/* 4. Other numbers, other registers, no memory touched by the instruction. */
syscall_in_64_bit_code:
	movl	$__NR_write, %eax
	movl	$STDOUT, %edi
	leaq	text_4(%rip), %rsi
	movl	$text_4_length, %edx
	syscall

	movl	$__NR_exit, %eax
	movl	exit_status(%rip), %edi
	syscall
	.size	_start, . - _start

	.section .rodata, "a"
text_1:
	.ascii	"int $0x80 in 64-bit code\n"
	.set	text_1_length, . - text_1
text_2:
	.ascii	"int $0x80 in 32-bit code\n"
	.set	text_2_length, . - text_2
text_3:
	.ascii	"__kernel_vsyscall in 32-bit code\n"
	.set	text_3_length, . - text_3
text_no_vsyscall:
	.ascii	"no __kernel_vsyscall: this kernel has none for 64-bit programs\n"
	.set	text_no_vsyscall_length, . - text_no_vsyscall
text_4:
	.ascii	"syscall in 64-bit code\n"
	.set	text_4_length, . - text_4

	.balign	8
far_pointer:
	.long	code_32				/* offset */
	.word	USER32_CS			/* selector */

	.bss
	.balign	16
kernel_vsyscall:
	.skip	4
exit_status:
	.skip	4
	.balign	16
	.skip	4096
stack_top:
