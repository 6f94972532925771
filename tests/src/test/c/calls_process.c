/* Items of `calls`: fork, exec, vfork, threads, and descriptors. */
#include "calls.h"

#include <pthread.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/syscall.h>

extern char **environ;

static int store_first(void *memory) { return strcmp(try_store(memory, 'c'), "ok") != 0; }

static const char *fork_child_stores(const char *directory) {
    int fd;
    char *memory = fresh(directory, 16, HOLE, &fd);
    CHECK_STORED(memory + PAGE, 'p');
    CHECK(in_child(store_first, memory) == 0, "the child cannot store to an untouched page");
    CHECK_LOADED(memory, 'c');
    CHECK_FILE(fd, 0, 'c');
    CHECK(in_child(store_first, memory + PAGE + 1) == 0, "the child cannot store to a touched page");
    CHECK_LOADED(memory + PAGE + 1, 'c');
    CHECK_LOADED(memory + PAGE, 'p');
    return NULL;
}

static int expect_then_store(void *argument) {
    char *memory = argument;
    unsigned char value = 0;
    for (int i = 0; i < 10000 && value != 'p'; i++) {
        if (strcmp(try_load(memory, &value), "ok") != 0) {
            return 2;
        }
        usleep(500);
    }
    return value == 'p' ? strcmp(try_store(memory + PAGE, 'c'), "ok") != 0 : 3;
}

static const char *fork_parent_stores(const char *directory) {
    int fd, status = 0;
    char *memory = fresh(directory, 16, HOLE, &fd);
    CHECK_LOADED(memory, 0);
    pid_t child = fork();
    if (child == 0) {
        _exit(expect_then_store(memory));
    }
    CHECK_STORED(memory, 'p');
    CHECK_OK(waitpid(child, &status, 0));
    CHECK(status == 0, "the child ended with status 0x%x", status);
    CHECK_LOADED(memory + PAGE, 'c');
    return NULL;
}

static int grandchild(void *memory) { return in_child(store_first, memory); }

static const char *fork_grandchild_stores(const char *directory) {
    int fd;
    char *memory = fresh(directory, 16, 1, &fd);
    CHECK(in_child(grandchild, memory) == 0, "the grandchild cannot store");
    CHECK_LOADED(memory, 'c');
    CHECK_FILE(fd, 0, 'c');
    return NULL;
}

static volatile int storing = 1;

static void *store_all_the_time(void *argument) {
    char *memory = argument;
    for (long i = 0; storing; i++) {
        if (strcmp(try_store(memory + i % 256 * PAGE, 't'), "ok") != 0) {
            return (void *)"a thread cannot store";
        }
    }
    return NULL;
}

static const char *fork_while_threads_store(const char *directory) {
    int fd;
    char *memory = fresh(directory, 512, HOLE, &fd);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, store_all_the_time, memory);
    }
    int bad = 0;
    for (int i = 0; i < 32; i++) {
        bad += in_child(store_first, memory + (256 + i) * PAGE) != 0;
    }
    storing = 0;
    void *wrong = NULL;
    for (int i = 0; i < 4; i++) {
        void *one = NULL;
        pthread_join(threads[i], &one);
        wrong = one ? one : wrong;
    }
    CHECK(!wrong, "%s", (char *)wrong);
    CHECK(bad == 0, "%d of 32 children could not store", bad);
    for (int i = 0; i < 32; i++) {
        CHECK_FILE(fd, (256 + i) * PAGE, 'c');
    }
    return NULL;
}

/* exec in all its forms: the new program, with the same environment, maps the same file. */
static const char *check_touched(int fd, int status) {
    CHECK(status == 0, "the program ended with status 0x%x", status);
    CHECK_FILE(fd, 0, 't');
    CHECK_FILE(fd, 15 * PAGE, 't');
    return NULL;
}

static char *touch_words[] = {"maptest", "touch", NULL, "16", "sync", "store", NULL};

static char **touch_argv(const char *directory) {
    touch_words[2] = path_in(directory, "item");
    touch_words[4] = getenv("MAPTEST_PLAIN") ? "plain" : "sync";
    return touch_words;
}

static const char *exec_maps_again(const char *directory) {
    int fd, status;
    char *memory = fresh(directory, 16, 1, &fd), **argv = touch_argv(directory);
    CHECK_STORED(memory + 100, 'p');
    pid_t child = fork();
    if (child == 0) {
        execve("/proc/self/exe", argv, environ);
        _exit(99);
    }
    CHECK_OK(waitpid(child, &status, 0));
    CHECK_FILE(fd, 100, 'p');
    return check_touched(fd, status);
}

static const char *vfork_then_exec(const char *directory) {
    int fd, status;
    char *memory = fresh(directory, 16, 1, &fd), **argv = touch_argv(directory);
    CHECK_STORED(memory + 100, 'p');
    pid_t child = vfork();
    if (child == 0) {
        execve("/proc/self/exe", argv, environ);
        _exit(99);
    }
    CHECK_OK(waitpid(child, &status, 0));
    CHECK_STORED(memory + 101, 'p');
    CHECK_LOADED(memory + 15 * PAGE, 't');
    return check_touched(fd, status);
}

static const char *spawn_maps_again(const char *directory) {
    int fd, status;
    pid_t child;
    char *memory = fresh(directory, 16, 1, &fd), **argv = touch_argv(directory);
    CHECK_STORED(memory + 100, 'p');
    CHECK(posix_spawn(&child, "/proc/self/exe", NULL, NULL, argv, environ) == 0, "posix_spawn");
    CHECK_OK(waitpid(child, &status, 0));
    CHECK_STORED(memory + 101, 'p');
    return check_touched(fd, status);
}

static const char *vfork_child_stores(const char *directory) {
    int fd, status;
    char *memory = fresh(directory, 16, HOLE, &fd);
    pid_t child = vfork();
    if (child == 0) {
        *(volatile char *)(memory + 3 * PAGE) = 'v';
        _exit(0);
    }
    CHECK_OK(waitpid(child, &status, 0));
    CHECK(status == 0, "the child ended with status 0x%x", status);
    CHECK_LOADED(memory + 3 * PAGE, 'v');
    CHECK_FILE(fd, 3 * PAGE, 'v');
    CHECK_STORED(memory + 4 * PAGE, 'p');
    return NULL;
}

struct stripe {
    char *memory;
    int number;
};

static void *store_stripe(void *argument) {
    struct stripe *stripe = argument;
    for (int page = 0; page < 512; page++) {
        for (int at = stripe->number; at < PAGE; at += 512) {
            if (strcmp(try_store(stripe->memory + page * PAGE + at, 1 + stripe->number), "ok") != 0) {
                return "a thread cannot store";
            }
        }
    }
    return NULL;
}

static const char *threads_on_the_same_pages(const char *directory) {
    int fd;
    struct stripe stripes[8];
    pthread_t threads[8];
    char *memory = fresh(directory, 512, HOLE, &fd);
    for (int i = 0; i < 8; i++) {
        stripes[i] = (struct stripe){memory, i};
        pthread_create(&threads[i], NULL, store_stripe, &stripes[i]);
    }
    void *wrong = NULL;
    for (int i = 0; i < 8; i++) {
        void *one = NULL;
        pthread_join(threads[i], &one);
        wrong = one ? one : wrong;
    }
    CHECK(!wrong, "%s", (char *)wrong);
    for (long at = 0; at < 512 * PAGE; at += 512) {
        for (int i = 0; i < 8; i++) {
            CHECK_LOADED(memory + at + i, 1 + i);
        }
    }
    long different = first_difference(fd, memory, 0, 512 * PAGE);
    CHECK(different < 0, "pread differs at page %ld", different);
    return NULL;
}

static const char *descriptor_closed_after_mmap(const char *directory) {
    int fd;
    char *memory = fresh(directory, 16, HOLE, &fd);
    char *path = path_in(directory, "item");
    CHECK_OK(close(fd));
    int other = open("/dev/null", O_RDONLY); /* takes the number */
    CHECK_STORED(memory, 'x');
    CHECK_STORED(memory + 15 * PAGE, 'y');
    close(other);
    int again = must(path, open(path, O_RDONLY));
    CHECK_FILE(again, 0, 'x');
    CHECK_FILE(again, 15 * PAGE, 'y');
    CHECK_OK(munmap(memory, 16 * PAGE));
    return NULL;
}

static const char *descriptor_duplicated(const char *directory) {
    int fd;
    char *memory = fresh(directory, 16, HOLE, &fd);
    int copy = dup(fd), high = fcntl(fd, F_DUPFD_CLOEXEC, 400);
    CHECK_OK(close(fd));
    CHECK_OK(dup2(copy, 401));
    char *second = map_file(high, 16 * PAGE, sync_flags()), *third = map_file(401, 16 * PAGE, sync_flags());
    CHECK_STORED(second + PAGE, 's');
    CHECK_STORED(third + 2 * PAGE, 't');
    CHECK_LOADED(memory + PAGE, 's');
    CHECK_LOADED(memory + 2 * PAGE, 't');
    CHECK_LOADED(second + 2 * PAGE, 't');
    CHECK_FILE(copy, 2 * PAGE, 't');
    return NULL;
}

static int send_descriptor(int socket, int fd) {
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    char byte = 1;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    return sendmsg(socket, &message, 0);
}

static int receive_descriptor(int socket) {
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    char byte;
    int fd = -1;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (recvmsg(socket, &message, 0) == 1 && CMSG_FIRSTHDR(&message)) {
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    }
    return fd;
}

static const char *descriptor_passed_over_a_socket(const char *directory) {
    int sockets[2], fd, status;
    CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
    pid_t child = fork(); /* before the file is open: the child gets it by message only */
    if (child == 0) {
        int got = receive_descriptor(sockets[1]);
        char *memory = mmap(NULL, 16 * PAGE, RW, sync_flags(), got, 0);
        _exit(memory == MAP_FAILED ? 2 : strcmp(try_store(memory + 5 * PAGE, 'm'), "ok") != 0);
    }
    char *memory = fresh(directory, 16, HOLE, &fd);
    CHECK_LOADED(memory + 5 * PAGE, 0);
    CHECK_OK(send_descriptor(sockets[0], fd));
    CHECK_OK(waitpid(child, &status, 0));
    CHECK(status == 0, "the receiver ended with status 0x%x", status);
    CHECK_LOADED(memory + 5 * PAGE, 'm');
    CHECK_FILE(fd, 5 * PAGE, 'm');
    return NULL;
}

static const char *descriptor_reopened_by_proc(const char *directory) {
    int fd;
    char *memory = fresh(directory, 16, HOLE, &fd), path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = must(path, open(path, O_RDWR));
    char *second = map_file(again, 16 * PAGE, sync_flags());
    CHECK_STORED(second, 'q');
    CHECK_LOADED(memory, 'q');
    return NULL;
}

/* 0 if nothing but the program's own descriptor keeps the lock and the pipe of a process that begins to map. */
static int lock_map_close_lock(void *argument) {
    const char *path = argument;
    int ends[2], fd = must(path, open(path, O_RDWR));
    char byte;
    must("pipe", pipe(ends));
    must("flock", flock(fd, LOCK_EX | LOCK_NB));
    char *memory = map_file(fd, 16 * PAGE, sync_flags());
    if (strcmp(try_store(memory, 'l'), "ok") != 0) {
        return 2;
    }
    munmap(memory, 16 * PAGE);
    close(fd);
    close(ends[1]);
    must("O_NONBLOCK", fcntl(ends[0], F_SETFL, O_NONBLOCK));
    fd = must(path, open(path, O_RDWR));
    return flock(fd, LOCK_EX | LOCK_NB) < 0 || read(ends[0], &byte, 1) != 0;
}

static const char *lock_goes_with_the_descriptor(const char *directory) {
    char *path = path_in(directory, "item");
    int fd = create_file(path);
    must("ftruncate", ftruncate(fd, 16 * PAGE));
    close(fd);
    for (int i = 0; i < 50; i++) {
        int end = in_child(lock_map_close_lock, path);
        CHECK(end == 0, "process %d: a lock or a pipe outlives its descriptor: %d", i, end);
    }
    return NULL;
}

const struct item process_items[] = {
    {"lock-goes-with-the-descriptor", lock_goes_with_the_descriptor},
    {"fork-child-stores", fork_child_stores},
    {"fork-parent-stores", fork_parent_stores},
    {"fork-grandchild-stores", fork_grandchild_stores},
    {"fork-while-threads-store", fork_while_threads_store},
    {"exec-maps-again", exec_maps_again},
    {"vfork-then-exec", vfork_then_exec},
    {"vfork-child-stores", vfork_child_stores},
    {"spawn-maps-again", spawn_maps_again},
    {"threads-on-the-same-pages", threads_on_the_same_pages},
    {"descriptor-closed-after-mmap", descriptor_closed_after_mmap},
    {"descriptor-duplicated", descriptor_duplicated},
    {"descriptor-passed-over-a-socket", descriptor_passed_over_a_socket},
    {"descriptor-reopened-by-proc", descriptor_reopened_by_proc},
    {NULL, NULL},
};
