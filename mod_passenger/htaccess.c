/* SPDX-License-Identifier: Apache-2.0 */

/* Reads .htaccess files. Called by config.c while httpd reads one, for each
 * request anew, and by request_map.c. */
#include "htaccess.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_hash.h>
#include <apr_portable.h>
#include <apr_strings.h>
#include <http_config.h>
#include <http_log.h>
#include <httpd.h>

APLOG_USE_MODULE(passenger);

enum {
    TOLD_MAX = 512,        /* lines that are remembered as logged */
    TELL_AGAIN = 60000000, /* microseconds */
    NOBODY = -1
};

int psg_htaccess_is_one(const cmd_parms *cmd)
{
    return cmd->pool == cmd->temp_pool;
}

/* How httpd closes a file of its configuration: by that they are known. */
static int (*close_of_files(apr_pool_t *pool))(void *)
{
    static int (*known)(void *);
    int (*found)(void *) = __atomic_load_n(&known, __ATOMIC_RELAXED);
    ap_configfile_t *sample;

    if (!found && ap_pcfg_openfile(&sample, pool, "/dev/null") == APR_SUCCESS) {
        found = sample->close;
        __atomic_store_n(&known, found, __ATOMIC_RELAXED);
        ap_cfg_closefile(sample);
    }
    return found;
}

/* The file httpd has open, not what its name means by now. Other modules may
 * read from elsewhere; then nobody is known to have written it. */
static int open_file_of(const cmd_parms *cmd)
{
    const ap_configfile_t *source = cmd->config_file;
    apr_os_file_t fd;

    if (!source || !source->close
        || (void *)source->close != (void *)close_of_files(cmd->temp_pool)
        || apr_os_file_get(&fd, source->param) != APR_SUCCESS) {
        return NOBODY;
    }
    return fd;
}

/* Whether somebody else than the file's owner may have given it that name. Root
 * may write into all folders, but what is root's has one name. */
static int may_be_hard_link(const char *file, const struct stat *info,
                            apr_pool_t *pool)
{
    struct stat folder;

    if (stat(ap_make_dirstr_parent(pool, file), &folder) != 0) {
        return 1;
    }
    return folder.st_uid != 0 && folder.st_uid != geteuid()
           && folder.st_uid != info->st_uid
           && (info->st_uid != 0 || info->st_nlink > 1);
}

/* Who wrote it. A link in a tenant's folder to somebody else's file would make
 * the tenant speak with that voice. */
static void find_owner(psg_htaccess_t *htaccess, const cmd_parms *cmd)
{
    struct stat opened, named;
    int fd = open_file_of(cmd);

    if (fd == NOBODY || fstat(fd, &opened) != 0) {
        htaccess->untrusted = "it is not known who wrote it";
    }
    else if (lstat(htaccess->file, &named) != 0 || named.st_ino != opened.st_ino
             || named.st_dev != opened.st_dev) {
        htaccess->untrusted = "it is a link, or it was changed just now";
    }
    else if (may_be_hard_link(htaccess->file, &opened, cmd->temp_pool)) {
        htaccess->untrusted = "it is in a folder of another user than its "
                              "owner, so it may be a hard link";
    }
    else {
        htaccess->owner = opened.st_uid;
    }
}

static psg_htaccess_t *get(psg_dir_config_t *config, const cmd_parms *cmd)
{
    psg_htaccess_t *made;

    if (!config->htaccess) {
        made = apr_pcalloc(cmd->pool, sizeof(*made));
        made->file = apr_pstrdup(cmd->pool, cmd->config_file->name);
        made->problems = apr_array_make(cmd->pool, 2, sizeof(const char *));
        made->said = *psg_options_defaults();
        find_owner(made, cmd);
        config->htaccess = made;
    }
    return (psg_htaccess_t *)config->htaccess; /* ours until it is merged */
}

void psg_htaccess_complain(psg_dir_config_t *config, cmd_parms *cmd,
                           const char *problem)
{
    psg_htaccess_t *htaccess = get(config, cmd);

    APR_ARRAY_PUSH(htaccess->problems, const char *) =
        apr_psprintf(cmd->pool, "%s, line %d: %s", htaccess->file,
                     cmd->directive->line_num, problem);
}

const char *psg_htaccess_set(psg_dir_config_t *config, cmd_parms *cmd,
                             psg_option_e i, const char *text)
{
    const char *problem = psg_dir_config_objection(i, text, cmd->pool);
    psg_htaccess_t *htaccess;

    if (problem) {
        return problem;
    }
    htaccess = get(config, cmd);
    htaccess->line[i] = cmd->directive->line_num;
    return psg_options_set(&htaccess->said, i, text, cmd->pool);
}

const char *psg_htaccess_check(const psg_dir_config_t *config, apr_uid_t uid,
                               apr_pool_t *pool)
{
    const psg_htaccess_t *htaccess = config->htaccess;

    if (!htaccess) {
        return NULL;
    }
    if (htaccess->untrusted) {
        return apr_psprintf(pool, "'%s' cannot count: %s", htaccess->file,
                            htaccess->untrusted);
    }
    if (htaccess->owner == 0 || htaccess->owner == uid) {
        return NULL;
    }
    return apr_psprintf(pool,
                        "'%s' belongs to user %lu, but the app would run as "
                        "user %lu: a .htaccess counts for apps of its owner "
                        "only",
                        htaccess->file, (unsigned long)htaccess->owner,
                        (unsigned long)uid);
}

/* Whether the log was not told of this text within the last minute. httpd reads
 * a .htaccess for every request. */
static int is_news(const char *text)
{
    static struct {
        unsigned hash;
        uint64_t again;
    } told[TOLD_MAX];
    apr_ssize_t len = APR_HASH_KEY_STRING;
    unsigned hash = apr_hashfunc_default(text, &len);
    uint64_t now = psg_now();
    uint64_t again =
        __atomic_load_n(&told[hash % TOLD_MAX].again, __ATOMIC_RELAXED);

    if (__atomic_load_n(&told[hash % TOLD_MAX].hash, __ATOMIC_RELAXED) == hash
        && now < again) {
        return 0;
    }
    __atomic_store_n(&told[hash % TOLD_MAX].hash, hash, __ATOMIC_RELAXED);
    __atomic_store_n(&told[hash % TOLD_MAX].again, now + TELL_AGAIN,
                     __ATOMIC_RELAXED);
    return 1;
}

void psg_htaccess_explain(cmd_parms *cmd, const char *why)
{
    const char *text = apr_psprintf(
        cmd->pool, "%s does nothing here: %s (line %d of %s)", cmd->cmd->name,
        why, cmd->directive->line_num, cmd->config_file->name);

    if (is_news(text)) {
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, cmd->server, "PSG0046: %s",
                     text);
    }
}

static void tell(request_rec *r, const char *problem)
{
    if (is_news(problem)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "PSG0027: %s; the line counts for nothing", problem);
    }
}

const psg_options_t *psg_htaccess_apply(request_rec *r,
                                        const psg_dir_config_t *config)
{
    const psg_htaccess_t *htaccess = config->htaccess;
    apr_array_header_t *problems;
    const psg_options_t *options;

    if (!htaccess) {
        return &config->options;
    }
    problems = apr_array_copy(r->pool, htaccess->problems);
    options = psg_dir_config_weigh(config, problems, r->pool);
    for (int i = 0; i < problems->nelts; i++) {
        tell(r, APR_ARRAY_IDX(problems, i, const char *));
    }
    return options;
}
