.macro one a, b=7, c
 .byte \a, \b
 .ifnb \c
 .byte \c
 .endif
.endm
one 1
one 1, 2
one 1 2 3
one a=1, c=9
one c=9, a=1
.macro req x:req, rest:vararg
 .byte \x
 .ifnb \rest
 req \rest
 .endif
.endm
req 1, 2, 3, 4
.macro lab n
.Lx\@: .byte \n
.Ly\()\n\(): .byte .Lx\@ - .Ly\n
.endm
lab 1
lab 2
.macro outer name, val
 .macro inner_\name v
  .byte \v, \val
 .endm
.endm
outer foo, 3
inner_foo 9
outer bar, 4
inner_bar 8
.rept 3
 .byte 0xaa
 .rept 2
 .byte 0xbb
 .endr
.endr
.irp r,1,2,3
 .byte \r
 .irp q, 4 5
 .byte \r*\q
 .endr
.endr
.irpc c,0123
 .byte 0x1\c
.endr
.macro rec n
 .if \n
 .byte \n
 rec \n-1
 .endif
.endm
rec 5
.macro ex n
 .byte 1
 .if \n
 .exitm
 .endif
 .byte 2
.endm
ex 0
ex 1
.purgem ex
.macro ex
 .byte 0xee
.endm
ex
.macro str s
 .ascii "\s"
 .asciz "\s\n"
.endm
str "hello world"
str hello
.macro regs r1, r2
 mov %\r1, %\r2
 add $8*4, %\r1
.endm
regs rax, rbx
regs r1=rcx r2=rdx
.macro P reg
 push \reg
.endm
P %rax
P $5
P 8(%rsp)
.macro M src, dst
 mov \src, \dst
.endm
M %rax, %rbx
M %gs:0x10, %rcx
M $1f, %rdx
1:
M "8(%rax,%rbx,2)", %rcx
.macro CASE a
.ifc \a,foo
.byte 1
.else
.ifc \a, bar
.byte 2
.else
.byte 3
.endif
.endif
.endm
CASE foo
CASE bar
CASE baz
.macro many a1 a2 a3
 .byte \a1+0, \a2+0, \a3+0
.endm
many 1,,3
many ,2
many 1 , 2 , 3
many (1 + 2) , 3
many -1 - 2
many 1+ 2 ,3
.if 0
.macro never
.if 1
.endif
.endm
.byte 99
.elseif 1
.byte 1
.else
.byte 2
.endif
.ifdef undefinedthing
.byte 5
.endif
.ifndef undefinedthing
.byte 6
.endif
.ifeq 0
.byte 7
.endif
.ifgt 3-2
.byte 8
.endif
.iflt -1
.byte 9
.endif
.ifb
.byte 10
.endif
.ifnb x
.byte 11
.endif
.ifeqs "a","a"
.byte 12
.endif
.ifc "a b","a b"
.byte 13
.endif
.macro PUSHALL regs:vararg
.irp r, \regs
 push %\r
.endr
.endm
PUSHALL rax, rbx, rcx
.macro def name:req val=0
 \name = \val
 .byte \name
.endm
def abc, 5
def abc2
.macro t a:req
 .if \a == 1
  .byte 1
 .elseif \a == 2
  .byte 2
 .else
  .byte 3
 .endif
.endm
t 1
t 2
t 3
MACROCASE = 1
.macro UPPER
.byte 0x55
.endm
upper
.macro loop4 body
.rept 4
\body
.endr
.endm
loop4 "nop; inc %eax"
loop4 nop
