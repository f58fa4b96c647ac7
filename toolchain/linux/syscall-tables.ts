/**
 * The x86-64 system calls of Linux: number, name and arguments (arch/x86/entry/syscalls/syscall_64.tbl; the arguments
 * are those of the SYSCALL_DEFINEs and of the manual pages, section 2).
 */

/** One argument: its name and C type. */
export interface SyscallParameter {
  readonly name: string;
  readonly type: string;
}

/** One system call of the 64-bit table. */
export interface SyscallDescriptor {
  readonly number: number;
  readonly name: string;
  readonly parameters: readonly SyscallParameter[];
}

/** A line for each call: number, name, arguments as in a C prototype. */
const CALLS_64 = `
0 read int fd, void *buf, size_t count
1 write int fd, const char *buf, size_t count
2 open const char *pathname, int flags, mode_t mode
3 close int fd
4 stat const char *pathname, struct stat *statbuf
5 fstat int fd, struct stat *statbuf
6 lstat const char *pathname, struct stat *statbuf
7 poll struct pollfd *fds, nfds_t nfds, int timeout
8 lseek int fd, off_t offset, int whence
9 mmap void *addr, size_t length, int prot, int flags, int fd, off_t offset
10 mprotect void *addr, size_t len, int prot
11 munmap void *addr, size_t length
12 brk void *addr
13 rt_sigaction int signum, const struct sigaction *act, struct sigaction *oldact, size_t sigsetsize
14 rt_sigprocmask int how, const sigset_t *set, sigset_t *oldset, size_t sigsetsize
15 rt_sigreturn
16 ioctl int fd, unsigned int request, unsigned long arg
17 pread64 int fd, void *buf, size_t count, off_t offset
18 pwrite64 int fd, const char *buf, size_t count, off_t offset
19 readv int fd, const struct iovec *iov, int iovcnt
20 writev int fd, const struct iovec *iov, int iovcnt
21 access const char *pathname, int mode
22 pipe int *pipefd
23 select int nfds, fd_set *readfds, fd_set *writefds, fd_set *exceptfds, struct timeval *timeout
24 sched_yield
25 mremap void *old_address, size_t old_size, size_t new_size, int flags, void *new_address
26 msync void *addr, size_t length, int flags
27 mincore void *addr, size_t length, unsigned char *vec
28 madvise void *addr, size_t length, int advice
29 shmget key_t key, size_t size, int shmflg
30 shmat int shmid, const void *shmaddr, int shmflg
31 shmctl int shmid, int cmd, struct shmid_ds *buf
32 dup int oldfd
33 dup2 int oldfd, int newfd
34 pause
35 nanosleep const struct timespec *req, struct timespec *rem
36 getitimer int which, struct itimerval *curr_value
37 alarm unsigned int seconds
38 setitimer int which, const struct itimerval *new_value, struct itimerval *old_value
39 getpid
40 sendfile int out_fd, int in_fd, off_t *offset, size_t count
41 socket int domain, int type, int protocol
42 connect int sockfd, const struct sockaddr *addr, socklen_t addrlen
43 accept int sockfd, struct sockaddr *addr, socklen_t *addrlen
44 sendto int sockfd, const void *buf, size_t len, int flags, const struct sockaddr *dest_addr, socklen_t addrlen
45 recvfrom int sockfd, void *buf, size_t len, int flags, struct sockaddr *src_addr, socklen_t *addrlen
46 sendmsg int sockfd, const struct msghdr *msg, int flags
47 recvmsg int sockfd, struct msghdr *msg, int flags
48 shutdown int sockfd, int how
49 bind int sockfd, const struct sockaddr *addr, socklen_t addrlen
50 listen int sockfd, int backlog
51 getsockname int sockfd, struct sockaddr *addr, socklen_t *addrlen
52 getpeername int sockfd, struct sockaddr *addr, socklen_t *addrlen
53 socketpair int domain, int type, int protocol, int *sv
54 setsockopt int sockfd, int level, int optname, const void *optval, socklen_t optlen
55 getsockopt int sockfd, int level, int optname, void *optval, socklen_t *optlen
56 clone unsigned long flags, void *stack, int *parent_tid, int *child_tid, unsigned long tls
57 fork
58 vfork
59 execve const char *pathname, char *const *argv, char *const *envp
60 exit int status
61 wait4 pid_t pid, int *wstatus, int options, struct rusage *rusage
62 kill pid_t pid, int sig
63 uname struct utsname *buf
64 semget key_t key, int nsems, int semflg
65 semop int semid, struct sembuf *sops, size_t nsops
66 semctl int semid, int semnum, int cmd, unsigned long arg
67 shmdt const void *shmaddr
68 msgget key_t key, int msgflg
69 msgsnd int msqid, const void *msgp, size_t msgsz, int msgflg
70 msgrcv int msqid, void *msgp, size_t msgsz, long msgtyp, int msgflg
71 msgctl int msqid, int cmd, struct msqid_ds *buf
72 fcntl int fd, int cmd, unsigned long arg
73 flock int fd, int operation
74 fsync int fd
75 fdatasync int fd
76 truncate const char *path, off_t length
77 ftruncate int fd, off_t length
78 getdents int fd, struct linux_dirent *dirp, unsigned int count
79 getcwd char *buf, size_t size
80 chdir const char *path
81 fchdir int fd
82 rename const char *oldpath, const char *newpath
83 mkdir const char *pathname, mode_t mode
84 rmdir const char *pathname
85 creat const char *pathname, mode_t mode
86 link const char *oldpath, const char *newpath
87 unlink const char *pathname
88 symlink const char *target, const char *linkpath
89 readlink const char *pathname, char *buf, size_t bufsiz
90 chmod const char *pathname, mode_t mode
91 fchmod int fd, mode_t mode
92 chown const char *pathname, uid_t owner, gid_t group
93 fchown int fd, uid_t owner, gid_t group
94 lchown const char *pathname, uid_t owner, gid_t group
95 umask mode_t mask
96 gettimeofday struct timeval *tv, struct timezone *tz
97 getrlimit int resource, struct rlimit *rlim
98 getrusage int who, struct rusage *usage
99 sysinfo struct sysinfo *info
100 times struct tms *buf
101 ptrace long request, pid_t pid, unsigned long addr, unsigned long data
102 getuid
103 syslog int type, char *bufp, int len
104 getgid
105 setuid uid_t uid
106 setgid gid_t gid
107 geteuid
108 getegid
109 setpgid pid_t pid, pid_t pgid
110 getppid
111 getpgrp
112 setsid
113 setreuid uid_t ruid, uid_t euid
114 setregid gid_t rgid, gid_t egid
115 getgroups int size, gid_t *list
116 setgroups int size, const gid_t *list
117 setresuid uid_t ruid, uid_t euid, uid_t suid
118 getresuid uid_t *ruid, uid_t *euid, uid_t *suid
119 setresgid gid_t rgid, gid_t egid, gid_t sgid
120 getresgid gid_t *rgid, gid_t *egid, gid_t *sgid
121 getpgid pid_t pid
122 setfsuid uid_t fsuid
123 setfsgid gid_t fsgid
124 getsid pid_t pid
125 capget struct cap_header *hdrp, struct cap_data *datap
126 capset struct cap_header *hdrp, const struct cap_data *datap
127 rt_sigpending sigset_t *set, size_t sigsetsize
128 rt_sigtimedwait const sigset_t *set, siginfo_t *info, const struct timespec *timeout, size_t sigsetsize
129 rt_sigqueueinfo pid_t pid, int sig, siginfo_t *info
130 rt_sigsuspend const sigset_t *mask, size_t sigsetsize
131 sigaltstack const stack_t *ss, stack_t *old_ss
132 utime const char *filename, const struct utimbuf *times
133 mknod const char *pathname, mode_t mode, dev_t dev
135 personality unsigned long persona
136 ustat dev_t dev, struct ustat *ubuf
137 statfs const char *path, struct statfs *buf
138 fstatfs int fd, struct statfs *buf
140 getpriority int which, id_t who
141 setpriority int which, id_t who, int prio
142 sched_setparam pid_t pid, const struct sched_param *param
143 sched_getparam pid_t pid, struct sched_param *param
144 sched_setscheduler pid_t pid, int policy, const struct sched_param *param
145 sched_getscheduler pid_t pid
146 sched_get_priority_max int policy
147 sched_get_priority_min int policy
148 sched_rr_get_interval pid_t pid, struct timespec *tp
149 mlock const void *addr, size_t len
150 munlock const void *addr, size_t len
151 mlockall int flags
152 munlockall
153 vhangup
154 modify_ldt int func, void *ptr, unsigned long bytecount
155 pivot_root const char *new_root, const char *put_old
157 prctl int option, unsigned long arg2, unsigned long arg3, unsigned long arg4, unsigned long arg5
158 arch_prctl int code, unsigned long addr
159 adjtimex struct timex *buf
160 setrlimit int resource, const struct rlimit *rlim
161 chroot const char *path
162 sync
163 acct const char *filename
164 settimeofday const struct timeval *tv, const struct timezone *tz
165 mount const char *source, const char *target, const char *filesystemtype, unsigned long mountflags, const void *data
166 umount2 const char *target, int flags
167 swapon const char *path, int swapflags
168 swapoff const char *path
169 reboot int magic, int magic2, unsigned int cmd, void *arg
170 sethostname const char *name, int len
171 setdomainname const char *name, int len
172 iopl unsigned int level
173 ioperm unsigned long from, unsigned long num, int turn_on
175 init_module void *module_image, unsigned long len, const char *param_values
176 delete_module const char *name, unsigned int flags
179 quotactl int cmd, const char *special, int id, void *addr
186 gettid
187 readahead int fd, off_t offset, size_t count
188 setxattr const char *path, const char *name, const void *value, size_t size, int flags
189 lsetxattr const char *path, const char *name, const void *value, size_t size, int flags
190 fsetxattr int fd, const char *name, const void *value, size_t size, int flags
191 getxattr const char *path, const char *name, void *value, size_t size
192 lgetxattr const char *path, const char *name, void *value, size_t size
193 fgetxattr int fd, const char *name, void *value, size_t size
194 listxattr const char *path, char *list, size_t size
195 llistxattr const char *path, char *list, size_t size
196 flistxattr int fd, char *list, size_t size
197 removexattr const char *path, const char *name
198 lremovexattr const char *path, const char *name
199 fremovexattr int fd, const char *name
200 tkill pid_t tid, int sig
201 time time_t *tloc
202 futex uint32_t *uaddr, int futex_op, uint32_t val, const struct timespec *timeout, uint32_t *uaddr2, uint32_t val3
203 sched_setaffinity pid_t pid, size_t cpusetsize, const unsigned long *mask
204 sched_getaffinity pid_t pid, size_t cpusetsize, unsigned long *mask
206 io_setup unsigned int nr_events, unsigned long *ctx_idp
207 io_destroy unsigned long ctx_id
208 io_getevents unsigned long ctx_id, long min_nr, long nr, struct io_event *events, struct timespec *timeout
209 io_submit unsigned long ctx_id, long nr, struct iocb **iocbpp
210 io_cancel unsigned long ctx_id, struct iocb *iocb, struct io_event *result
213 epoll_create int size
216 remap_file_pages void *addr, size_t size, int prot, size_t pgoff, int flags
217 getdents64 int fd, struct linux_dirent64 *dirp, unsigned int count
218 set_tid_address int *tidptr
219 restart_syscall
220 semtimedop int semid, struct sembuf *sops, size_t nsops, const struct timespec *timeout
221 fadvise64 int fd, off_t offset, size_t len, int advice
222 timer_create clockid_t clockid, struct sigevent *sevp, timer_t *timerid
223 timer_settime timer_t timerid, int flags, const struct itimerspec *new_value, struct itimerspec *old_value
224 timer_gettime timer_t timerid, struct itimerspec *curr_value
225 timer_getoverrun timer_t timerid
226 timer_delete timer_t timerid
227 clock_settime clockid_t clockid, const struct timespec *tp
228 clock_gettime clockid_t clockid, struct timespec *tp
229 clock_getres clockid_t clockid, struct timespec *res
230 clock_nanosleep clockid_t clockid, int flags, const struct timespec *request, struct timespec *remain
231 exit_group int status
232 epoll_wait int epfd, struct epoll_event *events, int maxevents, int timeout
233 epoll_ctl int epfd, int op, int fd, struct epoll_event *event
234 tgkill pid_t tgid, pid_t tid, int sig
235 utimes const char *filename, const struct timeval *times
237 mbind void *addr, unsigned long len, int mode, const unsigned long *nodemask, unsigned long maxnode, unsigned int flags
238 set_mempolicy int mode, const unsigned long *nodemask, unsigned long maxnode
239 get_mempolicy int *mode, unsigned long *nodemask, unsigned long maxnode, void *addr, unsigned long flags
240 mq_open const char *name, int oflag, mode_t mode, struct mq_attr *attr
241 mq_unlink const char *name
242 mq_timedsend mqd_t mqdes, const char *msg_ptr, size_t msg_len, unsigned int msg_prio, const struct timespec *abs_timeout
243 mq_timedreceive mqd_t mqdes, char *msg_ptr, size_t msg_len, unsigned int *msg_prio, const struct timespec *abs_timeout
244 mq_notify mqd_t mqdes, const struct sigevent *sevp
245 mq_getsetattr mqd_t mqdes, const struct mq_attr *newattr, struct mq_attr *oldattr
246 kexec_load unsigned long entry, unsigned long nr_segments, struct kexec_segment *segments, unsigned long flags
247 waitid int idtype, id_t id, siginfo_t *infop, int options, struct rusage *rusage
248 add_key const char *type, const char *description, const void *payload, size_t plen, int keyring
249 request_key const char *type, const char *description, const char *callout_info, int dest_keyring
250 keyctl int operation, unsigned long arg2, unsigned long arg3, unsigned long arg4, unsigned long arg5
251 ioprio_set int which, int who, int ioprio
252 ioprio_get int which, int who
253 inotify_init
254 inotify_add_watch int fd, const char *pathname, uint32_t mask
255 inotify_rm_watch int fd, int wd
256 migrate_pages int pid, unsigned long maxnode, const unsigned long *old_nodes, const unsigned long *new_nodes
257 openat int dirfd, const char *pathname, int flags, mode_t mode
258 mkdirat int dirfd, const char *pathname, mode_t mode
259 mknodat int dirfd, const char *pathname, mode_t mode, dev_t dev
260 fchownat int dirfd, const char *pathname, uid_t owner, gid_t group, int flags
261 futimesat int dirfd, const char *pathname, const struct timeval *times
262 newfstatat int dirfd, const char *pathname, struct stat *statbuf, int flags
263 unlinkat int dirfd, const char *pathname, int flags
264 renameat int olddirfd, const char *oldpath, int newdirfd, const char *newpath
265 linkat int olddirfd, const char *oldpath, int newdirfd, const char *newpath, int flags
266 symlinkat const char *target, int newdirfd, const char *linkpath
267 readlinkat int dirfd, const char *pathname, char *buf, size_t bufsiz
268 fchmodat int dirfd, const char *pathname, mode_t mode
269 faccessat int dirfd, const char *pathname, int mode
270 pselect6 int nfds, fd_set *readfds, fd_set *writefds, fd_set *exceptfds, const struct timespec *timeout, const void *sigmask
271 ppoll struct pollfd *fds, unsigned int nfds, const struct timespec *tmo_p, const sigset_t *sigmask, size_t sigsetsize
272 unshare int flags
273 set_robust_list struct robust_list_head *head, size_t len
274 get_robust_list int pid, struct robust_list_head **head_ptr, size_t *len_ptr
275 splice int fd_in, off_t *off_in, int fd_out, off_t *off_out, size_t len, unsigned int flags
276 tee int fd_in, int fd_out, size_t len, unsigned int flags
277 sync_file_range int fd, off_t offset, off_t nbytes, unsigned int flags
278 vmsplice int fd, const struct iovec *iov, size_t nr_segs, unsigned int flags
279 move_pages int pid, unsigned long count, void **pages, const int *nodes, int *status, int flags
280 utimensat int dirfd, const char *pathname, const struct timespec *times, int flags
281 epoll_pwait int epfd, struct epoll_event *events, int maxevents, int timeout, const sigset_t *sigmask, size_t sigsetsize
282 signalfd int fd, const sigset_t *mask, size_t sizemask
283 timerfd_create int clockid, int flags
284 eventfd unsigned int initval
285 fallocate int fd, int mode, off_t offset, off_t len
286 timerfd_settime int fd, int flags, const struct itimerspec *new_value, struct itimerspec *old_value
287 timerfd_gettime int fd, struct itimerspec *curr_value
288 accept4 int sockfd, struct sockaddr *addr, socklen_t *addrlen, int flags
289 signalfd4 int fd, const sigset_t *mask, size_t sizemask, int flags
290 eventfd2 unsigned int initval, int flags
291 epoll_create1 int flags
292 dup3 int oldfd, int newfd, int flags
293 pipe2 int *pipefd, int flags
294 inotify_init1 int flags
295 preadv int fd, const struct iovec *iov, int iovcnt, unsigned long pos_l, unsigned long pos_h
296 pwritev int fd, const struct iovec *iov, int iovcnt, unsigned long pos_l, unsigned long pos_h
297 rt_tgsigqueueinfo pid_t tgid, pid_t tid, int sig, siginfo_t *info
298 perf_event_open struct perf_event_attr *attr, pid_t pid, int cpu, int group_fd, unsigned long flags
299 recvmmsg int sockfd, struct mmsghdr *msgvec, unsigned int vlen, int flags, struct timespec *timeout
300 fanotify_init unsigned int flags, unsigned int event_f_flags
301 fanotify_mark int fanotify_fd, unsigned int flags, uint64_t mask, int dirfd, const char *pathname
302 prlimit64 pid_t pid, int resource, const struct rlimit *new_limit, struct rlimit *old_limit
303 name_to_handle_at int dirfd, const char *pathname, struct file_handle *handle, int *mount_id, int flags
304 open_by_handle_at int mount_fd, struct file_handle *handle, int flags
305 clock_adjtime clockid_t clk_id, struct timex *buf
306 syncfs int fd
307 sendmmsg int sockfd, struct mmsghdr *msgvec, unsigned int vlen, int flags
308 setns int fd, int nstype
309 getcpu unsigned int *cpu, unsigned int *node, void *unused
310 process_vm_readv pid_t pid, const struct iovec *lvec, unsigned long liovcnt, const struct iovec *rvec, unsigned long riovcnt, unsigned long flags
311 process_vm_writev pid_t pid, const struct iovec *lvec, unsigned long liovcnt, const struct iovec *rvec, unsigned long riovcnt, unsigned long flags
312 kcmp pid_t pid1, pid_t pid2, int type, unsigned long idx1, unsigned long idx2
313 finit_module int fd, const char *param_values, int flags
314 sched_setattr pid_t pid, struct sched_attr *attr, unsigned int flags
315 sched_getattr pid_t pid, struct sched_attr *attr, unsigned int size, unsigned int flags
316 renameat2 int olddirfd, const char *oldpath, int newdirfd, const char *newpath, unsigned int flags
317 seccomp unsigned int operation, unsigned int flags, void *args
318 getrandom void *buf, size_t buflen, unsigned int flags
319 memfd_create const char *name, unsigned int flags
320 kexec_file_load int kernel_fd, int initrd_fd, unsigned long cmdline_len, const char *cmdline, unsigned long flags
321 bpf int cmd, union bpf_attr *attr, unsigned int size
322 execveat int dirfd, const char *pathname, char *const *argv, char *const *envp, int flags
323 userfaultfd int flags
324 membarrier int cmd, unsigned int flags, int cpu_id
325 mlock2 const void *addr, size_t len, unsigned int flags
326 copy_file_range int fd_in, off_t *off_in, int fd_out, off_t *off_out, size_t len, unsigned int flags
327 preadv2 int fd, const struct iovec *iov, int iovcnt, unsigned long pos_l, unsigned long pos_h, int flags
328 pwritev2 int fd, const struct iovec *iov, int iovcnt, unsigned long pos_l, unsigned long pos_h, int flags
329 pkey_mprotect void *addr, size_t len, int prot, int pkey
330 pkey_alloc unsigned long flags, unsigned long access_rights
331 pkey_free int pkey
332 statx int dirfd, const char *pathname, int flags, unsigned int mask, struct statx *statxbuf
333 io_pgetevents unsigned long ctx_id, long min_nr, long nr, struct io_event *events, struct timespec *timeout, const void *sig
334 rseq struct rseq *rseq, uint32_t rseq_len, int flags, uint32_t sig
424 pidfd_send_signal int pidfd, int sig, siginfo_t *info, unsigned int flags
425 io_uring_setup unsigned int entries, struct io_uring_params *p
426 io_uring_enter unsigned int fd, unsigned int to_submit, unsigned int min_complete, unsigned int flags, const void *argp, size_t argsz
427 io_uring_register unsigned int fd, unsigned int opcode, void *arg, unsigned int nr_args
428 open_tree int dirfd, const char *pathname, unsigned int flags
429 move_mount int from_dirfd, const char *from_pathname, int to_dirfd, const char *to_pathname, unsigned int flags
430 fsopen const char *fsname, unsigned int flags
431 fsconfig int fd, unsigned int cmd, const char *key, const void *value, int aux
432 fsmount int fsfd, unsigned int flags, unsigned int attr_flags
433 fspick int dirfd, const char *pathname, unsigned int flags
434 pidfd_open pid_t pid, unsigned int flags
435 clone3 struct clone_args *cl_args, size_t size
436 close_range unsigned int first, unsigned int last, unsigned int flags
437 openat2 int dirfd, const char *pathname, const struct open_how *how, size_t size
438 pidfd_getfd int pidfd, int targetfd, unsigned int flags
439 faccessat2 int dirfd, const char *pathname, int mode, int flags
440 process_madvise int pidfd, const struct iovec *iovec, size_t vlen, int advice, unsigned int flags
441 epoll_pwait2 int epfd, struct epoll_event *events, int maxevents, const struct timespec *timeout, const sigset_t *sigmask, size_t sigsetsize
442 mount_setattr int dirfd, const char *pathname, unsigned int flags, struct mount_attr *attr, size_t size
443 quotactl_fd int fd, unsigned int cmd, int id, void *addr
444 landlock_create_ruleset const struct landlock_ruleset_attr *attr, size_t size, uint32_t flags
445 landlock_add_rule int ruleset_fd, int rule_type, const void *rule_attr, uint32_t flags
446 landlock_restrict_self int ruleset_fd, uint32_t flags
447 memfd_secret unsigned int flags
448 process_mrelease int pidfd, unsigned int flags
449 futex_waitv struct futex_waitv *waiters, unsigned int nr_futexes, unsigned int flags, struct timespec *timeout, clockid_t clockid
450 set_mempolicy_home_node unsigned long start, unsigned long len, unsigned long home_node, unsigned long flags
451 cachestat unsigned int fd, struct cachestat_range *range, struct cachestat *cstat, unsigned int flags
452 fchmodat2 int dirfd, const char *pathname, mode_t mode, unsigned int flags
453 map_shadow_stack unsigned long addr, unsigned long size, unsigned int flags
454 futex_wake void *uaddr, unsigned long mask, int nr, unsigned int flags
455 futex_wait void *uaddr, unsigned long val, unsigned long mask, unsigned int flags, struct timespec *timeout, clockid_t clockid
456 futex_requeue struct futex_waitv *waiters, unsigned int flags, int nr_wake, int nr_requeue
457 statmount const struct mnt_id_req *req, struct statmount *buf, size_t bufsize, unsigned int flags
458 listmount const struct mnt_id_req *req, uint64_t *mnt_ids, size_t nr_mnt_ids, unsigned int flags
459 lsm_get_self_attr unsigned int attr, struct lsm_ctx *ctx, uint32_t *size, uint32_t flags
460 lsm_set_self_attr unsigned int attr, struct lsm_ctx *ctx, uint32_t size, uint32_t flags
461 lsm_list_modules uint64_t *ids, uint32_t *size, uint32_t flags
462 mseal void *addr, size_t len, unsigned long flags
`;

function parse(line: string): SyscallDescriptor {
  const [number, name, ...rest] = line.split(' ');
  const prototype = rest.join(' ');
  const parameters = prototype === '' ? [] : prototype.split(', ').map(parameter);
  return { number: Number(number), name, parameters };
}

/** `const char *buf`: the name is the last word, the type what is before it with its stars. */
function parameter(text: string): SyscallParameter {
  const match = /^(.*?)([A-Za-z_0-9]+)$/.exec(text);
  return { name: match?.[2] ?? text, type: (match?.[1] ?? '').trim() };
}

/** All calls of the 64-bit table, ascending; numbers without a call are left out. */
export const SYSCALLS_64: readonly SyscallDescriptor[] = CALLS_64.trim().split('\n').map(parse);

const byName = new Map(SYSCALLS_64.map((call) => [call.name, call]));
const byNumber = new Map(SYSCALLS_64.map((call) => [call.number, call]));

/** The call with this number in Linux's 64-bit table. */
export function syscall64(number: number): SyscallDescriptor | undefined {
  return byNumber.get(number);
}

/** The call of this name; it has the same arguments in every table. */
export function syscallNamed(name: string): SyscallDescriptor | undefined {
  return byName.get(name);
}
