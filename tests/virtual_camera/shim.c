/*
 * Stands in for what libcamera's virtual camera wants of a kernel, by LD_PRELOAD: /dev/udmabuf and
 * /dev/dma_heap become plain memfds, and the camera, which would run as fast as it can, keeps a
 * frame rate (VIRTUAL_CAMERA_FPS).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const char *real_path(const char *path)
{
	if (path && (!strcmp(path, "/dev/udmabuf") || !strcmp(path, "/dev/dma_heap/linux,cma")))
		return "/dev/null";
	return path;
}

#define OPEN(name)                                                             \
	int name(const char *path, int flags, ...)                             \
	{                                                                      \
		int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, #name); \
		mode_t mode = 0;                                               \
		if (flags & (O_CREAT | O_TMPFILE)) {                           \
			va_list rest;                                          \
			va_start(rest, flags);                                 \
			mode = va_arg(rest, int);                              \
			va_end(rest);                                          \
		}                                                              \
		return next(real_path(path), flags, mode);                     \
	}
OPEN(open)
OPEN(open64)

static int heap_alloc(struct dma_heap_allocation_data *wanted)
{
	int fd = memfd_create("dma-heap", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (wanted->len + 4095) & ~4095ull))
		return -1;
	wanted->fd = fd;
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*next)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
	va_list rest;
	va_start(rest, request);
	void *arg = va_arg(rest, void *);
	va_end(rest);
	/* Python hands a negative number on, sign and all. */
	request &= 0xffffffffUL;
	if (request == UDMABUF_CREATE)
		return fcntl(((struct udmabuf_create *)arg)->memfd, F_DUPFD_CLOEXEC, 3);
	if (request == DMA_HEAP_IOCTL_ALLOC)
		return heap_alloc(arg);
	if (request == DMA_BUF_IOCTL_SYNC)
		return 0;
	if ((request & 0xffff) == (DMA_BUF_SET_NAME_A & 0xffff))
		return 0;
	return next(fd, request, arg);
}

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

/* A frame is two streams of two planes, each mapped by itself: main and lores, as edgeagent asks. */
enum { MAPS_A_FRAME = 4 };

/* Sleep to the next tick, once a frame. */
static void pace(void)
{
	static int64_t period_ns;
	static _Thread_local unsigned int maps;
	if (!period_ns) {
		const char *fps = getenv("VIRTUAL_CAMERA_FPS");
		period_ns = 1000000000ll / (fps ? atoi(fps) : 30);
	}
	if (maps++ % MAPS_A_FRAME)
		return;
	int64_t tick_ns = (now_ns() / period_ns + 1) * period_ns;
	struct timespec until = { tick_ns / 1000000000ll, tick_ns % 1000000000ll };
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* libcamera maps a buffer for writing alone just before it draws a frame into it; nobody else does. */
#define MMAP(name, off)                                                                      \
	void *name(void *at, size_t length, int protection, int flags, int fd, off offset)   \
	{                                                                                    \
		void *(*next)(void *, size_t, int, int, int, off) = dlsym(RTLD_NEXT, #name); \
		if (protection == PROT_WRITE && (flags & MAP_SHARED) && fd >= 0)             \
			pace();                                                              \
		return next(at, length, protection, flags, fd, offset);                      \
	}
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)
