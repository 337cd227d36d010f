/* SPDX-License-Identifier: Apache-2.0 */

/* What a test is written with. Every TEST() registers itself and runs in a
 * process of its own, with a deadline; run.c starts them, several at a time. */
#ifndef TEST_H
#define TEST_H

#include <apr_pools.h>

typedef void (*test_fn)(void);
typedef void (*test_cleanup_fn)(void *data);

enum {
    TEST_DEADLINE_DEFAULT = 30, /* seconds */
    TEST_WAIT_DEFAULT = 10,     /* seconds WAIT_UNTIL waits */
};

/* TEST(name) { CHECK_INT(1 + 1, 2); }  The name is the promise. */
#define TEST(name) TEST_DEADLINE(name, TEST_DEADLINE_DEFAULT)

#define TEST_DEADLINE(name, seconds)                               \
    static void test_##name(void);                                 \
    __attribute__((constructor)) static void register_##name(void) \
    {                                                              \
        test_register(__BASE_FILE__, #name, test_##name, seconds); \
    }                                                              \
    static void test_##name(void)

/* Each ends the test if it does not hold. */
#define CHECK(condition)   \
    ((condition) ? (void)0 \
                 : test_fail(__FILE__, __LINE__, "not true: %s", #condition))
#define CHECK_INT(actual, expected)                                  \
    test_check_int(__FILE__, __LINE__, #actual, (long long)(actual), \
                   (long long)(expected))
#define CHECK_STR(actual, expected) \
    test_check_str(__FILE__, __LINE__, #actual, actual, expected)
#define CHECK_CONTAINS(haystack, needle) \
    test_check_contains(__FILE__, __LINE__, #haystack, haystack, needle, 1)
#define CHECK_LACKS(haystack, needle) \
    test_check_contains(__FILE__, __LINE__, #haystack, haystack, needle, 0)
#define FAIL(...) test_fail(__FILE__, __LINE__, __VA_ARGS__)

/* Waits for a condition that another process makes true. */
#define WAIT_UNTIL(condition) WAIT_UNTIL_FOR(condition, TEST_WAIT_DEFAULT)
#define WAIT_UNTIL_FOR(condition, seconds)                                 \
    for (double wait_end_ = test_now() + (seconds)*test_deadline_factor(); \
         !(condition);                                                     \
         test_wait_more(__FILE__, __LINE__, #condition, wait_end_)) {      \
    }

/* Ends the test; it counts as skipped. */
#define SKIP(...) test_skip(__VA_ARGS__)

/* A pool that lives as long as the test. */
apr_pool_t *test_pool(void);

/* "noun/promise" of the running test. */
const char *test_name(void);

/* This test's own folder: absolute, empty at first, 0755, every user may reach
 * it; removed if the test passes. */
const char *test_dir(void);

/* What is tested: the folder of mod_passenger.so and passenger-agent, and the
 * loaders'. Every user may read them there. */
extern const char *test_product_dir;
extern const char *test_loader_dir;

/* Makes file `name` below test_dir(), with the folders on the way; returns its
 * absolute path. */
const char *test_file(const char *name, const char *content);
/* The whole file as a string, "" if there is none. */
const char *test_read(const char *path);
int test_exists(const char *path);
/* printf into the test's pool. */
const char *test_format(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Runs a command (a shell line) and returns its exit status; what it prints is
 * put into *output if output is not NULL. */
int test_shell(const char **output, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Calls fn(data) when the test ends, however it ends but by a signal; last
 * registered first. */
void test_defer(test_cleanup_fn fn, void *data);
/* Inside of a test_defer function: whether the test failed. */
int test_has_failed(void);

/* Seconds of a clock that never jumps. */
double test_now(void);
/* A few milliseconds, for loops that wait for a condition. */
void test_pause(void);
/* TEST_DEADLINE_FACTOR: how much slower than usual things are (sanitizers). */
double test_deadline_factor(void);

/* What the macros above expand to. */
void test_register(const char *file, const char *name, test_fn fn, int seconds);
__attribute__((noreturn, format(printf, 3, 4))) void
test_fail(const char *file, int line, const char *format, ...);
__attribute__((noreturn, format(printf, 1, 2))) void
test_skip(const char *format, ...);
void test_wait_more(const char *file, int line, const char *what, double end);
void test_check_int(const char *file, int line, const char *what,
                    long long actual, long long expected);
void test_check_str(const char *file, int line, const char *what,
                    const char *actual, const char *expected);
void test_check_contains(const char *file, int line, const char *what,
                         const char *haystack, const char *needle, int wanted);

#endif
