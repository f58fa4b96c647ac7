/* errno.h - a system call that fails returns minus one of these. */
#ifndef ERRNO_H
#define ERRNO_H

#define EPERM                   1
#define ESRCH                   3
#define EBADF                   9
#define EFAULT                  14
#define EINVAL                  22
#define ENOSYS                  38

#endif
