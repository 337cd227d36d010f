/* SPDX-License-Identifier: Apache-2.0 */

/* See path_race.h. psgalice's app is at /, psgbob's at /0, /1, ...: each of
 * these is a group of its own, so that there is always one to be started. */
#include "path_race.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "tenants.h"
#include "test.h"

enum {
    GROUPS = 300,
    AT_ONCE = 4,
    LINKS_MAX = 4,
};

/* What is swapped, below psgbob's folder "bob", and for what. `config` is for
 * each of psgbob's places. */
typedef struct {
    const char *name;
    const char *path;   /* psgbob's own, when the race begins */
    const char *alices; /* a path below the test's folder: a link leads there */
    const char *roots;  /* likewise, or NULL */
    const char *app_root, *config;
    const char *url; /* if not one for each group */
} surface_t;

static const surface_t surfaces[] = {
    {"startup file", "app/passenger_wsgi.py", "www/passenger_wsgi.py",
     "root/passenger_wsgi.py", "bob/app", "", NULL},
    {"folder of the startup file", "app/code", "www", "root", "bob/app",
     "PassengerAppType wsgi\n"
     "PassengerStartupFile code/passenger_wsgi.py\n",
     NULL},
    {"app root", "app", "www", "root", "bob/app", "", NULL},
    {"folder above the app root", "above", "", "root", "bob/above/www", "",
     NULL},
    {"restart.txt", "app/tmp/restart.txt", "www/tmp/restart.txt", "root/file",
     "bob/app", "", NULL},
    {"folder of restart.txt", "app/tmp", "www/tmp", "root", "bob/app", "",
     NULL},
    {"log file", "app/app.log", "www/app.log", "root/file", "bob/app",
     "PassengerAppLogFile app.log\n", NULL},
    {"environment file", "app/.env", "www/.env", "root/file", "bob/app",
     "PassengerEnvFile .env\n", NULL},
    {".htaccess", "public/.htaccess", "www/place/.htaccess", "root/.htaccess",
     "bob/app", "", "/place/x"},
};

static const surface_t *find(const char *name)
{
    for (size_t i = 0; i < sizeof(surfaces) / sizeof(surfaces[0]); i++) {
        if (strcmp(surfaces[i].name, name) == 0) {
            return &surfaces[i];
        }
    }
    FAIL("there is no surface '%s'", name);
}

/* The app says whose code it is, and as whom it runs. */
static void write_app(const char *folder, const char *whose)
{
    test_file(test_format("%s/passenger_wsgi.py", folder),
              test_format("import os, sys\n"
                          "def application(environ, start_response):\n"
                          "    start_response('200 OK', [])\n"
                          "    print('code of %s', file=sys.stderr)\n"
                          "    return [('code of %s, user %%d, %%s' %% "
                          "(os.getuid(),\n"
                          "        os.environ.get('SECRET'))).encode()]\n",
                          whose, whose));
}

static void write_rest(const char *folder, const char *whose)
{
    write_app(folder, whose);
    test_file(test_format("%s/.env", folder),
              test_format("SECRET=secret of %s\n", whose));
    test_file(test_format("%s/file", folder),
              test_format("SECRET=secret of %s\n", whose));
    test_file(test_format("%s/app.log", folder), "");
    test_file(test_format("%s/tmp/restart.txt", folder), "");
}

static void write_all(void)
{
    write_rest("www", "alice");
    write_rest("root", "root");
    write_rest("bob/app", "bob");
    write_app("bob/app/code", "bob");
    write_app("bob/above/www", "bob");
    test_file("www/place/.htaccess",
              test_format("PassengerAppRoot \"%s/www\"\n", test_dir()));
    test_file("root/.htaccess",
              test_format("PassengerAppRoot \"%s/www\"\n", test_dir()));
    test_file("bob/public/.htaccess",
              test_format("PassengerAppRoot \"%s/bob/app\"\n", test_dir()));
    test_shell(NULL,
               "cd '%s' && chown -R psgalice:psgalice www && "
               "chown -R psgbob:psgbob bob && "
               "chmod 600 www/.env www/file www/app.log root/.env root/file "
               "root/app.log bob/app/.env && chmod 700 www/tmp",
               test_dir());
}

/* The links psgbob swaps it for: symbolic ones; to files also hard ones, which
 * he can make where fs.protected_hardlinks is off. */
static void make_links(const surface_t *surface)
{
    CHECK_INT(test_shell(NULL,
                         "cd '%s' && ln -s '%s/%s' bob/link1 && "
                         "ln -s '%s/%s' bob/link2 && "
                         "chown -h psgbob bob/link1 bob/link2 && "
                         "if [ -f './%s' ]; then ln '%s' bob/link3 && "
                         "ln '%s' bob/link4; fi",
                         test_dir(), test_dir(), surface->alices, test_dir(),
                         surface->roots, surface->alices, surface->alices,
                         surface->roots),
              0);
}

static httpd_t *serve(const surface_t *surface)
{
    const char *uris = "";
    int i;

    for (i = 0; i < GROUPS; i++) {
        uris = test_format("%s<Location /%d>\nPassengerBaseURI /%d\n"
                           "PassengerAppRoot \"%s/%s\"\n%s</Location>\n",
                           uris, i, i, test_dir(), surface->app_root,
                           surface->config);
    }
    return httpd_start(&(httpd_config_t){
        .modules = "alias",
        .server_config = "PassengerMaxPoolSize 12\nPassengerMaxRequests 1\n"
                         "PassengerLoadShellEnvvars off\n",
        .vhost_config =
            test_format("Alias /place \"%s/bob/public\"\n"
                        "<Directory \"%s/bob/public\">\nAllowOverride All\n"
                        "Require all granted\n</Directory>\n"
                        "<Location /alice>\nPassengerMaxRequests 0\n"
                        "PassengerMinInstances 1\nPassengerBaseURI /alice\n"
                        "PassengerAppRoot \"%s/www\"\n</Location>\n%s",
                        test_dir(), test_dir(), test_dir(), uris)});
}

/* Does not return. The links are in turn. */
static void swap(const surface_t *surface, long *swaps)
{
    const char *path = test_format("%s/bob/%s", test_dir(), surface->path);
    const char *links[LINKS_MAX];
    long count = 0;

    while (count < LINKS_MAX) {
        links[count] = test_format("%s/bob/link%ld", test_dir(), count + 1);
        if (!test_exists(links[count])) {
            break;
        }
        count++;
    }
    CHECK(count > 0);
    if (setgid(TENANT_BOB) != 0 || setuid(TENANT_BOB) != 0
        || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        _exit(1);
    }
    for (long i = 0;; i++) {
        /* There and back. */
        if (renameat2(AT_FDCWD, path, AT_FDCWD, links[i / 2 % count],
                      RENAME_EXCHANGE)
            != 0) {
            perror("renameat2");
            _exit(1);
        }
        __atomic_store_n(swaps, i, __ATOMIC_RELAXED);
    }
}

static pid_t start_swapping(const surface_t *surface, long **swaps)
{
    pid_t pid;

    *swaps = mmap(NULL, sizeof(**swaps), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(*swaps != MAP_FAILED);
    fflush(NULL);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        swap(surface, *swaps);
    }
    return pid;
}

static void judge(path_race_t *race, const http_response_t *answer)
{
    if (strstr(answer->body, "secret of alice")
        || strstr(answer->body, "secret of root")) {
        FAIL("a secret was shown: %s", answer->body);
    }
    if (answer->status != 200) {
        CHECK(answer->status >= 500);
        race->refused++;
        return;
    }
    if (!strstr(answer->body, test_format("user %d,", TENANT_BOB))) {
        FAIL("it did not run as psgbob: %s", answer->body);
    }
    race->served++;
}

static void ask(path_race_t *race, const httpd_t *httpd,
                const surface_t *surface)
{
    static int next;
    http_running_t *running[AT_ONCE];
    int i;

    for (i = 0; i < AT_ONCE; i++) {
        const char *url =
            surface->url ? test_format("%s%s", httpd->url, surface->url)
                         : test_format("%s/%d/", httpd->url, next++ % GROUPS);

        running[i] = http_begin(&(http_request_t){.url = url});
    }
    for (i = 0; i < AT_ONCE; i++) {
        judge(race, http_end(running[i]));
    }
}

/* What must stay as it is: all that is psgalice's and root's. psgbob's renames
 * of a hard link change when the file's status was changed, and no more. */
static const char *state_of_others(void)
{
    const char *state;

    test_shell(&state,
               "cd '%s' && find www root ! -path '*__pycache__*' -printf "
               "'%%p %%U %%G %%m %%y %%s %%T@ %%n ' '(' -type f -links +1 "
               "-printf '\\n' -o -printf '%%C@\\n' ')' | sort && cat root/file "
               "www/file "
               "root/app.log www/app.log",
               test_dir());
    return state;
}

enum {
    LONGER = 8 /* seconds */
};

path_race_t path_race_run(const char *name, double seconds)
{
    const surface_t *surface = find(name);
    path_race_t race = {0};
    const char *before, *alice;
    double end;
    httpd_t *httpd;
    long *swaps;
    pid_t pid;

    tenants_create();
    app_require("python3");
    write_all();
    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    httpd = serve(surface);
    make_links(surface);
    alice = http_get_body(200, "%s/alice/", httpd->url);
    CHECK_CONTAINS(alice, test_format("user %d,", TENANT_ALICE));
    before = state_of_others();
    pid = start_swapping(surface, &swaps);
    /* By chance each start may meet the wrong folder: then it goes on. */
    for (end = test_now() + seconds;
         test_now() < end || (race.served == 0 && test_now() < end + LONGER);) {
        ask(&race, httpd, surface);
    }
    CHECK_INT(waitpid(pid, NULL, WNOHANG), 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    race.swaps = *swaps;
    CHECK_STR(state_of_others(), before);
    CHECK_STR(http_get_body(200, "%s/alice/", httpd->url), alice);
    CHECK_LACKS(httpd_log(httpd), "secret of");
    CHECK_LACKS(httpd_log(httpd), test_format("%s/www': restarts", test_dir()));
    return race;
}
