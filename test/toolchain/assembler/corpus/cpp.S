#include "corpus.h"
#define ENTRY(name) .globl name; .type name, @function; name:
#define END(name) .size name, . - name
#define CAT_(a, b) a ## b
#define CAT(a, b) CAT_(a, b)
#define STR_(x) #x
#define STR(x) STR_(x)
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define LOG(fmt, ...) .asciz fmt, ## __VA_ARGS__
#if defined(__ASSEMBLER__) && !defined(__C__) && (1 << 4) == 16
ENTRY(start)	/* a comment
   over lines */ nop
	mov $FROM_HEADER, %eax	# don't expand FROM_HEADER here
	mov $CAT(FROM_, HEADER) + 1, %eax // nor here
	lea CAT(message, 1)(%rip), %rsi
	mov $-MINUS, %ebx
	LONG_CALL(%rax,
		  %rbx)
	movq	$\
		5, %rcx
END(start)
#else
#error "not reached"
#endif
	.data
message1:
	.ascii STR(hello world), "FROM_HEADER /* no comment */ // here"
	LOG("one")
	LOG("two", "three")
	.byte 'a', '#', '"'
# 12 "nothing.c"
# not a directive FROM_HEADER
#pragma once
	.long __LINE__ - 31, MAXIMUM
#undef FROM_HEADER
#ifdef FROM_HEADER
	.error "defined"
#elif MAXIMUM >= 10
	.byte 1
#endif
