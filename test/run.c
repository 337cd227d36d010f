/* SPDX-License-Identifier: Apache-2.0 */

/* The test program: finds the registered tests, runs them in parallel, prints
 * TAP and a last line with the sums. `make check` and people call it. */
#include "test_case.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SHOWN_MAX = 96 * 1024 /* bytes of a failed test's output */
};

static test_case_t *tests;
static int test_count, test_size;
static int passed, failed, skipped;

const char *test_product_dir = TEST_OUTDIR;
const char *test_loader_dir = TEST_SRCDIR "/loaders";

/* "a/b/scoreboard_test.c" -> "scoreboard" */
static char *make_id(const char *file, const char *name)
{
    const char *base = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
    const char *end = strstr(base, "_test.c");
    char *id = NULL;

    if (asprintf(&id, "%.*s/%s", (int)(end ? end - base : (int)strlen(base)),
                 base, name)
        < 0) {
        abort();
    }
    return id;
}

void test_register(const char *file, const char *name, test_fn fn, int seconds)
{
    if (test_count == test_size) {
        test_size = test_size * 2 + 64;
        tests = realloc(tests, sizeof(*tests) * (size_t)test_size);
        if (!tests) {
            abort();
        }
    }
    tests[test_count++] = (test_case_t){
        .id = make_id(file, name),
        .fn = fn,
        .seconds = seconds,
    };
}

/* Those that may take long start first, so that none of them is last. */
static int compare(const void *left, const void *right)
{
    const test_case_t *a = left, *b = right;

    return a->seconds != b->seconds ? b->seconds - a->seconds
                                    : strcmp(a->id, b->id);
}

/* Tests of the noun "selftest" are for harness_test.c, which names them. */
static int matches(const char *id, char **patterns)
{
    if (!*patterns) {
        return strncmp(id, "selftest/", 9) != 0;
    }
    for (; *patterns; patterns++) {
        if (strstr(id, *patterns) || fnmatch(*patterns, id, 0) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Whether every user may pass through all folders above and including path. */
static int is_reachable(const char *path)
{
    char *part = strdup(path);
    char *slash = part + strlen(part);
    struct stat info;
    int ok = 1;

    while (ok && slash > part) {
        *slash = 0;
        ok = stat(part, &info) == 0 && (info.st_mode & S_IXOTH);
        slash = strrchr(part, '/');
    }
    free(part);
    return ok;
}

/* Earlier runs left the folders of failed tests; they were looked at. */
static void remove_old_runs(const char *parent)
{
    DIR *folder = opendir(parent);
    struct dirent *entry;

    while (folder && (entry = readdir(folder)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        char *command;

        if (pid > 1 && kill(pid, 0) != 0 && errno == ESRCH
            && asprintf(&command, "rm -rf '%s/%d'", parent, (int)pid) > 0) {
            if (system(command) != 0) {
                printf("# cannot remove %s/%d\n", parent, (int)pid);
            }
            free(command);
        }
    }
    if (folder) {
        closedir(folder);
    }
}

static int is_closed(void)
{
    return getuid() == 0
           && !(is_reachable(TEST_OUTDIR) && is_reachable(TEST_SRCDIR));
}

/* Below root's home, say. */
static void copy_products(void)
{
    char *command;

    if (asprintf(&command,
                 "cd '%s' && mkdir products && cp -r '%s/loaders'"
                 " '%s/passenger-agent' '%s/mod_passenger.so' products"
                 " && chmod -R a+rX products",
                 test_base_dir, TEST_SRCDIR, TEST_OUTDIR, TEST_OUTDIR)
            < 0
        || system(command) != 0
        || asprintf((char **)&test_product_dir, "%s/products", test_base_dir)
               < 0
        || asprintf((char **)&test_loader_dir, "%s/loaders", test_product_dir)
               < 0) {
        fprintf(stderr, "cannot copy what is tested to '%s'\n", test_base_dir);
        exit(1);
    }
    free(command);
}

static void remove_products(void)
{
    char *command;

    if (strcmp(test_product_dir, TEST_OUTDIR) != 0
        && asprintf(&command, "rm -rf '%s'", test_product_dir) > 0) {
        if (system(command) != 0) {
            printf("# cannot remove %s\n", test_product_dir);
        }
        free(command);
    }
}

/* Not below the sources: other users run servers and apps there, and socket
 * addresses hold 107 bytes, however long the name of the sources' folder is. */
static void make_base_dir(void)
{
    char *parent = NULL, *path = NULL;
    struct stat st;

    umask(022);
    if (asprintf(&parent, "/tmp/psg-test-%d", (int)getuid()) < 0) {
        abort();
    }
    mkdir(parent, 0755);
    if (lstat(parent, &st) != 0 || !S_ISDIR(st.st_mode)
        || st.st_uid != getuid()) {
        fprintf(stderr, "'%s' is not a folder of ours; remove it\n", parent);
        exit(1);
    }
    remove_old_runs(parent);
    if (asprintf(&path, "%s/%d", parent, (int)getpid()) < 0
        || mkdir(path, 0755) != 0) {
        fprintf(stderr, "cannot make '%s': %s\n", path, strerror(errno));
        exit(1);
    }
    test_base_dir = path;
    if (is_closed()) {
        copy_products();
    }
}

static void start(test_case_t *test)
{
    test->output = memfd_create(test->id, MFD_CLOEXEC);
    test->report = mmap(NULL, sizeof(*test->report), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    test->started = test_now();
    test->supervisor = test->output < 0 || test->report == MAP_FAILED
                           ? -1
                           : test_supervisor_start(test);
    if (test->supervisor < 0) {
        perror("cannot start a test");
        exit(1);
    }
}

/* TAP wants comments to begin with '#'. */
static void show_output(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    off_t from = size > SHOWN_MAX ? size - SHOWN_MAX : 0;
    char *text = calloc(1, SHOWN_MAX + 1);
    char *line, *rest = text;

    if (text && pread(fd, text, SHOWN_MAX, from) > 0) {
        while ((line = strsep(&rest, "\n")) != NULL) {
            if (*line || rest) {
                printf("# %s\n", line);
            }
        }
    }
    free(text);
}

static void report(test_case_t *test, int status, int number)
{
    int verdict = WIFEXITED(status) ? WEXITSTATUS(status) : TEST_FAILED;
    int ms = (int)((test_now() - test->started) * 1000);

    if (verdict == TEST_PASSED) {
        passed++;
        printf("ok %d - %s # %d ms\n", number, test->id, ms);
    }
    else if (verdict == TEST_SKIPPED) {
        skipped++;
        printf("ok %d - %s # SKIP %s\n", number, test->id,
               test->report->skip_reason);
    }
    else {
        failed++;
        printf("not ok %d - %s # %d ms\n", number, test->id, ms);
        show_output(test->output);
    }
    fflush(stdout);
    close(test->output);
    munmap(test->report, sizeof(*test->report));
    test->supervisor = 0;
}

static test_case_t *find_by_supervisor(pid_t pid)
{
    int i;

    for (i = 0; i < test_count; i++) {
        if (tests[i].supervisor == pid) {
            return &tests[i];
        }
    }
    return NULL;
}

static void run_selected(int jobs)
{
    int next = 0, active = 0, number = 0, status;

    for (;;) {
        test_case_t *test;
        pid_t pid;

        while (active < jobs && next < test_count) {
            if (tests[next].selected) {
                start(&tests[next]);
                active++;
            }
            next++;
        }
        if (active == 0) {
            return;
        }
        pid = waitpid(-1, &status, 0);
        test = pid > 0 ? find_by_supervisor(pid) : NULL;
        if (test) {
            report(test, status, ++number);
            active--;
        }
    }
}

/* Marks what the command line names; returns how many. */
static int select_tests(char **patterns, int list)
{
    int i, count = 0;

    qsort(tests, (size_t)test_count, sizeof(*tests), compare);
    for (i = 0; i < test_count; i++) {
        tests[i].selected = matches(tests[i].id, patterns);
        count += tests[i].selected;
        if (list && tests[i].selected) {
            printf("%s\n", tests[i].id);
        }
    }
    return count;
}

/* Frameworks come from Debian's packages, so do the interpreters that see them,
 * whatever else the developer's PATH has. */
static void prefer_packages(void)
{
    const char *path = getenv("PATH");
    char *preferred = NULL;

    if (asprintf(&preferred, "/usr/bin:/bin:%s", path ? path : "") > 0) {
        setenv("PATH", preferred, 1);
        free(preferred);
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"jobs", required_argument, NULL, 'j'},
        {"list", no_argument, NULL, 'l'},
        {NULL, 0, NULL, 0},
    };
    int jobs = (int)sysconf(_SC_NPROCESSORS_ONLN) * 2;
    int list = 0, option, count;

    prefer_packages();
    while ((option = getopt_long(argc, argv, "j:l", options, NULL)) != -1) {
        if (option == 'j') {
            jobs = atoi(optarg);
        }
        else if (option == 'l') {
            list = 1;
        }
        else {
            fprintf(stderr, "usage: %s [-j JOBS] [--list] [NAME...]\n",
                    argv[0]);
            return 2;
        }
    }
    count = select_tests(argv + optind, list);
    if (list) {
        return 0;
    }
    make_base_dir();
    printf("1..%d\n", count);
    run_selected(jobs > 0 ? jobs : 1);
    remove_products();
    if (rmdir(test_base_dir) != 0) {
        printf("# folders of failed tests: %s\n", test_base_dir);
    }
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed > 0 || count == 0;
}
