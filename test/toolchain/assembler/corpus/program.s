	.globl _start
	.text
_start:
	mov $1,%eax
	mov $1,%rax
	movq $msg,%rsi
	lea msg(%rip),%rsi
	mov %rax,%rbx
	add $1,%eax
	add $1000,%eax
	add $1000,%ebx
	sub $8,%rsp
	push %rbp
	pop %r12
	call foo
	jmp 1f
	.skip 10
1:	jne 1b
	jmp _start
	syscall
	sysretq
	swapgs
	iretq
	mov %cr3,%rax
	mov %rax,%cr3
	mov %gs:0x28,%rax
	rep stosq
	rep movsb
	lock cmpxchg %rax,(%rdi)
	wrmsr
	testl $1,4(%rsp)
	shl $3,%rax
	shl %rax
	sar %cl,%edx
	imul $5,%rax,%rbx
	movzbl (%rax),%ecx
	movslq %eax,%rdx
	xchg %rax,%rsp
	int $0x80
	int3
	ret
	lret
	leave
	pushfq
	popfq
	cltq
	cqto
	hlt
	lgdt gdt(%rip)
	ltr %ax
	movabs $0x1122334455667788,%rcx
	movabs msg,%al
	jmp *%rax
	call *8(%rax,%rcx,8)
	.p2align 4
foo: ret
	.data
msg: .ascii "hi\n"
	.quad msg, foo, ext
	.long 1b - 1b, foo - .
gdt: .octa 5
	.bss
	.lcomm buf,16
	.comm cc,8
