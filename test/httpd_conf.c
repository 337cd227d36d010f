/* SPDX-License-Identifier: Apache-2.0 */

/* Writes what httpd reads: configuration and certificate. Only httpd_server.c
 * calls it. */
#include "httpd_parts.h"

#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_strings.h>

#include "test.h"

/* Few children and threads show blocking best, and are started fast. */
static const char mpm_config[] = "StartServers 2\n"
                                 "ServerLimit 4\n"
                                 "MaxRequestWorkers 64\n"
                                 "<IfModule mpm_prefork_module>\n"
                                 "  ServerLimit 64\n"
                                 "</IfModule>\n"
                                 "<IfModule !mpm_prefork_module>\n"
                                 "  ThreadsPerChild 16\n"
                                 "  MinSpareThreads 16\n"
                                 "  MaxSpareThreads 64\n"
                                 "</IfModule>\n"
                                 "GracefulShutdownTimeout 5\n";

const char *httpd_user(void)
{
    static const char *const names[] = {"www-data", "apache", "daemon"};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (getpwnam(names[i])) {
            return names[i];
        }
    }
    return "nobody";
}

/* The group has the user's name wherever the user is of the list above. */
static const char *user_config(void)
{
    const char *user = httpd_user();

    return getuid() == 0 ? test_format("User %s\nGroup %s\n", user, user) : "";
}

/* Some builds of httpd have some modules built in. */
static const char *load_modules(const char *names)
{
    char *list = apr_pstrdup(test_pool(), names ? names : "");
    char *last = NULL, *name = apr_strtok(list, " ", &last);
    const char *config = "";

    for (; name; name = apr_strtok(NULL, " ", &last)) {
        config = test_format("%s<IfModule !%s_module>\n"
                             "  LoadModule %s_module \"%s/mod_%s.so\"\n"
                             "</IfModule>\n",
                             config, name, name, TEST_HTTPD_MODULES, name);
    }
    return config;
}

static const char *tls_config(const httpd_t *httpd)
{
    const char *dir = test_dir();

    return test_format("Listen 127.0.0.1:%d\n"
                       "<VirtualHost 127.0.0.1:%d>\n"
                       "  SSLEngine on\n"
                       "  SSLCertificateFile \"%s/cert.pem\"\n"
                       "  SSLCertificateKeyFile \"%s/key.pem\"\n"
                       "  Include \"%s/vhost.conf\"\n"
                       "</VirtualHost>\n",
                       httpd->tls_port, httpd->tls_port, dir, dir, dir);
}

static void write_vhost(const httpd_t *httpd, const httpd_config_t *config)
{
    test_file("vhost.conf",
              test_format("ServerName 127.0.0.1\n"
                          "DocumentRoot \"%s\"\n"
                          "<Directory \"%s\">\n"
                          "  Require all granted\n"
                          "</Directory>\n"
                          "%s\n",
                          httpd->document_root, httpd->document_root,
                          config->vhost_config ? config->vhost_config : ""));
}

static const char *main_config(const httpd_t *httpd)
{
    return test_format("ServerRoot \"%s\"\n"
                       "ServerName 127.0.0.1\n"
                       "DefaultRuntimeDir \"%s\"\n"
                       "PidFile \"%s/httpd.pid\"\n"
                       "ErrorLog \"%s\"\n"
                       "LogLevel info passenger:debug\n"
                       "Listen 127.0.0.1:%d\n"
                       "%s%s",
                       test_dir(), httpd->run_dir, httpd->run_dir,
                       httpd->error_log, httpd->port, user_config(),
                       mpm_config);
}

static void write_main(const httpd_t *httpd, const httpd_config_t *config)
{
    const char *mpm = config->mpm ? config->mpm : "event";
    const char *modules = test_format(
        "mpm_%s authz_core mime dir %s %s %s", mpm,
        config->tls ? "socache_shmcb ssl" : "", config->http2 ? "http2" : "",
        config->modules ? config->modules : "");

    test_file(
        "httpd.conf",
        test_format("%sLoadModule passenger_module \"%s/mod_passenger.so\"\n"
                    "%sTypesConfig /dev/null\n"
                    "AddType text/html .html\n"
                    "AddType text/plain .txt\n"
                    "DirectoryIndex disabled\n"
                    "%s"
                    "PassengerLogLevel 5\n"
                    "%s\n"
                    "<VirtualHost 127.0.0.1:%d>\n"
                    "  Include \"%s/vhost.conf\"\n"
                    "</VirtualHost>\n"
                    "%s",
                    load_modules(modules), test_product_dir, main_config(httpd),
                    config->http2 ? "Protocols h2 h2c http/1.1\n" : "",
                    config->server_config ? config->server_config : "",
                    httpd->port, test_dir(),
                    config->tls ? tls_config(httpd) : ""));
}

static void make_certificate(void)
{
    const char *output;

    if (test_exists(test_format("%s/key.pem", test_dir()))) {
        return;
    }
    if (test_shell(&output,
                   "cd '%s' && openssl req -x509 -newkey rsa:2048 -nodes "
                   "-keyout key.pem -out cert.pem -days 2 -subj /CN=127.0.0.1",
                   test_dir())
        != 0) {
        FAIL("openssl: %s", output);
    }
}

void httpd_parts_prepare(const httpd_t *httpd, const httpd_config_t *config)
{
    mkdir(httpd->run_dir, 0755);
    if (!config->document_root) {
        mkdir(test_format("%s/www", test_dir()), 0755);
        mkdir(httpd->document_root, 0755);
    }
    if (config->tls) {
        make_certificate();
    }
    write_vhost(httpd, config);
    write_main(httpd, config);
}

const char *httpd_parts_conf(void)
{
    return test_format("%s/httpd.conf", test_dir());
}
