.text
start:
.rept 3
jmp end
je mid
.endr
.skip 60
jne start
mid:
.rept 20
jmp start
jg end
call mid
.endr
.p2align 4
.rept 10
jl mid
jecxz 1f
1: loop 1b
loopne 1b
jrcxz 1b
.endr
.skip 40
.p2align 6
je end
.skip 120
end:
jmp far
jne far
jmp start+5
jmp .
jmp .+2
jmp *start
call *%rax
call *(%rax)
jmp *8(%rax)
jmp *tbl(,%rax,8)
call *tbl(%rip)
jmp 0x1000
call 0x2000
call start
xbegin end
jmpq *%rax
callq start
jae end; jb end; jc end; jnc end; jz end; jnz end; jo end; jno end; js end; jns end; jp end; jnp end; jpe end; jpo end; jl end; jge end; jle end; jg end; jna end; ja end; jbe end; jnb end; jnae end; jnge end; jnl end; jng end; jnle end; jnbe end
.section .other,"ax"
jmp start
je end
call start
jmp ext
je ext
1: jmp 1b
jmp 1f
1:
