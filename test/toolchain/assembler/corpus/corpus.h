#ifndef CORPUS_H
#define CORPUS_H
#include "corpus.h"
#define FROM_HEADER 0x1234
#define MINUS -1
#define MAXIMUM (3 * 4)
#define LONG_CALL(a, b) mov a, b; \
	call *a
#endif
