/* SPDX-License-Identifier: Apache-2.0 */

/* Weighs what .htaccess files say. Called by config.c while httpd reads one,
 * for each request anew, and by request_map.c. */
#include "htaccess.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_fnmatch.h>
#include <apr_hash.h>
#include <apr_portable.h>
#include <apr_strings.h>
#include <http_config.h>
#include <http_log.h>

APLOG_USE_MODULE(passenger);

enum {
    TOLD_MAX = 512,        /* lines that are remembered as logged */
    TELL_AGAIN = 60000000, /* microseconds */
    NOBODY = -1
};

struct psg_htaccess_t {
    const char *file;
    apr_uid_t owner;              /* valid if !untrusted */
    const char *untrusted;        /* why nothing of it may count, or NULL */
    apr_array_header_t *problems; /* of const char * */
    psg_options_t said;
    int line[PSG_OPTION_COUNT];
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

static int leaves_folder(const char *path)
{
    return path[0] == '/' || strcmp(path, "..") == 0
           || strncmp(path, "../", 3) == 0 || strstr(path, "/../")
           || (strlen(path) >= 3
               && strcmp(path + strlen(path) - 3, "/..") == 0);
}

const char *psg_htaccess_set(psg_dir_config_t *config, cmd_parms *cmd,
                             psg_option_e i, const char *text)
{
    const psg_option_row_t *row = &psg_option_rows[i];
    psg_htaccess_t *htaccess;

    if (row->scope == PSG_SCOPE_GLOBAL || row->class == PSG_CLASS_ADMIN) {
        return apr_psprintf(cmd->pool,
                            "%s is for the server's administrator only, who "
                            "may set it for this folder",
                            row->name);
    }
    if (i == PSG_OPT_startup_file && leaves_folder(text)) {
        return apr_psprintf(cmd->pool,
                            "%s: '%.200s' is outside of the app's folder; "
                            "write it relative to that",
                            row->name, text);
    }
    htaccess = get(config, cmd);
    htaccess->line[i] = cmd->directive->line_num;
    return psg_options_set(&htaccess->said, i, text, cmd->pool);
}

static int is_above(const psg_option_row_t *row, int value, int limit)
{
    if (row->class == PSG_CLASS_LOWERED) {
        return value > limit;
    }
    return limit != 0 && (value == 0 || value > limit);
}

static int number_of(const psg_options_t *options, unsigned i)
{
    return *(const int *)((const char *)options + psg_option_rows[i].offset);
}

static int is_listed(const apr_array_header_t *list, const char *text)
{
    for (int i = 0; list && i < list->nelts; i++) {
        if (apr_fnmatch(APR_ARRAY_IDX(list, i, const char *), text,
                        APR_FNM_PATHNAME)
            == APR_SUCCESS) {
            return 1;
        }
    }
    return list == NULL;
}

/* NULL, or why row i may not be what add says. */
static const char *objection(const psg_options_t *base,
                             const psg_options_t *add, unsigned i,
                             apr_pool_t *pool)
{
    const psg_option_row_t *row = &psg_option_rows[i];
    int is_safe = strcmp(base->htaccess, "safe") == 0;

    if (strcmp(base->htaccess, "off") == 0) {
        return "does not count: the administrator allows no Passenger "
               "directives here (PassengerHtaccess off)";
    }
    if ((row->class == PSG_CLASS_CAPPED || row->class == PSG_CLASS_LOWERED)
        && is_safe && is_above(row, number_of(add, i), number_of(base, i))) {
        return apr_psprintf(pool,
                            "is above what the administrator allows, which is "
                            "%d",
                            number_of(base, i));
    }
    if (row->class == PSG_CLASS_OWNER && i != PSG_OPT_app_root
        && !is_listed(
            base->htaccess_interpreters,
            *(const char *const *)((const char *)add + row->offset))) {
        return "names what is not on the administrator's list "
               "(PassengerHtaccessInterpreters)";
    }
    return NULL;
}

/* Two files: the nearer one's word counts more, but both must be of one owner,
 * or root's. */
static psg_htaccess_t *join(const psg_htaccess_t *above,
                            const psg_htaccess_t *add, apr_pool_t *pool)
{
    psg_htaccess_t *both = apr_pmemdup(pool, add, sizeof(*add));

    both->problems = apr_array_append(pool, above->problems, add->problems);
    both->said = above->said;
    psg_options_apply(&both->said, &add->said, pool);
    for (int i = 0; i < PSG_OPTION_COUNT; i++) {
        both->line[i] = add->line[i] ? add->line[i] : above->line[i];
    }
    if (above->untrusted) {
        both->untrusted = above->untrusted;
        both->file = above->file;
    }
    else if (!add->untrusted && above->owner != add->owner) {
        if (above->owner != 0 && add->owner != 0) {
            both->untrusted = apr_psprintf(
                pool, "'%s' above it belongs to somebody else", above->file);
        }
        both->owner = above->owner ? above->owner : add->owner;
    }
    return both;
}

void psg_htaccess_merge(psg_dir_config_t *merged, const psg_dir_config_t *add,
                        apr_pool_t *pool)
{
    psg_htaccess_t *above;

    if (!merged->htaccess) {
        merged->htaccess = add->htaccess;
        return;
    }
    /* A section that comes after the file, <Location> say, wins. */
    above = apr_pmemdup(pool, merged->htaccess, sizeof(*above));
    above->said.set &= ~add->options.set;
    merged->htaccess = add->htaccess ? join(above, add->htaccess, pool) : above;
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
    psg_options_t *options, allowed;
    uint64_t left;

    if (!htaccess) {
        return &config->options;
    }
    for (int i = 0; i < htaccess->problems->nelts; i++) {
        tell(r, APR_ARRAY_IDX(htaccess->problems, i, const char *));
    }
    allowed = htaccess->said;
    for (left = allowed.set; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        const char *problem =
            objection(&config->options, &htaccess->said, i, r->pool);

        if (problem) {
            tell(r, apr_psprintf(r->pool, "%s, line %d: %s %s", htaccess->file,
                                 htaccess->line[i], psg_option_rows[i].name,
                                 problem));
            allowed.set &= ~(UINT64_C(1) << i);
        }
    }
    options = apr_pmemdup(r->pool, &config->options, sizeof(*options));
    psg_options_apply(options, &allowed, r->pool);
    return options;
}
